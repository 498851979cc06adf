"""Plot of the timing: the speech, the head's speed, and the frame shown."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.retime.motion import Motion
from lipsync.types import U8, Bools, Positions, Waveform

Floats = NDArray[np.floating]
Color = tuple[int, int, int]

WIDTH, LEFT, RIGHT = 1500, 130, 30  # pixels
PANELS = (190, 300, 360)  # heights, pixels
GAP, TOP = 62, 44  # pixels between panels and above the first
PAPER, INK, LINE = (255, 255, 255), (25, 25, 25), (205, 205, 205)
PAUSE, GRAY, GREEN = (255, 240, 205), (150, 150, 150), (40, 150, 70)
BLUE, RED = (20, 90, 200), (205, 50, 40)
FONT, SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.5
QUIET_DB = -60.0  # lower end of the loudness axis


def plot_timing(wave: Waveform, speaking: Bools, motion: Motion, position: Positions) -> U8:
    """Draw three panels over the output's time, (h, w, 3).

    Args:
        speaking: (n,), the speech that the timing was chosen for.
        position: (n,), position in the target of each output frame.
    """
    n, rate = len(position), motion.rate
    times = np.arange(n) / rate
    sheet = np.full((TOP + sum(PANELS) + GAP * len(PANELS), WIDTH, 3), PAPER, np.uint8)
    straight = np.full(n, np.nan)
    own = min(n, len(motion))
    straight[:own] = motion.speed_along(np.arange(own))
    chosen = motion.speed_along(position)
    top = TOP
    panels: list[_Panel] = []
    quick = float(np.nanpercentile(np.append(chosen, straight), 99.5)) if own > 1 else 1.0
    spans = (
        (QUIET_DB, 0.0, "speech, dB; pauses shaded"),
        (0.0, max(1.1 * quick, 1e-3), "head speed, outer-eye distances per second"),
        (
            float(position.min()),
            float(position.max() + 1),
            "frame of the target; red: pictures in between; green: cuts",
        ),
    )
    for height, (low, high, title) in zip(PANELS, spans, strict=True):
        panels.append(_Panel(sheet, top, height, (0, n / rate), (low, high)))
        panels[-1].frame(title, _run_times(~speaking, rate))
        top += height + GAP
    sound, speed, frames = panels
    sound.line(times, _loudness(wave, n, rate), INK)
    speed.line(times, straight, GRAY)
    speed.line(times, chosen, BLUE)
    used = speed.note(f"chosen: {_means(chosen, speaking)}", BLUE)
    speed.note(f"target's own order: {_means(straight, speaking)}", GRAY, used + 30)
    for cut in np.flatnonzero(~motion.joined)[1:].tolist():
        frames.level(cut, GREEN)
    frames.line(times, _broken(position), BLUE)
    between = np.flatnonzero(position % 1)
    frames.dots(times[between], _broken(position)[between], RED)
    return sheet


def _means(speed: Floats, speaking: Bools) -> str:
    """Text with the mean speed in pauses and in speech."""
    values = (
        f"{np.nanmean(speed[here]):.3f}" if np.isfinite(speed[here]).any() else "-"
        for here in (~speaking, speaking)
    )
    return "{} in the pauses, {} in the speech".format(*values)


def _broken(position: Positions) -> Floats:
    """Positions with a gap where the output jumps in the target."""
    broken = position.astype(np.float64)
    broken[1:][np.abs(np.diff(position)) > 2] = np.nan
    return broken


def _loudness(wave: Waveform, n: int, rate: float) -> Floats:
    """RMS of the sound during every output frame, dB below full scale, (n,)."""
    edges = np.minimum((np.arange(n + 1) * wave.rate / rate).astype(np.int64), len(wave.samples))
    total = np.append(0, np.cumsum(wave.samples.astype(np.float64) ** 2))
    power = np.diff(total[edges]) / np.maximum(np.diff(edges), 1)
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (QUIET_DB / 10))))


def _run_times(flags: Bools, rate: float) -> Iterator[tuple[float, float]]:
    """(begin, end), seconds, of every run of true flags."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0)) / rate
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


class _Panel:
    """One diagram on the sheet."""

    def __init__(
        self,
        sheet: U8,
        top: int,
        height: int,
        x: tuple[float, float],
        y: tuple[float, float],
    ) -> None:
        self._sheet, self._top, self._height, self._x, self._y = sheet, top, height, x, y

    def _to_pixels(self, x: Floats, y: Floats) -> NDArray[np.float64]:
        """Pixels (k, 2) of values."""
        across = LEFT + (x - self._x[0]) / (self._x[1] - self._x[0]) * (WIDTH - LEFT - RIGHT)
        share = np.clip((y - self._y[0]) / (self._y[1] - self._y[0]), 0, 1)
        return np.stack([across, self._top + self._height * (1 - share)], axis=1)

    def frame(self, title: str, pauses: Iterator[tuple[float, float]]) -> None:
        """Draw shaded pauses, axes with numbers, and the title."""
        for begin, end in pauses:
            (x0, y0), (x1, y1) = self._corners(begin, end)
            self._sheet[y0:y1, x0:x1] = PAUSE
        for value in _ticks(*self._y, 5):
            self.level(value)
            (_, y) = self._to_pixels(np.array([0.0]), np.array([value]))[0]
            self._text(f"{value:g}".rjust(7), 50, int(y) + 5)
        for value in _ticks(*self._x, 12):
            (x, _) = self._to_pixels(np.array([value]), np.array([self._y[0]]))[0]
            bottom = self._top + self._height
            cv2.line(self._sheet, (int(x), bottom), (int(x), bottom + 5), INK, 1)
            self._text(f"{value:g} s", int(x) - 12, bottom + 22)
        (x0, y0), (x1, y1) = self._corners(*self._x)
        cv2.rectangle(self._sheet, (x0, y0), (x1, y1), INK, 1)
        self._text(title, LEFT, self._top - 9)

    def _corners(self, begin: float, end: float) -> tuple[tuple[int, int], tuple[int, int]]:
        places = self._to_pixels(np.array([begin, end]), np.array([self._y[1], self._y[0]]))
        (x0, y0), (x1, y1) = np.rint(places).astype(int).tolist()
        return (x0, y0), (x1, y1)

    def level(self, value: float, color: Color = LINE) -> None:
        """Draw a thin horizontal line at a value, if it is in the panel."""
        if self._y[0] <= value <= self._y[1]:
            places = self._to_pixels(np.array(self._x), np.array([value, value]))
            (x0, y), (x1, _) = np.rint(places).astype(int).tolist()
            cv2.line(self._sheet, (x0, y), (x1, y), color, 1)

    def line(self, x: Floats, y: Floats, color: Color) -> None:
        """Draw a line through values, broken where they are NaN."""
        known = np.isfinite(y)
        for run in np.split(np.arange(len(y)), np.flatnonzero(np.diff(known)) + 1):
            if known[run[0]]:
                points = np.rint(16 * self._to_pixels(x[run], y[run])).astype(np.int32)
                cv2.polylines(self._sheet, [points], False, color, 2, cv2.LINE_AA, 4)

    def dots(self, x: Floats, y: Floats, color: Color) -> None:
        """Draw a dot at every value."""
        for place in np.rint(self._to_pixels(x, y)).astype(int).tolist():
            cv2.circle(self._sheet, place, 4, color, -1, cv2.LINE_AA)

    def note(self, text: str, color: Color, used: int = 0) -> int:
        """Write text above the panel, `used` pixels from its right edge; returns its width."""
        (width, _), _ = cv2.getTextSize(text, FONT, SIZE, 1)
        self._text(text, WIDTH - RIGHT - used - width, self._top - 9, color)
        return int(width)

    def _text(self, text: str, left: int, baseline: int, color: Color = INK) -> None:
        cv2.putText(self._sheet, text, (left, baseline), FONT, SIZE, color, 1, cv2.LINE_AA)


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round values between two limits, about `most` of them at most."""
    raw = (high - low) / most
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    first = int(np.ceil(low / step))
    return [round(i * step, 10) for i in range(first, int(np.floor(high / step)) + 1)]
