"""Teeth, and edges as sharp as the person's own: the last touches to a mouth.

The median of many mouths shows what their teeth have in common, which is a grey band. Teeth do not
change their shape: the upper row is rigid with the skull, the lower one with the jaw. Two frames of
the footage that show one row each, clearly, give the relief that is laid on whatever is tooth in
the new mouth (METHOD.md §5: hard light, inside the inner lips only). At last the edges of the whole
mouth are raised to what the person's own mouths of that shape have, never beyond.

rows    the frames that show the teeth, and their relief
edges   how sharp the mouth should be
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from lipsync.face.similarity import apply, compose, scale_of
from lipsync.face.tracked_face import smoothed_points
from lipsync.mouth.finish.sharpen import Sharpness, edges, raised, sharpness_of
from lipsync.mouth.finish.teeth_relief import NO_TEETH, Teeth, chin_of, find, relieved
from lipsync.runtime.option_spec import options
from lipsync.runtime.positions import sample_at
from lipsync.types import Alignment, FaceTrack, LipTrack, Patch, Positions

__all__ = ["NO_TEETH", "Sharpness", "Teeth", "TeethOptions", "find", "finished", "sharpness_of"]

MOST = 0.5  # share by which edges are raised at most
STEADY = 0.85  # of the last frame's share that the next one keeps: sharpness must not flicker


@options
class TeethOptions:
    """How teeth and edges are finished."""

    teeth: str = "auto"
    """Whose relief the teeth get: auto (frames of the footage that show them), off, or a picture or
    video of the same person showing their teeth."""
    teeth_strength: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How strongly the relief is laid on."""
    sharpen: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of the way to the sharpness of the person's own mouth; never beyond it."""


def finished(
    patches: Iterable[Patch | None],
    lips: LipTrack,
    track: FaceTrack,
    alignment: Alignment,
    positions: Positions,
    teeth: Teeth,
    sharpness: Sharpness,
    options: TeethOptions,
) -> Iterator[Patch | None]:
    """The patches with teeth and edges like the person's own.

    Args:
        lips: the wanted ones, one per output frame (n).
        track, alignment: of the target.
        positions: (n,) where in the target each output frame is.
    """
    jaw = sample_at(smoothed_points(track, track.scheme.jaw), positions)
    to_canonical, to_frame = (
        sample_at(alignment.to_canonical, positions),
        sample_at(alignment.to_frame, positions),
    )
    share = 0.0
    for i, patch in enumerate(patches):
        if patch is None:
            yield None
            continue
        to_patch = compose(patch.from_frame, to_frame[i])
        seen, scale = apply(to_patch, lips.points[i]), scale_of(to_patch)
        rgb = patch.rgb
        if teeth.rows and options.teeth_strength > 0:
            chin = chin_of(apply(to_canonical[i], jaw[i]))
            rgb = relieved(rgb, seen, to_patch, chin, teeth, options.teeth_strength)
        if options.sharpen > 0:
            wanted = sharpness.expected(lips.points[i]) / max(edges(rgb, seen, scale), 1e-3) - 1
            now = float(np.clip(options.sharpen * wanted, 0, MOST))
            share = now if i == 0 else STEADY * share + (1 - STEADY) * now
            rgb = raised(rgb, min(share, now), scale)
        yield replace(patch, rgb=rgb)
