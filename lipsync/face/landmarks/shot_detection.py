"""Shot boundaries: in the picture, and by jumps of the head between takes that look alike."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from lipsync.face.similarity import to_complex
from lipsync.types import F32, I64, U8, Bools, LandmarkScheme

THUMBNAIL = 192  # pixels across; cuts are visible at any size
MIN_SHOT_S = 0.12  # a shot lasts at least so long: three frames at 25 per second
# A cut between two takes of the same person before the same wall changes few pixels, but the head
# jumps. A jump exceeds the motion just before and just after it by JUMP outer-eye distances, and
# it is JUMP_RATIO times the median motion within NEIGHBORS_S on either side. Measured on joined
# takes: cuts move the head by 0.011–0.12 (median 0.1), motion within takes stays below 0.017.
JUMP = 0.02
JUMP_RATIO = 3.0
NEIGHBORS_S = 0.24  # six frames at 25 per second
LANDMARK_NOISE = 0.003  # outer-eye distances per frame that landmarks move by on a still head


class ShotDetector:
    """Finds cuts in a stream of frames by their picture content."""

    def __init__(self, fps: Fraction) -> None:
        from scenedetect import ContentDetector, FrameTimecode

        self._timecode, self._fps = FrameTimecode, float(fps)
        self._detector = ContentDetector(min_scene_len=max(1, round(MIN_SHOT_S * self._fps)))
        self._n = 0
        self._cuts: list[int] = []

    def add(self, frame: U8) -> None:
        """Examine the next frame (h, w, 3) RGB."""
        step = max(1, frame.shape[1] // THUMBNAIL)
        small = np.ascontiguousarray(frame[::step, ::step, ::-1])
        at = self._timecode(self._n, self._fps)
        self._cuts += [int(c.frame_num) for c in self._detector.process_frame(at, small)]
        self._n += 1

    def cuts(self) -> I64:
        """First frame of every shot but the first."""
        return np.unique(np.array(self._cuts, np.int64))


def head_jumps(points: F32, found: Bools, scheme: LandmarkScheme, fps: Fraction) -> I64:
    """Frames at which the rigid points of a face are suddenly somewhere else.

    Args:
        points: (n, k, 2 or 3), frame pixels.
        found: (n,), frames that show the face.
    """
    if found.sum() < 3:
        return np.zeros(0, np.int64)
    z = to_complex(points[..., :2])
    eyes = z[:, scheme.outer_eyes]
    span = np.nanmedian(np.abs(eyes[:, 1] - eyes[:, 0]))
    move = np.nan_to_num(np.abs(np.diff(z[:, scheme.rigid], axis=0)).mean(1) / span)
    reach, n = max(1, round(NEIGHBORS_S * float(fps))), len(move)
    padded = np.pad(move, reach)
    around = [padded[reach + k : reach + k + n] for k in range(-reach, reach + 1) if k]
    adjacent = np.maximum(padded[reach - 1 : reach - 1 + n], padded[reach + 1 : reach + 1 + n])
    typical = np.median(np.stack(around), axis=0) + LANDMARK_NOISE
    jump = (move - adjacent > JUMP) & (move > JUMP_RATIO * typical)
    return np.flatnonzero(jump).astype(np.int64) + 1
