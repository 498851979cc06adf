"""The contact sheet: telling moments of target and result, and both mouths enlarged.

Metrics miss what eyes see. The output frames to show are chosen beforehand (`telling_moments`);
only small tiles of these are kept, and written as one PNG.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync.errors import OutputError
from lipsync.media.png import write_png
from lipsync.report import lettering
from lipsync.report.face_tiles import FACE, MOUTH, cut_tile, fit_factor
from lipsync.report.lettering import ACCENT, BAR, FAINT, INK, PAPER, draw_text, write_time
from lipsync.report.telling_moments import Moment
from lipsync.runtime.disk_space import try_to_write
from lipsync.types import F32, U8

WIDTH = 1600
BAND = 6  # columns next to each other; the others follow below
LEFT, RIGHT, GAP = 92, 14, 6
TILE = (WIDTH - LEFT - RIGHT - (BAND - 1) * GAP) // BAND
FACE_TILE, MOUTH_TILE = (TILE, TILE), (TILE, round(0.8 * TILE))
STRIP = 12  # consecutive frames
STRIP_TILE = ((WIDTH - LEFT - RIGHT - (STRIP - 1) * 4) // STRIP, 98)
STRIP_MOUTH = (0.0, 0.86, 0.74, 0.62)
HEADING, TITLE, CAPTION = 62, 34, 44  # heights, pixels
BYTES_MOST = 3_000_000  # a sheet can be sent by mail; larger ones are reduced
TITLES = {
    "speech": "What the mouth says",
    "trial": "Where it is hard, and what scores worst",
}


@dataclass(frozen=True)
class Heading:
    """What stands above a sheet."""

    title: str  # names of the files
    details: str  # length, rate, program
    notice: str  # that the mouth was generated


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


@dataclass(frozen=True)
class _Column:
    tiles: tuple[U8, U8, U8, U8]  # target, result, target's mouth, result's mouth
    factor: float  # of the mouth tiles


class ContactSheet:
    """Collects the wanted frames of one speaker, then draws the sheet.

    Args:
        moments: output frames to show, from `choose_moments`, in the order of the columns.
        time: of an output frame, seconds.
        strip: consecutive output frames of which the result's mouth is shown.
        around: what the strip is of, and the frame in it that is meant.
        name: of the speaker.
    """

    def __init__(
        self,
        moments: Sequence[Moment],
        time: Callable[[int], float],
        strip: range = range(0),
        around: tuple[str, int | None] = ("", None),
        name: str = "",
    ) -> None:
        self.moments, self.strip = moments, strip
        self._time, self._around, self._name = time, around, name
        self._columns: dict[int, _Column] = {}
        self._mouths: dict[int, U8] = {}

    @property
    def wanted(self) -> set[int]:
        """The output frames that are shown."""
        return {one.frame for one in self.moments} | set(self.strip)

    def add(self, index: int, target: U8, result: U8, to_frame: F32) -> None:
        """Offer an output frame; those not wanted are ignored.

        Args:
            index: of the output frame.
            target, result: (h, w, 3) RGB, before and after rendering.
            to_frame: (2, 3) canonical mouth space → frame.
        """
        if index in self.strip:
            self._mouths[index] = cut_tile(result, to_frame, STRIP_MOUTH, STRIP_TILE)
        if any(one.frame == index for one in self.moments):
            faces = [cut_tile(one, to_frame, FACE, FACE_TILE) for one in (target, result)]
            mouths = [cut_tile(one, to_frame, MOUTH, MOUTH_TILE) for one in (target, result)]
            factor = fit_factor(to_frame, MOUTH, MOUTH_TILE)
            self._columns[index] = _Column((faces[0], faces[1], mouths[0], mouths[1]), factor)

    def picture(self) -> U8:
        """The sheet so far, (h, w, 3) RGB, `WIDTH` wide.

        Raises:
            ValueError: no wanted frame was added yet.
        """
        shown = [one for one in self.moments if one.frame in self._columns]
        if not shown and not self._mouths:
            raise ValueError("ContactSheet: none of the wanted frames was added")
        return np.concatenate(
            [*(self._band(title, some) for title, some in self._bands(shown)), *self._strip()]
        )

    def _bands(self, shown: list[Moment]) -> list[tuple[str, list[Moment]]]:
        """Title and columns of every band; few columns share one."""
        who = f"{self._name}: " if self._name else ""
        groups = [[one for one in shown if one.group == group] for group in TITLES]
        names = list(TITLES.values())
        if len(shown) <= BAND:
            groups, names = [shown], [self._name]
            who = ""
        return [
            ("" if first else who + name, group[first : first + BAND])
            for name, group in zip(names, groups, strict=True)
            for first in range(0, len(group), BAND)
        ]

    def _band(self, title: str, shown: list[Moment]) -> U8:
        columns = [self._columns[one.frame] for one in shown]
        factor = float(np.median([one.factor for one in columns]))
        rows = ("target", "result", f"target ×{factor:.1f}", f"result ×{factor:.1f}")
        heights = [FACE_TILE[1]] * 2 + [MOUTH_TILE[1]] * 2
        band = _paper(TITLE + CAPTION + sum(heights) + GAP * len(heights))
        _draw_title(band, title)
        for k, one in enumerate(shown):
            left = LEFT + k * (TILE + GAP)
            draw_text(band, one.words, left, TITLE + 16, 0.5, INK, bold=True, most=TILE)
            when = f"{write_time(self._time(one.frame))} · frame {one.frame}"
            draw_text(band, when, left, TITLE + 35, 0.42, FAINT, most=TILE)
        top = TITLE + CAPTION
        for row, (name, height) in enumerate(zip(rows, heights, strict=True)):
            _draw_label(band, name, top + height // 2 + 5)
            for k, column in enumerate(columns):
                left = LEFT + k * (TILE + GAP)
                band[top : top + height, left : left + TILE] = column.tiles[row]
            top += height + GAP
        return band

    def _strip(self) -> list[U8]:
        """Consecutive mouths of the result; none if none was added."""
        if not self._mouths:
            return []
        width, height = STRIP_TILE
        words, middle = self._around
        band = _paper(TITLE + height + 30)
        _draw_title(band, f"{len(self._mouths)} consecutive frames of the result{words}")
        _draw_label(band, "result", TITLE + height // 2 + 5)
        for k, (index, tile) in enumerate(sorted(self._mouths.items())):
            left = LEFT + k * (width + 4)
            band[TITLE : TITLE + height, left : left + width] = tile
            here, when = index == middle, f"{1000 * (self._time(index) - self._start):+.0f} ms"
            color = ACCENT if here else FAINT
            if here:
                when = write_time(self._time(index))
                band[TITLE + height : TITLE + height + 4, left : left + width] = ACCENT
            draw_text(band, when, left, TITLE + height + 20, 0.42, color, most=width)
        return [band]

    @property
    def _start(self) -> float:
        """The moment that the strip's times are counted from, seconds."""
        middle = self._around[1]
        return self._time(min(self._mouths) if middle is None else middle)

    def save(
        self,
        path: Path,
        *others: ContactSheet,
        heading: Heading | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> Path:
        """Write this sheet, with others below it, as PNG; the file appears complete or not at all.

        Args:
            texts: of the file, keyword → text.

        Raises:
            OutputError: it cannot be written there.
        """
        above = [] if heading is None else [_draw_heading(heading)]
        parts = [*above, *(one.picture() for one in (self, *others)), _paper(RIGHT)]
        return write_png(path, np.concatenate(parts), texts, BYTES_MOST)


def _paper(height: int) -> U8:
    return np.full((height, WIDTH, 3), PAPER, np.uint8)


def _draw_title(band: U8, title: str) -> None:
    if title:
        draw_text(band, title, LEFT, 23, 0.55, ACCENT, bold=True, most=WIDTH - LEFT - RIGHT)


def _draw_label(band: U8, name: str, baseline: int) -> None:
    color = INK if name.startswith("result") else FAINT
    draw_text(band, name, RIGHT, baseline, 0.42, color, most=LEFT - RIGHT)


def _draw_heading(heading: Heading) -> U8:
    """Files on the left, the notice on the right."""
    bar = np.full((HEADING, WIDTH, 3), BAR, np.uint8)
    notice = lettering.measure_text(heading.notice, 0.6, True)
    left = WIDTH - RIGHT - notice - 20
    bar[14 : HEADING - 14, left : WIDTH - RIGHT] = ACCENT
    draw_text(bar, heading.notice, left + 10, HEADING // 2 + 6, 0.6, PAPER, bold=True)
    room = left - 2 * RIGHT
    draw_text(bar, heading.title, RIGHT, 26, 0.55, INK, bold=True, most=room)
    draw_text(bar, heading.details, RIGHT, 48, 0.45, FAINT, most=room)
    return bar
