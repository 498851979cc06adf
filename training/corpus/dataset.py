"""Clips of one speaker, their sound and measured lips, stored as one .npz file."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from zlib import crc32

import numpy as np

from lipsync.errors import MediaError
from lipsync.runtime.atomic import atomic_write
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32, LipTrack, Waveform

SHAPES = ("rest", "shut", "speaking")  # of a profile, each of which may be unknown
VALIDATION_EVERY = 10  # clips 0, 10, 20, … of the sorted names validate


@dataclass(frozen=True, eq=False)
class Clip:
    """One utterance."""

    name: str
    wave: Waveform
    lips: LipTrack  # canonical; NaN where no face was found


@dataclass(frozen=True, eq=False)
class Speaker:
    """All clips of one person, and the measurements of their mouth."""

    name: str
    profile: LipProfile
    clips: tuple[Clip, ...]

    def relative_shapes(self, lips: LipTrack) -> F32:
        """Lip shapes (n, 36) in the network's coordinates; gaps filled linearly."""
        shapes = (lips.points - self.profile.neutral) / self.profile.width
        shapes = shapes.reshape(len(shapes), -1)
        known = np.isfinite(shapes).all(1)
        at, have = np.arange(len(shapes)), np.flatnonzero(known)
        filled = [np.interp(at, have, column[known]) for column in shapes.T]
        return np.stack(filled, axis=1).astype(np.float32)


def split(clips: tuple[Clip, ...]) -> tuple[list[Clip], list[Clip]]:
    """Split a speaker's clips into (training, validation)."""
    if len(clips) == 1:  # speakers with a single clip: every tenth of them validates
        validates = crc32(clips[0].name.encode()) % VALIDATION_EVERY == 0
        return ([], list(clips)) if validates else (list(clips), [])
    validation = list(clips[::VALIDATION_EVERY])
    chosen = {clip.name for clip in validation}
    return [clip for clip in clips if clip.name not in chosen], validation


def save(path: Path, speaker: Speaker) -> None:
    """Write a speaker's file atomically."""
    clips = speaker.clips
    samples = [np.round(c.wave.samples * 32767).astype(np.int16) for c in clips]
    with atomic_write(path) as temporary:
        np.savez(
            temporary,
            names=np.array([c.name for c in clips]),
            samples=np.concatenate(samples),
            sample_ends=np.cumsum([len(c.wave.samples) for c in clips]),
            sample_rate=clips[0].wave.rate,
            points=np.concatenate([c.lips.points for c in clips]),
            frame_ends=np.cumsum([len(c.lips) for c in clips]),
            fps=np.array([[c.lips.rate.numerator, c.lips.rate.denominator] for c in clips]),
            neutral=speaker.profile.neutral,
            width=speaker.profile.width,
            opening_range=speaker.profile.opening_range,
            rest=_stored(speaker.profile.rest),
            shut=_stored(speaker.profile.shut),
            speaking=_stored(speaker.profile.speaking),
        )


def load(folder: Path, name: str) -> Speaker:
    """Read a speaker's file.

    Raises:
        MediaError: `training.corpus.prepare` has not written it, or an older version did.
    """
    path = folder / f"{name}.npz"
    if not path.is_file():
        raise MediaError(f"{path} is missing: run python -m training.corpus.prepare first")
    with np.load(path) as file:
        data = dict(file)
    if "speaking" not in data:
        raise MediaError(
            f"{path} is of an earlier version: delete it and run training.corpus.prepare"
        )
    waves = np.split(data["samples"], data["sample_ends"][:-1])
    tracks = np.split(data["points"], data["frame_ends"][:-1])
    rate = int(data["sample_rate"])
    profile = LipProfile(
        data["neutral"],
        float(data["width"]),
        float(data["opening_range"]),
        *(data[name] if len(data[name]) else None for name in SHAPES),
    )
    clips = tuple(
        Clip(
            str(clip_name),
            Waveform((wave / 32767).astype(np.float32), rate),
            LipTrack(points, Fraction(int(fps[0]), int(fps[1]))),
        )
        for clip_name, wave, points, fps in zip(
            data["names"], waves, tracks, data["fps"], strict=True
        )
    )
    return Speaker(name, profile, clips)


def _stored(shape: F32 | None) -> F32:
    """Replace None by an empty array, which .npz can hold."""
    return np.zeros((0, 2), np.float32) if shape is None else shape
