"""Texture sources: wanted lips as pictures of mouth and chin.

appearance_model  A person's appearance model: the picture of a mouth, predicted from all mouths
bank_model        What is learned from all mouths of a bank, fitted once and kept in the cache
bank_sampling     Sample the bank's pictures: warped to a wanted mouth, corrected to its light
candidates        Candidate search: nearest bank entries of a wanted mouth, and their weights
continuity        Temporal continuity: one candidate per frame by dynamic programming
detail            The finest detail: the candidates' mean, amplified to single-frame strength
light             The light of the bank's entries, corrected to that of a wanted mouth
median            The texture from the bank: the model's picture or a median, plus detail
merge             Weighted mean and median of many pictures of one mouth
mouth_targets     What is drawn: one wanted mouth per frame, in runs and blocks, and its box
opening           What shows between the lips: structure of real mouths on the predicted picture
selection         Selection of the bank entries that each wanted mouth is made from
shape_space       The space of a bank's shape-free pictures, and the maps into it and out of it
shared_detail     The detail that a mouth's nearest candidates share, in the mean shape
source            Interface of texture sources: wanted lips in, patches of picture out
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
