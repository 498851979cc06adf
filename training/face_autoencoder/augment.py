"""Augmentation of face crops for the autoencoders (docs/method.md §9).

A face is rotated, zoomed, shifted and mirrored; then a jittered 5 × 5 grid warps it, and the
network learns to undo the warp: the target is the same face under the similarity that best maps
the jittered nodes to the regular grid. An encoder that must undo the warp cannot copy pixels; it
has to model the face.

Symbols: S pixels of a stored face, R of the network's input. The nodes of the grid lie at the
face's pixel edges 48, 88, … 208 of 256.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import cv2
import numpy as np
from numpy.random import Generator
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as options_class

from lipsync.face.similarity import (
    affine_scale,
    apply_affine,
    compose_affine,
    fit_similarity,
    similarity_matrix,
    to_complex,
)
from lipsync.faceswap.face_crop import INNER, hull_outline, invert_affine
from lipsync.types import F32, U8

NODES = 5
Share = Annotated[float, Field(ge=0, le=1)]
Boxes = Sequence[tuple[F32, float]]  # centers and half widths, pixels


@options_class(frozen=True, config=ConfigDict(extra="forbid"))
class FaceAugmentation:
    """Amount of each augmentation; defaults as in docs/method.md §9."""

    rotation: Annotated[float, Field(ge=0, le=180)] = 10.0  # degrees either way
    zoom: Share = 0.05
    shift: Share = 0.05  # of the face
    flip: Share = 0.4  # probability
    jitter: Annotated[float, Field(ge=0)] = 5.0  # σ of the nodes, pixels of 256
    occluders: Share = 0.0  # probability of a synthetic hand over the face

    def calm(self, share: float) -> FaceAugmentation:
        """Scale rotation, zoom, shift and mirror probability by a factor."""
        return replace(
            self,
            rotation=share * self.rotation,
            zoom=share * self.zoom,
            shift=share * self.shift,
            flip=share * self.flip,
        )


@dataclass(frozen=True, eq=False)
class Sample:
    """One training sample; all pictures R × R pixels."""

    warped: U8  # (R, R, 3), input of the network
    target: U8  # (R, R, 3), the face unwarped and without occluder
    shown: U8  # (R, R, 3), the target with occluder
    mask: U8  # (R, R), 255: visible face
    eyes: U8  # (R, R), 255: around the eyes
    mouth: U8  # (R, R), 255: around the mouth
    points: F32  # (k, 2), the landmarks in the target, pixels


def random_similarity(rng: Generator, size: int, how: FaceAugmentation) -> F32:
    """Draw a similarity (2, 3) about the center of a face, sometimes mirrored."""
    turn, zoom = rng.uniform(-how.rotation, how.rotation), 1 + rng.uniform(-how.zoom, how.zoom)
    shift = rng.uniform(-how.shift, how.shift, 2) * size
    middle = (size - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), turn, zoom)
    matrix[:, 2] += shift
    if rng.random() < how.flip:
        mirror = np.array([[-1, 0, size - 1], [0, 1, 0]], np.float32)
        matrix = compose_affine(matrix.astype(np.float32), mirror)
    return np.asarray(matrix, np.float32)


def jitter_nodes(rng: Generator, size: int, sigma: float) -> F32:
    """Draw the nodes (NODES, NODES, 2) of the warp, pixels of the face (x, y)."""
    at = np.linspace(48, 208, NODES) * size / 256 - 0.5
    grid = np.stack(np.meshgrid(at, at), -1)
    return np.asarray(grid + rng.normal(0, sigma, grid.shape) * size / 256, np.float32)


def warp_map(nodes: F32, size: int) -> F32:
    """Source position in the face of each pixel of the warped picture, (R, R, 2).

    The nodes are upsampled to 5/4 R and a border of R/8 is cut off, so that the outer nodes lie on
    the picture's edge: 80 and 8:72 in docs/method.md for R = 64.
    """
    whole, border = size * 5 // 4, size // 8
    fine = cv2.resize(nodes, (whole, whole), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(fine[border : border + size, border : border + size])


def straightening_similarity(nodes: F32, size: int) -> F32:
    """Fit the similarity (2, 3) face → target that maps the nodes to the regular grid (Umeyama).

    The target's pixel edges are 0, R/4, … R (0..64 in docs/method.md), without the half-pixel
    offset between input and target of the first face-swap programs.
    """
    at = np.linspace(0, size, NODES) - 0.5
    regular = np.stack(np.meshgrid(at, at), -1)
    a, b = fit_similarity(
        to_complex(nodes.reshape(1, -1, 2)), to_complex(regular.reshape(1, -1, 2))
    )
    return np.asarray(similarity_matrix(a, b)[0], np.float32)


def crop_inner(face: U8, size: int) -> U8:
    """Crop the inner part of a stored face (S, S, 3) to R pixels, without augmentation."""
    stored = face.shape[0]
    unit = size / (INNER * stored)
    shift = size / 2 - 0.5 - unit * (stored - 1) / 2
    return _warp(face, np.array([[unit, 0, shift], [0, unit, shift]], np.float32), size)


def make_sample(
    face: U8, points: F32, eyes: Boxes, rng: Generator, size: int, how: FaceAugmentation,
    mouth: Boxes = (),
) -> Sample:  # fmt: skip
    """Make one sample of a stored face.

    Args:
        face: (S, S, 3).
        points: (k, 2) landmarks, its pixels.
        eyes: centers and half widths, its pixels (`eye_boxes`).
        size: R.
        mouth: the same (`mouth_box`).
    """
    stored = face.shape[0]
    moved = random_similarity(rng, stored, how)
    nodes = jitter_nodes(rng, stored, how.jitter)
    turned = cv2.warpAffine(
        face, moved, (stored, stored), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    before, covers = turned, None
    if rng.random() < how.occluders:
        before, covers = add_occluder(turned, apply_affine(moved, points), rng)
    places = warp_map(nodes, size)
    softened = _antialias(before, stored * INNER / size)
    warped = cv2.remap(softened, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    to_target = straightening_similarity(nodes, size)
    target = _warp(turned, to_target, size)
    shown = target if covers is None else _warp(before, to_target, size)
    whole = compose_affine(to_target, moved)
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(
        mask, np.round(hull_outline(apply_affine(whole, points))).astype(np.int32), 255
    )
    if covers is not None:
        hidden = cv2.warpAffine(covers, to_target, (size, size), flags=cv2.INTER_LINEAR)
        mask = np.minimum(mask, 255 - hidden)
    placed = apply_affine(whole, points)
    around_eyes, around_mouth = (_ellipses(boxes, whole, size) for boxes in (eyes, mouth))
    return Sample(warped, target, shown, mask, around_eyes, around_mouth, placed)


def add_occluder(face: U8, points: F32, rng: Generator) -> tuple[U8, U8]:
    """Draw a synthetic hand over a face: fingers, sometimes a palm, skin-colored or not.

    Returns:
        The face (S, S, 3), and the mask of the occluder (S, S), 255.
    """
    size, outline = face.shape[0], hull_outline(points)
    middle, reach = outline.mean(0), float(np.linalg.norm(np.ptp(outline, axis=0)))
    cover = np.zeros(face.shape[:2], np.uint8)
    at = middle + rng.uniform(-0.35, 0.35, 2) * reach
    toward = rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(toward), np.sin(toward)])
    across, thick = np.array([-along[1], along[0]]), rng.uniform(0.04, 0.09) * reach
    for k in range(int(rng.integers(1, 5))):  # fingers side by side, coming from one side
        tip = at + across * k * 1.8 * thick - along * rng.uniform(0, 0.08) * reach
        ends = [tuple(int(v) for v in np.round(p)) for p in (tip, tip + along * 2 * size)]
        cv2.line(cover, ends[0], ends[1], 255, max(2, round(1.9 * thick)), cv2.LINE_AA)
    if rng.random() < 0.5:  # a palm, or a round thing
        center = (int(at[0]), int(at[1]))
        axes = tuple(int(v) for v in np.round(rng.uniform(0.08, 0.26, 2) * reach))
        turn = float(rng.uniform(0, 180))
        cv2.ellipse(cover, center, axes, turn, 0, 360, 255, -1, cv2.LINE_AA)
    skin = np.median(
        face[int(middle[1]) - 4 : int(middle[1]) + 4, int(middle[0]) - 12 :][:, :24], (0, 1)
    )
    # Skin lighter or darker than this face, with a slightly different tint.
    skin = skin * rng.uniform(0.7, 1.25) * (1 + rng.normal(0, 0.08, 3))
    color = skin if rng.random() < 0.7 else rng.uniform(0, 255, 3)
    color = np.asarray(color, np.float32)
    coarse = rng.standard_normal((12, 12), np.float32)
    shade = 1 + 0.1 * cv2.resize(coarse, face.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    # Shade toward the edge, as on a round finger.
    edge = cv2.GaussianBlur(cover, (0, 0), max(thick / 2, 1)).astype(np.float32) / 255
    noise = 2 * rng.standard_normal(face.shape, np.float32)
    thing = color * (shade * (0.55 + 0.45 * edge))[..., None] + noise
    alpha = (cover.astype(np.float32) / 255)[..., None]
    mixed = face * (1 - alpha) + np.clip(thing, 0, 255) * alpha
    return np.rint(mixed).astype(np.uint8), cover


def _ellipses(boxes: Boxes, to_target: F32, size: int) -> U8:
    mask = np.zeros((size, size), np.uint8)
    scale = affine_scale(to_target)
    for center, half in boxes:
        x, y = apply_affine(to_target, center[None])[0]
        axes = (max(1, round(half * scale)), max(1, round(0.6 * half * scale)))
        cv2.ellipse(mask, (round(float(x)), round(float(y))), axes, 0, 0, 360, 255, -1)
    return mask


def _antialias(face: U8, shrink: float) -> U8:
    """Low-pass filter a picture before taking every `shrink`-th pixel."""
    return np.asarray(cv2.GaussianBlur(face, (0, 0), 0.45 * shrink)) if shrink > 1 else face


def _warp(face: U8, matrix: F32, size: int) -> U8:
    """Apply a map (2, 3) to a face, into a picture of `size`."""
    shrink = 1 / affine_scale(matrix)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(
            _antialias(face, shrink), invert_affine(matrix), (size, size), flags=flags,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )  # fmt: skip
