"""What a face goes through before an autoencoder sees it (METHOD.md §9).

It is turned, zoomed, shifted and mirrored; then a jittered 5 × 5 grid bends it, and the network
learns to straighten it: the target is the same face after the similarity that best takes the
jittered nodes to the regular grid. An encoder that must undo the bending cannot copy pixels; it
has to know a face.

Symbols: S pixels of a stored face, R of what the network sees. A node of the grid lies at the
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
    apply,
    compose,
    fit_similarity,
    scale_of,
    similarity_matrix,
    to_complex,
)
from lipsync.faceswap.face_crop import INNER, hull, inverse
from lipsync.types import F32, U8

NODES = 5
Share = Annotated[float, Field(ge=0, le=1)]
Boxes = Sequence[tuple[F32, float]]  # centres and half widths, pixels


@options_class(frozen=True, config=ConfigDict(extra="forbid"))
class FaceAugmentation:
    """How much of each; the defaults are METHOD.md's."""

    rotation: Annotated[float, Field(ge=0, le=180)] = 10.0  # degrees either way
    zoom: Share = 0.05
    shift: Share = 0.05  # of the face
    flip: Share = 0.4  # probability
    jitter: Annotated[float, Field(ge=0)] = 5.0  # σ of the nodes, pixels of 256
    occluders: Share = 0.0  # probability that something is held before the face

    def calmed(self, share: float) -> FaceAugmentation:
        """The same with turns, zooms, shifts and mirrors of this share."""
        return replace(
            self,
            rotation=share * self.rotation,
            zoom=share * self.zoom,
            shift=share * self.shift,
            flip=share * self.flip,
        )


@dataclass(frozen=True, eq=False)
class Sample:
    """One face, ready to be learnt from; all of R × R pixels."""

    warped: U8  # (R, R, 3), what the network sees
    target: U8  # (R, R, 3), the face straight and with nothing before it
    shown: U8  # (R, R, 3), the target with whatever is before it
    mask: U8  # (R, R), 255: the face, and nothing before it
    eyes: U8  # (R, R), 255: around the eyes
    mouth: U8  # (R, R), 255: around the mouth
    points: F32  # (k, 2), the landmarks in the target, pixels


def transform(rng: Generator, size: int, how: FaceAugmentation) -> F32:
    """A random similarity (2, 3) about the middle of a face, maybe mirrored."""
    turn, zoom = rng.uniform(-how.rotation, how.rotation), 1 + rng.uniform(-how.zoom, how.zoom)
    shift = rng.uniform(-how.shift, how.shift, 2) * size
    middle = (size - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), turn, zoom)
    matrix[:, 2] += shift
    if rng.random() < how.flip:
        mirror = np.array([[-1, 0, size - 1], [0, 1, 0]], np.float32)
        matrix = compose(matrix.astype(np.float32), mirror)
    return np.asarray(matrix, np.float32)


def jittered(rng: Generator, size: int, sigma: float) -> F32:
    """Nodes (NODES, NODES, 2) of the warp, pixels of the face (x, y)."""
    at = np.linspace(48, 208, NODES) * size / 256 - 0.5
    grid = np.stack(np.meshgrid(at, at), -1)
    return np.asarray(grid + rng.normal(0, sigma, grid.shape) * size / 256, np.float32)


def warp_map(nodes: F32, size: int) -> F32:
    """Where in the face each pixel of the warped picture comes from, (R, R, 2).

    The nodes are enlarged to 5/4 R and the border of R/8 cut off, so that the outer nodes lie on
    the picture's edge: METHOD.md's 80 and 8:72 for R = 64.
    """
    whole, border = size * 5 // 4, size // 8
    fine = cv2.resize(nodes, (whole, whole), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(fine[border : border + size, border : border + size])


def straight(nodes: F32, size: int) -> F32:
    """The similarity (2, 3) face → target that best takes the nodes to the regular grid (Umeyama).

    The target's pixel edges 0, R/4, … R: what METHOD.md calls 0..64, without the half pixel by
    which input and target lie apart in the first programs.
    """
    at = np.linspace(0, size, NODES) - 0.5
    regular = np.stack(np.meshgrid(at, at), -1)
    a, b = fit_similarity(
        to_complex(nodes.reshape(1, -1, 2)), to_complex(regular.reshape(1, -1, 2))
    )
    return np.asarray(similarity_matrix(a, b)[0], np.float32)


def plain(face: U8, size: int) -> U8:
    """The inner part of a stored face (S, S, 3) at R pixels, neither turned nor bent."""
    stored = face.shape[0]
    unit = size / (INNER * stored)
    shift = size / 2 - 0.5 - unit * (stored - 1) / 2
    return _moved(face, np.array([[unit, 0, shift], [0, unit, shift]], np.float32), size)


def sample(
    face: U8, points: F32, eyes: Boxes, rng: Generator, size: int, how: FaceAugmentation,
    mouth: Boxes = (),
) -> Sample:  # fmt: skip
    """Make one sample of a stored face.

    Args:
        face: (S, S, 3).
        points: (k, 2) landmarks, its pixels.
        eyes: centres and half widths, its pixels (`face_space.eye_boxes`).
        size: R.
        mouth: the same (`face_space.mouth_box`).
    """
    stored = face.shape[0]
    moved = transform(rng, stored, how)
    nodes = jittered(rng, stored, how.jitter)
    turned = cv2.warpAffine(
        face, moved, (stored, stored), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    before, covers = turned, None
    if rng.random() < how.occluders:
        before, covers = occluded(turned, apply(moved, points), rng)
    places = warp_map(nodes, size)
    softened = _averaged(before, stored * INNER / size)
    warped = cv2.remap(softened, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    to_target = straight(nodes, size)
    target = _moved(turned, to_target, size)
    shown = target if covers is None else _moved(before, to_target, size)
    whole = compose(to_target, moved)
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(mask, np.round(hull(apply(whole, points))).astype(np.int32), 255)
    if covers is not None:
        hidden = cv2.warpAffine(covers, to_target, (size, size), flags=cv2.INTER_LINEAR)
        mask = np.minimum(mask, 255 - hidden)
    placed = apply(whole, points)
    around_eyes, around_mouth = (_ellipses(boxes, whole, size) for boxes in (eyes, mouth))
    return Sample(warped, target, shown, mask, around_eyes, around_mouth, placed)


def occluded(face: U8, points: F32, rng: Generator) -> tuple[U8, U8]:
    """Hold something before a face: fingers, maybe a palm, of somebody's skin or of any colour.

    Returns:
        the face (S, S, 3), and what covers it (S, S), 255.
    """
    size, outline = face.shape[0], hull(points)
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
        centre = (int(at[0]), int(at[1]))
        axes = tuple(int(v) for v in np.round(rng.uniform(0.08, 0.26, 2) * reach))
        turn = float(rng.uniform(0, 180))
        cv2.ellipse(cover, centre, axes, turn, 0, 360, 255, -1, cv2.LINE_AA)
    skin = np.median(
        face[int(middle[1]) - 4 : int(middle[1]) + 4, int(middle[0]) - 12 :][:, :24], (0, 1)
    )
    # Somebody's skin: lighter or darker than this face, and of a slightly other tint.
    skin = skin * rng.uniform(0.7, 1.25) * (1 + rng.normal(0, 0.08, 3))
    colour = skin if rng.random() < 0.7 else rng.uniform(0, 255, 3)
    colour = np.asarray(colour, np.float32)
    coarse = rng.standard_normal((12, 12), np.float32)
    shade = 1 + 0.1 * cv2.resize(coarse, face.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    # Rounder towards its edge, as a finger is.
    edge = cv2.GaussianBlur(cover, (0, 0), max(thick / 2, 1)).astype(np.float32) / 255
    noise = 2 * rng.standard_normal(face.shape, np.float32)
    thing = colour * (shade * (0.55 + 0.45 * edge))[..., None] + noise
    alpha = (cover.astype(np.float32) / 255)[..., None]
    mixed = face * (1 - alpha) + np.clip(thing, 0, 255) * alpha
    return np.rint(mixed).astype(np.uint8), cover


def _ellipses(boxes: Boxes, to_target: F32, size: int) -> U8:
    mask = np.zeros((size, size), np.uint8)
    scale = scale_of(to_target)
    for centre, half in boxes:
        x, y = apply(to_target, centre[None])[0]
        axes = (max(1, round(half * scale)), max(1, round(0.6 * half * scale)))
        cv2.ellipse(mask, (round(float(x)), round(float(y))), axes, 0, 0, 360, 255, -1)
    return mask


def _averaged(face: U8, shrink: float) -> U8:
    """Softened before every `shrink`-th pixel is taken: sampling alone would alias."""
    return np.asarray(cv2.GaussianBlur(face, (0, 0), 0.45 * shrink)) if shrink > 1 else face


def _moved(face: U8, matrix: F32, size: int) -> U8:
    """The face under a map (2, 3) into a picture of `size`."""
    shrink = 1 / scale_of(matrix)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(
            _averaged(face, shrink), inverse(matrix), (size, size), flags=flags,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )  # fmt: skip
