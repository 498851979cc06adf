"""Options of a speech-model run, read from a YAML file in configs/train/."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from lipsync.errors import OptionsError
from lipsync.learning.lip_losses import LipLossWeights
from lipsync.learning.run_state import as_plain_values
from lipsync.speech.features import FeatureSpec
from lipsync.types import N_LIPS
from training.speech_model.augment import Augmentation

T = TypeVar("T")

Precision = Literal["float32", "bfloat16", "float16"]
Count = Annotated[int, Field(gt=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TrainOptions:
    """Options of one run."""

    name: str  # of the run's folder and of the weights
    description: str  # one line, stored in the weights
    features: FeatureSpec
    hidden: Count
    layers: Count
    bidirectional: bool
    delay: Annotated[int, Field(ge=0)]
    stride: Count
    crop_steps: Annotated[tuple[Count, ...], Field(min_length=1)]  # one is drawn per batch
    batch: Count  # sequences per step, of all processes together
    epochs: Count
    learning_rate: Positive
    clip_gradient: Positive
    members: Count = 1  # networks whose outputs are averaged; each trains on its rows of a batch
    components: Annotated[int, Field(gt=0, le=2 * N_LIPS)] = 20
    dropout: Share = 0.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    anneal: bool = False  # learning rate: warm-up over the first 5 %, cosine decay
    losses: LipLossWeights = LipLossWeights()
    augmentation: Augmentation = Augmentation()
    speakers: Annotated[tuple[str, ...], Field(min_length=1)] = ("grid_s1",)
    minutes: Positive | None = None  # of training clips; None: all
    precision: Precision = "float32"  # of matrix products in training
    ema: Share = 0.0  # decay of the saved weight average, about 1 / (1 − ema) steps long
    licence: str = "Apache-2.0"
    seed: int = 0
    report_every_epochs: Count = 5


def read_config(path: Path, **changes: Any) -> TrainOptions:
    """Read and check the options of a YAML file.

    Args:
        changes: values that override the file's.

    Raises:
        OptionsError: missing file, unknown key, or invalid value.
    """
    return parse_options({**read_values(path), **changes}, str(path))


def read_values(path: Path) -> dict[str, Any]:
    """Read the values of a YAML file, unchecked.

    Raises:
        OptionsError: missing, not YAML, or not a mapping.
    """
    if not path.is_file():
        raise OptionsError(f"{path}: no such config; configs/train/ has some to start from")
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise OptionsError(f"{path}: {str(error).splitlines()[0]}") from None
    if not isinstance(found, dict):
        raise OptionsError(f"{path}: no options in it; configs/train/ has some to start from")
    return found


def validate(kind: type[T], values: dict[str, Any], where: str) -> T:
    """Check values and convert them to an options dataclass.

    Raises:
        OptionsError: unknown key or invalid value; the message begins with `where`.
    """
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise OptionsError(f"{where}: {key}: {first['msg']}") from None


def parse_options(values: dict[str, Any], where: str) -> TrainOptions:
    """Check values and convert them to `TrainOptions`.

    Raises:
        OptionsError: unknown key or invalid value; the message begins with `where`.
    """
    found = validate(TrainOptions, values, where)
    shortest, stride = min(found.crop_steps), found.stride
    if shortest // stride - found.delay // stride < 2:
        raise OptionsError(
            f"{where}: crop_steps: {shortest} steps leave no two outputs after a delay of "
            f"{found.delay} (stride {stride})"
        )
    return found


def to_yaml(options: Any) -> str:
    """Format options as YAML."""
    return yaml.safe_dump(as_plain_values(options), sort_keys=False, allow_unicode=True)
