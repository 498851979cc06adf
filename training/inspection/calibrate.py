"""Calibrate `lipsync inspect` on measured clips, and write how well it tells them apart.

    python -m training.inspection.calibrate --corpus runs/inspection

Writes assets/inspection.json (the distribution of real footage, the weights of the likelihood, its
threshold and error rates) and docs/benchmarks/inspect.md. The distributions are of all real clips.
The weights of the detectors are fitted on people whose footage may train what ships (the train
split) alone. The figures are of everybody else, and leave person and kind out: see `held_out`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.inspection.reference import ASSET, LEVELS, Reference
from lipsync.runtime.atomic import atomic_write
from lipsync.runtime.checkpoint import asset_path
from training.inspection import detection_page
from training.inspection.held_out import HeldOut, find_limit
from training.inspection.measured_clips import ClipValues, all_measures, load_values
from training.inspection.scored_clips import (
    add_ways,
    describe_population,
    fit_likelihood,
    fit_ways,
    greatest_traces,
    score_without_person,
)

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
    train = scored.where(lambda one: one.whole and not one.held_out)
    weights = fit_ways(train)
    traces = greatest_traces(scored, weights)  # short spans are compared with windows as well
    learned = [one.whole and not one.held_out for one in scored.spans]
    slope, bias = fit_likelihood(traces[learned], train.made, train.kinds)
    held = HeldOut.of(scored, traces)
    limit = find_limit(held.shipped[~held.scored.made])
    reals = [one for one in scored.spans if one.real]
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
        threshold=to_threshold(limit, slope, bias),
        rates=held.rates(),
    )
    write(reference)
    detection_page.PAGE.write_text(detection_page.describe(held, reference), encoding="utf-8")
    return reference


def to_threshold(limit: float, slope: float, bias: float) -> float:
    """The likelihood of the least traces that are above a limit."""
    return math.ceil(1e4 / (1 + math.exp(-(bias + slope * limit)))) / 1e4


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
