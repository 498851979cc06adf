"""The contact sheet: consecutive frames of target and result, and both mouths enlarged.

Metrics miss what eyes see. The output frames to show are chosen beforehand; only small tiles of
these are kept, and written as one PNG.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from lipsync.errors import OutputError
from lipsync.media.png import write_png
from lipsync.runtime.disk_space import try_to_write
from lipsync.types import F32, U8, LipTrack

COLUMNS = 12
BAND = 6  # columns next to each other; the others follow below, so that the sheet fits a screen
# What the tiles show, in the canonical mouth space (outer-eye distances): center, width, height.
FACE = (0.0, 0.42, 2.2, 2.2)
MOUTH = (0.0, 0.86, 0.85, 0.68)
# Pixels of a tile: the mouth tile enlarges a face of 94 px between the outer eye corners threefold.
FACE_TILE = (240, 240)
MOUTH_TILE = (240, 192)
LABELS, HEADER, GAP = 76, 40, 4
PAPER, INK = (255, 255, 255), (20, 20, 20)


def check_sheet_path(path: Path | None, others: Iterable[Path]) -> None:
    """Check before any work that the sheet can be written (None: no sheet).

    Raises:
        OutputError: not .png, no such folder, not writable, or one of the job's other files.
    """
    if path is None:
        return
    if path.suffix.lower() != ".png":
        raise OutputError(f"{path}: only .png can be written; choose a name that ends in .png")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give the name of a file")
    if any(path.resolve() == other.resolve() for other in others):
        raise OutputError(f"{path}: is one of the other files of this job; choose another name")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: the folder {path.parent} cannot be written to; choose another")
    if (reason := try_to_write(path.parent)) is not None:
        raise OutputError(f"{path}: cannot be written ({reason}); choose another folder")


def select_sheet_frames(lips: LipTrack, count: int = COLUMNS) -> range:
    """The `count` consecutive frames in which the mouth moves furthest between closed and open.

    An open vowel next to a closure gives the widest range of openings. If there are fewer frames
    than `count`, all are returned.
    """
    n = len(lips)
    if n <= count:
        return range(n)
    windows = np.lib.stride_tricks.sliding_window_view(lips.opening, count)
    span = np.nan_to_num(windows.max(1) - windows.min(1), nan=-1.0)
    first = int(span.argmax())
    # Of adjacent windows with this same range take the middle one, so that both ends have room.
    last = first
    while last + 1 < len(span) and span[last + 1] == span[first]:
        last += 1
    first = (first + last) // 2
    return range(first, first + count)


@dataclass(frozen=True)
class _Column:
    index: int
    tiles: tuple[U8, U8, U8, U8]  # target, result, target's mouth, result's mouth
    factor: float  # of the mouth tiles


class ContactSheet:
    """Collects the wanted frames of a running render, then writes the sheet.

    Args:
        wanted: output frames to show, e.g. from `select_sheet_frames`.
        fps: of the output, for the labels.
    """

    def __init__(self, wanted: range, fps: Fraction) -> None:
        self.wanted = wanted
        self._fps = fps
        self._columns: list[_Column] = []

    def add(self, index: int, target: U8, result: U8, to_frame: F32) -> None:
        """Offer an output frame; those not wanted are ignored.

        Args:
            index: of the output frame.
            target, result: (h, w, 3) RGB, before and after rendering.
            to_frame: (2, 3) canonical mouth space → frame.
        """
        if index not in self.wanted:
            return
        face_before, _ = _tile(target, to_frame, FACE, FACE_TILE)
        face_after, _ = _tile(result, to_frame, FACE, FACE_TILE)
        mouth_before, factor = _tile(target, to_frame, MOUTH, MOUTH_TILE)
        mouth_after, _ = _tile(result, to_frame, MOUTH, MOUTH_TILE)
        tiles = (face_before, face_after, mouth_before, mouth_after)
        self._columns.append(_Column(index, tiles, factor))

    def picture(self) -> U8:
        """The sheet so far, (h, w, 3) RGB.

        Raises:
            ValueError: no wanted frame was added yet.
        """
        if not self._columns:
            raise ValueError("ContactSheet: none of the wanted frames was added")
        bands = [self._columns[i : i + BAND] for i in range(0, len(self._columns), BAND)]
        return _stack([self._band(columns) for columns in bands])

    def _band(self, columns: list[_Column]) -> U8:
        factor = float(np.median([c.factor for c in columns]))
        rows = ("target", "result", f"target x{factor:.1f}", f"result x{factor:.1f}")
        heights = [tile.shape[0] for tile in columns[0].tiles]
        width = LABELS + len(columns) * (FACE_TILE[0] + GAP)
        sheet = np.full((HEADER + sum(heights) + GAP * len(heights), width, 3), PAPER, np.uint8)
        top = HEADER
        for row, (name, height) in enumerate(zip(rows, heights, strict=True)):
            _draw_text(sheet, name, 6, top + height // 2)
            for number, column in enumerate(columns):
                left = LABELS + number * (FACE_TILE[0] + GAP)
                sheet[top : top + height, left : left + FACE_TILE[0]] = column.tiles[row]
            top += height + GAP
        for number, column in enumerate(columns):
            left = LABELS + number * (FACE_TILE[0] + GAP)
            _draw_text(sheet, f"frame {column.index}", left + 4, 16)
            _draw_text(sheet, f"{float(column.index / self._fps):.2f} s", left + 4, 33)
        return sheet

    def save(self, path: Path, *others: ContactSheet) -> Path:
        """Write this sheet, with others below it, as PNG; the file appears complete or not at all.

        Raises:
            OutputError: it cannot be written there.
        """
        return write_png(path, _stack([one.picture() for one in (self, *others)]))


def _stack(pictures: list[U8]) -> U8:
    """Pictures below one another, padded with white to one width."""
    width = max(picture.shape[1] for picture in pictures)
    return np.concatenate(
        [
            np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)), constant_values=255)
            for picture in pictures
        ]
    )


def _tile(
    frame: U8, to_frame: F32, view: tuple[float, float, float, float], size: tuple[int, int]
) -> tuple[U8, float]:
    """An upright part of the frame around a canonical place, and its enlargement."""
    x, y, width, _ = view
    center = to_frame[:, :2] @ np.array([x, y]) + to_frame[:, 2]
    scale = float(np.sqrt(abs(np.linalg.det(to_frame[:, :2].astype(np.float64)))))
    factor = size[0] / max(width * scale, 1.0)
    # One resampling, no rotation: the frame's own pixels stay recognizable.
    a = np.array([[factor, 0, 0], [0, factor, 0]])
    a[:, 2] = (np.array(size) - 1) / 2 - factor * center
    flags = cv2.INTER_CUBIC
    if factor < 1:
        # Shrinking by interpolation alone would alias: average first.
        blur = 0.45 / factor
        frame = cv2.GaussianBlur(frame, (0, 0), blur)
        flags = cv2.INTER_LINEAR
    tile = cv2.warpAffine(
        frame, a, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=(128, 128, 128)
    )
    return np.asarray(tile, np.uint8), factor


def _draw_text(sheet: U8, text: str, left: int, baseline: int) -> None:
    cv2.putText(sheet, text, (left, baseline), cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)
