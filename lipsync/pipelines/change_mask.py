"""Which pixels of an output a render changed, as a black-and-white video of its length and size.

The output is compared, frame by frame, with the target's frames that it shows. It was encoded: in
the box of a face, a difference counts where it is larger than any on the box's border, which a
render leaves alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from lipsync.media.encode import EncodeOptions, encode_video
from lipsync.pipelines.finished_output import FinishedOutput
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.runtime.context import RunContext
from lipsync.types import U8, Bools

LEAST = 4.0  # levels of 255: a difference that can be seen in a smooth face
SMOOTH_PX = 2.0  # sigma: coding noise has another sign in each pixel, a new mouth has not
BORDER_PX = 4  # of a box
GAP = 0.16  # of a box's width: bays up to it are closed, as where new skin is as the old was
MASK_CRF = 12


def write_change_mask(
    place: Path, output: Path, making: FrameMaking, changed: Bools, run: RunContext
) -> None:
    """Write the mask of a complete output: white where its pixels are new, else black.

    Args:
        place: the mask's file; an existing one is replaced.
        making: that made the output.
        changed: output frames in which any mouth is new, (n,).

    Raises:
        OutputError: it cannot be written.
    """
    masks = draw_masks(output, making, changed, run)
    encode_video(masks, making.info, None, place, EncodeOptions(crf=MASK_CRF))


def draw_masks(output: Path, making: FrameMaking, changed: Bools, run: RunContext) -> Iterator[U8]:
    """The mask of every output frame, RGB (h, w, 3)."""
    info, coding = making.info, making.coding
    whole = range(len(making))
    for i, target, frame in FinishedOutput(output, making).pairs(whole):
        mask = np.zeros((info.height, info.width), np.uint8)
        for drawing in making.drawings if changed[i] else ():
            box = x, y, width, height = drawing.box(i)
            if width > 0:
                part = mask[y : y + height, x : x + width]
                part |= compare(coding.cut(target, box), coding.cut(frame, box))
        yield cv2.merge([mask] * 3)
        run.report("mask", i + 1, len(whole))


def compare(before: U8, after: U8) -> U8:
    """Where two pictures (h, w, 3) of a box differ by more than their coding: 255, else 0, (h, w).

    What lies within such a place belongs to it. The border of the box is the same in both, but for
    the coding.
    """
    change = cv2.subtract(after, before, dtype=cv2.CV_32F)
    levels = np.abs(cv2.GaussianBlur(change, (0, 0), SMOOTH_PX)).max(axis=2)
    inside = np.zeros(levels.shape, bool)
    inside[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    noise = float(levels[~inside].max())
    mask = np.uint8(255) * ((levels > max(LEAST, noise)) & inside).astype(np.uint8)
    size = max(3, round(GAP * before.shape[1])) | 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, around)
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(closed, outlines, -1, 255, cv2.FILLED))
