"""Appearance of mouths: thumbnails, skin color, sharpness, and an outlier score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lipsync.face.similarity import affine_scale, apply_affine, compose_affine
from lipsync.media.pixels import crop_replicated
from lipsync.types import F32, U8, FaceTrack

# Part of the canonical space that a thumbnail shows (left, top, right, bottom) and
# its size (width, height): enough to tell teeth, tongue and light apart.
THUMBNAIL_REGION = (-0.42, 0.62, 0.42, 1.3)
THUMBNAIL_SIZE = (20, 16)
# Centers of the patches that skin color is measured in, canonical: next to mouth and chin.
SKIN_PATCHES = ((-0.47, 0.75), (0.47, 0.75), (-0.32, 1.15), (0.32, 1.15))
SKIN_PATCH_SIZE = 0.12  # outer-eye distances, side of a patch
SKIN_SMOOTHING_S = 0.5  # σ of the smoothing over time
# Lower bounds of the median score, of luma and of tint: frames of frozen footage are identical.
MIN_TYPICAL_SCORES = (0.015, 0.002)
# A mouth is compared with this many of the most similar lip shapes, among at most so many frames.
NEIGHBORS, MAX_COMPARED = 20, 4000
CROP_MARGIN_PX = 8  # around a thumbnail's region, for the blur before sampling
BLOCK = 500  # frames whose distances are in memory at a time


def measure_skin_color(frame: U8, to_frame: F32) -> F32:
    """Measure the color (3,) of the skin around the mouth, levels: median over patch means."""
    size = max(2, round(SKIN_PATCH_SIZE * affine_scale(to_frame)))
    centers = np.asarray(SKIN_PATCHES, np.float32) @ to_frame[:, :2].T + to_frame[:, 2]
    corners = np.round(centers - size / 2).astype(np.float32)
    colors = [crop_replicated(frame, corner, size, size).mean((0, 1)) for corner in corners]
    return np.asarray(np.median(colors, axis=0), np.float32)


def smooth_skin_color(measured: F32, track: FaceTrack) -> F32:
    """Smooth colors (n, 3) within each shot; frames without a face (NaN) are interpolated.

    Light changes slowly: quick changes are measurement noise, and following them would flicker.
    """
    smoothed = measured.copy()
    for first, end in track.shots():
        shot = measured[first:end]
        known = np.isfinite(shot).all(1)
        if known.any():
            at = np.arange(end - first)
            filled = np.stack([np.interp(at, at[known], c[known]) for c in shot.T], axis=1)
            sigma = SKIN_SMOOTHING_S * float(track.rates[first])
            smoothed[first:end] = gaussian_filter1d(filled, sigma, axis=0, mode="nearest")
    median = np.nanmedian(smoothed, axis=0)
    return np.where(np.isfinite(smoothed), smoothed, median).astype(np.float32)


def score_appearance_outliers(
    thumbnails: NDArray[np.float16],
    lips: F32,
    track: FaceTrack,
    tints: NDArray[np.float16] | None = None,
) -> F32:
    """Score how much each mouth differs from all mouths of similar shape, (n,); NaN: unknown.

    RMS difference of brightness-normalized thumbnails to the most similar one among the NEIGHBORS
    frames with the nearest lip shapes. Frames within a second are left out: they are too similar
    to tell anything.

    Args:
        thumbnails: (n, d) from `make_luma_thumbnail`.
        lips: (n, 18, 2), canonical.
        tints: (n, d) from `make_tint_thumbnail`, weighted so that they typically differ as much as
            the luma. A hand is as bright as a face, but it has no lips.
    """
    score = np.full(len(track), np.nan, np.float32)
    known = np.flatnonzero(track.found)
    second = track.rates
    if len(known) < NEIGHBORS + 2 * float(np.median(second)):
        return score
    bank = known[np.linspace(0, len(known) - 1, min(len(known), MAX_COMPARED)).astype(int)]
    shapes = lips.reshape(len(lips), -1)
    faces = thumbnails[known].astype(np.float32)
    faces /= np.maximum(faces.mean(1, keepdims=True), 1e-6) * np.sqrt(faces.shape[1])
    row_of = np.zeros(len(track), np.int64)
    row_of[known] = np.arange(len(known))
    norms = (shapes[bank] ** 2).sum(1)
    neighbors = []
    for block in np.array_split(known, -(-len(known) // BLOCK)):
        squared = norms - 2 * shapes[block] @ shapes[bank].T
        squared[np.abs(block[:, None] - bank) <= second[block][:, None]] = np.inf
        nearest = bank[np.argpartition(squared, NEIGHBORS, axis=1)[:, :NEIGHBORS]]
        neighbors.append((row_of[block], row_of[nearest]))

    def nearest_distance(pictures: F32) -> F32:
        found = np.empty(len(known), np.float32)
        for rows, others in neighbors:
            difference = pictures[others] - pictures[rows][:, None]
            found[rows] = np.sqrt(np.square(difference).sum(-1)).min(1)
        return found

    if tints is not None:
        colors = tints[known].astype(np.float32)
        colors -= np.median(colors, axis=1, keepdims=True)  # the tint of the light
        typical, typical_tint = (
            max(float(np.median(nearest_distance(one))), least)
            for one, least in zip((faces, colors), MIN_TYPICAL_SCORES, strict=True)
        )
        # Scaled to the luma's units, so that the score has the magnitude of the luma's alone.
        faces = np.concatenate([faces, colors * (typical / typical_tint)], axis=1) / np.sqrt(2)
    score[known] = nearest_distance(np.asarray(faces, np.float32))
    return score


def make_luma_thumbnail(picture: U8, to_picture: F32) -> F32:
    """Thumbnail (d,) of a mouth's luma, levels / 255, scaled so that distances are RMS per pixel.

    Args:
        to_picture: (2, 3), canonical → pixels of the picture.
    """
    return _thumbnail(picture, to_picture, lambda p: cv2.cvtColor(p, cv2.COLOR_RGB2GRAY))


def make_tint_thumbnail(picture: U8, to_picture: F32) -> F32:
    """Thumbnail (d,) of a mouth's red chroma (Cr); arguments as `make_luma_thumbnail`."""
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
    low = np.clip(np.floor(corners.min(0)).astype(int) - CROP_MARGIN_PX, 0, None)
    high = np.ceil(corners.max(0)).astype(int) + CROP_MARGIN_PX
    piece = picture[low[1] : high[1], low[0] : high[0]]
    if piece.size == 0:
        return np.zeros(width * height, np.float32)
    to_piece = to_picture.copy()
    to_piece[:, 2] -= low
    gray = channel(np.ascontiguousarray(piece))
    # Average over about one thumbnail pixel first: sampling alone would alias.
    cell = affine_scale(to_picture) * x
    gray = cv2.GaussianBlur(gray, (0, 0), max(0.4 * cell, 0.3))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    small = cv2.warpAffine(
        gray,
        compose_affine(to_piece, grid),
        THUMBNAIL_SIZE,
        flags=flags,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(small.ravel() / (255 * np.sqrt(small.size)), np.float32)


def measure_sharpness(crop: U8) -> float:
    """Standard deviation of the Laplacian of the crop's luma."""
    return float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_32F).std())
