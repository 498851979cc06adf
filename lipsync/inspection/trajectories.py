"""How lips, jaw and head of a face move, at a rate that does not depend on the camera's.

Symbols: m samples at RATE, the sampling of most of the footage that anything here was measured on.
Faster cameras would show more landmark noise per step, slower ones faster lips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsync.face.head_pose import measure_head_angles
from lipsync.face.similarity import apply_affine
from lipsync.face.tracked_face import TrackedFace
from lipsync.inspection.evidence import Evidence
from lipsync.inspection.once import once
from lipsync.types import F32, Bools

RATE = 25.0  # samples per second
LONGEST_GAP_S = 0.1  # without a face that is bridged; the middle of a longer one is unknown


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Points of a face over time in its canonical space, outer-eye distances."""

    lips: F32  # (m, 18, 2)
    jaw: F32  # (m, j, 2), the jaw line from ear to ear
    rigid: F32  # (m, r, 2), points that speech does not move
    head: F32  # (m, 6): place x, y in outer-eye distances, log size, roll, yaw, pitch in radians
    known: Bools  # (m,), whether the face is seen; interpolated elsewhere
    shot: NDArray[np.int64]  # (m,), number of the shot

    def span(self, evidence: Evidence, first: int, end: int) -> slice:
        """The samples of frames first … end − 1."""
        step = RATE / float(evidence.face.fps)
        return slice(int(np.ceil(first * step)), int(np.ceil(end * step)))


@once
def trace(evidence: Evidence) -> Trajectories:
    """The trajectories of a whole video."""
    return trace_face(evidence.face)


def trace_face(face: TrackedFace) -> Trajectories:
    """`trace` of a face whose sound does not matter."""
    scheme, xy = face.scheme, face.track.xy
    inverse = face.alignment.to_canonical
    parts = [apply_affine(inverse, xy[:, list(where)]) for where in (
        scheme.lips, scheme.jaw, scheme.rigid,
    )]  # fmt: skip
    at = np.arange(int(np.ceil(len(face) * RATE / float(face.fps)))) * float(face.fps) / RATE
    at = np.minimum(at, len(face) - 1)
    lips, jaw, rigid, head = (
        _resample(part, face.found, at) for part in (*parts, _measure_head(face))
    )
    shot = np.searchsorted(face.track.cuts, np.round(at), side="right").astype(np.int64)
    return Trajectories(lips, jaw, rigid, head, _seen(face.found, at), shot)


def sample_middles(m: int) -> NDArray[np.float64]:
    """The time (s) of the middle of each of m samples, at which speech is looked up."""
    return np.asarray((np.arange(m) + 0.5) / RATE, np.float64)


def _measure_head(face: TrackedFace) -> F32:
    """(n, 6), see `Trajectories.head`."""
    to_frame = face.alignment.to_frame
    scale = face.alignment.scale
    usual = float(np.median(scale))
    yaw, pitch = measure_head_angles(face.track)
    roll = np.arctan2(to_frame[:, 1, 0], to_frame[:, 0, 0])
    place = to_frame[:, :, 2] / usual
    columns = [place[:, 0], place[:, 1], np.log(scale / usual), roll]
    columns += [np.radians(yaw), np.radians(pitch)]
    return np.stack(columns, axis=1).astype(np.float32)


def _resample(values: F32, found: Bools, at: NDArray[np.float64]) -> F32:
    """Values (n, ...) at positions (m,); linear, also across frames without a face."""
    flat = values.reshape(len(values), -1)
    have = np.flatnonzero(found & np.isfinite(flat).all(1))
    if not len(have):
        return np.full((len(at), *values.shape[1:]), np.nan, np.float32)
    right = np.clip(np.searchsorted(have, at), 1, max(len(have) - 1, 1))
    right = np.minimum(right, len(have) - 1)
    left = np.maximum(right - 1, 0)
    width = np.maximum(have[right] - have[left], 1)
    share = np.clip((at - have[left]) / width, 0, 1)[:, None]
    result = flat[have[left]] * (1 - share) + flat[have[right]] * share
    return np.asarray(result.reshape(len(at), *values.shape[1:]), np.float32)


def _seen(found: Bools, at: NDArray[np.float64]) -> Bools:
    """(m,), whether a frame with the face is near."""
    have = np.flatnonzero(found)
    if not len(have):
        return np.zeros(len(at), bool)
    right = np.clip(np.searchsorted(have, at), 0, len(have) - 1)
    left = np.maximum(right - 1, 0)
    near = np.minimum(np.abs(have[left] - at), np.abs(have[right] - at))
    return np.asarray(near <= 1)
