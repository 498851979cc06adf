"""Texture: the wanted lips as pictures of mouth and chin.

source      the seam, the table of implementations, the options
candidates  the bank entries nearest to a wanted mouth
choosing    which of them it is made from, over a whole stretch, and what they lack
entries     their pictures, in its shape and light
median      the weighted median of those
merging     many pictures as one
detail      the finest detail: what they share, and where they share nothing a single one's
decoder     refines that by a network trained on the person
canvas      the canonical picture that the network sees
network     the network itself
pairs       what it learns from: medians whose truth is known
learn       how it learns (learn_options: what it can be told)
course      the course of that: held-out reports, and when it is over
"""

from __future__ import annotations

from lipsync.texture.source import TEXTURES, TextureOptions, TextureSource, check, open_texture

__all__ = ["TEXTURES", "TextureOptions", "TextureSource", "check", "open_texture"]
