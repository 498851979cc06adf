"""Finish patches with the person's teeth and the sharpness of their own mouths.

The median of many mouths blurs their teeth to a gray band. Teeth are rigid: the upper row moves
with the skull, the lower one with the jaw. Two frames of the footage, each showing one row clearly,
provide the relief that is blended onto the teeth of the new mouth (docs/method.md §5: hard light,
inside the inner lips only); see `teeth_relief`. Finally the whole mouth is sharpened to the edge
strength of the person's own mouths of that shape, never beyond; see `sharpen`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from lipsync.face.similarity import affine_scale, apply_affine, compose_affine
from lipsync.mouth.finish.sharpen import Sharpness, measure_edges, raise_edges
from lipsync.mouth.finish.teeth_relief import Teeth, apply_relief, locate_chin
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.option_spec import option_group
from lipsync.types import F32, Patch

# Largest share of the edges that is added: in general, and between the lips.
MAX_SHARPENING = np.array([0.5, 0.6], np.float32)
# Weight of the share of SMOOTHING_S before: sharpness must not flicker.
SMOOTHING, SMOOTHING_S = 0.85, 0.04


@option_group
class TeethOptions:
    """How teeth and sharpness are finished."""

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
    first: int = 0,
) -> Iterator[Patch | None]:
    """Give patches, one per wanted mouth from `first` on, teeth and edges like the person's own."""
    target, jaw = wanted.target, wanted.target.jaw
    keep = SMOOTHING ** (1 / (SMOOTHING_S * float(wanted.lips.rate)))
    shares: F32 | None = (
        None  # (2,), of the frame before; None: it shows another shot, or nothing new
    )
    for i, patch in enumerate(patches, first):
        if patch is None:
            shares = None
            yield None
            continue
        if i > first and target.shots[i] != target.shots[i - 1]:
            shares = None
        lips = wanted.lips.points[i]
        to_patch = compose_affine(patch.from_frame, target.to_frame[i])
        points, scale = apply_affine(to_patch, lips), affine_scale(to_patch)
        rgb = patch.rgb
        if teeth.rows and options.teeth_strength > 0:
            chin = locate_chin(apply_affine(target.to_canonical[i], jaw[i]))
            rgb = apply_relief(rgb, points, to_patch, chin, teeth, options.teeth_strength)
        if options.sharpen > 0:
            held = np.maximum(measure_edges(rgb, points, scale), 1e-3)
            missing = sharpness.expected(lips) / held - 1
            missing[1] = missing[0] if np.isnan(missing[1]) else missing[1]
            now: F32 = np.clip(np.float32(options.sharpen) * missing, 0, MAX_SHARPENING)
            shares = now if shares is None else keep * shares + (1 - keep) * now
            mouth, opening = np.minimum(shares, now).tolist()
            rgb = raise_edges(rgb, (mouth, opening), points, scale)
        yield replace(patch, rgb=rgb)
