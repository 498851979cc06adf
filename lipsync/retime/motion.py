"""Head motion in every frame of the target.

Symbols: m target frames, r rigid landmarks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lipsync.face.smoothing import smooth_points
from lipsync.runtime.positions import sample_at
from lipsync.types import F32, I64, Bools, FaceTrack, Positions

BLINK = 1.0  # weight of the lids' speed relative to the head's (docs/method.md §6)
# Speed of frames where it is unknown (no face, a shot too short to measure it), in outer-eye
# distances per second: as much as a quick nod, so that a path avoids them where it can.
UNKNOWN = 1.0
SHORTEST_SHOT = 3  # frames; the speed in shorter shots is unknown


@dataclass(frozen=True, eq=False)
class Motion:
    """Motion of the head in m target frames, in outer-eye distances and seconds."""

    points: F32  # (m, r, 2), the rigid landmarks in units of the outer-eye distance; NaN: unknown
    head: F32  # (m,), their mean speed; UNKNOWN where there is none
    speed: F32  # (m,), head plus lids
    found: Bools  # (m,), the frame shows the face
    joined: Bools  # (m,), the frame is in the same shot as the one before
    rate: float  # frames per second

    def __len__(self) -> int:
        return len(self.speed)

    @property
    def shot(self) -> I64:
        """(m,), number of the shot that each frame belongs to."""
        return np.asarray(np.cumsum(~self.joined), np.int64)

    @staticmethod
    def of(track: FaceTrack) -> Motion:
        """Measure motion from a face's smoothed landmarks, within each shot."""
        scheme, rate = track.scheme, float(track.fps)
        eyes = smooth_points(track, scheme.outer_eyes)
        rigid = smooth_points(track, scheme.rigid)
        gap = np.zeros(len(track))
        if scheme.lids:
            lids = track.xy[:, np.array(scheme.lids)]  # a blink is too quick to be smoothed
            gap = np.linalg.norm(lids[:, :, 1] - lids[:, :, 0], axis=-1).mean(1)
        points = np.full(rigid.shape, np.nan, np.float32)
        head = np.full(len(track), UNKNOWN, np.float32)
        lid = np.zeros(len(track), np.float32)
        joined = np.ones(len(track), bool)
        joined[[first for first, _ in track.shots()]] = False
        for first, end in track.shots():
            here = slice(first, end)
            if not track.found[here].any():
                continue
            span = np.median(np.linalg.norm(eyes[here, 1] - eyes[here, 0], axis=-1))
            points[here] = rigid[here] / span
            if end - first < SHORTEST_SHOT:
                continue
            head[here] = rate * np.linalg.norm(np.gradient(points[here], axis=0), axis=-1).mean(1)
            lid[here] = rate * np.abs(np.gradient(gap[here] / span))
        head[~track.found] = UNKNOWN
        speed = head + BLINK * np.nan_to_num(lid)
        return Motion(points, head, speed, track.found, joined, rate)

    @staticmethod
    def combine(motions: Sequence[Motion]) -> Motion:
        """Combine several faces of one video: the largest speed counts, and all must be visible.

        If no frame shows all of them, as in shot and reverse shot, the visible faces count.
        """
        if len(motions) == 1:
            return motions[0]
        found = np.array([one.found for one in motions])
        all_visible = found.all(0)
        together = bool(all_visible.any())
        seen = np.asarray(all_visible if together else found.any(0))
        counted = np.ones_like(found) if together else found
        head, speed = (
            np.where(seen, np.where(counted, values, 0).max(0), UNKNOWN).astype(np.float32)
            for values in (
                np.array([one.head for one in motions]),
                np.array([one.speed for one in motions]),
            )
        )
        joined = np.all([one.joined for one in motions], axis=0)
        points = np.concatenate([one.points for one in motions], axis=1)
        return Motion(points, head, speed, seen, joined, motions[0].rate)

    def speed_along(self, position: Positions) -> F32:
        """Head speed (n,) of an output that shows these positions; NaN at its start and at cuts.

        Args:
            position: (n,), in the target.
        """
        shot = self.shot[np.floor(position).astype(np.int64)]
        steps = np.diff(sample_at(self.points, position), axis=0)
        lengths = np.linalg.norm(steps, axis=-1)
        known = np.isfinite(lengths)  # of several faces some may be missing
        speed = np.full(len(lengths), np.nan)
        total = np.where(known, lengths, 0).sum(1)
        np.divide(self.rate * total, known.sum(1), out=speed, where=known.any(1))
        speed[np.diff(shot) != 0] = np.nan
        return np.concatenate([[np.nan], speed]).astype(np.float32)

    @staticmethod
    def motionless(m: int, rate: float) -> Motion:
        """Motion of m frames that all show one still picture."""
        none = np.zeros(m, np.float32)
        joined = np.arange(m) > 0
        points = np.zeros((m, 1, 2), np.float32)
        return Motion(points, none, none, np.ones(m, bool), joined, rate)

    def near_cut(self, frames: int) -> Bools:
        """(m,), whether a shot begins or ends within fewer than `frames` frames."""
        near = np.zeros(len(self), bool)
        for first in [*np.flatnonzero(~self.joined).tolist(), len(self)]:
            near[max(0, first - frames) : first + frames] = True
        return near
