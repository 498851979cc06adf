"""Generations, as clients and their webhooks are told of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from lipsync.jobs.service.assets import Asset
from lipsync.jobs.service.event_log import format_instant
from lipsync.jobs.service.generations import COMPLETED, PROCESSING, Generation
from lipsync.jobs.service.signatures import Links

Progress = Callable[[str], Mapping[str, Any] | None]  # of a generation that is being made
SAID = (
    "model", "input", "options", "segments", "webhookUrl", "outputFileName", "lipsyncOptions",
    "lipsyncSpans", "lipsyncExtras",
)  # fmt: skip


class Views:
    """Says what there is to say of a generation."""

    def __init__(self, links: Links, progress: Progress) -> None:
        self._links, self._progress = links, progress

    def generation(self, one: Generation) -> dict[str, Any]:
        """A generation in the API's names; see `schema.GenerationView`."""
        error, result = one.error or {}, one.result or {}
        duration, done = result.get("duration"), one.status == COMPLETED
        return {
            "id": one.id,
            "status": one.status,
            **{name: one.request.get(name) for name in SAID},
            "createdAt": format_instant(one.created),
            "outputUrl": self._links.make(f"/v2/outputs/{one.id}.mp4") if done else None,
            "outputDuration": duration,
            "segmentOutputUrl": None,
            "error": error.get("message"),
            "error_code": error.get("code"),
            "errorDetails": one.error,
            "startedAt": None if one.started is None else format_instant(one.started),
            "finishedAt": None if one.finished is None else format_instant(one.finished),
            "progress": self._progress(one.id) if one.status == PROCESSING else None,
            "warnings": list(one.warnings),
            "lipsyncResult": result if done else None,
        }

    def message(self, one: Generation) -> tuple[str, str] | None:
        """Where to tell that a generation has ended, and how; None: nobody asked."""
        url = one.request.get("webhookUrl")
        if not url:
            return None
        return str(url), write_plainly(self.generation(one))

    def asset(self, one: Asset) -> dict[str, Any]:
        """An asset in the API's names; see `schema.AssetView`."""
        return {
            "id": one.id,
            "createdAt": format_instant(one.created),
            "updatedAt": format_instant(one.created),
            "name": one.name,
            "url": self._links.make(f"/v2/assets/{one.id}/content"),
            "size": one.size,
            "format": one.format,
            "type": one.type,
            "inputType": one.source,
            "durationSeconds": one.duration,
            "thumbnailUrl": None,
            "visibility": "USER",
            "width": one.width,
            "height": one.height,
        }


def write_plainly(told: Any) -> str:
    """JSON as JavaScript writes what it has read: receivers check the signature of that."""
    return json.dumps(_plain(told), separators=(",", ":"), ensure_ascii=False)


def _plain(told: Any) -> Any:
    """The same with whole numbers as such: 2.0 is written as 2."""
    if isinstance(told, float) and told.is_integer():
        return int(told)
    if isinstance(told, Mapping):
        return {name: _plain(value) for name, value in told.items()}
    return [_plain(one) for one in told] if isinstance(told, list | tuple) else told


def summarize(result: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a render's result: nothing that names a place."""
    fps = Fraction(str(result["fps"]))
    return {
        "frames": result["frames"],
        "fps": str(fps),
        "duration": round(float(result["frames"] / fps), 3),
        "compare": result.get("compare_layout"),
    }
