"""lipsync: speech and a video of a person in; the video with the mouth speaking it out.

The modules, in the order in which a render passes through them:

    pipeline    START HERE: render(), one straight-line call per stage
    audio       any file → mono sound
    features    sound → feature vectors at 100 Hz
    lip_lstm    features → 18 lip points per output frame
    voice       where somebody speaks; what the mouth does in silence
    video       target → frames in the order in which they will be shown
    landmarks   frames → face track
    mouth_bank  face track → the person's own mouths, as shapes and textures
    texture     lip points + bank → mouth-and-chin patches
    composite   patches → into the target's frames
    encode      frames + speech → the finished file
    provenance  what the file says about itself

Around them: `types` (the nouns), `options`, `errors`, `geometry`, `media` (ffmpeg),
`checkpoint` (weights), `running` (figures of a sound that is still arriving), `threads` and `cli`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from lipsync.errors import LipsyncError
    from lipsync.options import RenderOptions
    from lipsync.pipeline import render
    from lipsync.types import RenderResult

_HOMES = {
    "LipsyncError": "lipsync.errors",
    "RenderOptions": "lipsync.options",
    "RenderResult": "lipsync.types",
    "render": "lipsync.pipeline",
}

__all__ = ["LipsyncError", "RenderOptions", "RenderResult", "__version__", "render"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: `lipsync --version` needs no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lipsync' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
