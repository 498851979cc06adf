"""The figures of docs/benchmarks/lips.md, from true and predicted lips alone (no network here).

Symbols: n frames. Unit of lengths: the outer-eye distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync.sync import best_lag, correlation
from lipsync.types import F32, LipTrack

MAX_LAG_S = 0.3


@dataclass(frozen=True)
class LipFigures:
    """How well predicted lips follow the true ones; NaN where it is not defined."""

    r_open: float  # correlation of the inner-lip gap
    r_width: float  # correlation of the mouth width
    rmse: float  # over 18 × 2 coordinates
    articulation: float  # std of the predicted gap / std of the true one
    lag_ms: float  # positive: the predicted lips come late


def figures(true: list[LipTrack], predicted: list[LipTrack]) -> LipFigures:
    """Figures over all frames of all clips in which the true lips are known.

    Raises:
        ValueError: the clips do not correspond.
    """
    pairs = [_known(t, p) for t, p in zip(true, predicted, strict=True)]
    t = LipTrack(np.concatenate([pair[0] for pair in pairs]), true[0].rate)
    p = LipTrack(np.concatenate([pair[1] for pair in pairs]), true[0].rate)
    return LipFigures(
        r_open=correlation(t.opening, p.opening),
        r_width=correlation(t.width, p.width),
        rmse=float(np.sqrt(np.mean((t.points - p.points).astype(np.float64) ** 2))),
        articulation=float(p.opening.std() / t.opening.std()),
        lag_ms=lag_ms(true, predicted),
    )


def mean_clip_r_open(true: list[LipTrack], predicted: list[LipTrack]) -> float:
    """Mean over the clips of each clip's own correlation of the inner-lip gap."""
    pairs = [_known(t, p) for t, p in zip(true, predicted, strict=True)]
    rate = true[0].rate
    return float(
        np.mean(
            [correlation(LipTrack(t, rate).opening, LipTrack(p, rate).opening) for t, p in pairs]
        )
    )


def lag_ms(true: list[LipTrack], predicted: list[LipTrack]) -> float:
    """The delay of the predicted gap at which it correlates best with the true one."""
    openings = [t.opening for t in true], [p.opening for p in predicted]
    return best_lag(*openings, float(true[0].rate), MAX_LAG_S)[0] * 1000


def _known(true: LipTrack, predicted: LipTrack) -> tuple[F32, F32]:
    if len(true) != len(predicted) or true.rate != predicted.rate:
        raise ValueError(f"figures: wanted {len(true)} predicted frames, got {len(predicted)}")
    known = np.isfinite(true.points).all((1, 2))
    return true.points[known], predicted.points[known]
