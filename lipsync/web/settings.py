"""The options of a render on the page: which are shown, as what, and what they say as a command."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

from lipsync.dialogue.spans import parse_segment
from lipsync.jobs.service.client_options import WORDS, client_options
from lipsync.options import RenderOptions

# Those that matter for the look of most footage, in the order of the page.
MAIN = (
    "timing", "silence", "adapt", "articulation", "candidates", "detail", "teeth",
    "teeth_strength", "sharpen", "jaw",
)  # fmt: skip
# Chosen by a click; beside the spans; of no use without a file that the page does not take.
ELSEWHERE = ("face", "span_fade", "texture")


@dataclass(frozen=True)
class Setting:
    """An option as a user sees it."""

    name: str
    stage: str
    default: Any
    help: str
    choices: tuple[str, ...] = ()  # it is one of some words
    least: float | None = None
    most: float | None = None
    kind: type = str  # bool, int, float or str
    optional: bool = False  # it may be left empty

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return f"--{self.name.replace('_', '-')}"


def list_settings() -> list[Setting]:
    """All options that the page offers: first the main ones, then the others by their stages."""
    found = {setting.name: setting for setting in _all_settings()}
    rest = [one for name, one in found.items() if name not in (*MAIN, *ELSEWHERE)]
    return [*(found[name] for name in MAIN), found["span_fade"], *rest]


def _all_settings() -> Iterator[Setting]:
    allowed = client_options()
    for stage, kind in get_type_hints(RenderOptions).items():
        for name, field in getattr(kind, "__pydantic_fields__", {}).items():
            if name in allowed:
                yield _describe(name, stage, field)


def _describe(name: str, stage: str, field: Any) -> Setting:
    annotation, metadata = field.annotation, list(field.metadata)
    optional = False
    if type(None) in get_args(annotation) and get_origin(annotation) is not Literal:
        optional = True
        annotation = next(one for one in get_args(annotation) if one is not type(None))
    if hasattr(annotation, "__metadata__"):
        for more in annotation.__metadata__:
            metadata += getattr(more, "metadata", [more])
        annotation = annotation.__origin__
    choices = WORDS.get(name) or (get_args(annotation) if get_origin(annotation) is Literal else ())
    kind = annotation if annotation in (bool, int, float) else str
    least = next((_bound(one, "ge", "gt") for one in metadata if _bound(one, "ge", "gt")), None)
    most = next((_bound(one, "le", "lt") for one in metadata if _bound(one, "le", "lt")), None)
    return Setting(
        name, stage, field.default, _one_line(field.description or ""), tuple(choices),
        None if least is None else least[0], None if most is None else most[0], kind, optional,
    )  # fmt: skip


def _bound(limit: Any, *names: str) -> tuple[float] | None:
    for name in names:
        value = getattr(limit, name, None)
        if value is not None:
            return (float(value),)
    return None


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def read_values(settings: Sequence[Setting], values: Sequence[Any]) -> dict[str, Any]:
    """The options that differ from their defaults, of the values of the page's controls."""
    chosen = {}
    for setting, value in zip(settings, values, strict=True):
        if value is None or value == "":
            continue
        read = setting.kind(value)
        if read != setting.default:
            chosen[setting.name] = read
    return chosen


def write_command(
    audio: str | None, video: str | None, options: Mapping[str, Any], spans: Sequence[str] = ()
) -> str:
    """What to type to have the same rendered.

    Raises:
        LipsyncError: one of the spans is none.
    """
    words = ["lipsync", "render", "--audio", audio or "speech.wav", "--video", video or "video.mp4"]
    note, found = "", [parse_segment(text) for text in spans]
    if len(found) == 1:
        words += ["--segment", spans[0]]
    elif found:
        listed = [{"start": float(one.start), "end": float(one.end)} for one in found]
        words += ["--spans", "spans.json"]
        note = f"# spans.json: {json.dumps(listed)}\n"
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", str(value)]
    return note + shlex.join(words)


def write_options_file(options: Mapping[str, Any]) -> str:
    """The options as a file for --options."""
    return yaml.safe_dump(dict(options), sort_keys=False) if options else "# all as by default\n"
