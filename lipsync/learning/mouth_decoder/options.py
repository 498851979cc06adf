"""Options of `lipsync train-mouth`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lipsync.runtime.option_spec import option_group

Weight = Annotated[float, Field(ge=0)]


@option_group
class LearnOptions:
    """Mouth-decoder training."""

    mouth_input: Literal["median", "lips"] = "median"
    """Input of the decoder: the median texture, which it refines, or the lip shape alone."""
    mouth_size: Annotated[int, Field(ge=32, le=512, multiple_of=8)] = 128
    """Maximum pixels across the mouth-and-chin crop; a small face gets fewer."""
    mouth_width: Annotated[int, Field(ge=4, le=256)] = 24
    """Channels of the network's full-resolution layers."""
    pairs: Annotated[int, Field(ge=50)] = 2400
    """Maximum number of training frames; longer footage is thinned out evenly."""
    steps: Annotated[int, Field(ge=1)] = 800
    """Maximum training steps; early stopping may end sooner."""
    batch: Annotated[int, Field(ge=1)] = 8
    """Mouths per step."""
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    """Peak learning rate, with warm-up and cosine decay."""
    ssim: Weight = 0.1
    """Weight of structural similarity; the mean absolute error has weight 1."""
    edge: Weight = 0.5
    """Weight of the error of first differences."""
    fine: Weight = 0.06
    """Weight of the error of fine-texture strength."""
    # Off: in trials it lowered PSNR without adding sharpness.
    adversarial: Weight = 0.0
    """Weight of the patch discriminator's loss."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.995
    """Decay of the weight average that is saved, about 1 / (1 − ema) steps long."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Precision of matrix products in training."""
    patience: Annotated[int, Field(ge=0)] = 6
    """Reports without a lower held-out loss before training stops; 0: never."""
    report_every: Annotated[int, Field(ge=1)] = 100
    """Steps between reports; each also saves the state to resume from."""
    licence: str = "that of the person's footage"
    """License text stored in the weights."""
    seed: int = 0
    """Seed of all random draws."""
