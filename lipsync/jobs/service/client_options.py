"""Options of the renderer that a request may set, and what the API's own options become.

Options that name files, say where the work is done, or leave out marks are the operator's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from lipsync.errors import OptionsError
from lipsync.face.landmarks.selector import FaceSelector
from lipsync.jobs.service.refusal import Refusal
from lipsync.jobs.service.schema import GenerateRequest, GenerationOptions
from lipsync.options import RenderOptions, nearest

OPERATORS = frozenset((
    "device", "cache", "cache_size", "workers", "landmark_threads", "encoder", "watermark",
    "content_credentials",
))  # fmt: skip
# Options that may be a file's name, and what else they may be.
WORDS = {
    "adapt": ("auto", "never"),
    "teeth": ("auto", "off"),
    "speech_model": ("default", "paper", "stream"),
}
TIMINGS = {"cut_off": "cut", "loop": "loop", "bounce": "bounce", "remap": "retime"}
REMAP = (
    "options.sync_mode 'remap': the video is not stretched evenly; it is retimed so that the head "
    "rests in the pauses of the speech (timing: retime)"
)
LEAST_ARTICULATION = 0.5  # at temperature 0; at 0.5, the API's default, it is ours: 1


def read_options(request: GenerateRequest) -> tuple[dict[str, Any], list[str]]:
    """The renderer's options of a request, by their plain names, and what to know of them.

    Raises:
        Refusal: one is unknown, not allowed, or the operator's.
    """
    chosen, warnings = _of_api(request.options or GenerationOptions())
    own = {str(name).replace("-", "_"): v for name, v in (request.lipsync_options or {}).items()}
    known = client_options()
    for name, value in own.items():
        if name not in known and name in RenderOptions().flat():
            line = f"lipsyncOptions: {name!r} is for the operator of the service to set"
            raise Refusal(400, "options", line, kind="options")
        if name not in known:
            line = f"lipsyncOptions: unknown option {name!r}{nearest(name, dict.fromkeys(known))}"
            raise Refusal(400, "options", line, kind="options")
        if name in chosen:
            line = f"lipsyncOptions.{name}: options of the request set it already; leave one out"
            raise Refusal(400, "options", line, kind="options")
        _check_words(name, value)
    try:
        RenderOptions.of(**chosen, **own)
    except OptionsError as error:
        raise Refusal(400, "options", f"lipsyncOptions: {error}", kind="options") from None
    return {**chosen, **own}, warnings


@lru_cache(maxsize=1)
def client_options() -> frozenset[str]:
    """The names of the options that a request may set."""
    return frozenset(_client_options()) - OPERATORS


def _client_options() -> Iterator[str]:
    for kind in get_type_hints(RenderOptions).values():
        hints = get_type_hints(kind)
        for option in fields(kind):
            if _is_plain(hints[option.name]) or option.name in (*WORDS, "face"):
                yield option.name


def _is_plain(kind: Any) -> bool:
    """Whether values of a type are numbers, flags, or one of some words: no names of files."""
    if get_origin(kind) in (Union, UnionType):
        return all(_is_plain(one) for one in get_args(kind))
    return kind in (bool, int, float, NoneType) or get_origin(kind) is Literal


def _check_words(name: str, value: Any) -> None:
    if name in WORDS and value not in WORDS[name]:
        line = f"lipsyncOptions.{name}: wanted {' or '.join(WORDS[name])}"
        raise Refusal(400, "options", line, kind="options")
    if name == "face":
        try:
            kind = FaceSelector.parse(str(value)).kind
        except OptionsError as error:
            raise Refusal(400, "options", f"lipsyncOptions: {error}", kind="options") from None
        if kind == "picture":
            line = "lipsyncOptions.face: pictures are not taken; choose by number or place"
            raise Refusal(400, "options", line, kind="options")


def _of_api(options: GenerationOptions) -> tuple[dict[str, Any], list[str]]:
    """The API's options that apply to every target."""
    chosen: dict[str, Any] = {}
    warnings = [f"options.{name}: has no effect here" for name in options.unknown()]
    if options.sync_mode in TIMINGS:
        chosen["timing"] = TIMINGS[options.sync_mode]
    if options.sync_mode == "remap":
        warnings.append(REMAP)
    if options.temperature is not None:
        chosen["articulation"] = LEAST_ARTICULATION + options.temperature
    if options.occlusion_detection_enabled is not None:
        chosen["occlusion"] = options.occlusion_detection_enabled
    if options.model_mode in ("face", "head"):
        warnings.append(f"options.model_mode {options.model_mode!r}: only the mouth is made")
    if options.prompt is not None:
        warnings.append("options.prompt: has no effect here; expressions stay as filmed")
    return chosen, warnings


def merge_options(
    defaults: Mapping[str, Any], chosen: Mapping[str, Any], extra: Mapping[str, Any]
) -> RenderOptions:
    """The options of a job: the operator's, and over them the client's."""
    return RenderOptions.of(**{**defaults, **chosen, **extra})
