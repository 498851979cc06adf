"""What the training of a mouth can be told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lipsync.runtime.option_spec import options

Weight = Annotated[float, Field(ge=0)]


@options
class LearnOptions:
    """How a mouth is learnt."""

    mouth_input: Literal["median", "lips"] = "median"
    """What the decoder draws from: the median texture, which it refines, or the lips alone."""
    mouth_size: Annotated[int, Field(ge=32, le=512, multiple_of=8)] = 128
    """Pixels across the picture of mouth and chin, at most: a small face has fewer."""
    mouth_width: Annotated[int, Field(ge=4, le=256)] = 24
    """Channels of the network's finest maps."""
    pairs: Annotated[int, Field(ge=50)] = 2400
    """Most mouths that are learnt from; of more footage, stretches are left out evenly."""
    steps: Annotated[int, Field(ge=1)] = 800
    """Steps of training, unless it stops earlier."""
    batch: Annotated[int, Field(ge=1)] = 8
    """Mouths per step."""
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    """Highest rate; it rises and falls over the steps."""
    ssim: Weight = 0.1
    """Weight of structural similarity, beside 1 for the mean absolute difference."""
    edge: Weight = 0.5
    """Weight of first differences."""
    fine: Weight = 0.06
    """Weight of the strength of the finest texture."""
    # Off: in the trials so far it cost fidelity and brought no sharpness.
    adversarial: Weight = 0.0
    """Weight of a patch discriminator."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.995
    """What ships is a mean over the last 1 / (1 − ema) steps."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the network's products in training."""
    patience: Annotated[int, Field(ge=0)] = 6
    """Reports without a better held-out one before training stops; 0: never."""
    report_every: Annotated[int, Field(ge=1)] = 100
    """Steps between reports; at each, what a resumed run needs is kept."""
    licence: str = "that of the person's footage"
    """What the weights say about their use."""
    seed: int = 0
    """Of everything random."""
