"""Fits between the face in a frame and the canonical mouth space.

A similarity in the plane is a complex number: with z = x + iy, frame = a·z + b, where |a| is the
scale and arg a the roll. Least squares over point pairs is then one division, and smoothing a
head's motion is smoothing two complex signals.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lipsync.errors import NoFaceError
from lipsync.face.similarity import Complexes, apply, fit_similarity, similarity_matrix, to_complex
from lipsync.face.smoothing import fill_gaps, smooth
from lipsync.types import F32, Alignment, FaceTrack, LipTrack


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
        a[shot] = smooth(fill_gaps(a[shot], known), radius)
        position[shot] = smooth(fill_gaps(position[shot], known), radius)
    b = position - a * mouth
    return Alignment(similarity_matrix(*_neighbours_fill(a, b)))


def _neighbours_fill(a: Complexes, b: Complexes) -> tuple[Complexes, Complexes]:
    """Shots without any face take the nearest known fit, so that every matrix is finite."""
    have = np.flatnonzero(np.isfinite(a))
    at = np.arange(len(a))
    right = np.clip(np.searchsorted(have, at), 0, len(have) - 1)
    left = np.maximum(right - 1, 0)
    nearer_left = np.abs(have[left] - at) <= np.abs(have[right] - at)
    nearest = np.where(nearer_left, have[left], have[right])
    return a[nearest], b[nearest]


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
                z[first:end, column] = fill_gaps(z[first:end, column], known)
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
