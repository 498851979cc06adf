"""Which frames of the footage enter the bank: usable ones, and a spread of segments of too many."""

from __future__ import annotations

import numpy as np

from lipsync.face.similarity import to_complex
from lipsync.face.tracked_face import TrackedFace
from lipsync.runtime.numeric import MAD_TO_SIGMA
from lipsync.types import F32, I64, Bools

# Usable frames: jerk up to MAX_JERK times its median, and at least MIN_JERK (outer-eye distances);
# robust z-scores of pose and lips up to MAX_Z. Fewer than MIN_USABLE frames: none is left out.
MAX_JERK, MIN_JERK, MAX_Z, MIN_USABLE = 5, 0.03, 5, 10
MIN_SPREAD = 0.02  # outer-eye distances: tiny moves of a still landmark are no outliers
MIN_SEGMENTS = 8  # of thinned-out footage; few frames are split into shorter segments


def find_usable_frames(face: TrackedFace) -> Bools:
    """Find the frames usable for a bank by their landmarks alone, (n,).

    Left out are frames without a face; in abrupt motion, ‖s_t − (s_{t−1} + s_{t+1})/2‖ of the rigid
    points beyond MAX_JERK times its median; with head pose or lip shape beyond MAX_Z robust
    standard deviations. If fewer than MIN_USABLE would remain, all frames with a face stay.
    """
    track = face.track
    ok = track.found.copy()
    rigid = to_complex(track.xy[:, track.scheme.rigid]).mean(1)
    jerk = np.zeros(len(track))
    if len(track) > 2:
        jerk[1:-1] = np.abs(rigid[1:-1] - (rigid[:-2] + rigid[2:]) / 2)
    jerk = np.nan_to_num(jerk) / face.alignment.scale
    ok &= jerk <= max(MIN_JERK, MAX_JERK * float(np.median(jerk[track.found])))
    pose = face.nose.reshape(len(track), -1)
    shape = face.lips.points.reshape(len(track), -1)
    for values in (pose, shape):
        ok &= _outlyingness(values, track.found) <= MAX_Z
    return ok if ok.sum() >= min(MIN_USABLE, track.found.sum()) else track.found


def _outlyingness(values: F32, known: Bools) -> F32:
    """Largest robust z-score over the columns of values (n, d), (n,); unknown rows get 0."""
    middle = np.median(values[known], axis=0)
    spread = MAD_TO_SIGMA * np.median(np.abs(values[known] - middle), axis=0)
    spread = np.maximum(spread, MIN_SPREAD)
    return np.asarray(np.nan_to_num(np.abs(values - middle) / spread).max(1), np.float32)


def thin_out(frames: I64, most: int, segment: int) -> I64:
    """Keep at most `most` of the frames (n,): segments of consecutive ones, spread evenly.

    Segments, not every second frame: mouths are compared by their motion, and textures follow one
    another as they did in the footage.

    Args:
        segment: frames per segment, at most.
    """
    if len(frames) <= most:
        return frames
    length = min(segment, max(1, most // MIN_SEGMENTS))
    count = most // length
    starts = np.arange(count) * (len(frames) - length) // max(count - 1, 1)
    return np.asarray(frames[(starts[:, None] + np.arange(length)).ravel()])
