"""Alignment of a face to the canonical mouth space, from the points that speech does not move."""

from __future__ import annotations

import numpy as np

from lipsync.errors import NoFaceError
from lipsync.face.similarity import Complexes, fit_similarity, similarity_matrix, to_complex
from lipsync.face.smoothing import fill_gaps, smooth
from lipsync.types import Alignment, FaceTrack


def rigid_template(track: FaceTrack, rounds: int = 4) -> Complexes:
    """Estimate a person's rigid points in the canonical space, (r,): generalized Procrustes mean.

    Raises:
        NoFaceError: no frame has a face.
    """
    if not track.found.any():
        raise NoFaceError("no face was found in any frame")
    scheme = track.scheme
    z = to_complex(track.xy[track.found])
    rigid = z[:, scheme.rigid]
    eyes = z[:, scheme.outer_eyes]
    # Start from the median of frames whose own outer eye corners are put at ∓1/2.
    template = np.median(_normalize(rigid, eyes), axis=0)
    eyes_in_template = np.median(_normalize(eyes, eyes), axis=0)
    for _ in range(rounds):
        a, b = fit_similarity(rigid, np.broadcast_to(template, rigid.shape))
        template = (a[:, None] * rigid + b[:, None]).mean(0)
        eyes_in_template = (a[:, None] * eyes + b[:, None]).mean(0)
        template = _normalize(template[None], eyes_in_template[None])[0]
    return template


def _normalize(points: Complexes, eyes: Complexes) -> Complexes:
    """Translate, rotate and scale points (n, r) so that the eyes (n, 2) lie at ∓1/2."""
    center, span = eyes.mean(-1, keepdims=True), (eyes[:, 1:] - eyes[:, :1])
    return np.asarray((points - center) / span)


def align(
    track: FaceTrack, smoothing_s: float = 0.12, template: Complexes | None = None
) -> Alignment:
    """Fit the similarity from the canonical space to every frame, to the rigid points only.

    Smoothed within each shot by a zero-phase local quadratic fit over ±smoothing_s seconds
    (0: not at all), so that landmark noise does not shake the mouth, yet head turns keep their
    full extent. Frames without a face take the fit of their neighbors.

    Args:
        template: from `rigid_template`, to share one among several tracks; None: this track's.

    Returns:
        Alignment of len(track) matrices.

    Raises:
        NoFaceError: no frame has a face.
    """
    template = rigid_template(track) if template is None else template
    rigid = to_complex(track.xy[:, track.scheme.rigid])
    a, b = fit_similarity(np.broadcast_to(template, rigid.shape), rigid)
    # b is where the origin (between the eyes) lands; noise in the roll would swing the mouth below
    # it, so the position of the mouth is smoothed instead.
    mouth = 0.9j  # canonical
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
    return Alignment(similarity_matrix(*_fill_from_neighbors(a, b)))


def _fill_from_neighbors(a: Complexes, b: Complexes) -> tuple[Complexes, Complexes]:
    """Give shots without any face the nearest known fit, so that every matrix is finite."""
    have = np.flatnonzero(np.isfinite(a))
    at = np.arange(len(a))
    right = np.clip(np.searchsorted(have, at), 0, len(have) - 1)
    left = np.maximum(right - 1, 0)
    nearer_left = np.abs(have[left] - at) <= np.abs(have[right] - at)
    nearest = np.where(nearer_left, have[left], have[right])
    return a[nearest], b[nearest]
