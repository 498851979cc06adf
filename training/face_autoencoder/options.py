"""Options of a face-autoencoder run, read from a YAML file in configs/train/."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from lipsync.errors import OptionsError
from lipsync.faceswap.autoencoder import FaceDims, expression
from training.face_autoencoder.augment import FaceAugmentation
from training.speech_model.options import Count, Positive, Precision, Share, read_values, validate

CALM, CALM_OVER = 0.12, 0.1
Weight = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FaceLossWeights:
    """Weight of each loss term; a term of weight 0 is not computed."""

    pixel: Weight = 1.0  # mean absolute error of colors, 0..1
    edge: Weight = 0.0  # of first differences
    eyes: Weight = 0.0  # additional, around the eyes
    mouth: Weight = 0.0  # … and around the mouth
    perceptual: Weight = 0.0  # of features of a small network trained on the same faces
    adversarial: Weight = 0.0  # mixup LSGAN
    face_mask: Weight = 0.0  # cross-entropy of the mask against the visible face
    mask_tv: Weight = 0.0  # its total variation
    mask_size: Weight = 0.0  # hinge: shortfall of the mask's area below `mask_least`
    mask_least: Share = 0.3  # share of the picture


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class AutoencoderOptions:
    """Options of one run."""

    name: str  # of the run's folder and of the weights
    description: str  # one line, stored in the weights
    architecture: Literal["original", "light", "gan"]
    size: Count  # pixels across the input of the network
    batch: Count  # faces of each person per step, of all processes together
    steps: Count
    learning_rate: Positive
    width: Count = 24  # channels of the first layer
    latent: Count = 256
    marks: bool = False  # landmarks of lips, lids and chin as a second input (light)
    betas: tuple[Share, Share] = (0.9, 0.999)
    discriminator_rate: Positive = 2e-4
    discriminator_width: Count = 32
    alternate: bool = False  # a step on A's faces, then one on B's; else both in one step
    tone: bool = True  # shift A's mean color to B's
    anneal: bool = False  # learning rate: warm-up over the first 5 %, cosine decay
    losses: FaceLossWeights = FaceLossWeights()
    perceptual_from: Share = 0.2  # share of the steps before the perceptual loss is added
    perceptual_weights: str | None = None  # safetensors; None: trained on these faces beforehand
    perceptual_steps: Count = 300
    augmentation: FaceAugmentation = FaceAugmentation()
    # From this share of the steps on, over a tenth of all, rotation, shift and mirror fade to CALM:
    # a swap aligns every face, and a small network is sharper if it trains on aligned faces.
    calm_from: Annotated[float, Field(ge=0, le=1)] = 1.0
    precision: Precision = "float32"
    ema: Share = 0.0  # decay of the saved weight average, about 1 / (1 − ema) steps long
    held_out: Share = 0.1  # of each set's shots: never trained on
    patience: int = 0  # reports without a better held-out PSNR before it stops; 0: never
    report_every: Count = 200  # steps between reports, previews and saved states
    licence: str = "that of the two people's footage"
    seed: int = 0

    def augmentation_at(self, step: int) -> FaceAugmentation:
        """Augmentation in a step: `calm_from` reduces it late in the run."""
        along = np.clip((step / self.steps - self.calm_from) / CALM_OVER, 0, 1)
        return self.augmentation.calm(1 - (1 - CALM) * float(along)) if along else self.augmentation

    @property
    def dims(self) -> FaceDims:
        """Dimensions of the network."""
        landmarks = expression.COUNT if self.marks else 0
        return FaceDims(self.architecture, self.size, self.width, self.latent, landmarks)


# Options that may change when a run is resumed; any other change would make it a different run.
CHANGEABLE = frozenset(("description", "licence", "steps", "precision", "report_every", "patience"))


def read_config(path: Path, **changes: Any) -> AutoencoderOptions:
    """Read and check the options of a YAML file.

    Args:
        changes: values that override the file's.

    Raises:
        OptionsError: missing file, unknown key, or invalid value.
    """
    options = validate(AutoencoderOptions, {**read_values(path), **changes}, str(path))
    try:
        options.dims  # noqa: B018  (checked by building it)
    except ValueError as error:
        raise OptionsError(f"{path}: {error}") from None
    if options.marks and options.augmentation.flip:
        raise OptionsError(f"{path}: augmentation.flip: 0 with marks; they know left from right")
    if options.size % 8:
        raise OptionsError(f"{path}: size: wanted a multiple of 8, got {options.size}")
    return options
