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
    Span,
    area_under_curve,
    fit_ways,
    greatest_traces,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "inspect.md"
# Which question each planted defect must be found by; any of them will do.
PLANTED = {
    "blurred": ("blur",),
    "jittered": ("flicker", "motion"),
    "tinted": ("skin_tone",),
    "doubled_chin": ("double_edges",),
    "flickering_hand": ("covered",),
    "shifted": ("sync",),
    "frozen": ("sync", "motion", "flicker"),
}
SAMPLE_MS = 40.0  # a step of the sync network's offset
# Renderers of whole clips, the last our default.
RENDERERS = ("plain_median", "nearest", "decoder", "swap", "median")


def describe(whole: Scored, likelihood: F64, reference: Reference) -> str:
    """The page's text.

    Args:
        whole: whole clips, of all people.
        likelihood: of each.
    """
    held = np.array([one.clip.clip.split == "held_out" for one in whole.spans])
    shown, value = whole.where(_is_held), likelihood[held]
    lines = [
        "# Real or made",
        "",
        f"Written by `python -m training.inspection.calibrate` on {date.today()}, lipsync "
        f"{__version__}; {platform.machine()}, {os.cpu_count()} cores.",
        "",
        f"Real footage: {reference.clips} clips of {reference.people} people ({reference.data}). "
        "Every clip's scores are against the real footage of other people. The weights of the "
        "detectors are fitted on six GRID speakers; all figures below are of everybody else. "
        "In the row of a kind, that kind took no part in the fit. GRID is laboratory footage; "
        "the rest is not.",
        "",
        *_areas(whole),
        *_at_threshold(shown, value, reference.threshold),
        *_planted(shown),
        *_offsets(shown),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _is_held(one: Span) -> bool:
    return one.clip.clip.split == "held_out"


def _areas(whole: Scored) -> Iterator[str]:
    """Area under the curve per kind: overall and per question."""
    held = np.array([_is_held(one) for one in whole.spans])
    kinds = np.array(whole.kinds)
    yield "## Made against real: area under the curve"
    yield ""
    yield (
        "Not applicable counts as unremarkable. **Bold**: the question that tells the kind best. "
        "GRID and street: overall, of clips of that footage alone, real and made."
    )
    yield ""
    head = ["kind", "clips", "overall", "GRID", "street"]
    yield "| " + " | ".join([*head, *(key.replace("_", " ") for key in QUESTIONS)]) + " |"
    yield "| " + " | ".join("---" for _ in range(len(head) + len(QUESTIONS))) + " |"
    corpora = np.array([one.clip.clip.corpus for one in whole.spans])
    for kind in sorted(set(kinds[whole.made & held]), key=_order):
        weights = fit_ways(
            whole.where(lambda one, k=kind: not _is_held(one) and one.clip.clip.kind != k)  # type: ignore[misc]
        )
        traces = _known(greatest_traces(whole, weights), -np.inf)
        real, made = held & ~whole.made, held & (kinds == kind)
        of = [np.full(len(held), True), corpora == "grid", corpora == "wild"]
        overall = [area_under_curve(traces[real & one], traces[made & one]) for one in of]
        areas = [
            area_under_curve(_known(column[real]), _known(column[made]))
            for column in whole.questions.T
        ]
        best = int(np.nanargmax(areas))
        cells = [f"**{a:.2f}**" if q == best else f"{a:.2f}" for q, a in enumerate(areas)]
        shown = [f"{overall[0]:.3f}", *("–" if np.isnan(a) else f"{a:.2f}" for a in overall[1:])]
        yield "| " + " | ".join([kind, str(int(made.sum())), *shown, *cells]) + " |"
    yield ""


def _known(z: F64, otherwise: float = 0.0) -> F64:
    return np.nan_to_num(z, nan=otherwise)


def _order(kind: str) -> tuple[int, str]:
    return (RENDERERS.index(kind), "") if kind in RENDERERS else (len(RENDERERS), kind)


def _at_threshold(held: Scored, value: F64, threshold: float) -> Iterator[str]:
    """Real and made clips above the threshold, by what they are."""
    kinds, made = np.array(held.kinds), held.made
    corpora = np.array([one.clip.clip.corpus for one in held.spans])
    yield "## At the shown threshold"
    yield ""
    yield f"A clip is called made from a likelihood of {threshold:.2f}."
    yield ""
    yield f"| clips | n | called made | questions above z = {SUSPICIOUS_Z:g}, of 100 clips |"
    yield "| --- | --- | --- | --- |"
    high = _known(held.questions) >= SUSPICIOUS_Z
    rows = [("**all real**", ~made)]
    rows += [(f"real, {name}", ~made & (corpora == name)) for name in sorted(set(corpora[~made]))]
    rows += [(kind, kinds == kind) for kind in sorted(set(kinds[~made]))]
    rows += [(kind, kinds == kind) for kind in sorted(set(kinds[made]), key=_order)]
    for name, where in rows:
        share = float((value[where] >= threshold).mean())
        above = 100 * high[where].sum() / max(int(where.sum()), 1)
        yield f"| {name} | {int(where.sum())} | {_percent(share)} | {above:.0f} |"
    yield ""


def _planted(held: Scored) -> Iterator[str]:
    """Whether planted defects are found, and by the right question."""
    keys, kinds = list(QUESTIONS), np.array(held.kinds)
    real = _known(held.questions[~held.made])
    yield "## Planted defects"
    yield ""
    yield (
        f"Found: the question's score is at least {SUSPICIOUS_Z:g}. Attributed: none of the other "
        "questions has a higher one. Clips: those on which the question can be answered, of all."
    )
    yield ""
    yield "| defect | clips | question | found | attributed | of real clips above it |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for kind, questions in PLANTED.items():
        columns = [keys.index(key) for key in questions]
        z = held.questions[kinds == kind]
        answered = np.isfinite(z[:, columns]).any(1)
        if not answered.any():
            continue
        known = _known(z[answered])
        best = known[:, columns].max(1)
        others = np.delete(known, columns, axis=1).max(1)
        found, right = best >= SUSPICIOUS_Z, (best >= others) & (best >= SUSPICIOUS_Z)
        alarms = (real[:, columns].max(1) >= SUSPICIOUS_Z).mean()
        yield (
            f"| {kind} | {len(known)} of {len(z)} | {', '.join(questions)} | "
            f"{_percent(found.mean())} | {_percent(right.mean())} | {_percent(alarms)} |"
        )
    yield ""


def _offsets(held: Scored) -> Iterator[str]:
    """How well the offset is found by which a clip's sound was moved."""
    recorded = {Path(s.clip.clip.path).stem: s.values for s in held.spans if _is_kind(s, "real")}
    found: dict[int, list[float]] = {}
    for one in held.spans:
        if _is_kind(one, "shifted"):
            moved = int(one.clip.clip.params["shift_ms"])
            stem = Path(one.clip.clip.path).stem.removesuffix(f"{moved:+d}ms")
            before = recorded.get(stem, {}).get("sync.offset", np.nan)
            after = one.values["sync.offset"]
            found.setdefault(moved, []).append((after - before) * SAMPLE_MS - moved)
    yield "## Moved sound"
    yield ""
    yield (
        "The offset that the sync network gives, less that of the clip as it was recorded. Right: "
        "within one frame of 40 ms of what was planted. Not given: lips and sound fit nowhere well "
        "enough."
    )
    yield ""
    yield "| moved by, ms | clips | given | right, of those given |"
    yield "| --- | --- | --- | --- |"
    for moved, errors in sorted(found.items()):
        known = np.array([abs(one) for one in errors if np.isfinite(one)])
        right = _percent((known <= SAMPLE_MS + 1).mean()) if len(known) else "–"
        yield f"| {moved:+d} | {len(errors)} | {len(known)} | {right} |"
    yield ""


def _is_kind(one: Span, kind: str) -> bool:
    return one.clip.clip.kind == kind


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"
