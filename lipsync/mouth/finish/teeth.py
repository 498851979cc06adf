"""Teeth, and edges as sharp as the person's own: the last touches to a mouth.

The median of many mouths shows what their teeth have in common, which is a grey band. Teeth do not
change their shape: the upper row is rigid with the skull, the lower one with the jaw. Two frames of
the footage that show one row each, clearly, give the relief that is laid on whatever is tooth in
the new mouth (docs/method.md §5: hard light, inside the inner lips only). At last the edges of the
whole mouth are raised to what the person's own mouths of that shape have, never beyond.

rows    the frames that show the teeth, and their relief
edges   how sharp the mouth should be
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from lipsync.face.similarity import apply_affine, compose_affine, affine_scale
from lipsync.mouth.finish.sharpen import Sharpness, measure_edges, raise_edges
from lipsync.mouth.finish.teeth_relief import Teeth, apply_relief, locate_chin
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.option_spec import option_group
from lipsync.types import Patch

MAX_SHARPENING = 0.5  # share by which edges are raised at most
SMOOTHING = 0.85  # of the last frame's share that the next one keeps: sharpness must not flicker


@option_group
class TeethOptions:
    """How teeth and edges are finished."""

    teeth: str = "auto"
    """Whose relief the teeth get: auto (frames of the footage that show them), off, or a picture or
    video of the same person showing their teeth."""
    teeth_strength: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How strongly the relief is laid on."""
    sharpen: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of the way to the sharpness of the person's own mouth; never beyond it."""


def finish_teeth(
    patches: Iterable[Patch | None],
    wanted: WantedMouths,
    teeth: Teeth,
    sharpness: Sharpness,
    options: TeethOptions,
) -> Iterator[Patch | None]:
    """The patches, one per wanted mouth, with teeth and edges like the person's own."""
    target, jaw = wanted.target, wanted.target.jaw
    share = 0.0
    for i, patch in enumerate(patches):
        if patch is None:
            yield None
            continue
        lips = wanted.lips.points[i]
        to_patch = compose_affine(patch.from_frame, target.to_frame[i])
        seen, scale = apply_affine(to_patch, lips), affine_scale(to_patch)
        rgb = patch.rgb
        if teeth.rows and options.teeth_strength > 0:
            chin = locate_chin(apply_affine(target.to_canonical[i], jaw[i]))
            rgb = apply_relief(rgb, seen, to_patch, chin, teeth, options.teeth_strength)
        if options.sharpen > 0:
            missing = sharpness.expected(lips) / max(measure_edges(rgb, seen, scale), 1e-3) - 1
            now = float(np.clip(options.sharpen * missing, 0, MAX_SHARPENING))
            share = now if i == 0 else SMOOTHING * share + (1 - SMOOTHING) * now
            rgb = raise_edges(rgb, min(share, now), scale)
        yield replace(patch, rgb=rgb)
