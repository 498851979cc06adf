"""Mouth banks of made-up mouths, one entry per frame of a track."""

from __future__ import annotations

import numpy as np

from lipsync.face.tracked_face import TrackedFace
from lipsync.types import MouthBank


def bank_of_face(face: TrackedFace, crops: np.ndarray | None = None) -> MouthBank:
    """A bank whose crops are whole frames: every frame of the face is an entry of one shot.

    Args:
        crops: (f, h, w, 3) the frames; None: black ones of 4 × 4 pixels.
    """
    m = len(face)
    return MouthBank(
        lips=face.lips.points,
        pose=face.nose,
        control=face.track.xy[:, list(face.scheme.warp)],
        to_crop=face.alignment.to_frame,
        crops=np.zeros((m, 4, 4, 3), np.uint8) if crops is None else crops,
        thumbnails=np.zeros((m, 4), np.float32),
        quality=np.ones(m, np.float32),
        frames=np.arange(m),
        shots=np.zeros(m, np.int64),
    )


def bank_of_frames(frames: np.ndarray, shots: np.ndarray | None = None) -> MouthBank:
    """A bank of black crops with entries at these frames (m,) and shots (m,), all lips at 0."""
    m = len(frames)
    return MouthBank(
        lips=np.zeros((m, 18, 2), np.float32),
        pose=np.zeros((m, 3, 2), np.float32),
        control=np.zeros((m, 44, 2), np.float32),
        to_crop=np.tile(np.eye(2, 3, dtype=np.float32), (m, 1, 1)),
        crops=np.zeros((m, 8, 8, 3), np.uint8),
        thumbnails=np.zeros((m, 4), np.float32),
        quality=np.ones(m, np.float32),
        frames=frames.astype(np.int64),
        shots=np.zeros(m, np.int64) if shots is None else shots.astype(np.int64),
    )


def take_entries(bank: MouthBank, entries: np.ndarray | slice) -> MouthBank:
    """A bank of some entries of another, without anything that is derived from its crops."""
    names = ("lips", "pose", "control", "to_crop", "crops", "thumbnails", "quality", "frames")
    arrays = {name: np.asarray(getattr(bank, name)[entries]) for name in (*names, "shots")}
    return MouthBank(**arrays)
