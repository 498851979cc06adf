"""The dubbing plan of KrillinAI.

`dubbing/dubbing_plan.json` says for each subtitle when its speech lies in `tts_final_audio.wav`,
one folder up, which is on the video's time line. One voice speaks everything. The subtitles that
KrillinAI writes beside are plain SubRip.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from lipsync.dialogue.span_formats.cue import Cue
from lipsync.dialogue.span_formats.text_file import Time, check_entries, has_key


class _PlanItem(BaseModel):
    """One subtitle; other keys are ignored."""

    model_config = ConfigDict(extra="ignore")

    new_start: Time
    new_end: Time
    spoken_text: str = ""


def is_krillin(values: Any) -> bool:
    """Whether JSON is such a plan, by keys that only it has."""
    return has_key(values, "original_start", "spoken_text") or has_key(values, "new_start")


def parse_krillin(path: Path, values: Any) -> Iterator[Cue]:
    """Cues of a plan.

    Raises:
        SpansError: it is damaged.
    """
    for number, one in enumerate(check_entries(path, values, _PlanItem, "item"), 1):
        name = f"{path.name} item {number}"
        yield Cue(one.new_start, one.new_end, None, None, one.spoken_text, name)
