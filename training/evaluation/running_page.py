"""The page of docs/benchmarks/running.md: what its columns are, and its tables."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import fields
from datetime import date

import numpy as np
import torch

from training.evaluation.running_metrics import RunningMetrics

INTRODUCTION = """\
# Lips on running speech

Written by `python -m training.evaluation.running`; definitions in the module
`training.evaluation.running_metrics`.
{date}, {cores} cores ({machine}), torch {torch}.

People whom no model has seen, with their own sound: street footage, a televised address, ten
seconds of English and Arabic news. The constants of `lipsync.speech.articulation` were chosen on
some of these people. A person's mouth (neutral shape, width, rest, opening range) is measured on
their own clip, as at render time. `arabic_news`: every fifth clip, each as a person of its own,
measured together.

- Sound: in some clips it is out of step with the picture. It is advanced by the lag (at most
  ± 150 ms) at which the gap predicted by the shipped model correlates best with the true one, for
  all rows alike. So the shipped model's lag is 0 by construction, other rows' lags are relative to
  it, and in the short clips this favors it a little.
- original: the true lips, with the noise of their landmarks.
- mean shape: the mean of the clip's true lips, which no model knows.
- another clip's sound: the next clip's; where there is only one, its own, moved by half its length.
- ridge regression: fitted on the training clips of the speaker of the shipped models.
- networks: the lips as a render has them before it settles them in pauses.
- `stream`, live: brought to the person's range by what was heard so far (`LiveArticulation`).
- as rendered: the lips settled in pauses (`--silence close`).

Columns. Unit of length: the outer-eye distance; 18 lip points, aligned by the rigid points only.

- r_open: correlation of the inner-lip gap. It and the next two correlate deviations from each
  clip's mean.
- r_width: correlation of the mouth width.
- r_protrusion: correlation of the height of the outer lips minus the mouth width, each divided by
  the standard deviation of the true one: lips that are pushed forward are high and narrow.
- RMSE: root of the mean squared error of the 36 coordinates.
- offset: share of the squared error that stays the same through a clip.
- gain: share that would vanish if the predicted deviations from the clip's mean were multiplied by
  the best single factor.
- motion: the rest of the squared error.
- closure recall: share of the true closures where the predicted mouth is closed within ± 40 ms. A
  closure is a run of frames whose gap is at most 15% of the opening range above that of the shut
  mouth, whether in a p, b, m or in a pause. 40 ms are rounded to whole frames.
- false closures: share of frames predicted closed, of those whose true gap is more than 50% of the
  range above it and not closed within ± 40 ms.
- depth: smallest predicted gap within ± 40 ms of a true closure, above that of the shut mouth, in
  opening ranges; the median of all true closures.
- closures/s: closures per second, predicted / true.
- speed: RMS velocity of the gap up to 10 Hz, predicted / true.
- 0–3 Hz, 3–6 Hz, 6–10 Hz: power of the gap in this band, predicted / true.
- lag: delay of the predicted gap at which it correlates best with the true one; positive: it comes
  late; –: there is none within ± 150 ms.

Speed and power come from Welch spectra (Hann windows of 4 s) at the clip's own frame rate. The
landmarks' noise is assumed to be white: the true gap's mean density above 10 Hz is subtracted from
the true spectrum, so motion above 10 Hz counts as noise, too. It is not subtracted from what is
compared with it: what the original has beyond 1 is noise. Where noise is more than two thirds of
the true power, there is no figure. Means weight all sections equally and leave out undefined
values; those of speed and power are geometric.
"""

ADAPTED_INTRODUCTION = """\
What follows the first 15.5 s of every clip that is long enough, predicted by what is known from
before: the mouth's measures, and the weights that `lipsync adapt` makes."""

RATIOS = ("speed", "slow", "middle", "fast")  # the mean of these is the geometric one


# Head, metrics and their format; INTRODUCTION says what they are.
COLUMNS = (
    ("r_open", "r_open", ".3f"), ("r_width", "r_width", ".3f"),
    ("r_protrusion", "r_protrusion", ".3f"), ("RMSE", "rmse", ".4f"), ("offset", "offset", ".0%"),
    ("gain", "gain", ".0%"), ("motion", "motion", ".0%"), ("closure recall", "recall", ".2f"),
    ("false closures", "false", ".3f"), ("depth", "depth", "+.2f"),
    ("closures/s", "closures true_closures", ".2f"), ("speed", "speed", ".2f"),
    ("0–3 Hz", "slow", ".2f"), ("3–6 Hz", "middle", ".2f"), ("6–10 Hz", "fast", ".2f"),
    ("lag ms", "lag_ms", "+.0f"),
)  # fmt: skip


def average(scores: Sequence[RunningMetrics]) -> RunningMetrics:
    """The mean of several groups, where defined; of RATIOS the geometric one."""
    means = {}
    for field in fields(RunningMetrics):
        values = np.array([getattr(one, field.name) for one in scores])
        values = values[np.isfinite(values)]
        if not len(values):
            means[field.name] = float("nan")
        elif field.name in RATIOS:
            with np.errstate(divide="ignore"):
                means[field.name] = float(np.exp(np.log(values).mean()))
        else:
            means[field.name] = float(values.mean())
    return RunningMetrics(**means)


Results = Sequence[tuple[str, str, dict[str, RunningMetrics]]]  # name, description, rows


def write_page(results: Results, adapted: Results) -> str:
    """The whole page, as Markdown.

    Args:
        adapted: of those people who are long enough to be adapted to.
    """
    parts = [INTRODUCTION.format(
        date=date.today().isoformat(), cores=os.cpu_count(), machine=platform.machine(),
        torch=torch.__version__,
    )]  # fmt: skip
    parts += [f"## Mean of {len(results)}", "", *table(_means(results)), ""]
    if adapted:
        parts += [f"## Adapted: mean of {len(adapted)}", "", ADAPTED_INTRODUCTION, ""]
        parts += [*table(_means(adapted)), ""]
        for name, _, scores in adapted:
            parts += [f"### {name}", "", *table(scores), ""]
    for name, description, scores in results:
        parts += [f"## {name}", "", description, "", *table(scores), ""]
    return "\n".join(parts).rstrip() + "\n"


def _means(results: Results) -> dict[str, RunningMetrics]:
    return {name: average([scores[name] for *_, scores in results]) for name in results[0][2]}


def table(scores: dict[str, RunningMetrics]) -> list[str]:
    """All rows, as Markdown."""

    def cell(one: RunningMetrics, names: str, form: str) -> str:
        values = [getattr(one, name) for name in names.split()]
        return " / ".join("–" if math.isnan(value) else format(value, form) for value in values)

    lines = [["row", *(head for head, _, _ in COLUMNS)], ["---"] * (len(COLUMNS) + 1)]
    lines += [
        [name, *(cell(one, names, form) for _, names, form in COLUMNS)]
        for name, one in scores.items()
    ]
    return ["| " + " | ".join(line) + " |" for line in lines]
