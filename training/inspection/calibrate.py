"""Calibrate `lipsync inspect` on measured clips, and write how well it tells them apart.

    python -m training.inspection.calibrate --corpus runs/inspection

Writes assets/inspection.json (the distribution of real footage, the weights of the likelihood, its
threshold and error rates) and docs/benchmarks/inspect.md. The distributions are of all real clips.
The weights of the detectors are fitted on people whose footage may train what ships (the train
split) alone. All figures leave the person out: their scores are against the distribution of
everybody else's real clips; those of a kind of fake also leave that kind out of the fit.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.inspection.reference import ASSET, LEVELS, Reference
from lipsync.runtime.atomic import atomic_write
from lipsync.runtime.checkpoint import asset_path
from lipsync.types import F64
from training.inspection import detection_page
from training.inspection.measured_clips import ClipValues, all_measures, load_values
from training.inspection.scored_clips import (
    Scored,
    add_ways,
    describe_population,
    fit_likelihood,
    fit_ways,
    greatest_traces,
    is_made,
    is_whole,
    score_without_person,
)

FALSE_ALARMS = 0.02  # of real clips, at most, at the threshold
DATA = (
    "GRID, LRW-AR, a televised address, street footage; as recorded, re-encoded at crf 16, 23, 28 "
    "and 35, at 480p, and as recorded from a screen"
)


def main(argv: list[str] | None = None) -> None:
    """Fit, measure, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--corpus", type=Path, default=Path("runs/inspection"))
    args = parser.parse_args(argv)
    try:
        calibrate(load_values(args.corpus))
    except LipsyncError as error:
        sys.exit(f"error: {error}")


def calibrate(clips: list[ClipValues]) -> Reference:
    """Everything that ships, from measured clips; written to the asset."""
    measures = all_measures()
    scored = score_without_person(clips, measures)
    train = scored.where(lambda one: one.whole and one.clip.clip.split == "train")
    weights = fit_ways(train)
    traces = greatest_traces(scored, weights)
    learned = [one.whole and one.clip.clip.split == "train" for one in scored.spans]
    slope, bias = fit_likelihood(traces[learned], train.made, train.kinds)
    whole = scored.where(is_whole)
    likelihood = to_likelihood(traces[[one.whole for one in scored.spans]], slope, bias)
    held = [one.clip.clip.split == "held_out" for one in whole.spans]
    threshold = find_threshold(likelihood[~whole.made & held])
    reals = [one for one in scored.spans if not is_made(one.clip)]
    short, long = (
        add_ways(describe_population(part, measures), part, measures, weights)
        for part in ([s for s in reals if s.short], [s for s in reals if not s.short])
    )
    reference = Reference(
        data=DATA,
        clips=sum(one.whole for one in reals),
        people=len({one.person for one in reals}),
        short=short,
        long=long,
        ways=weights,
        slope=slope,
        bias=bias,
        threshold=threshold,
        rates=error_rates(whole, likelihood, threshold),
    )
    write(reference)
    page = detection_page.PAGE
    text = detection_page.describe(whole, likelihood, reference)
    page.write_text(text, encoding="utf-8")
    return reference


def to_likelihood(traces: F64, slope: float, bias: float) -> F64:
    """The likelihood of every span; one on which nothing can be said counts as 0."""
    return np.nan_to_num(1 / (1 + np.exp(-(bias + slope * traces))))


def find_threshold(real: F64) -> float:
    """The lowest likelihood that at most FALSE_ALARMS of the real clips reach."""
    return round(float(np.quantile(real, 1 - FALSE_ALARMS)) + 1e-4, 4)


def error_rates(whole: Scored, likelihood: F64, threshold: float) -> dict[str, float]:
    """Shares of held-out clips on the wrong side of the threshold, by what they are."""
    held = np.array([one.clip.clip.split == "held_out" for one in whole.spans])
    value, made, kinds = likelihood[held], whole.made[held], np.array(whole.kinds)[held]
    rates = {"real called made": float((value[~made] >= threshold).mean())}
    for kind in sorted(set(kinds[made])):
        rates[f"{kind} missed"] = float((value[kinds == kind] < threshold).mean())
    return {name: round(rate, 4) for name, rate in rates.items()}


def write(reference: Reference) -> None:
    """Write the asset that ships."""
    about = {
        "about": "Distributions of real footage and weights of the likelihood of lipsync inspect",
        "levels": LEVELS,
    }
    place = asset_path("README.md").with_name(ASSET)
    with atomic_write(place) as temporary:
        text = json.dumps({**about, **asdict(reference)}, indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
