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
from lipsync.media.frame_coding import even_box
from lipsync.mouth.finish.behind import find_covered
from lipsync.mouth.finish.blend import Composited, blend_patch
from lipsync.mouth.finish.foreign import MouthZone
from lipsync.mouth.finish.grain import Grain
from lipsync.mouth.finish.jaw_warp import MAX_OFFSET, REACH, JawWarper
from lipsync.mouth.shape_free import REGION
from lipsync.runtime.option_spec import option_group
from lipsync.types import F32, I64, U8, Occluders, Patch

PAD_PX = 8  # around what is drawn: filters look a few pixels further


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


class Compositor:
    """Blends patches into the frames of one clip, which are passed in order."""

    def __init__(
        self,
        target: SampledFace,
        options: CompositeOptions,
        jaw_offsets: F32 | None = None,
        outlines: F32 | None = None,
        occluders: Occluders | None = None,
        lips: F32 | None = None,
        first: int = 0,
        frame_shape: tuple[int, int] | None = None,
    ) -> None:
        """Prepare for n output frames.

        Args:
            target: the face in each of the n; `within` boxes, if not whole frames are passed.
            jaw_offsets: (n, j, 2) offsets of the jaw points, pixels; None: the jaw stays.
            outlines: (n, k, 2) outline of the patch in every frame, pixels; None: mouth and chin.
            occluders: what lies before the face in the target's own frames; None: nothing.
            lips: (n, 18, 2), the new ones, canonical, of patches in the light of the target's face:
                away from them and from its own lips the frame keeps what is not skin. None:
                patches of any color, drawn all over the outline.
            first: frame that is passed first.
            frame_shape: h, w of whole frames, where boxes are passed.
        """
        self._target, self._options, self._jaw_offsets = target, options, jaw_offsets
        self._outlines = target.outlines(options.mask_inset) if outlines is None else outlines
        self._warper = JawWarper(target) if jaw_offsets is not None else None
        self._grain = Grain(float(target.face.fps), first, frame_shape) if options.grain else None
        self._occluders, self._lips = occluders, lips

    def composite(self, i: int, frame: U8, patch: Patch) -> Composited:
        """Blend a patch into output frame i, which stays as it is.

        Args:
            frame: (h, w, 3); of a frame the box is enough that `find_boxes` gives.
            patch: on the same frame, or box.
        """
        target, options = self._target, self._options
        feather = options.mask_feather * float(target.scale[i])
        outline, below = self._outlines[i], frame
        if self._warper is not None and self._jaw_offsets is not None:
            below = self._warper.warp(frame, i, self._jaw_offsets[i])
            outline = move_outline(outline, self._jaw_offsets[i], options.mask_inset)
        zone = None if self._lips is None else _mouth_zone(target, self._lips[i], i)
        covered = find_covered(frame, target, i, self._occluders)
        base, shown = below, patch
        if covered is not None:
            base, shown = covered.uncover(below, patch, outline)
        in_place = covered is None and below is not frame
        made = blend_patch(base, shown, outline, feather, options.color_match, in_place, zone)
        if made.alpha is None:
            return Composited(frame, below, None, (0, 0))
        alpha = made.alpha if covered is None else covered.hide(made.alpha, made.corner)
        if self._grain is not None:
            x, y = (0, 0) if target.corners is None else target.corners[i].tolist()
            self._grain.add(made.frame, frame, alpha, made.corner, (x, y))
        if covered is not None:
            covered.put_back(made.frame, below, base)
        return replace(made, target=frame, alpha=alpha)


def composite_frames(
    frames: Iterable[U8], patches: Iterable[Patch | None], compositor: Compositor
) -> Iterator[Composited]:
    """Blend one patch into every frame; frames without one pass unchanged."""
    for i, (frame, patch) in enumerate(zip(frames, patches, strict=True)):
        if patch is None:
            yield Composited(frame, frame, None, (0, 0))
        else:
            yield compositor.composite(i, frame, patch)


def find_boxes(
    target: SampledFace, width: int, height: int, options: CompositeOptions
) -> tuple[I64, I64]:
    """The box of every frame that holds all that a new mouth may change and is drawn from.

    Args:
        target: the face in n whole frames of `width` × `height`.

    Returns:
        x and y of the corners (n, 2); widths and heights (n, 2), 0 where there is no face.
    """
    reach = (max(REACH, 3 * options.mask_feather) + MAX_OFFSET) * target.scale[:, None] + PAD_PX
    left, top, right, bottom = REGION
    region = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)
    drawn = np.einsum("nij,kj->nki", target.to_frame[:, :, :2], region)
    drawn += target.to_frame[:, None, :, 2]
    outlines = target.outlines()
    low = np.min([target.jaw.min(1) - reach, outlines.min(1) - reach, drawn.min(1) - PAD_PX], 0)
    high = np.max([target.jaw.max(1) + reach, outlines.max(1) + reach, drawn.max(1) + PAD_PX], 0)
    boxes = np.zeros((len(target), 4), np.int64)
    for i in range(len(target)):
        boxes[i] = even_box(low[i], high[i], width, height) or (0, 0, 0, 0)
    return boxes[:, :2], boxes[:, 2:]


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
