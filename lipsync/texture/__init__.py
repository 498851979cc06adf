"""Texture: the wanted lips as pictures of mouth and chin.

source      the seam, the table of implementations, the options
candidates  which bank entries a wanted mouth is made from
median      their warped weighted median
detail      the finest detail, from single entries
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
