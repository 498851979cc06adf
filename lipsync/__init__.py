"""lipsync: speech and a video of a person in; the video with the mouth speaking it out.

The modules, in the order in which a render passes through them:

    pipeline    START HERE: render(), one straight-line call per stage
    spans       where somebody speaks: SubRip, WebVTT, JSON
    dialogue    who speaks what, when, and with which face
    spoken      the speech that each mouth follows
    soundtrack  what the result sounds like
    mouth       one speaker's mouth, through all of the following stages
    audio       any file → mono sound
    features    sound → feature vectors at 100 Hz
    lip_lstm    features → 18 lip points per output frame
    adaptation  the target's own speech → a speech model of its own (tune: how it learns)
    voice       where somebody speaks; what the mouth does in silence
    retime      which of the target's frames are shown when
    video       target → frames in that order, and pictures between them (inbetween)
    landmarks   frames → all their faces → the wanted face's track
    footage     the target and what else there is of the person, end to end
    mouth_bank  footage → the person's own mouths, as shapes and textures
    shown       where the target keeps its own mouth: heads turned away, hands before the mouth
    pose        the lips as they are seen on a turned head
    jaw         where the target's jaw goes with the new mouth
    texture     lip points + bank → mouth-and-chin patches
    mouth_training  footage → a decoder that refines them (texture.learn: how it learns)
    teeth       their teeth and edges like the person's own
    composite   patches → into the target's frames
    encode      frames + speech → the finished file
    provenance  what the file says about itself

The second path, another person's face:

    faceset        footage → a set of good faces
    autoencoder    networks: one encoder for two people, a decoder for each
    faceswap       the target's faces → the other person's, as patches
    face_pipeline  swap(), one straight-line call per stage

Around them: `types` (the nouns), `results`, `options`, `errors`, `geometry`, `media` (ffmpeg),
`png`, `face_space` (aligned faces), `checkpoint` (weights), `sync` (do lips and sound belong
together?), `learning` (losses of lips), `picture_losses`, `curve`, `run_state` and `stopping` (of
training), `running` (figures of a sound that is still arriving), `likeness`
(whose face is it?), `looks` (of mouths: thumbnails, light), `findings` (what is said of a render),
`threads`, `console` and `cli`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from lipsync.adaptation import adapt
    from lipsync.errors import LipsyncError
    from lipsync.face_pipeline import swap
    from lipsync.mouth_training import train_mouth
    from lipsync.options import MouthOptions, PersonOptions, RenderOptions, SwapOptions
    from lipsync.pipeline import render
    from lipsync.results import AdaptResult, MouthResult, RenderResult, SwapResult
    from lipsync.spans import Span
    from lipsync.types import Speaker

_HOMES = {
    "AdaptResult": "lipsync.results",
    "LipsyncError": "lipsync.errors",
    "MouthOptions": "lipsync.options",
    "MouthResult": "lipsync.results",
    "PersonOptions": "lipsync.options",
    "RenderOptions": "lipsync.options",
    "RenderResult": "lipsync.results",
    "Span": "lipsync.spans",
    "Speaker": "lipsync.types",
    "SwapOptions": "lipsync.options",
    "SwapResult": "lipsync.results",
    "adapt": "lipsync.adaptation",
    "render": "lipsync.pipeline",
    "swap": "lipsync.face_pipeline",
    "train_mouth": "lipsync.mouth_training",
}

__all__ = [
    "AdaptResult",
    "LipsyncError",
    "MouthOptions",
    "MouthResult",
    "PersonOptions",
    "RenderOptions",
    "RenderResult",
    "Span",
    "Speaker",
    "SwapOptions",
    "SwapResult",
    "__version__",
    "adapt",
    "render",
    "swap",
    "train_mouth",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: `lipsync --version` needs no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lipsync' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
