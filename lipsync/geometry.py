"""Fits between the face in a frame and the canonical mouth space.

A similarity in the plane is a complex number: with z = x + iy, frame = a·z + b, where |a| is the
scale and arg a the roll. Least squares over point pairs is then one division, and smoothing a
head's motion is smoothing two complex signals.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsync import face_mesh
from lipsync.errors import NoFaceError
from lipsync.types import F32, Alignment, FaceTrack, LandmarkScheme, LipTrack

Complexes = NDArray[np.complex128]

# Points of the MediaPipe face mesh (478 points). Lips in iBUG order without the inner corners
# (METHOD.md §2); the rigid points are eye corners, nose bridge, brows and temples.
MEDIAPIPE_478 = LandmarkScheme(
    name="mediapipe-478",
    count=478,
    lips=(61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91, 82, 13, 312, 317, 14, 87),
    rigid=(33, 133, 362, 263, 168, 6, 197, 195, 70, 105, 107, 336, 334, 300, 127, 356, 162, 389),
    jaw=(234, 132, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 361, 454),
    nose=(1, 98, 327),
    anchors=(33, 133, 362, 263, 1, 2, 98, 327, 195, 50, 280),
    outer_eyes=(33, 263),
    lids=((159, 145), (386, 374)),
    mirror=face_mesh.opposite(),
)

# The 68-point iBUG annotation, as face-alignment returns it.
IBUG_68 = LandmarkScheme(
    name="ibug-68",
    count=68,
    lips=(*range(48, 60), 61, 62, 63, 65, 66, 67),
    rigid=(36, 39, 42, 45, 27, 28, 29, 30, 17, 19, 21, 22, 24, 26, 0, 16),
    jaw=tuple(range(17)),
    nose=(30, 31, 35),
    anchors=(36, 39, 42, 45, 27, 29, 30, 31, 33, 35),
    outer_eyes=(36, 45),
    lids=((37, 41), (44, 46)),
)

SCHEMES = {s.name: s for s in (MEDIAPIPE_478, IBUG_68)}


def to_complex(points: NDArray[np.floating]) -> Complexes:
    """(..., 2) → (...) complex."""
    p = points.astype(np.float64)
    return np.asarray(p[..., 0] + 1j * p[..., 1])


def fit_similarity(source: Complexes, target: Complexes) -> tuple[Complexes, Complexes]:
    """Least-squares similarity target ≈ a·source + b over the last axis; returns (a, b).

    a = Σ conj(s) t / Σ |s|² with s, t about their means (the planar case of Umeyama 1991).
    """
    ms, mt = source.mean(-1), target.mean(-1)
    s, t = source - ms[..., None], target - mt[..., None]
    a = (s.conj() * t).sum(-1) / (np.abs(s) ** 2).sum(-1)
    return a, mt - a * ms


def similarity_matrix(a: Complexes, b: Complexes) -> F32:
    """(...,) complex pair → (..., 2, 3) real matrix."""
    rows = [[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1)).astype(np.float32)


def apply(matrix: F32, points: F32) -> F32:
    """Map points (n, k, 2) by matrices (n, 2, 3) (or one (2, 3) by one (k, 2))."""
    return (points @ np.swapaxes(matrix[..., :2], -1, -2) + matrix[..., None, :, 2]).astype(
        np.float32
    )


def compose(second: F32, first: F32) -> F32:
    """The (..., 2, 3) matrix that applies `first`, then `second`."""
    linear = second[..., :2] @ first[..., :2]
    shift = second[..., :2] @ first[..., 2:] + second[..., 2:]
    return np.concatenate([linear, shift], axis=-1).astype(np.float32)


def at(values: NDArray[Any], position: NDArray[Any] | int | float) -> NDArray[Any]:
    """Values per target frame (m, ...) at positions in the target (...), which may lie between.

    Half-way between two frames lies the mean of their values (of flags: whether both are set), as
    the picture there is the two frames' own, moved half-way (`Timing`).
    """
    first = np.floor(position).astype(np.int64)
    share = np.asarray(position - first)
    if not share.any():
        return np.asarray(values[first])
    low, high = values[first], values[np.ceil(position).astype(np.int64)]
    if values.dtype == np.bool_:
        return np.asarray(low & high)
    share = share.reshape(share.shape + (1,) * (values.ndim - 1))
    return np.asarray(low + share * (high - low)).astype(values.dtype)


def scale_of(matrix: F32) -> float:
    """By how much a (2, 3) similarity enlarges: pixels per outer-eye distance of `to_frame`."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def rigid_template(track: FaceTrack, rounds: int = 4) -> Complexes:
    """This person's rigid points in the canonical space, (r,): their generalised Procrustes mean.

    Raises:
        NoFaceError: no frame has a face.
    """
    if not track.found.any():
        raise NoFaceError("no face was found in any frame")
    scheme = track.scheme
    z = to_complex(track.xy[track.found])
    rigid = z[:, scheme.rigid]
    eyes = z[:, scheme.outer_eyes]
    # Start where every frame's own outer eye corners are at ∓1/2, and take the median.
    template = np.median(_normalised(rigid, eyes), axis=0)
    eyes_in_template = np.median(_normalised(eyes, eyes), axis=0)
    for _ in range(rounds):
        a, b = fit_similarity(rigid, np.broadcast_to(template, rigid.shape))
        template = (a[:, None] * rigid + b[:, None]).mean(0)
        eyes_in_template = (a[:, None] * eyes + b[:, None]).mean(0)
        template = _normalised(template[None], eyes_in_template[None])[0]
    return template


def _normalised(points: Complexes, eyes: Complexes) -> Complexes:
    """Points (n, r) moved and scaled so that the eyes (n, 2) lie at ∓1/2."""
    centre, span = eyes.mean(-1, keepdims=True), (eyes[:, 1:] - eyes[:, :1])
    return np.asarray((points - centre) / span)


def align(
    track: FaceTrack, smoothing_s: float = 0.12, template: Complexes | None = None
) -> Alignment:
    """Similarity from the canonical space to every frame, from the rigid points only.

    Smoothed within each shot by a zero-phase local quadratic fit over ±smoothing_s seconds
    (0: not at all), so that landmark noise does not shake the mouth and a turning head is not
    cut short. Frames without a face carry their neighbours' fit.

    Args:
        template: from `rigid_template`, where several tracks are to share one; None: the track's.

    Returns:
        Alignment of len(track) matrices.

    Raises:
        NoFaceError: no frame has a face.
    """
    template = rigid_template(track) if template is None else template
    rigid = to_complex(track.xy[:, track.scheme.rigid])
    a, b = fit_similarity(np.broadcast_to(template, rigid.shape), rigid)
    # b is where the origin (between the eyes) lands; the mouth hangs below it, so noise in the
    # roll would move it: smooth the position of the mouth instead.
    mouth = 0.9j
    position = a * mouth + b
    radius = round(smoothing_s * float(track.fps))
    for first, end in track.shots():
        shot = slice(first, end)
        known = track.found[shot]
        if not known.any():
            continue
        a[shot] = smooth(_filled(a[shot], known), radius)
        position[shot] = smooth(_filled(position[shot], known), radius)
    b = position - a * mouth
    return Alignment(similarity_matrix(*_neighbours_fill(a, b)))


def _filled(signal: Complexes, known: NDArray[np.bool_]) -> Complexes:
    """Fill the unknown samples linearly from the known ones."""
    if known.all():
        return signal
    at, have = np.arange(len(signal)), np.flatnonzero(known)
    real = np.interp(at, have, signal.real[have])
    return np.asarray(real + 1j * np.interp(at, have, signal.imag[have]))


def _neighbours_fill(a: Complexes, b: Complexes) -> tuple[Complexes, Complexes]:
    """Shots without any face take the nearest known fit, so that every matrix is finite."""
    have = np.flatnonzero(np.isfinite(a))
    at = np.arange(len(a))
    right = np.clip(np.searchsorted(have, at), 0, len(have) - 1)
    left = np.maximum(right - 1, 0)
    nearer_left = np.abs(have[left] - at) <= np.abs(have[right] - at)
    nearest = np.where(nearer_left, have[left], have[right])
    return a[nearest], b[nearest]


def smooth(signal: NDArray[np.complexfloating], radius: int) -> Complexes:
    """Zero-phase smoothing of (n, ...) along the first axis by a local quadratic (Savitzky–Golay).

    A straight or evenly accelerated motion passes unchanged. Ends use the same fit, off-centre.
    """
    window = min(2 * radius + 1, len(signal) - (len(signal) + 1) % 2)
    if window < 5:
        return np.asarray(signal, dtype=np.complex128)
    fit, half = _quadratic_fit(window), window // 2
    values = signal.astype(np.complex128).reshape(len(signal), -1)
    result = np.empty_like(values)
    result[:half], result[-half:] = fit[:half] @ values[:window], fit[-half:] @ values[-window:]
    # One sum of shifted signals: a shot is short, and calls cost more than what they do.
    result[half:-half] = sum(
        share * values[k : len(values) - window + 1 + k] for k, share in enumerate(fit[half])
    )
    return result.reshape(signal.shape)


@cache
def _quadratic_fit(window: int) -> NDArray[np.float64]:
    """Samples (window,) → the least-squares quadratic through them at their places."""
    powers = np.vander(np.linspace(-1, 1, window), 3)
    return np.asarray(powers @ np.linalg.pinv(powers))


def smoothed_points(track: FaceTrack, indices: Sequence[int], smoothing_s: float = 0.12) -> F32:
    """Chosen landmarks in frame pixels, (n, len(indices), 2), smoothed within each shot.

    Frames without a face are filled from their neighbours in the shot; NaN in shots without any.
    """
    z = to_complex(track.xy[:, list(indices)])
    radius = round(smoothing_s * float(track.fps))
    for first, end in track.shots():
        known = track.found[first:end]
        if known.any():
            for column in range(z.shape[1]):
                z[first:end, column] = _filled(z[first:end, column], known)
            z[first:end] = smooth(z[first:end], radius)
    return np.stack([z.real, z.imag], axis=-1).astype(np.float32)


def lips(track: FaceTrack, alignment: Alignment) -> LipTrack:
    """The speaker's lips in the canonical space; frames without a face are NaN."""
    points = apply(alignment.to_canonical, track.xy[:, track.scheme.lips])
    return LipTrack(points, track.fps)


def nose(track: FaceTrack, alignment: Alignment) -> F32:
    """Three nose points in the canonical space, (n, 3, 2): they tell yaw and pitch."""
    return apply(alignment.to_canonical, track.xy[:, track.scheme.nose])


def mouth_outlines(track: FaceTrack, inset: float = 0.0) -> F32:
    """Closed outline of the mouth-and-chin region in every frame, (n, k, 2) pixels.

    Along the jaw line from beside the mouth over the chin to the other side, drawn towards the
    mouth by the share `inset`, and back below the nose.
    """
    scheme = track.scheme
    jaw = smoothed_points(track, scheme.jaw)
    nose_base = smoothed_points(track, scheme.nose).mean(1, keepdims=True)
    lips = smoothed_points(track, scheme.lips, 0.4)
    centre = lips.mean(1, keepdims=True)
    top = 0.6 * nose_base + 0.4 * lips[:, 2:5].mean(1, keepdims=True)
    # Jaw points higher than the lips belong to the cheeks: bring them down to where the outline
    # turns towards the nose.
    up = (top - centre) / np.linalg.norm(top - centre, axis=-1, keepdims=True)
    height = ((jaw - centre) * up).sum(-1, keepdims=True)
    limit = 0.7 * ((top - centre) * up).sum(-1, keepdims=True)
    jaw = jaw - up * np.maximum(height - limit, 0)
    outline = np.concatenate([centre + (jaw - centre) * (1 - inset), top], axis=1)
    return np.asarray(outline, np.float32)
