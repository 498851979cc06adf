"""Spans read from files of subtitles, speech recognizers and dubbing programs.

The suffix names the kind of file; what is in it tells the programs apart. See `span_formats`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lipsync.dialogue.span_formats.cue import Cue
from lipsync.dialogue.span_formats.krillin import is_krillin, parse_krillin
from lipsync.dialogue.span_formats.linly import is_linly, parse_linly
from lipsync.dialogue.span_formats.open_dubbing import is_open_dubbing, parse_open_dubbing
from lipsync.dialogue.span_formats.pyvideotrans import name_speakers
from lipsync.dialogue.span_formats.segments import parse_segments
from lipsync.dialogue.span_formats.subtitles import parse_subtitles
from lipsync.dialogue.span_formats.text_file import parse_json, read_text
from lipsync.dialogue.span_formats.ttml import parse_ttml
from lipsync.dialogue.spans import Span, format_time
from lipsync.errors import SpansError

KINDS = {
    ".srt": "srt",
    ".vtt": "vtt",
    ".json": "json",
    ".ttml": "ttml",
    ".dfxp": "ttml",
    ".xml": "ttml",
}
# Those of other programs have keys that only they have; what is left is a list of segments.
JSON_FORMATS = (
    (is_open_dubbing, parse_open_dubbing),
    (is_krillin, parse_krillin),
    (is_linly, parse_linly),
)


def read_spans(path: Path, notes: list[str] | None = None) -> list[Span]:
    """Read the spans of a file, in the file's order: .srt, .vtt, .json, .ttml, .dfxp or .xml.

    A file without a suffix, as a pipe, is what it looks like. Spans of no length are left out.

    Args:
        notes: gets a warning for what was left out.

    Raises:
        SpansError: missing, in no known encoding or format, damaged, or without any span.
    """
    suffix = path.suffix.lower()
    if suffix and suffix not in KINDS:
        raise SpansError(
            f"{path}: spans are read from .srt, .vtt or .json files, or TTML (.ttml, .dfxp, .xml)"
        )
    text = read_text(path)
    kind = KINDS[suffix] if suffix else _guess_kind(text)
    found = list(_parse(path, text, kind))
    spans = [cue.span() for cue in found if cue.start != cue.end]
    if not found:
        raise SpansError(f"{path}: there is no span in it")
    if not spans:
        raise SpansError(f"{path}: there is no span in it that lasts: all end where they begin")
    if len(spans) < len(found) and notes is not None:
        first = next(cue for cue in found if cue.start == cue.end)
        count = len(found) - len(spans)
        what = "a span of no length was" if count == 1 else f"{count} spans of no length were"
        notes.append(
            f"{path}: {what} left out (the first: {first.name} at {format_time(first.start)})"
        )
    return spans


def _guess_kind(text: str) -> str:
    begins = text.lstrip()[:6]
    if begins == "WEBVTT":
        return "vtt"
    return {"[": "json", "{": "json", "<": "ttml"}.get(begins[:1], "srt")


def _parse(path: Path, text: str, kind: str) -> Iterator[Cue]:
    """Cues of a text of a known kind."""
    if kind == "ttml":
        return parse_ttml(path, text)
    if kind == "json":
        values = parse_json(path, text)
        parse = next((parse for fits, parse in JSON_FORMATS if fits(values)), parse_segments)
        return parse(path, values)
    cues = parse_subtitles(path, text, kind)
    return name_speakers(path, list(cues)) if kind == "srt" else cues
