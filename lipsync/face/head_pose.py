"""Head pose: yaw and pitch from landmarks, and lips turned with the head.

A speech model predicts lips in the person's median pose. The canonical space removes position,
size and roll of the head, but not yaw and pitch: on a head turned sideways the mouth is narrower,
its far half more so. Landmarks with depth give the rotation of each frame's face from the median
face, and the predicted lips are rotated by it.

Symbols: n output frames, f target frames, r rigid landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsync.face.similarity import fit_similarity, to_complex
from lipsync.face.smoothing import smooth
from lipsync.face.tracked_face import TrackedFace
from lipsync.runtime.numeric import smoothstep
from lipsync.runtime.positions import sample_at
from lipsync.types import F32, FaceTrack, LipTrack, Positions

Floats = NDArray[np.float64]

# Below the first rotation angle (degrees) lips stay unchanged, beyond the second they turn fully:
# landmark depth is noisy, and small rotations change little.
TURN_FROM_DEG, TURN_FULLY_DEG = 4.0, 9.0
SMOOTHING_S = 0.2  # radius of the smoothing of rotations


@dataclass(frozen=True, eq=False)
class HeadTurns:
    """How a face turns away from its median; r rigid points, f frames."""

    rigid: Floats  # (r, 3), of the median face, canonical units
    depth: Floats  # (18,), of its lips
    rotations: Floats  # (f, 3, 3), of every frame; the identity in frames without a face


def turn_lips(
    lips: LipTrack, face: TrackedFace, order: Positions, turns: HeadTurns | None = None
) -> LipTrack:
    """Turn lips (n) from the median pose to the head pose of the target's frames.

    Lips stay unchanged, bit for bit, where landmarks have no depth or the head is turned by less
    than TURN_FROM_DEG from its median pose.

    Args:
        lips: in the median pose, canonical.
        face: the target's, f frames.
        order: (n,) position in the target of each output frame.
        turns: of the face, where they are known.
    """
    track = face.track
    if track.points.shape[-1] < 3 or not track.found.any():
        return lips
    turns = measure_turns(face) if turns is None else turns
    rigid, depth = turns.rigid, turns.depth
    angle = rotation_angles(turns.rotations)
    ramp = np.clip((angle - TURN_FROM_DEG) / (TURN_FULLY_DEG - TURN_FROM_DEG), 0, 1)
    weight = sample_at(smoothstep(ramp).astype(np.float32), order)
    which = np.flatnonzero((weight > 0) & np.isfinite(lips.points).all((1, 2)))
    if not len(which):
        return lips
    rotation = sample_at(turns.rotations.astype(np.float32), order)[which].astype(np.float64)
    center = rigid.mean(0)
    depths = np.broadcast_to(depth[:, None], (len(which), len(depth), 1))
    solid = np.concatenate([lips.points[which], depths], axis=2) - center
    turned = solid @ np.swapaxes(rotation, 1, 2)
    bones = (rigid - center) @ np.swapaxes(rotation, 1, 2)
    # Canonical coordinates come from a similarity fit in the plane: apply it to the turned face.
    frontal = np.broadcast_to(to_complex(rigid[:, :2]), bones.shape[:2])
    a, b = fit_similarity(to_complex(bones[..., :2]), frontal)
    z = a[:, None] * to_complex(turned[..., :2]) + b[:, None]
    points = lips.points.copy()
    offset = np.stack([z.real, z.imag], -1) - points[which]
    points[which] += (weight[which, None, None] * offset).astype(np.float32)
    return LipTrack(points, lips.rate)


def measure_turns(face: TrackedFace) -> HeadTurns:
    """Median face and the rotation of every frame from it."""
    track = face.track
    inverse = face.alignment.to_canonical.astype(np.float64)
    size = np.sqrt(np.abs(np.linalg.det(inverse[:, :, :2])))
    scheme, count = track.scheme, len(track.scheme.rigid)
    points = track.points[:, [*scheme.rigid, *scheme.lips]].astype(np.float64)
    flat = points[..., :2] @ np.swapaxes(inverse[:, :, :2], 1, 2) + inverse[:, None, :, 2]
    solid = np.concatenate([flat, points[..., 2:] * size[:, None, None]], axis=2)
    solid[..., 2] -= solid[:, :count, 2].mean(1, keepdims=True)
    mean = np.median(solid[track.found], axis=0)
    turns = np.tile(np.eye(3), (len(track), 1, 1))
    turns[track.found] = _rotations(mean[:count], solid[track.found][:, :count])
    radius = round(SMOOTHING_S * float(track.fps))
    for first, end in track.shots():
        smoothed = smooth(turns[first:end].reshape(-1, 9).astype(complex), radius).real
        turns[first:end] = _nearest_rotations(smoothed.reshape(-1, 3, 3))
    return HeadTurns(mean[:count], mean[count:, 2], turns)


def _rotations(source: Floats, targets: Floats) -> Floats:
    """Least-squares rotations (f, 3, 3) of points (r, 3) to points (f, r, 3) (Kabsch 1976)."""
    s, t = source - source.mean(0), targets - targets.mean(1, keepdims=True)
    return _nearest_rotations(np.einsum("frj,ri->fji", t, s))


def _nearest_rotations(matrices: Floats) -> Floats:
    """The rotations (f, 3, 3) nearest to matrices."""
    u, _, v = np.linalg.svd(matrices)
    u[:, :, 2] *= np.linalg.det(u @ v)[:, None]
    return np.asarray(u @ v)


def rotation_angles(turns: Floats) -> Floats:
    """Angles (f,) of rotations (f, 3, 3), degrees."""
    cosine = (np.trace(turns, axis1=1, axis2=2) - 1) / 2
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def measure_head_angles(track: FaceTrack) -> tuple[F32, F32]:
    """Measure yaw and pitch (f,) in degrees from landmarks with depth; all 0 without depth.

    Yaw is the rotation of the line through the outer eye corners. Pitch is that of the line from
    between the eyes to the base of the nose, minus its median, so that the profile cancels.
    """
    none = np.zeros(len(track), np.float32)
    if track.points.shape[-1] < 3 or not track.found.any():
        return none, none
    scheme = track.scheme
    left, right = (track.points[:, i].astype(np.float64) for i in scheme.outer_eyes)
    across = right - left
    nose = track.points[:, list(scheme.nose)].astype(np.float64)
    down = nose.mean(1) - (left + right) / 2
    yaw = np.degrees(np.arctan2(across[:, 2], np.hypot(across[:, 0], across[:, 1])))
    pitch = np.degrees(np.arctan2(down[:, 2], np.hypot(down[:, 0], down[:, 1])))
    pitch = pitch - np.nanmedian(pitch)
    return yaw.astype(np.float32), pitch.astype(np.float32)
