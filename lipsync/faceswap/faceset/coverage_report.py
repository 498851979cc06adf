"""A picture of a set: what was kept, what was rejected and why, and which poses are missing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from lipsync.faceswap.face_crop import cut_face
from lipsync.faceswap.faceset.curation import CRITERIA, Criterion, CurationOptions
from lipsync.runtime.atomic import refusals, whole
from lipsync.types import F32, I64, U8

TILE, COLUMNS, KEPT_ROWS = 96, 12, 3
CELL = 44  # pixels of a map's cell
PAPER, INK = (255, 255, 255), (20, 20, 20)
# Edges of the maps' cells; what lies beyond the ends counts to the last cell.
YAW = (-60, -35, -20, -10, -3, 3, 10, 20, 35, 60)  # degrees; negative: towards the image's left
PITCH = (-40, -20, -10, -3, 3, 10, 20, 40)  # degrees from the usual pose; negative: raised
OPENING = (0.0, 0.02, 0.06, 0.12, 0.2, 0.6)  # of the lips, outer-eye distances
WIDTH = (0.2, 0.9, 0.97, 1.03, 1.1, 3.0)  # of the mouth, of its usual one
FEW = 5  # faces in a cell: fewer are too few


def counts(reasons: list[Criterion | None]) -> dict[str, int]:
    """Faces rejected for each reason, most first."""
    return dict(Counter(reason.reason for reason in reasons if reason is not None).most_common())


class Report:
    """Is told which faces there are, shown some of them, and draws the picture."""

    def __init__(
        self,
        values: dict[str, F32],
        options: CurationOptions,
        yaw: F32,
        pitch: F32,
        opening: F32,
        width: F32,
    ) -> None:
        self._values, self._options = values, options
        usual = max(float(np.median(width)), 1e-6)
        self._pose, self._mouth = (yaw, pitch), (width / usual, opening)
        self._tiles: dict[int, U8] = {}

    def choose(self, reasons: list[Criterion | None]) -> list[int]:
        """Which faces it wants to be shown: some of those kept, and of every reason some."""
        chosen = _spread([i for i, r in enumerate(reasons) if r is None], KEPT_ROWS * COLUMNS)
        for name in counts(reasons):
            chosen += _spread(_of(reasons, name), COLUMNS)
        return chosen

    def add(self, i: int, frame: U8, to_frame: F32) -> None:
        """Show face i, one of those that were chosen."""
        self._tiles[i] = cut_face(frame, to_frame, TILE)

    def save(self, path: Path, reasons: list[Criterion | None]) -> tuple[str, ...]:
        """Draw and write; returns what is missing, in words.

        Raises:
            OutputError: it cannot be written.
        """
        kept = np.array([reason is None for reason in reasons])
        pose = _counted(self._pose[0][kept], self._pose[1][kept], YAW, PITCH)
        mouth = _counted(self._mouth[0][kept], self._mouth[1][kept], WIDTH, OPENING)
        shown = self.choose(reasons)
        bands = [_title(f"{int(kept.sum())} faces kept of {len(kept)}")]
        bands += self._rows([i for i in shown if reasons[i] is None])
        for name, count in counts(reasons).items():
            bands.append(_title(f"{name}: {count} rejected ({self._limits(name)})"))
            bands += self._rows([i for i in shown if _named(reasons[i], name)], reasons)
        missing = _missing(pose, mouth)
        maps = [
            _map("poses: turned (degrees, across), lowered (down)", pose, YAW, PITCH),
            _map("mouths: width of the usual (across), opening (down)", mouth, WIDTH, OPENING),
        ]
        bands += [_title("faces kept, by pose and by expression; red: fewer than 5"), _beside(maps)]
        bands += [_title("hardly any: " + line) for line in missing]
        width = max(band.shape[1] for band in bands)
        picture = np.concatenate([_padded(band, width) for band in bands])
        _, data = cv2.imencode(".png", picture[..., ::-1])
        with whole(path) as temporary, refusals(path):
            temporary.write_bytes(data.tobytes())
        return missing

    def _limits(self, name: str) -> str:
        limits = (
            f"{c.score} {'at least' if c.least else 'at most'} {getattr(self._options, c.option):g}"
            for c in CRITERIA
            if c.reason == name
        )
        return ", ".join(limits)

    def _rows(self, chosen: list[int], reasons: list[Criterion | None] | None = None) -> list[U8]:
        tiles = []
        for i in chosen:
            tile = self._tiles.get(i, _blank()).copy()
            reason = reasons[i] if reasons else None
            if reason is not None:
                tile[-14:] = PAPER
                _write(tile, f"{self._values[reason.score][i]:.3g}", 3, TILE - 3)
            tiles.append(tile)
        rows = [tiles[i : i + COLUMNS] for i in range(0, len(tiles), COLUMNS)]
        return [np.concatenate(row, axis=1) for row in rows]


def _named(reason: Criterion | None, name: str) -> bool:
    return reason is not None and reason.reason == name


def _of(reasons: list[Criterion | None], name: str) -> list[int]:
    return [i for i, reason in enumerate(reasons) if _named(reason, name)]


def _spread(items: list[int], most: int) -> list[int]:
    if len(items) <= most:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, most).astype(int)]


def _counted(x: F32, y: F32, columns: tuple[float, ...], rows: tuple[float, ...]) -> I64:
    """How many (x, y) lie in each cell, (rows, columns)."""
    clipped = np.clip(y, rows[0], rows[-1]), np.clip(x, columns[0], columns[-1])
    return np.histogram2d(*clipped, bins=(rows, columns))[0].astype(np.int64)


def _missing(pose: I64, mouth: I64) -> tuple[str, ...]:
    """Sides of the maps that are empty, in words; the furthest cells are nobody's duty."""
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
    return tuple(name for name, count in sums.items() if count < FEW)


def _map(title: str, cells: I64, columns: tuple[float, ...], rows: tuple[float, ...]) -> U8:
    """A table of counts, darker the more there are."""
    left, top = 56, 40
    size = (top + CELL * len(cells) + 12, left + CELL * (cells.shape[1] + 1), 3)
    picture = np.full(size, PAPER, np.uint8)
    _write(picture, title, 4, 14)
    most = max(int(cells.max()), 1)
    for (row, column), count in np.ndenumerate(cells):
        y, x = top + row * CELL, left + column * CELL
        share = np.log1p(count) / np.log1p(most)
        few = np.array([255, 190, 180]) if count < FEW else np.array([235, 242, 250])
        color = few - share * (few - np.array([70, 120, 190])) if count >= FEW else few
        picture[y : y + CELL - 1, x : x + CELL - 1] = color.astype(np.uint8)
        _write(picture, str(count), x + 4, y + CELL // 2 + 4)
    for column, edge in enumerate(columns):
        _write(picture, f"{edge:g}", left + column * CELL - 8, 34)
    for row, edge in enumerate(rows):
        _write(picture, f"{edge:g}", 8, top + row * CELL + 4)
    return picture


def _title(text: str) -> U8:
    band = np.full((24, TILE * COLUMNS, 3), PAPER, np.uint8)
    _write(band, text, 4, 17)
    return band


def _beside(pictures: list[U8]) -> U8:
    height = max(p.shape[0] for p in pictures)
    padded = [
        np.pad(p, ((0, height - p.shape[0]), (0, 24), (0, 0)), constant_values=255)
        for p in pictures
    ]
    return np.concatenate(padded, axis=1)


def _padded(band: U8, width: int) -> U8:
    return np.pad(band, ((0, 0), (0, width - band.shape[1]), (0, 0)), constant_values=255)


def _blank() -> U8:
    return np.full((TILE, TILE, 3), 128, np.uint8)


def _write(picture: U8, text: str, left: int, baseline: int) -> None:
    cv2.putText(picture, text, (left, baseline), cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)
