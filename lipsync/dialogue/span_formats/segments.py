"""The JSON of speech recognizers: a list of segments, bare or under the key `segments`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from lipsync.dialogue.span_formats.cue import Cue
from lipsync.dialogue.span_formats.sound_file import named_path
from lipsync.dialogue.span_formats.text_file import Time, check_entries


class _Segment(BaseModel):
    """One span; other keys are ignored."""

    model_config = ConfigDict(extra="ignore")

    start: Time
    end: Time
    speaker: str | None = None
    audio: str | None = None
    text: str = ""


def parse_segments(path: Path, values: Any) -> Iterator[Cue]:
    """Cues of a list of segments.

    Raises:
        SpansError: it is none.
    """
    if isinstance(values, dict):
        values = values.get("segments")
    for number, one in enumerate(check_entries(path, values, _Segment), 1):
        audio = path.parent / named_path(one.audio) if one.audio else None
        name = f"{path.name} entry {number}"
        yield Cue(one.start, one.end, one.speaker, audio, one.text, name)
