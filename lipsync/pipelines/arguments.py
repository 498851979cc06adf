"""What callers give to a command, in whatever form, as the values that the program works with."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from lipsync.dialogue.spans import Span
from lipsync.dialogue.speaker_parts import parse_speaker
from lipsync.errors import OptionsError, OutputError, SpansError
from lipsync.media import PipedInputs
from lipsync.options import Composed, RenderOptions
from lipsync.types import Speaker, as_path

Options = TypeVar("Options", bound=Composed)


@dataclass(frozen=True)
class RenderArguments:
    """The arguments of a render; what were pipes are files."""

    audio: Path | None
    video: Path
    output: str | Path
    speakers: list[Speaker]
    spans: Path | list[Span] | None
    options: RenderOptions


def read_arguments(
    piped: PipedInputs, audio: Any, video: Any, output: Any, speakers: Any, spans: Any, options: Any
) -> RenderArguments:
    """Check the arguments of a render, and read its pipes.

    Raises:
        OptionsError, SpansError: one of them is nothing that can be meant.
        MediaError: a file is missing, or a pipe cannot be read.
        OutputError: the video comes from a pipe, and the output has no name.
    """
    chosen = as_options(options, RenderOptions)
    target = piped.take(as_path(video, "video"))
    sound = None if audio is None else piped.take(as_path(audio, "audio"))
    cast = [
        one if one.audio is None else replace(one, audio=piped.take(one.audio))
        for one in as_speakers(speakers)
    ]
    lines = as_spans(spans)
    if isinstance(lines, Path):
        lines = piped.take(lines)
    elif lines is not None:
        lines = [
            one if one.audio is None else replace(one, audio=piped.take(one.audio)) for one in lines
        ]
    if output is None and piped.is_taken(target):
        raise OutputError(f"{video}: is a pipe without a name to call the output by; use --output")
    place = as_output(output, target.with_name(f"{target.stem}.lipsync.mp4"))
    return RenderArguments(sound, target, place, cast, lines, _take_footage(piped, chosen))


def at_absolute_places(given: RenderArguments) -> RenderArguments:
    """The same arguments for a process in another folder."""
    spans = given.spans
    if isinstance(spans, Path):
        spans = spans.absolute()
    elif spans is not None:
        spans = [replace(one, audio=_absolute(one.audio)) for one in spans]
    return replace(
        given,
        audio=_absolute(given.audio),
        video=given.video.absolute(),
        speakers=[replace(one, audio=_absolute(one.audio)) for one in given.speakers],
        spans=spans,
    )


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.absolute()


def _take_footage(piped: PipedInputs, options: RenderOptions) -> RenderOptions:
    """Options with files in place of the pipes that they name."""
    references = tuple(_take_name(piped, name) for name in options.footage.reference)
    teeth = options.teeth.teeth
    if teeth not in ("auto", "off"):
        teeth = _take_name(piped, teeth)
    return replace(
        options,
        footage=replace(options.footage, reference=references),
        teeth=replace(options.teeth, teeth=teeth),
    )


def _take_name(piped: PipedInputs, name: str) -> str:
    path = Path(name).expanduser()
    taken = piped.take(path)
    return name if taken == path else str(taken)


def as_options(value: Any, kind: type[Options]) -> Options:
    """Options given as such, as a mapping of their names, or not at all.

    Raises:
        OptionsError: another type, an unknown name, or a value that is not allowed.
    """
    if value is None:
        return kind()
    if isinstance(value, kind):
        return value
    if isinstance(value, Mapping):
        return kind.of(**{str(name).replace("-", "_"): one for name, one in value.items()})
    raise OptionsError(f"options: wanted {kind.__name__} or a mapping of names, got {value!r}")


def as_paths(values: Any, what: str) -> list[Path]:
    """Files, or a single one.

    Raises:
        OptionsError: no paths.
    """
    if isinstance(values, str | bytes | os.PathLike):
        return [as_path(values, what)]
    return [as_path(one, what) for one in _each(values, what, OptionsError)]


def as_output(value: Any, default: str | Path) -> str | Path:
    """An output's name: text as it is, since a slash at its end means a folder.

    Raises:
        OptionsError: no path.
    """
    if value is None or value == "":
        return default
    return value if isinstance(value, str | Path) else as_path(value, "output")


def as_place(value: Any, what: str) -> Path | None:
    """A file to write as well; None: it was not asked for.

    Raises:
        OptionsError: no path.
    """
    return None if value is None or value == "" else as_path(value, what)


def as_speakers(values: Any) -> list[Speaker]:
    """Speakers, each as such, as (name, audio, face), as a mapping, or as `NAME=AUDIO:FACE`.

    Raises:
        OptionsError: nothing of these.
    """
    return [_as_speaker(one) for one in _each(values, "speakers", OptionsError)]


def _as_speaker(value: Any) -> Speaker:
    if isinstance(value, Speaker):
        return value
    if isinstance(value, str):
        return parse_speaker(value)
    try:
        if isinstance(value, Mapping):
            return Speaker(**value)
        return Speaker(*value)
    except TypeError:
        raise OptionsError(
            f"speakers: wanted Speaker, or (name, audio, face), got {value!r}"
        ) from None


def as_spans(values: Any) -> Path | list[Span] | None:
    """A file of spans, or spans, each as such, as (start, end, speaker, audio), or as a mapping.

    Raises:
        OptionsError, SpansError: nothing of these.
    """
    if values is None:
        return None
    if isinstance(values, str | bytes | os.PathLike):
        return as_path(values, "spans")
    spans = [_as_span(one, i) for i, one in enumerate(_each(values, "spans", SpansError), 1)]
    if not spans:
        raise SpansError("spans: there is none; leave them out for speech throughout")
    return spans


def _as_span(value: Any, number: int) -> Span:
    if isinstance(value, Span):
        return value
    try:
        if isinstance(value, Mapping):
            return Span(**{"name": f"span {number}", **value})
        start, end, *rest = value
        speaker, audio = [*rest, None, None][:2]
        if len(rest) > 2:
            raise ValueError(value)
        return Span(start, end, speaker, audio, name=f"span {number}")
    except (TypeError, ValueError):
        raise SpansError(f"spans: wanted Span, or (start, end) in seconds, got {value!r}") from None


def _each(values: Any, what: str, wrong: type[OptionsError] | type[SpansError]) -> Iterable[Any]:
    """The entries of a collection; of None: nothing."""
    if values is None:
        return ()
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise wrong(f"{what}: wanted a list, got {values!r}")
    return values
