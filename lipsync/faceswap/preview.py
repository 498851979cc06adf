"""One frame under a grid of choices: the network runs once, so that every choice is cheap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from lipsync.face.tracked_face import TrackedFace
from lipsync.faceswap.face_crop import SIDE, crop_face
from lipsync.faceswap.maker import FaceMaker, FaceOptions
from lipsync.types import F32, U8, Patch

TILE, LABEL = 232, 18  # pixels
TILE_SIDE = 2.6  # outer-eye distances that a tile shows
# Each row varies one option; all others stay as given.
CHOICES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("color", ("lab", "histogram", "none")),
    ("mask", ("both", "hull", "learned")),
    ("expand", (-0.16, -0.08, 0.0)),
    ("feather", (0.04, 0.1, 0.25)),
    ("sharpen", (0.0, 0.5, 1.2)),
    ("seamless", (False, True)),
    ("face_occlusion", (True, False)),
)
# Composites a patch into the frame of a face, under given options.
Compositor = Callable[[U8, Patch, TrackedFace, FaceOptions], U8]


def draw_grid(
    frame: U8, face: TrackedFace, maker: FaceMaker, given: FaceOptions, composite: Compositor
) -> U8:
    """A picture of the choices, (h, w, 3); its top row shows the frame and the options as given.

    Args:
        frame: (h, w, 3), the only one of `face`.
    """
    to_frame, points = face.alignment.to_frame[0], face.track.xy[0]
    made = maker.make(frame, to_frame, face.alignment.to_canonical[0], points)

    def draw(options: FaceOptions, label: str) -> U8:
        result = composite(frame, maker.finish_patch(made, options), face, options)
        return _draw_tile(result, to_frame, label)

    raw = cv2.resize(
        np.rint(np.clip(made.new, 0, 1) * 255).astype(np.uint8), (TILE, TILE),
        interpolation=cv2.INTER_CUBIC,
    )  # fmt: skip
    rows = [
        [
            _draw_tile(frame, to_frame, "target"),
            _add_label(np.asarray(raw, np.uint8), "as the network makes it"),
            draw(given, "with the options given"),
        ]
    ]
    for name, values in CHOICES:
        row = []
        for value in values:
            suffix = " (given)" if getattr(given, name) == value else ""
            row.append(draw(replace(given, **{name: value}), f"{name} {value}{suffix}"))
        rows.append(row)
    return _stack_rows(rows)


def _stack_rows(rows: list[list[U8]]) -> U8:
    """Rows of tiles in two columns, so that a screen shows them all."""
    columns = max(len(row) for row in rows)
    blank = np.full_like(rows[0][0], 255)
    strips = [np.concatenate(row + [blank] * (columns - len(row)), axis=1) for row in rows]
    if len(strips) % 2:
        strips.append(np.full_like(strips[0], 255))
    pairs = zip(strips[::2], strips[1::2], strict=True)
    return np.concatenate([np.concatenate(pair, axis=1) for pair in pairs])


def _draw_tile(frame: U8, to_frame: F32, label: str) -> U8:
    return _add_label(crop_face(frame, to_frame, TILE, TILE_SIDE / SIDE), label)


def _add_label(picture: U8, label: str) -> U8:
    tile = np.full((TILE + LABEL, TILE, 3), 255, np.uint8)
    tile[LABEL:] = picture
    cv2.putText(tile, label, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (20, 20, 20), 1, cv2.LINE_AA)
    # Every generated tile carries its mark, wherever the picture goes.
    if label != "target":
        corner = (4, TILE + LABEL - 6)
        cv2.putText(tile, "generated", corner, cv2.FONT_HERSHEY_SIMPLEX, 0.35, (255, 255, 255), 1)
    return tile
