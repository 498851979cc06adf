"""The measures that answer the questions of an inspection.

A picture measure yields a value per frame, which a span reduces to one; a track measure yields one
value per span. Values are unitless logarithms of ratios where they can be, so that they do not
depend on the size, the light or the encoding of the whole picture; NaN: not applicable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from lipsync.inspection.evidence import Evidence
from lipsync.inspection.face_view import FaceView
from lipsync.types import F32

Suspicious = Literal["high", "low", "both"]


@dataclass(frozen=True)
class Measure:
    """One number that bears on a question."""

    name: str  # question.what, e.g. "blur.mouth"
    words: str  # what is measured, in plain words
    suspicious: Suspicious  # which values are
    # How the frames of a span become one value: a quantile in 0..1, or None for a track measure.
    quantile: float | None = 0.5

    @property
    def question(self) -> str:
        """Key of the question that it answers."""
        return self.name.split(".")[0]


class PictureWatch(Protocol):
    """Watches the frames of one face in order, and measures each."""

    measures: Sequence[Measure]

    def see(self, view: FaceView, before: FaceView | None) -> dict[str, float]:
        """Values by the name of their measure; a missing one or NaN: not applicable.

        Args:
            before: the frame before, if it shows the same face in the same shot.
        """
        ...


@runtime_checkable
class PreparingWatch(Protocol):
    """A watch that does a part of its work ahead, in another thread than `see`."""

    def prepare(self, view: FaceView, before: FaceView | None) -> None:
        """Do what `see` will need of a view; see there."""
        ...


# Values of a span of frames first … end − 1 by name; a missing one or NaN: not applicable.
MeasureSpan = Callable[[Evidence, int, int], dict[str, float]]


@dataclass(frozen=True)
class TrackMeasures:
    """Measures of lips, head and sound over a span."""

    measures: tuple[Measure, ...]
    measure_span: MeasureSpan


def reduce_frames(values: F32, quantile: float, least: int) -> float:
    """The quantile of the known values of a span; NaN where fewer than `least` are known."""
    known = values[np.isfinite(values)]
    return float(np.quantile(known, quantile)) if len(known) >= max(least, 1) else float("nan")
