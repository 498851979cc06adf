"""Texture: the wanted lips as pictures of mouth and chin.

source      the seam, the table of implementations, the options
candidates  which bank entries a wanted mouth is made from
median      their warped weighted median
detail      the finest detail, from single entries
"""

from __future__ import annotations

from lipsync.texture.source import TEXTURES, TextureOptions, TextureSource, open_texture

__all__ = ["TEXTURES", "TextureOptions", "TextureSource", "open_texture"]
