"""One frame under a grid of choices: the network is asked once, then every choice is quick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lipsync.faceswap.face_crop import SIDE, cut_face
from lipsync.faceswap.maker import FaceMaker, FaceOptions
from lipsync.runtime.atomic import refusals, whole
from lipsync.types import U8, Alignment, FaceTrack, Patch

TILE, LABEL = 232, 18  # pixels
# Each row varies one option, everything else as it was given.
CHOICES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("color", ("lab", "histogram", "none")),
    ("mask", ("both", "hull", "learned")),
    ("expand", (-0.16, -0.08, 0.0)),
    ("feather", (0.04, 0.1, 0.25)),
    ("sharpen", (0.0, 0.5, 1.2)),
    ("seamless", (False, True)),
    ("face_occlusion", (True, False)),
)
# Sets a patch into a frame under given options.
Compositor = Callable[[U8, Patch, FaceTrack, Alignment, FaceOptions], U8]


def grid(
    frame: U8,
    track: FaceTrack,
    alignment: Alignment,
    maker: FaceMaker,
    given: FaceOptions,
    put: Compositor,
) -> U8:
    """A picture of the choices, (h, w, 3); the options as given are on the top, beside the frame.

    Args:
        frame: (h, w, 3), the only one of `track` and `alignment`.
    """
    to_frame, points = alignment.to_frame[0], track.xy[0]
    made = maker.make(frame, to_frame, alignment.to_canonical[0], points)

    def shown(how: FaceOptions, label: str) -> U8:
        return _tile(put(frame, maker.patch(made, how), track, alignment, how), to_frame, label)

    raw = cv2.resize(
        np.rint(np.clip(made.new, 0, 1) * 255).astype(np.uint8), (TILE, TILE),
        interpolation=cv2.INTER_CUBIC,
    )  # fmt: skip
    cells = [
        _tile(frame, to_frame, "target"),
        _labelled(np.asarray(raw, np.uint8), "as the network makes it"),
        shown(given, "with the options given"),
    ]
    rows = [cells]
    for name, values in CHOICES:
        row = []
        for value in values:
            mark = " (given)" if getattr(given, name) == value else ""
            row.append(shown(replace(given, **{name: value}), f"{name} {value}{mark}"))
        rows.append(row)
    # Two rows of choices side by side: a screen shows them all.
    columns = max(len(row) for row in rows)
    blank = np.full_like(cells[0], 255)
    strips = [np.concatenate(row + [blank] * (columns - len(row)), axis=1) for row in rows]
    if len(strips) % 2:
        strips.append(np.full_like(strips[0], 255))
    pairs = zip(strips[::2], strips[1::2], strict=True)
    return np.concatenate([np.concatenate(pair, axis=1) for pair in pairs])


def _tile(frame: U8, to_frame: Any, label: str) -> U8:
    return _labelled(cut_face(frame, to_frame, TILE, 2.6 / SIDE), label)


def _labelled(picture: U8, label: str) -> U8:
    tile = np.full((TILE + LABEL, TILE, 3), 255, np.uint8)
    tile[LABEL:] = picture
    cv2.putText(tile, label, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (20, 20, 20), 1, cv2.LINE_AA)
    # Never without its mark, wherever the picture goes.
    if label != "target":
        place = (4, TILE + LABEL - 6)
        cv2.putText(tile, "generated", place, cv2.FONT_HERSHEY_SIMPLEX, 0.35, (255, 255, 255), 1)
    return tile


def save(path: Path, picture: U8) -> None:
    """Write it as PNG; the file appears whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with whole(path) as temporary, refusals(path):
        temporary.write_bytes(cv2.imencode(".png", picture[..., ::-1])[1].tobytes())
