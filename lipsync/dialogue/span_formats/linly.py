"""The translation of Linly-Dubbing, with a sound file for each line.

Line i (from 0) of `translation.json` is spoken in `wavs/000i.wav`; `wavs/000i_adjusted.wav` is the
same at the tempo of the result. Once the speech is made, the times in the file are those of the
adjusted sound. `transcript.json`, the original, is read like that of any speech recognizer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from lipsync.dialogue.span_formats.cue import Cue
from lipsync.dialogue.span_formats.sound_file import first_file
from lipsync.dialogue.span_formats.text_file import Time, check_entries, has_key
from lipsync.errors import SpansError

SOUNDS = "wavs"


class _Line(BaseModel):
    """One line; other keys are ignored."""

    model_config = ConfigDict(extra="ignore")

    start: Time
    end: Time
    speaker: str | None = None
    translation: str


def is_linly(values: Any) -> bool:
    """Whether JSON is such a translation, by a key that only it has."""
    return has_key(values, "translation")


def parse_linly(path: Path, values: Any) -> Iterator[Cue]:
    """Cues of a translation; where there is no folder of sounds, they are without.

    Raises:
        SpansError: it is damaged, or the sound of a line is missing.
    """
    lines = check_entries(path, values, _Line, "line")
    folder = path.with_name(SOUNDS)
    spoken = folder.is_dir()
    for i, one in enumerate(lines):
        name = f"{path.name} line {i + 1}"
        audio = _find_sound(folder, i, f"{path}: line {i + 1}") if spoken else None
        yield Cue(one.start, one.end, one.speaker, audio, one.translation, name)


def _find_sound(folder: Path, i: int, where: str) -> Path:
    """The sound of line i, at the tempo of the result if it is there."""
    found = first_file(folder / name for name in (f"{i:04d}_adjusted.wav", f"{i:04d}.wav"))
    if found is not None:
        return found
    raise SpansError(
        f"{where}: its sound {SOUNDS}/{i:04d}.wav is missing: let Linly-Dubbing make the speech "
        f"again, or move {SOUNDS} away and use --audio"
    )
