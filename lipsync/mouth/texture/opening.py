"""What shows between the lips: the structure of real mouths on the model's predicted picture.

Lips say little about teeth and tongue: of all that they may look like a regression predicts the
mean, which is a gray smear, and looks like none of them. What a prediction can tell is kept: the
coarse light and color of the opening. Edges come from one real mouth for every moment: the one that
looks most like the prediction, and that continues the one before. All in the mean shape, where
the opening of every mouth lies in the same place (docs/method.md §4).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.face.lip_mask import mask_opening
from lipsync.mouth.texture.continuity import find_smoothest_path
from lipsync.mouth.texture.detail import DETAIL_WINDOW
from lipsync.mouth.texture.merge import weighted_mean
from lipsync.mouth.texture.shape_space import ShapeSpace
from lipsync.types import F32, I64, U8

SOFT = 0.01  # outer-eye distances: softness of the opening's edge
# Outer-eye distances: structure below this σ is a real mouth's, what is coarser is predicted.
COARSE = 0.03
# Share of the structure taken: of all of it the squared error grows, of less than half teeth smear.
SHARE = 0.75
CHOICES = 60  # mouths nearest to the prediction, from which a sequence is chosen
# Levels of a jump between two frames that count as much as one level off the prediction.
CONTINUITY = 0.5


@dataclass(frozen=True, eq=False)
class Opening:
    """The openings of m mouths in the mean shape: h × w cells around it."""

    box: tuple[slice, slice]  # rows and columns of shape-free pictures
    mask: F32  # (h, w), 0..1
    pictures: U8  # (m, h, w, 3), in one light
    looks: F32  # (m, q), to be compared: luma under the mask
    successors: I64  # (m,), the mouth that followed each; itself where none did
    sigma: float  # of the Gaussian that separates structure from what is coarse, cells

    @staticmethod
    def of(space: ShapeSpace, pictures: U8, gains: F32, successors: I64) -> Opening:
        """Take the openings from shape-free pictures.

        Args:
            pictures: (m, s, s, 3); gains: (m, 3), that bring them to one light.
            successors: (m,).
        """
        cells = space.cells
        whole = mask_opening(
            cells.to_cells(space.shape[:18]), (cells.across, cells.across), SOFT / cells.size
        )
        sigma = COARSE / cells.size
        rows, columns = (_span(whole.max(axis), round(2 * sigma)) for axis in (1, 0))
        mask = whole[rows, columns]
        lit = pictures[:, rows, columns] * gains[:, None, None]
        lit = np.clip(np.rint(lit), 0, 255).astype(np.uint8)
        return Opening((rows, columns), mask, lit, _look(lit, mask), successors, sigma)

    def look(self, pictures: F32) -> F32:
        """What is compared of shape-free pictures (n, s, s, 3), (n, q); linear in them."""
        return _look(pictures[:, self.box[0], self.box[1]], self.mask)

    def choose(self, looks: F32) -> I64:
        """The mouth for each of n consecutive frames.

        Args:
            looks: (n, q), of the predicted pictures.

        Returns:
            (n,), 0 ≤ mouth < m.
        """
        squared = (looks**2).sum(1)[:, None] + (self.looks**2).sum(1) - 2 * looks @ self.looks.T
        off = np.sqrt(np.maximum(squared, 0))
        few = min(CHOICES, off.shape[1])
        near = np.argpartition(off, few - 1, axis=1)[:, :few].astype(np.int64)
        costs = np.take_along_axis(off, near, axis=1)
        followed = self.looks[self.successors]
        path = find_smoothest_path(near, costs, self.looks, followed, continuity=CONTINUITY)
        return np.asarray(near[np.arange(len(near)), path])

    def add_structure(self, pictures: F32, mouths: I64) -> None:
        """Give predicted pictures (n, s, s, 3) the structure of real mouths, in place.

        Args:
            mouths: (n, len(DETAIL_WINDOW)), chosen for each frame and those around it.
        """
        weights = np.array(DETAIL_WINDOW, np.float32)
        for picture, chosen in zip(pictures, mouths, strict=True):
            part = picture[self.box]
            change = weighted_mean(self.pictures[chosen], weights) - part
            change -= cv2.GaussianBlur(change, (0, 0), self.sigma)
            part += SHARE * self.mask[..., None] * change


def _span(shown: F32, margin: int) -> slice:
    """Where values (n,) are not nothing, and a margin around."""
    at = np.flatnonzero(shown > 0.01)
    return slice(max(int(at[0]) - margin, 0), int(at[-1]) + margin + 1)


def _look(pictures: F32 | U8, mask: F32) -> F32:
    """Luma (n, h · w) of pictures (n, h, w, 3) under a mask; distances are RMS levels."""
    luma = pictures.mean(-1, dtype=np.float32) * (mask / np.sqrt(np.square(mask).sum()))
    return np.asarray(luma.reshape(len(luma), -1), np.float32)
