"""A picture of a face set: kept faces, rejected ones with reasons, coverage of poses and mouths."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from lipsync.faceswap.face_crop import crop_face
from lipsync.faceswap.faceset.curation import CRITERIA, Criterion, CurationOptions
from lipsync.media.png import write_png
from lipsync.types import F32, I64, U8

TILE, COLUMNS, KEPT_ROWS = 96, 12, 3
CELL = 44  # pixels of a table's cell
PAPER, INK = (255, 255, 255), (20, 20, 20)
# Edges of the tables' cells; values beyond the ends count to the last cell.
YAW = (-60, -35, -20, -10, -3, 3, 10, 20, 35, 60)  # degrees; negative: toward the image's left
PITCH = (-40, -20, -10, -3, 3, 10, 20, 40)  # degrees from the person's mean pose; negative: raised
OPENING = (0.0, 0.02, 0.06, 0.12, 0.2, 0.6)  # of the lips, outer-eye distances
WIDTH = (0.2, 0.9, 0.97, 1.03, 1.1, 3.0)  # of the mouth, relative to its median
MIN_COVERAGE = 5  # faces in a cell: fewer are reported


def count_reasons(reasons: list[Criterion | None]) -> dict[str, int]:
    """Faces rejected for each reason, most frequent first."""
    return dict(Counter(reason.reason for reason in reasons if reason is not None).most_common())


class CoverageReport:
    """Collects tiles of some faces and draws the picture.

    Args:
        scores: of `curation.find_rejections`, (n,) each.
        reasons: n, why each face is rejected.
        options: the thresholds.
        yaw, pitch: (n,) degrees.
        opening, width: (n,) of the mouth, outer-eye distances.
    """

    def __init__(
        self,
        scores: dict[str, F32],
        reasons: list[Criterion | None],
        options: CurationOptions,
        *,
        yaw: F32,
        pitch: F32,
        opening: F32,
        width: F32,
    ) -> None:
        self._scores, self._reasons, self._options = scores, reasons, options
        median = max(float(np.median(width)), 1e-6)
        self._pose, self._mouth = (yaw, pitch), (width / median, opening)
        self._tiles: dict[int, U8] = {}

    def select_tiles(self) -> list[int]:
        """Which faces to pass to `add`: some of those kept, and some for every reason."""
        kept = [i for i, reason in enumerate(self._reasons) if reason is None]
        chosen = _spread_evenly(kept, KEPT_ROWS * COLUMNS)
        for name in count_reasons(self._reasons):
            chosen += _spread_evenly(self._rejected_for(name), COLUMNS)
        return chosen

    def add(self, i: int, frame: U8, to_frame: F32) -> None:
        """Add the tile of face i, one of `select_tiles`."""
        self._tiles[i] = crop_face(frame, to_frame, TILE)

    def save(self, path: Path) -> tuple[str, ...]:
        """Draw and write the picture; returns what the kept faces lack, in words.

        Raises:
            OutputError: it cannot be written.
        """
        kept = np.array([reason is None for reason in self._reasons])
        pose = _histogram(self._pose[0][kept], self._pose[1][kept], YAW, PITCH)
        mouth = _histogram(self._mouth[0][kept], self._mouth[1][kept], WIDTH, OPENING)
        missing = _describe_gaps(pose, mouth)
        tables = [
            _draw_table("poses: turned (degrees, across), lowered (down)", pose, YAW, PITCH),
            _draw_table(
                "mouths: width of the usual (across), opening (down)", mouth, WIDTH, OPENING
            ),
        ]
        bands = [
            _draw_title(f"{int(kept.sum())} faces kept of {len(kept)}"),
            *self._draw_faces(),
            _draw_title("faces kept, by pose and by expression; red: fewer than 5"),
            _side_by_side(tables),
            *(_draw_title("hardly any: " + line) for line in missing),
        ]
        width = max(band.shape[1] for band in bands)
        write_png(path, np.concatenate([_pad_width(band, width) for band in bands]))
        return missing

    def _draw_faces(self) -> list[U8]:
        """Rows of kept faces, then of those rejected for each reason."""
        selected = self.select_tiles()
        bands = self._draw_rows([i for i in selected if self._reasons[i] is None])
        for name, count in count_reasons(self._reasons).items():
            bands.append(
                _draw_title(f"{name}: {count} rejected ({self._describe_thresholds(name)})")
            )
            rejected = set(self._rejected_for(name))
            bands += self._draw_rows([i for i in selected if i in rejected])
        return bands

    def _rejected_for(self, name: str) -> list[int]:
        return [i for i, r in enumerate(self._reasons) if r is not None and r.reason == name]

    def _describe_thresholds(self, name: str) -> str:
        limits = (
            f"{c.score} {'at least' if c.least else 'at most'} {getattr(self._options, c.option):g}"
            for c in CRITERIA
            if c.reason == name
        )
        return ", ".join(limits)

    def _draw_rows(self, chosen: list[int]) -> list[U8]:
        tiles = []
        for i in chosen:
            tile = self._tiles.get(i, _blank_tile()).copy()
            reason = self._reasons[i]
            if reason is not None:
                tile[-14:] = PAPER
                _draw_text(tile, f"{self._scores[reason.score][i]:.3g}", 3, TILE - 3)
            tiles.append(tile)
        rows = [tiles[i : i + COLUMNS] for i in range(0, len(tiles), COLUMNS)]
        return [np.concatenate(row, axis=1) for row in rows]


def _spread_evenly(items: list[int], most: int) -> list[int]:
    if len(items) <= most:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, most).astype(int)]


def _histogram(x: F32, y: F32, columns: tuple[float, ...], rows: tuple[float, ...]) -> I64:
    """How many (x, y) lie in each cell, (rows, columns)."""
    clipped = np.clip(y, rows[0], rows[-1]), np.clip(x, columns[0], columns[-1])
    return np.histogram2d(*clipped, bins=(rows, columns))[0].astype(np.int64)


def _describe_gaps(pose: I64, mouth: I64) -> tuple[str, ...]:
    """Poses and mouth shapes with too few faces, in words; the outermost cells are optional."""
    sums = {
        f"heads turned to the image's left by {-YAW[3]}–{-YAW[1]}°": pose[:, 1:3].sum(),
        f"heads turned to the image's right by {YAW[6]}–{YAW[8]}°": pose[:, 6:8].sum(),
        f"heads raised by {-PITCH[2]}–{-PITCH[1]}°": pose[1].sum(),
        f"heads lowered by {PITCH[5]}–{PITCH[6]}°": pose[5].sum(),
        "shut mouths": mouth[0].sum(),
        "wide open mouths": mouth[-2:].sum(),
        "broad mouths (smiles, ee)": mouth[:, -1].sum(),
        "narrow mouths (oo)": mouth[:, 0].sum(),
    }
    return tuple(name for name, count in sums.items() if count < MIN_COVERAGE)


def _draw_table(title: str, cells: I64, columns: tuple[float, ...], rows: tuple[float, ...]) -> U8:
    """A table of counts, darker for more."""
    left, top = 56, 40
    size = (top + CELL * len(cells) + 12, left + CELL * (cells.shape[1] + 1), 3)
    picture = np.full(size, PAPER, np.uint8)
    _draw_text(picture, title, 4, 14)
    most = max(int(cells.max()), 1)
    for (row, column), count in np.ndenumerate(cells):
        y, x = top + row * CELL, left + column * CELL
        share = np.log1p(count) / np.log1p(most)
        if count < MIN_COVERAGE:
            color = np.array([255, 190, 180])
        else:
            light = np.array([235, 242, 250])
            color = light - share * (light - np.array([70, 120, 190]))
        picture[y : y + CELL - 1, x : x + CELL - 1] = color.astype(np.uint8)
        _draw_text(picture, str(count), x + 4, y + CELL // 2 + 4)
    for column, edge in enumerate(columns):
        _draw_text(picture, f"{edge:g}", left + column * CELL - 8, 34)
    for row, edge in enumerate(rows):
        _draw_text(picture, f"{edge:g}", 8, top + row * CELL + 4)
    return picture


def _draw_title(text: str) -> U8:
    band = np.full((24, TILE * COLUMNS, 3), PAPER, np.uint8)
    _draw_text(band, text, 4, 17)
    return band


def _side_by_side(pictures: list[U8]) -> U8:
    height = max(p.shape[0] for p in pictures)
    padded = [
        np.pad(p, ((0, height - p.shape[0]), (0, 24), (0, 0)), constant_values=255)
        for p in pictures
    ]
    return np.concatenate(padded, axis=1)


def _pad_width(band: U8, width: int) -> U8:
    return np.pad(band, ((0, 0), (0, width - band.shape[1]), (0, 0)), constant_values=255)


def _blank_tile() -> U8:
    return np.full((TILE, TILE, 3), 128, np.uint8)


def _draw_text(picture: U8, text: str, left: int, baseline: int) -> None:
    cv2.putText(picture, text, (left, baseline), cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)
