"""What a run of `train_autoencoder` can be told: a YAML file of configs/train/."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from lipsync.errors import OptionsError
from lipsync.faceswap.autoencoder import FaceDims, expression
from training.face_autoencoder.augment import FaceAugmentation
from training.speech_model.options import Count, Positive, Precision, Share, checked, read_values

CALM, CALM_OVER = 0.12, 0.1
Weight = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FaceLosses:
    """How much each part of the loss counts; 0: it is not computed."""

    pixel: Weight = 1.0  # mean absolute difference of colours, 0..1
    edge: Weight = 0.0  # of first differences
    eyes: Weight = 0.0  # of the eyes' surroundings, on top
    mouth: Weight = 0.0  # … and of the mouth's
    perceptual: Weight = 0.0  # of features of a small network trained on the same faces
    adversarial: Weight = 0.0  # mixup LSGAN
    face_mask: Weight = 0.0  # the mask is the face, less what is before it
    mask_tv: Weight = 0.0  # its total variation
    mask_size: Weight = 0.0  # hinge: what it lacks of `mask_least`
    mask_least: Share = 0.3  # share of the picture that the mask is to cover at least


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class AutoencoderOptions:
    """One run."""

    name: str  # of the run's folder and of the weights
    description: str  # one line, goes into the weights
    architecture: Literal["original", "light", "gan"]
    size: Count  # pixels across what the network sees
    batch: Count  # faces of each person per step, of all processes together
    steps: Count
    learning_rate: Positive
    width: Count = 24  # channels of the first layer
    latent: Count = 256
    marks: bool = False  # tell the network where lips, lids and chin are (light)
    betas: tuple[Share, Share] = (0.9, 0.999)
    discriminator_rate: Positive = 2e-4
    discriminator_width: Count = 32
    alternate: bool = False  # a step on A's faces, then one on B's; else both in one step
    tone: bool = True  # shift A's mean colour to B's
    anneal: bool = False  # learning rate: up over the first 2 %, then down by a cosine
    losses: FaceLosses = FaceLosses()
    perceptual_from: Share = 0.2  # of the steps, before the perceptual loss counts
    perceptual_weights: str | None = None  # safetensors; None: trained on these faces beforehand
    perceptual_steps: Count = 300
    augmentation: FaceAugmentation = FaceAugmentation()
    # Turns, shifts and mirrors fade from this share of the steps on, over a tenth of all, to CALM:
    # a swap aligns every face alike, and a small network is sharper on what it will be shown.
    calm_from: Annotated[float, Field(ge=0, le=1)] = 1.0
    precision: Precision = "float32"
    ema: Share = 0.0  # what ships: mean over 1 / (1 − ema) steps
    held_out: Share = 0.1  # of each set's shots: never learnt from
    patience: int = 0  # reports without a better held-out figure before it stops; 0: never
    report_every: Count = 200  # steps between figures, previews and states
    licence: str = "that of the two people's footage"
    seed: int = 0

    def augmentation_at(self, step: int) -> FaceAugmentation:
        """What faces go through in this step."""
        along = np.clip((step / self.steps - self.calm_from) / CALM_OVER, 0, 1)
        return (
            self.augmentation.calmed(1 - (1 - CALM) * float(along)) if along else self.augmentation
        )

    @property
    def dims(self) -> FaceDims:
        """The network's."""
        told = expression.COUNT if self.marks else 0
        return FaceDims(self.architecture, self.size, self.width, self.latent, told)


# What a resumed run may be given anew; everything else would make another run of it.
FREE = frozenset(("description", "licence", "steps", "precision", "report_every", "patience"))


def read_config(path: Path, **changes: Any) -> AutoencoderOptions:
    """The options of a YAML file, with `changes` in place of the file's values, checked.

    Raises:
        OptionsError: missing file, unknown key, or a value that does not fit.
    """
    options = checked(AutoencoderOptions, {**read_values(path), **changes}, str(path))
    try:
        options.dims  # noqa: B018  (checked by building it)
    except ValueError as error:
        raise OptionsError(f"{path}: {error}") from None
    if options.marks and options.augmentation.flip:
        raise OptionsError(f"{path}: augmentation.flip: 0 with marks; they know left from right")
    if options.size % 8:
        raise OptionsError(f"{path}: size: wanted a multiple of 8, got {options.size}")
    return options
