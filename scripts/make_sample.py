"""Make the bundled sample: a portrait that speaks, and a second speech for it.

    python scripts/make_sample.py [--out assets/sample]

Needs the program `flite` (Debian and Ubuntu: apt install flite). Writes target.mp4 (an animated
public-domain portrait that speaks synthetic speech) and speech.wav (other synthetic speech, which
the demo puts into its mouth). The shipped speech model predicts the lips. Since the synthesizer
reports when it makes which sound, the closures of p, b and m, the teeth on the lip of f and v, and
the rounding of w and oo are made exact.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby, pairwise
from pathlib import Path

import cv2
import numpy as np
import soundfile
from numpy.typing import NDArray
from portrait import REST, Portrait, Pose
from scipy.ndimage import gaussian_filter1d
from skimage import data

from lipsync.face.landmarks import LandmarkOptions, open_detector
from lipsync.media.encode import EncodeOptions, encode_video
from lipsync.speech import audio, features
from lipsync.speech.lip_model import LipLSTM, LipOptions, predict
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import U8, VideoInfo

TARGET_TEXT = (
    "Hello!",
    "My voice comes from a computer, and my mouth moves in one old photograph.",
    "Open wide, push both lips forward, and watch five blue birds fly home over the moon.",
)
SPEECH_TEXT = (
    "People often ask how far away the moon is.",
    "About four hundred thousand kilometres, and I would go back there tomorrow.",
)
VOICE = "slt"
COMMENT = (
    "Not a recording: one photograph (Eileen Collins, NASA, public domain) animated by "
    "lipsync's scripts/make_sample.py; the voice is synthetic (flite, voice slt)"
)
FPS = Fraction(25)
ENLARGE = 2  # the photograph's face is small
WINDOW = (192, 0, 512, 512)  # of the enlarged photograph
OPENING_RANGE = 0.13  # outer-eye distances; how far this mouth opens in running speech
LEAD = 0.02  # seconds by which lips run ahead of the sound they belong to
# How far sounds shut the lips, and how much they narrow (or spread) them.
CLOSED = {"p": 1.0, "b": 1.0, "m": 1.0, "f": 0.72, "v": 0.65}
SPREAD = {
    **dict.fromkeys(("w", "uw", "uh"), -0.17),
    **dict.fromkeys(("ow", "oy", "sh", "ch", "jh"), -0.12),
    **dict.fromkeys(("ao", "er", "r"), -0.07),
    **dict.fromkeys(("iy", "ih", "ey", "s", "z"), 0.03),
}

Phones = list[tuple[str, float, float]]  # name, start and end in seconds


def speak(sentences: Sequence[str], wav: Path) -> Phones:
    """Synthesize sentences into `wav` and return the phones with their times."""
    phones: Phones = []
    pieces = []
    offset = 0.0
    for sentence in sentences:
        command = ["flite", "-voice", VOICE, "-psdur", "-t", sentence, "-o", str(wav)]
        spoken = subprocess.run(command, check=True, capture_output=True, text=True)
        samples, rate = soundfile.read(wav, dtype="int16")
        pieces.append(samples)
        start = offset
        # Entries are name:end, counted from the sentence's own start.
        for name, end in (entry.split(":") for entry in spoken.stdout.split()):
            phones.append((name, start, offset + float(end)))
            start = offset + float(end)
        offset += len(samples) / rate
    soundfile.write(wav, np.concatenate(pieces), rate)
    return phones


def lips_of(wav: Path, phones: Phones, frames: int) -> NDArray[np.float32]:
    """The portrait's lips (frames, 18, 2) while it says what is in `wav`."""
    model = LipLSTM.load(LipOptions())
    width = float(np.linalg.norm(REST[6] - REST[0]))
    profile = LipProfile(REST, width, OPENING_RANGE)
    heard = features.extract(audio.load_speech(wav), model.spec)
    lips = predict(model, heard, profile, FPS, frames).points
    times = np.arange(frames) / float(FPS)
    return _exact(lips, times, phones)


def _exact(
    lips: NDArray[np.float32], times: NDArray[np.floating], phones: Phones
) -> NDArray[np.float32]:
    """Close and round the lips where the synthesizer does; keep them closed in its pauses."""
    shut, wide = np.zeros(len(times)), np.zeros(len(times))
    for name, start, end in _joined_pauses(phones):
        depth = CLOSED.get(name, 0.0)
        if name == "pau" and end - start > 0.15:
            depth, start, end = 0.97, start + 0.08, end - 0.06
        outside = np.maximum(np.maximum(start - LEAD - times, times - end + LEAD), 0)
        shut = np.maximum(shut, depth * np.cos(np.clip(outside / 0.075, 0, 1) * np.pi / 2) ** 2)
        wide += SPREAD.get(name, 0.0) * (outside == 0)
    out = lips.copy()
    # Upper and lower lip meet a third of the way down the gap: the lower lip moves more.
    for a, b in ((12, 17), (13, 16), (14, 15)):
        gap = lips[:, b, 1] - lips[:, a, 1]
        close = gap - np.maximum(gap - 0.008, 0) * (1 - shut)
        out[:, a, 1] += close / 3
        out[:, b, 1] -= close * 2 / 3
    # The outer contours follow their inner neighbors, less so toward the corners.
    out[:, 7:12, 1] += (out - lips)[:, 16, 1:] * np.array([0.45, 0.9, 1.0, 0.9, 0.45])
    out[:, 1:6, 1] += (out - lips)[:, 13, 1:] * np.array([0.3, 0.6, 0.7, 0.6, 0.3])
    out[..., 0] *= 1 + gaussian_filter1d(wide, 1.3)[:, None]
    return out


def _joined_pauses(phones: Phones) -> Iterator[tuple[str, float, float]]:
    """The phones, with the end of a sentence and the start of the next as one pause."""
    for name, run in groupby(phones, key=lambda phone: phone[0] if phone[0] == "pau" else phone):
        parts = list(run)
        yield (name if isinstance(name, str) else name[0]), parts[0][1], parts[-1][2]


def poses(frames: int, loudness: NDArray[np.floating]) -> Iterator[Pose]:
    """A speaker's head: slow sway, nods on loud syllables, a blink every few seconds."""
    t = np.arange(frames) / float(FPS)

    def sway(size: float, *terms: tuple[float, float]) -> NDArray[np.floating]:
        return size * sum(np.sin(2 * np.pi * (f * t + p)) for f, p in terms) / len(terms)

    roll = sway(2.6, (0.13, 0.1), (0.29, 0.6))
    yaw = sway(6.0, (0.11, 0.45), (0.23, 0.0), (0.41, 0.7))
    pitch = sway(2.5, (0.17, 0.8), (0.37, 0.2)) + 3.0 * loudness
    x, y = sway(0.05, (0.09, 0.3), (0.21, 0.9)), sway(0.02, (0.14, 0.5), (0.33, 0.1))
    zoom = 1 + sway(0.012, (0.08, 0.0), (0.19, 0.4))
    blink = np.zeros(frames)
    for at in (0.9, 3.7, 5.2, 8.3, 10.6):
        since = t - at
        # Lids fall faster than they rise: 80 ms down, 160 ms up.
        blink = np.maximum(blink, np.minimum(1 + since / 0.08, 1 - since / 0.16).clip(0, 1))
    for i in range(frames):
        yield Pose(roll[i], yaw[i], pitch[i], (x[i], y[i]), zoom[i], blink[i])


def loudness_of(wav: Path, frames: int) -> NDArray[np.floating]:
    """Slow loudness, (frames,), 0..1."""
    wave = audio.load_speech(wav)
    edges = np.linspace(0, len(wave.samples), frames + 1).astype(int)
    power = np.array([np.mean(wave.samples[a:b] ** 2) for a, b in pairwise(edges)])
    soft = gaussian_filter1d(np.sqrt(power), 3)
    return np.asarray(soft / soft.max())


def portrait() -> Portrait:
    """The astronaut of scikit-image, enlarged."""
    photo = np.ascontiguousarray(data.astronaut())
    with open_detector(LandmarkOptions()) as detector:
        points = detector.detect(photo)[0].points.astype(np.float64)
    points = points * ENLARGE
    # Pixel centers: enlarging moves the first pixel's center as well.
    points[:, :2] += (ENLARGE - 1) / 2
    size = (photo.shape[1] * ENLARGE, photo.shape[0] * ENLARGE)
    return Portrait(cv2.resize(photo, size, interpolation=cv2.INTER_LANCZOS4), points, WINDOW)


def main() -> None:
    """Write both files and say what was written."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("assets/sample"))
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    speak(SPEECH_TEXT, out / "speech.wav")
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "target.wav"
        phones = speak(TARGET_TEXT, wav)
        frames = round(audio.load_speech(wav).duration * FPS)
        lips = lips_of(wav, phones, frames)
        puppet = portrait()
        pictures: Iterator[U8] = (
            puppet.frame(shape, pose)
            for shape, pose in zip(lips, poses(frames, loudness_of(wav, frames)), strict=True)
        )
        target = out / "target.mp4"
        info = VideoInfo(target, WINDOW[2], WINDOW[3], FPS, frames)
        encode_video(
            pictures,
            info,
            wav,
            target,
            EncodeOptions(crf=20, preset="slower"),
            tags={"comment": COMMENT},
        )
    for path in (target, out / "speech.wav"):
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
