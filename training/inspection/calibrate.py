"""Calibrate `lipsync inspect` on measured clips, and write how well it tells them apart.

    python -m training.inspection.calibrate --corpus runs/inspection

Writes assets/inspection.json (the distribution of real footage, the weights of the likelihood, its
threshold and error rates) and docs/benchmarks/inspect.md. The distributions are of all real clips.
The weights are fitted on people whose footage may train what ships (the train split) alone. All
figures leave the person out: their scores are against the distribution of everybody else's real
clips; those of a kind of fake also leave that kind out of the fit.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
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
    distributions,
    fit_likelihood,
    is_made,
    likelihoods,
    score_without_person,
    with_questions,
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
    weights = fit_likelihood(scored.where(lambda one: one.clip.split == "train"))
    reals = [one for one in clips if not is_made(one)]
    people = {one.clip.person for one in reals}
    known = with_questions(distributions(reals, measures), reals, measures)
    reference = Reference(DATA, len(reals), len(people), known, weights, 0.5, {})
    threshold = find_threshold(likelihoods(scored.where(lambda one: not is_made(one)), weights))
    reference = replace(reference, threshold=threshold)
    reference = replace(reference, rates=error_rates(scored, weights, threshold))
    write(reference)
    page = detection_page.PAGE
    page.write_text(detection_page.describe(scored, reference), encoding="utf-8")
    return reference


def find_threshold(real: F64) -> float:
    """The lowest likelihood that at most FALSE_ALARMS of the real clips reach."""
    return round(float(np.quantile(real, 1 - FALSE_ALARMS)) + 1e-4, 4)


def error_rates(scored: Scored, weights: dict[str, float], threshold: float) -> dict[str, float]:
    """Shares of held-out clips on the wrong side of the threshold, by what they are."""
    held = scored.where(lambda one: one.clip.split == "held_out")
    value, made = likelihoods(held, weights), held.made
    rates = {"real called made": float((value[~made] >= threshold).mean())}
    kinds = np.array([one.clip.kind for one in held.clips])
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
