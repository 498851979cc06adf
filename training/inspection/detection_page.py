"""The page docs/benchmarks/inspect.md: how well an inspection tells made clips from real ones."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np

from lipsync._version import __version__
from lipsync.inspection.questions import QUESTIONS
from lipsync.inspection.reference import Reference
from lipsync.inspection.scoring import SUSPICIOUS_Z
from lipsync.types import F64
from training.inspection.scored_clips import (
    Scored,
    area_under_curve,
    fit_likelihood,
    is_made,
    likelihoods,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "inspect.md"
# Which question each planted defect must be found by; any of them will do.
PLANTED = {
    "blurred": ("blur",),
    "jittered": ("flicker",),
    "tinted": ("skin_tone",),
    "doubled_chin": ("double_edges",),
    "flickering_hand": ("covered",),
    "shifted": ("sync",),
    "frozen": ("sync", "motion", "flicker"),
}
# What the issue of a made video names: renderers of whole clips, the last our default.
RENDERERS = ("plain_median", "nearest", "decoder", "swap", "median")


def describe(scored: Scored, reference: Reference) -> str:
    """The page's text."""
    weights = dict(reference.likelihood)
    lines = [
        "# Real or made",
        "",
        f"Written by `python -m training.inspection.calibrate` on {date.today()}, lipsync "
        f"{__version__}; {platform.machine()}, {os.cpu_count()} cores.",
        "",
        f"Real footage: {reference.clips} clips of {reference.people} people ({reference.data}). "
        "Every clip's scores are against the real footage of other people. The weights of the "
        "likelihood are fitted on six GRID speakers; all figures below are of everybody else. "
        "In the row of a kind, that kind took no part in the fit. GRID is laboratory footage; "
        "the rest is not.",
        "",
        *_areas(scored),
        *_false_alarms(scored, weights, reference.threshold),
        *_planted(scored),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _held(scored: Scored) -> Scored:
    return scored.where(lambda one: one.clip.split == "held_out")


def _areas(scored: Scored) -> Iterator[str]:
    """Area under the curve per kind: overall and per question."""
    held = _held(scored)
    real = held.where(lambda one: not is_made(one))
    kinds = sorted({one.clip.kind for one in held.clips if is_made(one)}, key=_order)
    yield "## Made against real: area under the curve"
    yield ""
    yield (
        "Not applicable counts as unremarkable. Missed: share of clips below the threshold that "
        f"{_percent(0.02)} of real clips reach. **Bold**: the question that tells the kind best."
    )
    yield ""
    head = ["kind", "clips", "overall", *(key.replace("_", " ") for key in QUESTIONS)]
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    for kind in kinds:
        made = held.where(lambda one, kind=kind: one.clip.kind == kind)  # type: ignore[misc]
        train = scored.where(
            lambda one, kind=kind: one.clip.split == "train" and one.clip.kind != kind  # type: ignore[misc]
        )
        weights = fit_likelihood(train)
        overall = area_under_curve(likelihoods(real, weights), likelihoods(made, weights))
        areas = [
            area_under_curve(_known(real.z[:, q]), _known(made.z[:, q]))
            for q in range(len(QUESTIONS))
        ]
        best = int(np.nanargmax(areas))
        cells = [f"**{a:.2f}**" if q == best else f"{a:.2f}" for q, a in enumerate(areas)]
        yield "| " + " | ".join([kind, str(len(made.clips)), f"{overall:.3f}", *cells]) + " |"
    yield ""


def _known(z: F64) -> F64:
    return np.nan_to_num(z, nan=0.0)


def _order(kind: str) -> tuple[int, str]:
    return (RENDERERS.index(kind), "") if kind in RENDERERS else (len(RENDERERS), kind)


def _false_alarms(scored: Scored, weights: dict[str, float], threshold: float) -> Iterator[str]:
    """Real clips above the threshold, and made ones below it, by what they are."""
    held = _held(scored)
    value = likelihoods(held, weights)
    kinds = np.array([one.clip.kind for one in held.clips])
    corpora = np.array([one.clip.corpus for one in held.clips])
    made = held.made
    yield "## At the shown threshold"
    yield ""
    yield f"A clip is called made from a likelihood of {threshold:.2f}."
    yield ""
    yield "| clips | n | called made | questions above z = 3, of 100 clips |"
    yield "| --- | --- | --- | --- |"
    high = np.nan_to_num(held.z, nan=0.0) >= SUSPICIOUS_Z
    rows = [("**all real**", ~made)]
    rows += [(f"real, {name}", ~made & (corpora == name)) for name in sorted(set(corpora[~made]))]
    rows += [(kind, kinds == kind) for kind in sorted(set(kinds[~made]))]
    rows += [(kind, kinds == kind) for kind in sorted(set(kinds[made]), key=_order)]
    for name, where in rows:
        share = float((value[where] >= threshold).mean())
        above = 100 * high[where].sum() / max(int(where.sum()), 1)
        yield f"| {name} | {int(where.sum())} | {_percent(share)} | {above:.0f} |"
    yield ""


def _planted(scored: Scored) -> Iterator[str]:
    """Whether planted defects are found, and by the right question."""
    held = _held(scored)
    keys = list(QUESTIONS)
    real = np.nan_to_num(held.z[~held.made], nan=0.0)
    yield "## Planted defects"
    yield ""
    yield (
        f"Found: the question's score is at least {SUSPICIOUS_Z:g}. Attributed: none of the other "
        "questions has a higher one."
    )
    yield ""
    yield "| defect | clips | question | found | attributed | of real clips above it |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for kind, questions in PLANTED.items():
        z = np.nan_to_num(held.where(lambda one, k=kind: one.clip.kind == k).z, nan=0.0)  # type: ignore[misc]
        if not len(z):
            continue
        columns = [keys.index(key) for key in questions]
        best = z[:, columns].max(1)
        others = np.delete(z, columns, axis=1).max(1)
        found, right = best >= SUSPICIOUS_Z, (best >= others) & (best >= SUSPICIOUS_Z)
        alarms = (real[:, columns].max(1) >= SUSPICIOUS_Z).mean()
        yield (
            f"| {kind} | {len(z)} | {', '.join(questions)} | {_percent(found.mean())} | "
            f"{_percent(right.mean())} | {_percent(alarms)} |"
        )
    yield ""


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"
