"""What the page of an inspection shows of a result, as its template takes it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from lipsync.inspection.reference import Z_MOST
from lipsync.inspection.scoring import SUSPICIOUS_Z
from lipsync.report.inspection_charts import (
    LEGEND,
    ROW_LIMIT,
    USUAL,
    among_real,
    clock,
    curve_parts,
    frame_curve,
    limit_of_curve,
    row_cells,
    shot_cells,
)
from lipsync.report.inspection_words import TEXT
from lipsync.report.page_media import MomentPicture, Pictures
from lipsync.report.results import InspectResult
from lipsync.types import Answer, Moment, Score

HIGH = 0.95  # a likelihood from here on is very high


def data_uri(kind: str, content: bytes) -> str:
    family = "video" if kind == "mp4" else "image"
    return f"data:{family}/{kind};base64,{base64.b64encode(content).decode()}"


def _percent(share: float) -> str:
    """Whole percents; certainty is never claimed."""
    rounded = round(100 * share)
    return "< 1" if rounded < 1 else "> 99" if rounded > 99 else str(rounded)


def describe_finding(result: InspectResult) -> dict[str, Any]:
    """The headline."""
    likelihood, threshold = result.likelihood, round(100 * result.threshold)
    anchor = "start" if threshold < 10 else "end" if threshold > 90 else "middle"
    same = {"threshold": threshold, "anchor": anchor, "way": result.way}
    if likelihood is None:
        return {"kind": "none", "percent": TEXT["unknown"], "level": None, **same}
    if likelihood >= result.threshold:
        kind = "high" if likelihood >= max(HIGH, result.threshold) else "made"
    else:
        kind = "open" if likelihood >= result.threshold / 2 else "low"
    percent = TEXT["likelihood_of"].format(percent=_percent(likelihood))
    return {"kind": kind, "percent": percent, "level": round(100 * likelihood, 1), **same}


def describe_rates(rates: Mapping[str, float]) -> list[dict[str, str]]:
    return [
        {"name": name.replace("_", " "), "value": f"{100 * rate:.3g} %"}
        for name, rate in rates.items()
    ]


def _score_text(z: float | None) -> str:
    if z is None:
        return TEXT["none"]
    # Scores are cut off there.
    cut = "≥ " if z >= Z_MOST else "≤ " if z <= -Z_MOST else ""
    return cut + f"{z:+.1f}".replace("-", "−")


def describe_block(answer: Answer, result: InspectResult, pictures: Pictures) -> dict[str, Any]:
    """All about one question."""
    moments = [
        _moment(one, result.frames, pictures.get((one.frame, answer.question)))
        for one in answer.moments
    ]
    heat = any(one["heat"] for one in moments)
    return {
        "key": answer.question,
        "text": answer.text,
        "verdict": answer.verdict,
        "kind": answer.verdict.replace(" ", "-"),
        "words": answer.words,
        "z": _score_text(answer.z),
        "scores": [_score(one) for one in answer.scores],
        "curve": _curve(answer.scores, result.per_frame),
        "moments": moments,
        "note": TEXT["moments_count"].format(count=len(moments))
        if moments and answer.verdict != "suspicious"
        else None,
        "heat": TEXT[f"heat.{answer.question}"] if heat else None,
    }


def _score(score: Score) -> dict[str, Any]:
    value = TEXT["none"] if score.value is None else f"{score.value:.4g}".replace("-", "−")
    known = score.z is not None
    return {
        "words": score.words,
        "value": value,
        "z": _score_text(score.z),
        "reason": None if known else score.reason or TEXT["unknown"],
        **among_real(score.z or 0.0),
        "far": known and (score.z or 0.0) >= SUSPICIOUS_Z,
    }


def _curve(
    scores: Sequence[Score], per_frame: Mapping[str, Sequence[float | None]]
) -> dict[str, str] | None:
    """The measure with the highest score of those that have a value per frame."""
    shown = [one for one in scores if one.z is not None and one.measure in per_frame]
    if not shown:
        return None
    worst = max(shown, key=lambda one: one.z or 0.0)
    path = frame_curve(per_frame[worst.measure])
    return {"words": worst.words, "path": path} if path else None


def _moment(moment: Moment, frames: int, picture: MomentPicture | None) -> dict[str, Any]:
    if picture is None:  # a frame that the file no longer has
        picture = MomentPicture(b"", None, 1, 1, 1.0)
    return {
        "frame": moment.frame,
        "time": clock(moment.time),
        "z": _score_text(moment.z),
        "x": round(100 * (moment.frame + 0.5) / max(frames, 1), 3),
        "jpeg": data_uri("jpeg", picture.jpeg),
        "heat": None if picture.heat is None else data_uri("png", picture.heat),
        "width": picture.width,
        "height": picture.height,
        "enlarged": f"{picture.enlarged:.1f}",
    }


def describe_timeline(result: InspectResult) -> dict[str, Any]:
    """The rows of the timeline, its curve and its table."""
    spans, fps = result.timeline, float(result.fps)
    rows = []
    for one in result.answers if spans else ():
        cells = row_cells(spans, one.question, result.frames, fps)
        known = any(cell["z"] is not None for cell in cells)
        rows.append({"key": one.question, "text": one.text, "cells": cells, "known": known})
    table = [
        {
            "span": f"{clock(one.first / fps)} – {clock(one.end / fps)}",
            "likelihood": TEXT["none"]
            if one.likelihood is None
            else TEXT["likelihood_of"].format(percent=_percent(one.likelihood)),
            "scores": [_score_text(one.z.get(answer.question)) for answer in result.answers],
        }
        for one in spans
    ]
    window = max((one.end - one.first for one in spans), default=0) / fps
    return {
        "rows": rows,
        "table": table,
        "curve": curve_parts(spans, result.frames),
        "limit_y": limit_of_curve(result.threshold),
        "row_limit": ROW_LIMIT,
        "shots": shot_cells(result.shots, result.frames, fps),
        "legend": LEGEND,
        "usual": USUAL,
        "window_s": f"{window:.3g}",
    }
