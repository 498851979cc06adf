"""Where one shot ends and the next begins."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from lipsync.face.similarity import to_complex
from lipsync.types import F32, I64, U8, Bools, LandmarkScheme

THUMBNAIL = 192  # pixels across; shot cuts are visible at any size
# A cut between two takes of the same person before the same wall changes few pixels, but the
# head jumps: further than these shares of the outer-eye distance beyond its motion just before
# and after. Measured on joined takes: cuts 0.011–0.12 (median 0.1), motion within takes < 0.017.
JUMP = 0.02
JUMP_RATIO = 3.0


class CutFinder:
    """Fed with frames one by one; tells where the picture is cut."""

    def __init__(self, fps: Fraction) -> None:
        from scenedetect import ContentDetector, FrameTimecode

        self._timecode, self._fps = FrameTimecode, float(fps)
        self._detector = ContentDetector(min_scene_len=3)
        self._n = 0
        self._cuts: list[int] = []

    def add(self, frame: U8) -> None:
        """Look at the next frame (h, w, 3) RGB."""
        step = max(1, frame.shape[1] // THUMBNAIL)
        small = np.ascontiguousarray(frame[::step, ::step, ::-1])
        at = self._timecode(self._n, self._fps)
        self._cuts += [int(c.frame_num) for c in self._detector.process_frame(at, small)]
        self._n += 1

    def cuts(self) -> I64:
        """First frame of every shot but the first."""
        return np.unique(np.array(self._cuts, np.int64))


def head_jumps(points: F32, found: Bools, scheme: LandmarkScheme) -> I64:
    """Frames at which the rigid points are suddenly elsewhere."""
    if found.sum() < 3:
        return np.zeros(0, np.int64)
    z = to_complex(points[..., :2])
    eyes = z[:, scheme.outer_eyes]
    span = np.nanmedian(np.abs(eyes[:, 1] - eyes[:, 0]))
    move = np.nan_to_num(np.abs(np.diff(z[:, scheme.rigid], axis=0)).mean(1) / span)
    around = np.pad(move, 6)
    neighbours = np.stack([around[6 + k : 6 + k + len(move)] for k in range(-6, 7) if k])
    beside = np.maximum(around[5 : 5 + len(move)], around[7 : 7 + len(move)])
    usual = np.median(neighbours, axis=0) + 0.003
    jump = (move - beside > JUMP) & (move > JUMP_RATIO * usual)
    return np.flatnonzero(jump).astype(np.int64) + 1
