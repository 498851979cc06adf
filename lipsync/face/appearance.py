"""How mouths look: thumbnails, the light on the skin, sharpness, and what is not like the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lipsync.face.similarity import apply_affine, compose_affine, affine_scale
from lipsync.media.pixels import crop_replicated
from lipsync.types import F32, U8, FaceTrack

# A thumbnail shows this much of the canonical space, at this size: enough to tell teeth, tongue and
# light from one another.
THUMBNAIL_REGION = (-0.42, 0.62, 0.42, 1.3)
THUMBNAIL_SIZE = (20, 16)
# Where the colour of the light is read from, canonical: beside the mouth and beside the chin.
SKIN_PATCHES = ((-0.47, 0.75), (0.47, 0.75), (-0.32, 1.15), (0.32, 1.15))
SKIN_PATCH_SIZE = 0.12  # of such a patch
SKIN_SMOOTHING_S = 0.5  # σ of its smoothing
MIN_TYPICAL_SCORES = (0.015, 0.002)  # of luma and tint: footage may be frozen, alike to itself
NEIGHBORS, MAX_COMPARED = 20, 4000  # mouths of like shape that a mouth is compared with; of so many


def measure_skin_color(frame: U8, to_frame: F32) -> F32:
    """Mean colour (3,) of the skin beside mouth and chin, levels; median over the SKIN patches."""
    size = max(2, round(SKIN_PATCH_SIZE * affine_scale(to_frame)))
    centres = np.asarray(SKIN_PATCHES, np.float32) @ to_frame[:, :2].T + to_frame[:, 2]
    corners = np.round(centres - size / 2).astype(np.float32)
    colours = [crop_replicated(frame, corner, size, size).mean((0, 1)) for corner in corners]
    return np.asarray(np.median(colours, axis=0), np.float32)


def smooth_skin_color(light: F32, track: FaceTrack) -> F32:
    """Colours (n, 3) smoothed within each shot and filled where no face was found.

    Light changes slowly: what changes quickly is the measure, and following it would flicker.
    """
    steady = light.copy()
    for first, end in track.shots():
        shot = light[first:end]
        known = np.isfinite(shot).all(1)
        if known.any():
            at = np.arange(end - first)
            filled = np.stack([np.interp(at, at[known], c[known]) for c in shot.T], axis=1)
            sigma = SKIN_SMOOTHING_S * float(track.fps)
            steady[first:end] = gaussian_filter1d(filled, sigma, axis=0, mode="nearest")
    usual = np.nanmedian(steady, axis=0)
    return np.where(np.isfinite(steady), steady, usual).astype(np.float32)


def score_appearance_outliers(
    looks: NDArray[np.float16],
    lips: F32,
    track: FaceTrack,
    tints: NDArray[np.float16] | None = None,
) -> F32:
    """How unlike every other mouth of its shape each mouth looks, (n,); NaN: not known.

    RMS difference of thumbnails, as a share of their mean, from the most alike of the ALIKE frames
    with the nearest lips; frames within a second are too alike to tell.

    Args:
        tints: (n, d) as `looks`, from `tint`: they count as much as the luma, each by how much it
            usually differs. A hand is as light as a face, but it has no lips.
    """
    odd = np.full(len(track), np.nan, np.float32)
    known = np.flatnonzero(track.found)
    apart = float(track.fps)
    if len(known) < NEIGHBORS + 2 * apart:
        return odd
    bank = known[np.linspace(0, len(known) - 1, min(len(known), MAX_COMPARED)).astype(int)]
    shapes = lips.reshape(len(lips), -1)
    faces = looks[known].astype(np.float32)
    faces /= np.maximum(faces.mean(1, keepdims=True), 1e-6) * np.sqrt(faces.shape[1])
    row_of = np.zeros(len(track), np.int64)
    row_of[known] = np.arange(len(known))
    norms = (shapes[bank] ** 2).sum(1)
    alike = []
    for block in np.array_split(known, -(-len(known) // 500)):
        squared = norms - 2 * shapes[block] @ shapes[bank].T
        squared[np.abs(block[:, None] - bank) <= apart] = np.inf
        nearest = bank[np.argpartition(squared, NEIGHBORS, axis=1)[:, :NEIGHBORS]]
        alike.append((row_of[block], row_of[nearest]))

    def least_off(pictures: F32) -> F32:
        found = np.empty(len(known), np.float32)
        for rows, others in alike:
            off = pictures[others] - pictures[rows][:, None]
            found[rows] = np.sqrt(np.square(off).sum(-1)).min(1)
        return found

    if tints is not None:
        colours = tints[known].astype(np.float32)
        colours -= np.median(colours, axis=1, keepdims=True)  # the light's own tint
        usual, usual_tint = (
            max(float(np.median(least_off(one))), least)
            for one, least in zip((faces, colours), MIN_TYPICAL_SCORES, strict=True)
        )
        # In units of the luma again, so that the sum differs by as much as the luma alone does.
        faces = np.concatenate([faces, colours * (usual / usual_tint)], axis=1) / np.sqrt(2)
    odd[known] = least_off(np.asarray(faces, np.float32))
    return odd


def make_luma_thumbnail(picture: U8, to_picture: F32) -> F32:
    """Thumbnail of a mouth's luma, scaled so that distances are RMS per pixel."""
    return _thumbnail(picture, to_picture, lambda p: cv2.cvtColor(p, cv2.COLOR_RGB2GRAY))


def make_tint_thumbnail(picture: U8, to_picture: F32) -> F32:
    """The same of how red it is beside its luma (Cr)."""
    return _thumbnail(
        picture,
        to_picture,
        lambda p: np.ascontiguousarray(cv2.cvtColor(p, cv2.COLOR_RGB2YCrCb)[..., 1]),
    )


def _thumbnail(picture: U8, to_picture: F32, channel: Callable[[U8], Any]) -> F32:
    left, top, right, bottom = THUMBNAIL_REGION
    width, height = THUMBNAIL_SIZE
    x, y = (right - left) / width, (bottom - top) / height
    grid = np.array([[x, 0, left + x / 2], [0, y, top + y / 2]], np.float32)
    corners = apply_affine(to_picture, np.array([(left, top), (right, bottom)], np.float32))
    low = np.clip(np.floor(corners.min(0)).astype(int) - 8, 0, None)
    high = np.ceil(corners.max(0)).astype(int) + 8
    piece = picture[low[1] : high[1], low[0] : high[0]]
    if piece.size == 0:
        return np.zeros(width * height, np.float32)
    to_piece = to_picture.copy()
    to_piece[:, 2] -= low
    gray = channel(np.ascontiguousarray(piece))
    # Average over about a cell first: sampling alone would alias.
    cell = affine_scale(to_picture) * x
    gray = cv2.GaussianBlur(gray, (0, 0), max(0.4 * cell, 0.3))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    small = cv2.warpAffine(
        gray, compose_affine(to_piece, grid), THUMBNAIL_SIZE, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(small.ravel() / (255 * np.sqrt(small.size)), np.float32)


def measure_sharpness(crop: U8) -> float:
    """Standard deviation of the Laplacian of the crop's luma."""
    return float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_32F).std())
