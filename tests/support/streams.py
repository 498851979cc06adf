"""Made-up picture and sound streams, and measures of what comes back from a file."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from lipsync.media.encode import EncodeOptions
from lipsync.types import ColorTags, VideoInfo

QUICK = EncodeOptions(preset="ultrafast")


def video_info(
    width: int = 96, height: int = 64, fps: str = "25", color: ColorTags | None = None, n: int = 25
) -> VideoInfo:
    """What would be known of a target of n frames."""
    tags = color or ColorTags()
    return VideoInfo(Path("target.mp4"), width, height, Fraction(fps), n, color=tags)


def moving_pictures(info: VideoInfo) -> Iterator[np.ndarray]:
    """A smooth colored picture that moves."""
    y, x = np.mgrid[: info.height, : info.width]
    for i in range(info.frame_count):
        red = 128 + 90 * np.sin(x / 17 + i / 9)
        green = 128 + 90 * np.cos(y / 13 - i / 11)
        yield np.stack([red, green, np.full_like(red, 70)], -1).astype(np.uint8)


def write_click(path: Path, at: int, rate: int = 48000, seconds: int = 1) -> Path:
    """A wav, silent but for a short burst that starts at sample `at`."""
    import soundfile

    samples = np.zeros(rate * seconds, np.float32)
    burst = np.random.default_rng(0).uniform(-0.9, 0.9, 400) * np.hanning(400)
    samples[at : at + 400] = burst
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


def measure_lag(one: np.ndarray, other: np.ndarray) -> int:
    """Samples by which `other` is late."""
    size = len(one) + len(other)
    product = np.fft.rfft(other, size) * np.fft.rfft(one, size).conj()
    peak = int(np.fft.irfft(product, size).argmax())
    return peak if peak < size // 2 else peak - size


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio of 8-bit pictures, dB."""
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))
