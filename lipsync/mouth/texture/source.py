"""The seam every texture source fits: wanted lips in, patches of picture out."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Annotated, Literal, Protocol

from pydantic import Field

from lipsync.errors import OptionsError
from lipsync.runtime.option_spec import options
from lipsync.types import F32, Alignment, FaceTrack, LipTrack, MouthBank, Patch, Positions


@options
class TextureOptions:
    """Where the new mouth's pixels come from."""

    texture: Literal["median", "decoder"] = "median"
    """Source of the texture: the median of the bank's mouths, or a decoder that refines it."""
    mouth_model: str | None = None
    """Weights of `train-mouth`, for the decoder."""
    candidates: Annotated[int, Field(ge=1, le=1000)] = 64
    """Bank frames per picture: more are steadier, fewer are sharper."""
    warp: bool = True
    """Bend every bank frame to the wanted lips first, so that more of them cost no sharpness."""
    regression: bool = True
    """Correct the skin around the lips by a regression on the whole bank: nearer and steadier."""
    detail: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How far the finest detail is brought to that of single bank frames; 0: the median alone."""


class TextureSource(Protocol):
    """Makes mouth-and-chin patches for wanted lips."""

    def patches(
        self,
        lips: LipTrack,
        track: FaceTrack,
        alignment: Alignment,
        frames: Positions,
        said: F32 | None = None,
        jaw: F32 | None = None,
    ) -> Iterator[Patch | None]:
        """One patch per output frame, None where the target has no face or no lips are wanted.

        Args:
            lips: the wanted lips, one per output frame (n); NaN where none are wanted.
            track, alignment: of the target, one per target frame.
            frames: (n,) the target frame that each output frame shows, or a place between two.
            said: (n, p) what is heard at each output frame (`features.said`); None: not known.
            jaw: (n, j, 2) by how much the target's jaw points are moved, pixels; None: not.
        """
        ...


TEXTURES = {
    "median": ("lipsync.mouth.texture.median", "MedianTexture"),
    "decoder": ("lipsync.mouth.decoder.decoder_texture", "DecoderTexture"),
}


def open_texture(bank: MouthBank, options: TextureOptions, device: str = "cpu") -> TextureSource:
    """The texture source that the options name; its networks, if any, run on `device`.

    Raises:
        WeightsError: the options name weights that cannot be used.
        OptionsError: they name none, and the source needs some.
    """
    module, name = TEXTURES[options.texture]
    source: TextureSource = getattr(importlib.import_module(module), name)(bank, options, device)
    return source


def check(options: TextureOptions, people: int) -> None:
    """Find out before the work whether this texture can be had for so many people.

    Raises:
        WeightsError, OptionsError: see `open_texture`; or a decoder, which knows one person, is
            wanted for several.
    """
    if options.texture != "decoder":
        return
    if people > 1:
        raise OptionsError(
            "--texture decoder knows one person's mouth; with several speakers use median"
        )
    from lipsync.mouth.decoder.decoder_texture import opened

    opened(options)
