"""All options of a command in one value, composed of every stage's own.

A name means the same everywhere: `candidates` is `--candidates` on the command line,
`candidates:` in a YAML file and `RenderOptions.of(candidates=…)` in Python.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import yaml
from cyclopts import Parameter
from pydantic import Field, ValidationError
from typing_extensions import Self

from lipsync.dialogue.soundtrack import SoundOptions
from lipsync.dialogue.spans import SpanOptions
from lipsync.errors import OptionsError
from lipsync.face.landmarks.registry import LandmarkOptions
from lipsync.faceswap.faceset.curation import CurationOptions
from lipsync.faceswap.maker import FaceOptions
from lipsync.learning.fine_tuning import AdaptOptions, TuneOptions
from lipsync.learning.mouth_decoder.options import LearnOptions
from lipsync.marks.options import MarkOptions
from lipsync.media import ReadOptions
from lipsync.media.encode import EncodeOptions
from lipsync.mouth.bank.footage import FootageOptions
from lipsync.mouth.bank.mouth_bank import BankOptions
from lipsync.mouth.finish.composite import CompositeOptions
from lipsync.mouth.finish.jaw_warp import JawOptions
from lipsync.mouth.finish.teeth import TeethOptions
from lipsync.mouth.finish.visibility import VisibilityOptions
from lipsync.mouth.texture.source import TextureOptions
from lipsync.retime import TimingOptions
from lipsync.runtime.cache import DEFAULT_SIZE
from lipsync.runtime.context import RunContext
from lipsync.runtime.disk_space import SizeText, parse_size
from lipsync.runtime.loaded import LoadedValues
from lipsync.runtime.option_spec import option_group
from lipsync.speech.articulation import ArticulationOptions
from lipsync.speech.lip_model import LipOptions
from lipsync.speech.silence import SilenceOptions
from lipsync.types import Progress

Flat = Parameter(name="*")


@option_group
class RunOptions:
    """Where and how the work is done."""

    device: str = "cpu"
    """Where networks run: cpu, cuda, cuda:1, mps …"""
    cache: bool = True
    """Keep face tracks and mouth banks on disk, so that the next render of a target is quicker."""
    cache_size: SizeText = DEFAULT_SIZE
    """Room that they may take, e.g. 500M or 20G; those not used for longest go first."""
    workers: Annotated[int, Field(ge=0, le=64)] = 0
    """Processes that make frames side by side; 0: one per core, of large pictures one per two
    cores, at most four."""

    @contextmanager
    def open(
        self, progress: Progress | None, loaded: LoadedValues | None = None
    ) -> Iterator[RunContext]:
        """The services of one run; `loaded`: what this process keeps in memory between runs."""
        size = parse_size(self.cache_size)
        with RunContext.open(self.cache, self.device, progress, size, loaded) as run:
            yield run


class _OneLine(type):
    """Makes pydantic's errors, which are many lines, one line of ours."""

    def __call__(cls, *values: Any, **named: Any) -> Any:
        try:
            return super().__call__(*values, **named)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            if first["type"] == "unexpected_keyword_argument" and len(first["loc"]) == 1:
                name = first["loc"][0]
                hint = f"{cls.__name__}.of({name}=…) takes options by their plain names"
                raise OptionsError(f"{cls.__name__} has no stage {name!r}; {hint}") from None
            raise OptionsError(validation_line(error)) from None


class Composed(metaclass=_OneLine):
    """Options of several stages in one value; every option name is unique."""

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Options by their plain names, e.g. `RenderOptions.of(candidates=10, crf=18)`.

        Raises:
            OptionsError: a name is unknown (the message suggests the nearest) or a value is not
                allowed.
        """
        stage_of = dict(_stages_of_options(cls))
        stages: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            if name not in stage_of:
                raise OptionsError(f"unknown option {name!r}{nearest(name, stage_of)}")
            stages.setdefault(stage_of[name], {})[name] = value
        return cls(**stages)

    def flat(self) -> dict[str, Any]:
        """Every option by its plain name."""
        stages = asdict(self).values()  # type: ignore[call-overload]
        return {name: value for stage in stages for name, value in stage.items()}

    def decisive(self) -> dict[str, Any]:
        """The options that decide the result, by their plain names: all but where it is made."""
        run = {option.name for option in fields(RunOptions)}
        return {name: value for name, value in self.flat().items() if name not in run}


def option_names(composed: type[Composed]) -> list[str]:
    """The plain names of all options."""
    return [name for name, _ in _stages_of_options(composed)]


def _stages_of_options(composed: type) -> Iterator[tuple[str, str]]:
    """(option name, field name of the stage that owns it)."""
    for stage, kind in get_type_hints(composed).items():
        if is_dataclass(kind):
            yield from ((option.name, stage) for option in fields(kind))


@Flat
@option_group
class RenderOptions(Composed):
    """Options of `lipsync render`, stage by stage."""

    reading: Annotated[ReadOptions, Flat] = field(default_factory=ReadOptions)
    landmarks: Annotated[LandmarkOptions, Flat] = field(default_factory=LandmarkOptions)
    lips: Annotated[LipOptions, Flat] = field(default_factory=LipOptions)
    adapt: Annotated[AdaptOptions, Flat] = field(default_factory=AdaptOptions)
    tuning: Annotated[TuneOptions, Flat] = field(default_factory=TuneOptions)
    articulation: Annotated[ArticulationOptions, Flat] = field(default_factory=ArticulationOptions)
    silence: Annotated[SilenceOptions, Flat] = field(default_factory=SilenceOptions)
    timing: Annotated[TimingOptions, Flat] = field(default_factory=TimingOptions)
    spans: Annotated[SpanOptions, Flat] = field(default_factory=SpanOptions)
    footage: Annotated[FootageOptions, Flat] = field(default_factory=FootageOptions)
    bank: Annotated[BankOptions, Flat] = field(default_factory=BankOptions)
    texture: Annotated[TextureOptions, Flat] = field(default_factory=TextureOptions)
    teeth: Annotated[TeethOptions, Flat] = field(default_factory=TeethOptions)
    shown: Annotated[VisibilityOptions, Flat] = field(default_factory=VisibilityOptions)
    jaw: Annotated[JawOptions, Flat] = field(default_factory=JawOptions)
    composite: Annotated[CompositeOptions, Flat] = field(default_factory=CompositeOptions)
    sound: Annotated[SoundOptions, Flat] = field(default_factory=SoundOptions)
    encode: Annotated[EncodeOptions, Flat] = field(default_factory=EncodeOptions)
    marks: Annotated[MarkOptions, Flat] = field(default_factory=MarkOptions)
    run: Annotated[RunOptions, Flat] = field(default_factory=RunOptions)


@Flat
@option_group
class SwapOptions(Composed):
    """Options of `lipsync swap`, stage by stage."""

    reading: Annotated[ReadOptions, Flat] = field(default_factory=ReadOptions)
    landmarks: Annotated[LandmarkOptions, Flat] = field(default_factory=LandmarkOptions)
    faces: Annotated[FaceOptions, Flat] = field(default_factory=FaceOptions)
    encode: Annotated[EncodeOptions, Flat] = field(default_factory=EncodeOptions)
    marks: Annotated[MarkOptions, Flat] = field(default_factory=MarkOptions)
    run: Annotated[RunOptions, Flat] = field(default_factory=RunOptions)


@Flat
@option_group
class ExtractOptions(Composed):
    """Options of `lipsync faces extract`."""

    landmarks: Annotated[LandmarkOptions, Flat] = field(default_factory=LandmarkOptions)
    curation: Annotated[CurationOptions, Flat] = field(default_factory=CurationOptions)
    run: Annotated[RunOptions, Flat] = field(default_factory=RunOptions)


@Flat
@option_group
class PersonOptions(Composed):
    """Options of `lipsync adapt`."""

    landmarks: Annotated[LandmarkOptions, Flat] = field(default_factory=LandmarkOptions)
    lips: Annotated[LipOptions, Flat] = field(default_factory=LipOptions)
    tuning: Annotated[TuneOptions, Flat] = field(default_factory=TuneOptions)
    run: Annotated[RunOptions, Flat] = field(default_factory=RunOptions)


@Flat
@option_group
class MouthOptions(Composed):
    """Options of `lipsync train-mouth`."""

    landmarks: Annotated[LandmarkOptions, Flat] = field(default_factory=LandmarkOptions)
    footage: Annotated[FootageOptions, Flat] = field(default_factory=FootageOptions)
    bank: Annotated[BankOptions, Flat] = field(default_factory=BankOptions)
    learn: Annotated[LearnOptions, Flat] = field(default_factory=LearnOptions)
    run: Annotated[RunOptions, Flat] = field(default_factory=RunOptions)


@Flat
@option_group
class InspectOptions(Composed):
    """Options of `lipsync inspect`."""

    landmarks: Annotated[LandmarkOptions, Flat] = field(default_factory=LandmarkOptions)
    run: Annotated[RunOptions, Flat] = field(default_factory=RunOptions)


def nearest(name: str, known: Mapping[str, Any]) -> str:
    """` (did you mean …?)`, or nothing if no known name is near."""
    close = difflib.get_close_matches(name.replace("-", "_"), known, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def validation_line(error: ValidationError) -> str:
    """A pydantic error as one line: the option, what is wrong with it, and the value given."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][-1]) if first["loc"] else "options"
    said = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"].lower()
    return f"option {name!r}: {said}, got {first['input']!r}"


def read_options(path: Path, kind: type[Composed] = RenderOptions) -> dict[str, Any]:
    """The options in a YAML file, validated against `kind`.

    Raises:
        OptionsError: it cannot be read, is not a mapping, or holds an unknown key or bad value.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise OptionsError(f"{path}: cannot read these options: {error}") from None
    except yaml.YAMLError as error:
        raise OptionsError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise OptionsError(f"{path}: too many brackets within one another") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise OptionsError(f"{path}: wanted `option: value` lines, got {type(values).__name__}")
    named = {str(name).replace("-", "_"): value for name, value in values.items()}
    try:
        kind.of(**named)
    except OptionsError as error:
        raise OptionsError(f"{path}: {error}") from None
    return named
