"""Put the new mouth into the target's frame: mask, colour match, Laplacian blend.

Everything happens in one box of the frame's own pixels. The mask is bounded by the jaw line, so
that neck, collar and background keep the target's pixels; where it is zero the frame is untouched
bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from lipsync.face.tracked_face import mouth_outlines
from lipsync.mouth.finish.blend import Composited, blend
from lipsync.mouth.finish.grain import Grain
from lipsync.mouth.finish.jaw_warp import Bender
from lipsync.runtime.option_spec import options
from lipsync.runtime.positions import sample_at
from lipsync.types import F32, U8, Alignment, FaceTrack, Patch, Positions


@options
class CompositeOptions:
    """How the new mouth is set into the frame."""

    mask_inset: Annotated[float, Field(ge=0, le=0.5)] = 0.13
    """How far inside the jaw line the mask ends, as a share of the way to the mouth."""
    mask_feather: Annotated[float, Field(gt=0, le=0.3)] = 0.05
    """Softness of the mask's border, in outer-eye distances."""
    color_match: bool = True
    """Match the new mouth's colour to the frame's along the mask's border."""
    grain: bool = True
    """Give the new mouth as much noise as the frame has."""


def composite(
    frames: Iterable[U8],
    patches: Iterable[Patch | None],
    track: FaceTrack,
    alignment: Alignment,
    order: Positions,
    options: CompositeOptions,
    jaw: F32 | None = None,
    outlines: F32 | None = None,
) -> Iterator[Composited]:
    """Blend one patch into every frame; without a patch the frame passes as it is.

    Args:
        frames: the target's frames in the order of the output.
        track, alignment: of the target, one per target frame.
        order: (n,) the target frame that each output frame shows, or a place between two.
        jaw: (n, j, 2) by how much its jaw points are moved, pixels; None: not at all.
        outlines: (f, k, 2) what bounds the patch in every target frame, pixels; None: the mouth
            and chin.
    """
    if outlines is None:
        outlines = mouth_outlines(track, options.mask_inset)
    scale = alignment.scale
    bender = Bender(track, alignment) if jaw is not None else None
    grain = Grain()
    for i, (frame, patch, source) in enumerate(zip(frames, patches, order.tolist(), strict=True)):
        if patch is None:
            yield Composited(frame, frame, None, (0, 0))
            continue
        feather = options.mask_feather * float(sample_at(scale, source))
        outline, below = sample_at(outlines, source), frame
        if bender is not None and jaw is not None:
            below = bender.bent(frame, source, jaw[i])
            outline = moved_outline(outline, jaw[i], options.mask_inset)
        made = blend(below, patch, outline, feather, options.color_match, below is not frame)
        if options.grain and made.alpha is not None:
            grain.add(made.frame, frame, made.alpha, made.corner)
        yield replace(made, target=frame)


def moved_outline(outline: F32, jaw: F32, inset: float) -> F32:
    """A mouth's outline (k, 2) whose jaw points, the first ones, have been moved by (j, 2)."""
    moved = outline.copy()
    moved[: len(jaw)] += (1 - inset) * jaw
    return moved


def faded(patches: Iterable[Patch | None], visible: F32) -> Iterator[Patch | None]:
    """Patches as visible as wanted, (n,) 0..1; at 0 the frame keeps its own picture."""
    for patch, share in zip(patches, visible, strict=True):
        if patch is None or share <= 0:
            yield None
        else:
            yield patch if share >= 1 else replace(patch, alpha=patch.alpha * share)
