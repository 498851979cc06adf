"""The utterance metadata of open-dubbing, with a sound file for each line.

`utterance_metadata_<language>.json` has the lines under `utterances`, beside a key for what they
were cut from; early versions wrote the bare list. A line that is not `for_dubbing` keeps the
original's sound, and so the original's mouth. The sound of a line may last longer than the line:
open-dubbing lets it go on until the next one begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from lipsync import media
from lipsync.dialogue.span_formats.cue import Cue
from lipsync.dialogue.span_formats.sound_file import first_file, named_path
from lipsync.dialogue.span_formats.text_file import Time, check_entries, has_key
from lipsync.errors import InputError, SpansError


class _Utterance(BaseModel):
    """One line; other keys are ignored."""

    model_config = ConfigDict(extra="ignore")

    start: Time
    end: Time
    speaker_id: str | None = None
    dubbed_path: str | None = None
    for_dubbing: bool = True
    translated_text: str = ""


def is_open_dubbing(values: Any) -> bool:
    """Whether JSON is such metadata, by keys that only it has."""
    if isinstance(values, dict) and "utterances" in values:
        return "PreprocessingArtifacts" in values or has_key(values["utterances"], "for_dubbing")
    return has_key(values, "dubbed_path")


def parse_open_dubbing(path: Path, values: Any) -> Iterator[Cue]:
    """Cues of the lines that are dubbed.

    Raises:
        SpansError: the metadata is damaged, or the sound of a line is missing or damaged.
    """
    lines = values["utterances"] if isinstance(values, dict) else values
    utterances = check_entries(path, lines, _Utterance, "utterance")
    dubbed = [(i, one) for i, one in enumerate(utterances, 1) if one.for_dubbing]
    if utterances and not dubbed:
        raise SpansError(f"{path}: none of its utterances is for dubbing")
    starts = sorted(one.start for _, one in dubbed)
    for number, one in dubbed:
        where = f"{path}: utterance {number}"
        if not one.dubbed_path:
            raise SpansError(f"{where}: has no 'dubbed_path': let open-dubbing run to its end")
        audio = _find_sound(path, one.dubbed_path, where)
        end = _find_end(one, audio, starts, where)
        name = f"{path.name} utterance {number}"
        yield Cue(one.start, end, one.speaker_id, audio, one.translated_text, name)


def _find_sound(path: Path, named: str, where: str) -> Path:
    """The file of a line: where it is named, or beside the metadata, if both were moved."""
    given = named_path(named)
    bare = re.split(r"[\\/]", named)[-1]  # of a path of any system
    found = first_file((given, path.parent / given, path.parent / bare))
    if found is not None:
        return found
    raise SpansError(
        f"{where}: its sound {named} is missing: keep the intermediate files of open-dubbing "
        "beside the metadata"
    )


def _find_end(one: _Utterance, audio: Path, starts: Sequence[Fraction], where: str) -> Fraction:
    """When a line's sound ends, at the latest where the next line begins."""
    if one.end <= one.start:
        return one.end
    try:
        sounds_until = one.start + media.probe_audio(audio).duration
    except InputError as error:
        raise SpansError(f"{where}: {error}") from None
    following = next((start for start in starts if start > one.start), sounds_until)
    return max(one.end, min(sounds_until, following))
