"""Similarity and affine maps of the plane.

A similarity is a pair of complex numbers: with z = x + iy, frame = a·z + b, where |a| is the scale
and arg a the roll. A least-squares fit over point pairs is then one division.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsync.types import F32

Complexes = NDArray[np.complex128]


def to_complex(points: NDArray[np.floating]) -> Complexes:
    """(..., 2) → (...) complex."""
    p = points.astype(np.float64)
    return np.asarray(p[..., 0] + 1j * p[..., 1])


def fit_similarity(source: Complexes, target: Complexes) -> tuple[Complexes, Complexes]:
    """Fit target ≈ a·source + b by least squares over the last axis; returns (a, b).

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


def apply_affine(matrix: F32, points: F32) -> F32:
    """Map points (n, k, 2) by matrices (n, 2, 3) (or one (2, 3) by one (k, 2))."""
    return (points @ np.swapaxes(matrix[..., :2], -1, -2) + matrix[..., None, :, 2]).astype(
        np.float32
    )


def compose_affine(second: F32, first: F32) -> F32:
    """The (..., 2, 3) matrix that applies `first`, then `second`."""
    linear = second[..., :2] @ first[..., :2]
    shift = second[..., :2] @ first[..., 2:] + second[..., 2:]
    return np.concatenate([linear, shift], axis=-1).astype(np.float32)


def affine_scale(matrix: F32) -> float:
    """Scale of a (2, 3) matrix; of `to_frame`: pixels per outer-eye distance."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
