"""Geometry of the charts on the page of an inspection.

Positions along the time are percents of the whole video, heights are pixels, curves live in a box
of 1000 × 100.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from lipsync.inspection.scoring import SUSPICIOUS_Z
from lipsync.report.inspection_words import TEXT
from lipsync.types import SpanScores

ROW_HEIGHT, LEGEND_HEIGHT = 26, 14  # pixels
Z_TOP = 6.0  # the score at which a bar is full
Z_STEPS = (1.0, 2.0, 3.0, 5.0)  # where the color changes
LEAST_BAR = 0.08  # of a row: a bar that is there is seen
CURVE_HEIGHT = 64  # pixels of the likelihood's curve
# The small scale beside a measure: scores from LOW to Z_TOP on so many pixels.
AMONG_LOW, AMONG_WIDTH = -3.0, 170
CURVE_POINTS = 1500  # more than a screen is wide


def clock(seconds: float) -> str:
    """`1:02.34`: minutes, seconds and hundredths, rounded down as the page's script does."""
    hundredths = math.floor(seconds * 100 + 1e-6)
    return f"{hundredths // 6000}:{hundredths // 100 % 60:02}.{hundredths % 100:02}"


def _top(z: float, height: int) -> float:
    """Distance of a bar's top from the row's."""
    share = min(max(z / Z_TOP, LEAST_BAR), 1.0)
    return round(height * (1 - share), 1)


def _level(z: float) -> int:
    return sum(z >= step for step in Z_STEPS)


ROW_LIMIT = _top(SUSPICIOUS_Z, ROW_HEIGHT)
LEGEND = [
    {"words": words, "top": _top(z, LEGEND_HEIGHT)}
    for words, z in (("< 1", 0.5), ("1–2", 1.5), ("2–3", 2.5), ("3–5", 4.0), ("≥ 5", Z_TOP))
]


def row_cells(
    spans: Sequence[SpanScores], question: str, frames: int, fps: float
) -> list[dict[str, Any]]:
    """A cell per window: windows overlap, so each is drawn around its middle."""
    edges = _edges(spans, frames)
    cells = []
    for span, (left, right) in zip(spans, pairwise(edges), strict=True):
        z = span.z.get(question)
        cell: dict[str, Any] = {
            "x": round(100 * left / frames, 3), "width": round(100 * (right - left) / frames, 3),
            "z": z,
        }  # fmt: skip
        if z is not None:
            where = f"{clock(span.first / fps)} – {clock(span.end / fps)}"
            score = TEXT["moment_score"].format(z=f"{z:+.1f}")
            cell |= {"level": _level(z), "top": _top(z, ROW_HEIGHT), "title": f"{where}: {score}"}
        cells.append(cell)
    return cells


def _edges(spans: Sequence[SpanScores], frames: int) -> list[float]:
    """Where the cells of windows meet: half-way between their middles."""
    middles = [(one.first + one.end) / 2 for one in spans]
    return [0.0, *((a + b) / 2 for a, b in pairwise(middles)), float(frames)]


def curve_parts(spans: Sequence[SpanScores], frames: int) -> list[dict[str, Any]]:
    """The likelihood through time; a new part where it is unknown in between."""
    parts: list[list[tuple[float, float]]] = [[]]
    edges = _edges(spans, frames) if spans else []
    for span, (left, right) in zip(spans, pairwise(edges), strict=True):
        if span.likelihood is None:
            parts.append([])
            continue
        y = round(100 * (1 - span.likelihood), 2)
        at = [(left + right) / 2]
        # The curve reaches the ends of the video, and a lone window is as wide as its cell.
        at = [left, *at] if not parts[-1] else at
        parts[-1] += [(round(1000 * x / frames, 2), y) for x in at]
        if right == edges[-1]:
            parts[-1].append((1000.0, y))
    return [
        {
            "path": "M" + " L".join(f"{x} {y}" for x, y in one),
            "first": one[0][0],
            "last": one[-1][0],
        }
        for one in parts
        if one
    ]


def limit_of_curve(threshold: float) -> float:
    """Height at which the curve crosses the threshold, pixels."""
    return round(CURVE_HEIGHT * (1 - threshold), 1)


def shot_cells(shots: Sequence[SpanScores], frames: int, fps: float) -> list[dict[str, Any]]:
    """The shots of the video."""
    return [
        {
            "number": number,
            "x": round(100 * one.first / frames, 3),
            "width": round(100 * (one.end - one.first) / frames, 3),
            "title": TEXT["shot_of"].format(
                number=number, start=clock(one.first / fps), end=clock(one.end / fps)
            ),
        }
        for number, one in enumerate(shots, 1)
    ]


def frame_curve(values: Sequence[float | None]) -> str:
    """A measure frame by frame as a path; empty where it is hardly known.

    Outliers are cut off, and of a long video every point shows the extremes of its frames.
    """
    series = np.array([np.nan if one is None else one for one in values], np.float64)
    known = series[np.isfinite(series)]
    if len(known) < 2:
        return ""
    low, high = np.quantile(known, [0.005, 0.995])
    level = np.clip((series - low) / max(high - low, 1e-9), 0, 1)
    per_point = math.ceil(len(series) / CURVE_POINTS)
    path, drawing = [], False
    for first in range(0, len(series), per_point):
        part = level[first : first + per_point]
        part = part[np.isfinite(part)]
        x = 1000 * (first + per_point / 2) / len(series)
        for y in dict.fromkeys((part.min(), part.max())) if len(part) else ():
            path.append(f"{'L' if drawing else 'M'}{x:.1f} {96 - 92 * y:.1f}")
            drawing = True
        drawing = drawing and len(part) > 0
    return " ".join(path)


def _among_x(z: float) -> float:
    share = (min(max(z, AMONG_LOW), Z_TOP) - AMONG_LOW) / (Z_TOP - AMONG_LOW)
    return round(AMONG_WIDTH * share, 1)


USUAL = {"x": _among_x(-1.96), "width": round(_among_x(1.96) - _among_x(-1.96), 1),
         "limit": _among_x(SUSPICIOUS_Z)}  # fmt: skip


def among_real(z: float) -> dict[str, Any]:
    """Where a score lies among real footage, as a place on the small scale and in words.

    The distribution of real footage is recorded up to its outermost 2.5 % on each side: of what
    lies beyond, no rarer share is claimed.
    """
    inner = math.floor(100 * math.erf(abs(z) / math.sqrt(2)))
    if z < 1:
        words = TEXT["within"]
    elif z < 1.96:
        words = TEXT["beyond"].format(percent=inner)
    else:
        words = TEXT["beyond"].format(percent=95)
    return {"x": _among_x(z), "among": words}
