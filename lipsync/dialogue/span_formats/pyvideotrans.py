"""Who speaks a SubRip file of pyvideotrans: tags, or speaker.json beside it.

A transcription has `[spk0]` before the text. A translation has none: `speaker.json` in its folder
lists a name for each cue, of the original and of the translation alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lipsync.dialogue.span_formats.cue import Cue
from lipsync.dialogue.span_formats.text_file import parse_json, read_text
from lipsync.errors import SpansError
from lipsync.runtime.wording import count_of

SPEAKERS = "speaker.json"
_TAG = re.compile(r"\[\s*(?P<name>spk\s*\d+)\s*\]\s*", re.IGNORECASE)


def name_speakers(path: Path, cues: Sequence[Cue]) -> Iterator[Cue]:
    """The cues of a SubRip file with the speakers that pyvideotrans names; others as they are.

    Raises:
        SpansError: speaker.json is damaged, or does not belong to these cues.
    """
    names = None if any(_TAG.match(cue.text) for cue in cues) else _read_names(path, len(cues))
    for i, cue in enumerate(cues):
        tag = _TAG.match(cue.text)
        if tag is not None:
            yield replace(cue, speaker=tag["name"], text=cue.text[tag.end() :])
        else:
            yield cue if names is None else replace(cue, speaker=names[i])


def _read_names(path: Path, cues: int) -> list[str] | None:
    """The names beside a file with so many cues; None: there are none."""
    file = path.with_name(SPEAKERS)
    if not file.is_file():
        return None
    names = parse_json(file, read_text(file))
    if not isinstance(names, list):
        return None  # a file of something else
    for i, name in enumerate(names, 1):
        if not isinstance(name, str) or not name.strip("[] "):
            raise SpansError(f"{file}: entry {i} is not the name of a speaker")
    if len(names) != cues:
        raise SpansError(
            f"{file}: names {count_of(len(names), 'speaker')} for {count_of(cues, 'cue')} of "
            f"{path.name}, one each is wanted; move {SPEAKERS} away if they do not belong together"
        )
    return [name.strip("[] ") for name in names]
