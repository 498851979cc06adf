"""Texture: the wanted lips as pictures of mouth and chin.

bank_sampling    The bank's pictures as a wanted mouth needs them: bent to its shape, in its lig
candidates       Which bank entries a wanted mouth is made from, and with which weights
continuity       One candidate per frame, chosen so that the sequence flows (docs/method.md §4)
detail           The finest detail of a mouth: from the mean of its candidates, as strong as sin
median           Mouth and chin as the weighted median of candidate frames, each warped to the w
regression       What the skin around a wanted mouth looks like, by regression on the whole bank
selection        From which bank entries each wanted mouth is made, and what they lack on the wh
source           The seam every texture source fits: wanted lips in, patches of picture out
weighted_median  Many pictures of one mouth as one
"""

from __future__ import annotations

from lipsync.mouth.texture.source import (
    TEXTURES,
    TextureOptions,
    TextureSource,
    load_model,
    open_texture,
)

__all__ = [
    "TEXTURES",
    "TextureOptions",
    "TextureSource",
    "load_model",
    "open_texture",
]
