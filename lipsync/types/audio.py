"""Audio: waveforms, feature vectors, properties of a file's sound."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lipsync.types.arrays import F32, require_array

SPEECH_RATE = 16000  # Hz, of the input of the speech model and its features


@dataclass(frozen=True, eq=False)
class Waveform:
    """Mono sound."""

    samples: F32  # (n,), in [-1, 1]
    rate: int  # Hz

    def __post_init__(self) -> None:
        require_array("Waveform.samples", self.samples, np.float32, (None,))
        if self.rate <= 0:
            raise ValueError(f"Waveform.rate: wanted > 0 Hz, got {self.rate}")

    @property
    def duration(self) -> Fraction:
        """Seconds, exactly."""
        return Fraction(len(self.samples), self.rate)


@dataclass(frozen=True, eq=False)
class AudioFeatures:
    """One feature vector per step; step i describes the sound around `start + i / rate`."""

    values: F32  # (n, d)
    rate: float = 100.0  # steps per second
    start: float = 0.0  # seconds, center of the first window

    def __post_init__(self) -> None:
        require_array("AudioFeatures.values", self.values, np.float32, (None, None))


@dataclass(frozen=True)
class AudioInfo:
    """Properties of a sound stream of a file."""

    codec: str  # ffmpeg's name
    rate: int  # Hz
    channels: int
    duration: Fraction  # seconds from the start of the file to the end of the decoded sound
    start: Fraction = Fraction(0)  # seconds from the start of the file to the first sample
    track: int = 0  # number among the file's sound streams
    profile: str = ""  # of the codec, ffmpeg's name
    placed: bool = True  # its channels have positions, as left and right
    broken: int = 0  # samples that are no numbers; they are read as silence
    voice: int | None = None  # of its left (0) and right (1), which cancel, the stronger one
