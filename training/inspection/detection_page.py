"""The page docs/benchmarks/inspect.md: how well an inspection tells made clips from real ones."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipsync._version import __version__
from lipsync.inspection.questions import QUESTIONS
from lipsync.inspection.reference import Reference
from lipsync.inspection.scoring import SUSPICIOUS_Z
from lipsync.types import F64
from training.inspection.held_out import FALSE_ALARMS, HeldOut
from training.inspection.scored_clips import (
    Scored,
    Span,
    area_under_curve,
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


def describe(held: HeldOut, reference: Reference) -> str:
    """The page's text."""
    lines = [
        "# Real or made",
        "",
        f"Written by `python -m training.inspection.calibrate` on {date.today()}, lipsync "
        f"{__version__}; {platform.machine()}, {os.cpu_count()} cores.",
        "",
        f"Real footage: {reference.clips} clips of {reference.people} people ({reference.data}). "
        "Every clip's scores are against the real footage of other people. The weights of the "
        "detectors are fitted on six GRID speakers; all figures below are of everybody else. "
        "In the row of a kind of fake, that kind took no part in the fit. GRID is laboratory "
        "footage; the rest is not.",
        "",
        *_areas(held),
        *_at_threshold(held, reference.threshold),
        *_planted(held.scored),
        *_offsets(held.scored),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _areas(held: HeldOut) -> Iterator[str]:
    """Area under the curve per kind: overall and per question."""
    scored = held.scored
    kinds, corpora = np.array(scored.kinds), _corpora(scored)
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
    everything = np.full(len(kinds), True)
    for kind in sorted(held.by_kind, key=_order):
        among = (everything, corpora == "grid", corpora == "wild")
        overall, *parts = (held.area(kind, some) for some in among)
        areas = [
            area_under_curve(_known(column[~scored.made]), _known(column[kinds == kind]))
            for column in scored.questions.T
        ]
        best = int(np.nanargmax(areas))
        cells = [f"**{a:.2f}**" if q == best else f"{a:.2f}" for q, a in enumerate(areas)]
        shown = [f"{overall:.3f}", *("–" if np.isnan(a) else f"{a:.2f}" for a in parts)]
        yield "| " + " | ".join([kind, str(int((kinds == kind).sum())), *shown, *cells]) + " |"
    yield ""


def _corpora(scored: Scored) -> NDArray[np.str_]:
    return np.array([one.clip.clip.corpus for one in scored.spans])


def _known(z: F64) -> F64:
    return np.nan_to_num(z, nan=0.0)


def _order(kind: str) -> tuple[int, str]:
    return (RENDERERS.index(kind), "") if kind in RENDERERS else (len(RENDERERS), kind)


def _at_threshold(held: HeldOut, threshold: float) -> Iterator[str]:
    """Real and made clips above the threshold, by what they are."""
    scored = held.scored
    kinds, made, corpora = np.array(scored.kinds), scored.made, _corpora(scored)
    called = held.called_made()
    high = _known(scored.questions) >= SUSPICIOUS_Z
    yield "## At the threshold"
    yield ""
    yield (
        f"The threshold that ships is a likelihood of {threshold:.2f}: at most {FALSE_ALARMS:.0%} "
        "of the real clips lie above it. Here every person is judged by the threshold of "
        "everybody else's real clips. Flagged: some question is at "
        f"z = {SUSPICIOUS_Z:g} or above."
    )
    yield ""
    yield "| clips | n | called made | flagged |"
    yield "| --- | --- | --- | --- |"
    rows = [("**all real**", ~made, called)]
    rows += [
        (f"real, {one}", ~made & (corpora == one), called) for one in sorted(set(corpora[~made]))
    ]
    rows += [(kind, kinds == kind, called) for kind in sorted(set(kinds[~made]))]
    rows += [
        (kind, kinds == kind, held.called_made(kind)) for kind in sorted(held.by_kind, key=_order)
    ]
    for name, where, found in rows:
        shares = found[where].mean(), high[where].any(1).mean()
        yield f"| {name} | {int(where.sum())} | {shares[0]:.1%} | {_percent(shares[1])} |"
    people = {one.person for one in scored.spans}
    some = {one.person for one, it in zip(scored.spans, called & ~made, strict=True) if it}
    yield ""
    yield f"Of {len(people)} people, {len(some)} have a real clip that is called made."
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
