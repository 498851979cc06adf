"""Looks: a coarse, shape-free picture of the lower face in every frame of the footage.

Shape-free as in `mouth.shape_free`, so that a frame can be compared with all others. Of every
frame, not only of the bank's, and finer in luma: the strokes of a caption are two or three pixels
wide.

Symbols: f frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lipsync.face.thin_plate import SMOOTHING, ThinPlate
from lipsync.media.pixels import cell_means, crop_replicated
from lipsync.mouth.occlusion.mask_space import SIZE
from lipsync.mouth.shape_free import Cells
from lipsync.runtime.disk_space import create_unnamed_array
from lipsync.types import F32, U8

COARSE = Cells(16)  # at whose centers the warp is evaluated: faces bend smoothly
UNSEEN = 0  # luma of a cell outside the frame, or of a frame without a face; others have 1 or more
MAX_STRAY = 4.0  # sizes of the frame: a look that is larger comes from landmarks gone astray


@dataclass(frozen=True, eq=False)
class Looks:
    """The lower face in every frame, warped to its mean shape."""

    luma: U8  # (f, SIZE, SIZE)
    chroma: U8  # (f, SIZE / 2, SIZE / 2, 2), red and blue difference, 128: none

    @staticmethod
    def unseen(frames: int, folder: Path) -> Looks:
        """Room for this many frames, in files of a folder that vanish with it: 14 kB a frame."""
        half = SIZE // 2
        shapes = ((frames, SIZE, SIZE), (frames, half, half, 2))
        return Looks(*(create_unnamed_array(folder, shape) for shape in shapes))


class LookReader:
    """Reads looks from frames."""

    def __init__(self, shape: F32) -> None:
        """`shape`: (k, 2), the mean shape that all are warped to, canonical."""
        self._plate = ThinPlate(shape, COARSE.centers(), SMOOTHING)

    def read(self, frame: U8, control: F32, luma: U8, chroma: U8) -> None:
        """Read the look of a frame (h, w, 3) into one row of `Looks`.

        Args:
            control: (k, 2), pixels of the frame.
            luma, chroma: rows of `Looks`.
        """
        coarse = (
            self._plate.map_to(control).reshape(COARSE.across, COARSE.across, 2).astype(np.float32)
        )
        coords = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
        across, down = coords[..., 0], coords[..., 1]  # reduced by themselves: much faster
        low = np.floor([across.min(), down.min()]).astype(np.float32) - 1
        high = np.ceil([across.max(), down.max()])
        width, height = (high - low + 2).astype(int).tolist()
        if max(width, height) > MAX_STRAY * max(frame.shape[:2]):
            return
        reduction = max(1, max(width, height) // SIZE)  # a cell is about one pixel
        piece = cell_means(crop_replicated(frame, low, width, height), reduction)
        at = ((coords - low + 0.5) / reduction - 0.5).astype(np.float32)
        look = cv2.remap(piece, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        colors = cv2.cvtColor(look, cv2.COLOR_RGB2YCrCb)
        bottom, right = frame.shape[0] - 1, frame.shape[1] - 1
        outside = (across < 0) | (down < 0) | (across > right) | (down > bottom)
        luma[:] = np.where(outside, UNSEEN, np.maximum(colors[..., 0], 1))
        chroma[:] = cell_means(np.ascontiguousarray(colors[..., 1:]), 2)
