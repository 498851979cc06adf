"""Texture sources: wanted lips as pictures of mouth and chin.

bank_sampling  Sample the bank's pictures: warped to a wanted mouth, corrected to its light
candidates     Candidate search: nearest bank entries of a wanted mouth, and their weights
continuity     Temporal continuity: one candidate per frame by dynamic programming
detail         The finest detail: the candidates' mean, amplified to single-frame strength
median         The median texture: weighted median of warped candidates, plus detail
merge          Weighted mean and median of many pictures of one mouth
regression     Bias correction of the skin around a mouth, by regression on the whole bank
selection      Selection of the bank entries that each wanted mouth is made from
source         Interface of texture sources: wanted lips in, patches of picture out
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
