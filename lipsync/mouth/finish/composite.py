"""Composite the new mouth into the target's frames: mask, color match, Laplacian blend, grain.

All work happens in one box on the frame's pixel grid. The mask is bounded by the jaw line, so that
neck, collar and background keep the target's pixels; where it is zero the frame is unchanged bit
for bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from lipsync.face.similarity import apply_affine
from lipsync.face.tracked_face import SampledFace
from lipsync.mouth.finish.behind import find_covered
from lipsync.mouth.finish.blend import Composited, blend_patch
from lipsync.mouth.finish.foreign import MouthZone
from lipsync.mouth.finish.grain import Grain
from lipsync.mouth.finish.jaw_warp import JawWarper
from lipsync.runtime.option_spec import option_group
from lipsync.types import F32, U8, Occluders, Patch


@option_group
class CompositeOptions:
    """How the new mouth is set into the frame."""

    mask_inset: Annotated[float, Field(ge=0, le=0.5)] = 0.13
    """How far inside the jaw line the mask ends, as a share of the way to the mouth."""
    mask_feather: Annotated[float, Field(gt=0, le=0.3)] = 0.05
    """Softness of the mask's border, in outer-eye distances."""
    color_match: bool = True
    """Match the new mouth's color to the frame's along the mask's border."""
    grain: bool = True
    """Give the new mouth as much noise as the frame has."""


def composite_frames(
    frames: Iterable[U8],
    patches: Iterable[Patch | None],
    target: SampledFace,
    options: CompositeOptions,
    jaw_offsets: F32 | None = None,
    outlines: F32 | None = None,
    occluders: Occluders | None = None,
    lips: F32 | None = None,
    first: int = 0,
) -> Iterator[Composited]:
    """Blend one patch into every frame; frames without a patch pass unchanged.

    Args:
        frames: target frames in output order, from `first` on; n in all.
        patches: on the same frames.
        target: the face in each of the n.
        jaw_offsets: (n, j, 2) offsets of the jaw points, pixels; None: the jaw stays.
        outlines: (n, k, 2) outline of the patch in every frame, pixels; None: mouth and chin.
        occluders: what lies before the face in the target's own frames; None: nothing.
        lips: (n, 18, 2), the new ones, canonical, of patches in the light of the target's face:
            away from them and from its own lips the frame keeps what is not skin. None: patches
            of any color, drawn all over the outline.
    """
    if outlines is None:
        outlines = target.outlines(options.mask_inset)
    warper = JawWarper(target) if jaw_offsets is not None else None
    grain = Grain(float(target.face.fps), seed=first)
    for i, (frame, patch) in enumerate(zip(frames, patches, strict=True), first):
        if patch is None:
            yield Composited(frame, frame, None, (0, 0))
            continue
        feather = options.mask_feather * float(target.scale[i])
        outline, below = outlines[i], frame
        if warper is not None and jaw_offsets is not None:
            below = warper.warp(frame, i, jaw_offsets[i])
            outline = move_outline(outline, jaw_offsets[i], options.mask_inset)
        zone = None if lips is None else _mouth_zone(target, lips[i], i)
        covered = find_covered(frame, target, i, occluders)
        base, shown = below, patch
        if covered is not None:
            base, shown = covered.uncover(below, patch, outline)
        in_place = covered is None and below is not frame
        made = blend_patch(base, shown, outline, feather, options.color_match, in_place, zone)
        if made.alpha is None:
            yield Composited(frame, below, None, (0, 0))
            continue
        alpha = made.alpha if covered is None else covered.hide(made.alpha, made.corner)
        if options.grain:
            grain.add(made.frame, frame, alpha, made.corner)
        if covered is not None:
            covered.put_back(made.frame, below, base)
        yield replace(made, target=frame, alpha=alpha)


def _mouth_zone(target: SampledFace, lips: F32, i: int) -> MouthZone:
    """Where the new mouth (18, 2) and the target's own lie in output frame i."""
    both = apply_affine(target.to_frame[i], np.concatenate([lips, target.lips[i]]))
    return MouthZone(both.reshape(2, -1, 2), float(target.scale[i]))


def move_outline(outline: F32, jaw: F32, inset: float) -> F32:
    """Move the first j points of an outline (k, 2), the jaw's, with the jaw's offsets (j, 2)."""
    moved = outline.copy()
    moved[: len(jaw)] += (1 - inset) * jaw
    return moved


def fade(patches: Iterable[Patch | None], visible: F32) -> Iterator[Patch | None]:
    """Scale the alpha of patches by weights (n,), 0..1; None where the weight is 0."""
    for patch, weight in zip(patches, visible, strict=True):
        if patch is None or weight <= 0:
            yield None
        else:
            yield patch if weight >= 1 else replace(patch, alpha=patch.alpha * weight)
