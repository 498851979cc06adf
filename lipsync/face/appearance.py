"""How mouths look: thumbnails, the light on the skin, sharpness, and what is not like the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lipsync.face.similarity import apply, compose, scale_of
from lipsync.media.pixels import cut_out
from lipsync.types import F32, U8, FaceTrack

# A thumbnail shows this much of the canonical space, at this size: enough to tell teeth, tongue and
# light from one another.
LOOK_REGION = (-0.42, 0.62, 0.42, 1.3)
LOOK_SIZE = (20, 16)
# Where the colour of the light is read from, canonical: beside the mouth and beside the chin.
SKIN = ((-0.47, 0.75), (0.47, 0.75), (-0.32, 1.15), (0.32, 1.15))
SKIN_SIZE = 0.12  # of such a patch
LIGHT_S = 0.5  # σ of its smoothing
LEAST_USUAL = (0.015, 0.002)  # of luma and tint: footage may be frozen, alike to itself
ALIKE, ODD_BANK = 20, 4000  # mouths of like shape that a mouth is compared with; of so many


def skin_colour(frame: U8, to_frame: F32) -> F32:
    """Mean colour (3,) of the skin beside mouth and chin, levels; median over the SKIN patches."""
    size = max(2, round(SKIN_SIZE * scale_of(to_frame)))
    centres = np.asarray(SKIN, np.float32) @ to_frame[:, :2].T + to_frame[:, 2]
    corners = np.round(centres - size / 2).astype(np.float32)
    colours = [cut_out(frame, corner, size, size).mean((0, 1)) for corner in corners]
    return np.asarray(np.median(colours, axis=0), np.float32)


def steady_light(light: F32, track: FaceTrack) -> F32:
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
            sigma = LIGHT_S * float(track.fps)
            steady[first:end] = gaussian_filter1d(filled, sigma, axis=0, mode="nearest")
    usual = np.nanmedian(steady, axis=0)
    return np.where(np.isfinite(steady), steady, usual).astype(np.float32)


def oddness(
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
    if len(known) < ALIKE + 2 * apart:
        return odd
    bank = known[np.linspace(0, len(known) - 1, min(len(known), ODD_BANK)).astype(int)]
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
        nearest = bank[np.argpartition(squared, ALIKE, axis=1)[:, :ALIKE]]
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
            for one, least in zip((faces, colours), LEAST_USUAL, strict=True)
        )
        # In units of the luma again, so that the sum differs by as much as the luma alone does.
        faces = np.concatenate([faces, colours * (usual / usual_tint)], axis=1) / np.sqrt(2)
    odd[known] = least_off(np.asarray(faces, np.float32))
    return odd


def look(picture: U8, to_picture: F32) -> F32:
    """Thumbnail of a mouth's luma, scaled so that distances are RMS per pixel."""
    return _thumbnail(picture, to_picture, lambda p: cv2.cvtColor(p, cv2.COLOR_RGB2GRAY))


def tint(picture: U8, to_picture: F32) -> F32:
    """The same of how red it is beside its luma (Cr)."""
    return _thumbnail(
        picture,
        to_picture,
        lambda p: np.ascontiguousarray(cv2.cvtColor(p, cv2.COLOR_RGB2YCrCb)[..., 1]),
    )


def _thumbnail(picture: U8, to_picture: F32, channel: Callable[[U8], Any]) -> F32:
    left, top, right, bottom = LOOK_REGION
    width, height = LOOK_SIZE
    x, y = (right - left) / width, (bottom - top) / height
    grid = np.array([[x, 0, left + x / 2], [0, y, top + y / 2]], np.float32)
    corners = apply(to_picture, np.array([(left, top), (right, bottom)], np.float32))
    low = np.clip(np.floor(corners.min(0)).astype(int) - 8, 0, None)
    high = np.ceil(corners.max(0)).astype(int) + 8
    piece = picture[low[1] : high[1], low[0] : high[0]]
    if piece.size == 0:
        return np.zeros(width * height, np.float32)
    to_piece = to_picture.copy()
    to_piece[:, 2] -= low
    gray = channel(np.ascontiguousarray(piece))
    # Average over about a cell first: sampling alone would alias.
    cell = scale_of(to_picture) * x
    gray = cv2.GaussianBlur(gray, (0, 0), max(0.4 * cell, 0.3))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    small = cv2.warpAffine(
        gray, compose(to_piece, grid), LOOK_SIZE, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(small.ravel() / (255 * np.sqrt(small.size)), np.float32)


def sharpness(crop: U8) -> float:
    """Standard deviation of the Laplacian of the crop's luma."""
    return float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_32F).std())
