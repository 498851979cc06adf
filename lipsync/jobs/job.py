"""One job of a batch: a render, as a line of a manifest or a request to the service asks for it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from lipsync.dialogue.spans import Span, parse_segment
from lipsync.errors import OptionsError
from lipsync.jobs.urls import stand_in
from lipsync.marks.sidecar import sidecar_path
from lipsync.options import RenderOptions, option_names
from lipsync.pipelines.arguments import as_place, as_spans, as_speakers
from lipsync.types import Speaker

# What a render writes besides its output.
PLACES = ("sheet", "plot", "sidecar", "report", "mask", "compare")
# What a line may say besides the options of a render, which it says by their plain names.
KEYS = (
    "id", "video", "audio", "output", "language", "speakers", "spans", "segment", *PLACES,
    "options",
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One render. All paths hold in every folder; some may stand for URLs, see `urls`."""

    id: str
    video: Path
    audio: Path | None
    output: Path
    language: str | None = None  # of the speech, as the manifest calls it
    speakers: tuple[Speaker, ...] = ()
    spans: Path | tuple[Span, ...] | None = None
    sheet: Path | None = None
    plot: Path | None = None
    sidecar: Path | None = None
    report: Path | None = None
    mask: Path | None = None
    compare: Path | None = None
    options: RenderOptions = field(default_factory=RenderOptions)

    def arguments(self) -> dict[str, Any]:
        """The arguments of `render`, by name."""
        places = {name: getattr(self, name) for name in PLACES}
        return {
            "audio": self.audio, "video": self.video, "output": self.output,
            "speakers": self.speakers, "spans": self.spans, "options": self.options, **places,
        }  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """The job as JSON, for `from_json`."""
        spans = self.spans
        if isinstance(spans, tuple):
            listed: Any = [_as_json(span) for span in spans]
        else:
            listed = None if spans is None else str(spans)
        simple = ("id", "video", "audio", "output", "language", *PLACES)
        told = {name: getattr(self, name) for name in simple}
        return {
            **{name: value if value is None else str(value) for name, value in told.items()},
            "speakers": [_as_json(speaker) for speaker in self.speakers],
            "spans": listed,
            "options": {name: _plain(value) for name, value in self.options.flat().items()},
        }

    @staticmethod
    def from_json(told: Mapping[str, Any]) -> Job:
        """The job that `to_json` told.

        Raises:
            LipsyncError: it is none.
        """
        values = dict(told)
        if isinstance(told.get("spans"), list):
            values["spans"] = [
                {**one, "start": Fraction(one["start"]), "end": Fraction(one["end"])}
                for one in told["spans"]
            ]
        return read_job(values, Path(), Path(), "")


def list_inputs(job: Job) -> list[Path]:
    """Every file that a job reads."""
    alone = (job.spans,) if isinstance(job.spans, Path) else ()
    spans = job.spans if isinstance(job.spans, tuple) else ()
    voices = (one.audio for one in job.speakers)
    found = (job.video, job.audio, *alone, *voices, *(one.audio for one in spans))
    return list(dict.fromkeys(place for place in found if place is not None))


def list_outputs(job: Job) -> Iterator[Path]:
    """Every file that a job writes."""
    yield job.output
    yield job.sidecar or sidecar_path(job.output)
    yield from (place for name in PLACES if name != "sidecar" and (place := getattr(job, name)))


def read_job(values: Mapping[str, Any], base: Path, out: Path, default_id: str) -> Job:
    """The job that a line of a manifest describes.

    Args:
        values: see `KEYS`; everything else is an option of a render.
        base: folder that its paths are relative to.
        out: folder of the outputs.
        default_id: if it has none of its own.

    Raises:
        LipsyncError: what is wrong with it first.
    """
    given = {key: value for key, value in values.items() if value not in (None, "")}
    _check_keys(given)
    video, audio = (_place(given.get(name), base, name) for name in ("video", "audio"))
    if video is None:
        raise OptionsError("'video' is missing: the file that shows the person")
    language = given.get("language")
    if not isinstance(language, str | None):
        raise OptionsError(f"'language': wanted a text, got {language!r}")
    output = _place(given.get("output"), out, "output") or out / _name_output(
        video, audio, language
    )
    if "spans" in given and "segment" in given:
        raise OptionsError("'spans' and 'segment': give one of the two")
    options = given.get("options", {})
    if not isinstance(options, Mapping):
        raise OptionsError(f"'options': wanted names and values, got {options!r}")
    named = {str(name).replace("-", "_"): value for name, value in options.items()}
    named |= {name: value for name, value in given.items() if name not in KEYS}
    return Job(
        id=str(given.get("id", default_id)),
        video=video,
        audio=audio,
        output=output,
        language=language,
        speakers=tuple(_speakers(given.get("speakers"), base)),
        spans=_spans(given, base),
        options=RenderOptions.of(**named),
        **{name: _place(given.get(name), out, name) for name in PLACES},
    )


def _check_keys(given: Mapping[str, Any]) -> None:
    known = (*KEYS, *option_names(RenderOptions))
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise OptionsError(f"unknown key {key!r}{hint}")


def _place(value: Any, base: Path, what: str) -> Path | None:
    path = stand_in(value) or as_place(value, what)
    return None if path is None else (base / path.expanduser()).absolute()


def _sound(path: Path | None, base: Path) -> Path | None:
    """The sound of a speaker or of a span."""
    return None if path is None else stand_in(path) or (base / path.expanduser()).absolute()


def _name_output(video: Path, audio: Path | None, language: str | None) -> str:
    """A name that tells what was said by whom."""
    said = language or (audio.stem if audio is not None else "lipsync")
    return f"{video.stem}.{said}.mp4"


def _speakers(value: Any, base: Path) -> Iterator[Speaker]:
    for one in as_speakers(value):
        yield Speaker(one.name, _sound(one.audio, base), one.face)


def _spans(given: Mapping[str, Any], base: Path) -> Path | tuple[Span, ...] | None:
    if "segment" in given:
        return (parse_segment(str(given["segment"])),)
    spans = as_spans(given.get("spans"))
    if spans is None or isinstance(spans, Path):
        return _place(given.get("spans"), base, "spans")
    return tuple(
        Span(one.start, one.end, one.speaker, _sound(one.audio, base), one.text, one.name)
        for one in spans
    )


def _as_json(value: Speaker | Span) -> dict[str, Any]:
    told = {one.name: getattr(value, one.name) for one in fields(value)}
    return {name: _plain(one) for name, one in told.items()}


def _plain(value: Any) -> Any:
    """A value of an option, a speaker or a span as JSON."""
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value
