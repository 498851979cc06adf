"""Interface of texture sources: wanted lips in, patches of picture out."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.cache import Cache
from lipsync.runtime.option_spec import option_group
from lipsync.types import MouthBank, Patch


@option_group
class TextureOptions:
    """Where the new mouth's pixels come from."""

    texture: Literal["median", "decoder"] = "median"
    """Source of the texture: the median of the bank's mouths, or a decoder that refines it."""
    mouth_model: str | None = None
    """Weights of `train-mouth`, for the decoder."""
    candidates: Annotated[int, Field(ge=1, le=1000)] = 64
    """Bank frames that the finest detail, or the median, is made from: more are steadier."""
    warp: bool = True
    """Bend every bank frame to the wanted lips first, so that more of them cost no sharpness."""
    regression: bool = True
    """Predict the picture from all mouths of the footage by regression; off: the median of the
    nearest alone."""
    detail: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How far the finest detail is brought to that of single bank frames; 0: the median alone."""


class TextureSource(Protocol):
    """Draws mouth-and-chin patches for wanted lips."""

    @classmethod
    def load_model(cls, options: TextureOptions, speakers: int, device: str) -> Any:
        """Load what the source needs, or return None; called before any other work.

        Raises:
            WeightsError: the options name weights that cannot be used.
            OptionsError: weights are missing, or there are too many speakers for the source.
        """

    @classmethod
    def open(cls, bank: MouthBank, options: TextureOptions, model: Any) -> TextureSource:
        """Create a source that draws from `bank`; `model` is what `load_model` returned."""
        ...

    def prepare(self, heard: bool, cache: Cache) -> None:
        """Do once what all mouths of a render need, before the first is drawn.

        What it learns of the bank goes to the cache; afterwards the source can be pickled.

        Args:
            heard: whether the phone embedding of the wanted mouths is known.
        """

    def learned(self, heard: bool) -> Any:
        """What `prepare` learned: a value that can be frozen, or None."""
        ...

    def adopt(self, heard: bool, learned: Any) -> None:
        """Take what another source of the same bank and options learned, instead of `prepare`."""

    def draw_patches(
        self, wanted: WantedMouths, part: range | None = None
    ) -> Iterator[Patch | None]:
        """Draw one patch per output frame; None where `wanted.present` is false.

        Args:
            part: the frames to draw; None: all. A frame's patch is the same in every part.
        """
        ...


TEXTURES = {
    "median": ("lipsync.mouth.texture.median", "MedianTexture"),
    "decoder": ("lipsync.mouth.decoder.decoder_texture", "DecoderTexture"),
}


def texture_class(options: TextureOptions) -> type[TextureSource]:
    """Import the class that the options name; late, since the decoder needs torch."""
    module, name = TEXTURES[options.texture]
    found: type[TextureSource] = getattr(importlib.import_module(module), name)
    return found


def load_model(options: TextureOptions, speakers: int = 1, device: str = "cpu") -> Any:
    """Load what the options' texture source needs; see `TextureSource.load_model`."""
    return texture_class(options).load_model(options, speakers, device)


def open_texture(bank: MouthBank, options: TextureOptions, model: Any = None) -> TextureSource:
    """Create the texture source that the options name; `model`: from `load_model`."""
    return texture_class(options).open(bank, options, model)
