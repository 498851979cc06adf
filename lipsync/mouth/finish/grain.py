"""Camera noise for a new mouth, which has hardly any: beside the frame's own skin it looks painted.

Footage has been compressed before, and a codec repeats a good part of a frame's noise in the next
one. Noise that goes on like that flickers less than noise that is new in every frame, and as much
of it outlasts the next encoder. It is white in space: of noise with the camera's spectrum the
coarser part is what an encoder keeps and eyes see.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.media.pixels import to_three_channels
from lipsync.types import F32, U8, Bools

CORRELATION = 0.6  # correlation of a pixel's grain with that in the frame before
INNOVATION = (1 - CORRELATION**2) ** 0.5
POOL = 256  # pixels: of so many offsets each way new noise is one
# The encoder takes more of grain than of the camera's own noise.
STRENGTH = 0.9  # standard deviation, as a multiple of what is missing
MIN_PIXELS, MAX_PIXELS = 64, 8000  # pixels that tell how much noise there is


class Grain:
    """Noise for the frames of one clip, which are to be given one after the other."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        self._field: F32 | None = None  # (h, w) of a whole frame, variance 1
        self._pool: F32 | None = None  # noise, larger than a frame by POOL

    def add(self, frame: U8, target: U8, alpha: F32, corner: tuple[int, int]) -> None:
        """Give a frame's new mouth the noise that the target's own has there, in place.

        Args:
            frame, target: (h, w, 3), with the new mouth and as it was.
            alpha: (bh, bw) 0..1 how much of the new mouth is shown, in a box of the frame.
            corner: x, y of the box.
        """
        (x, y), (height, width) = corner, alpha.shape
        here = slice(y, y + height), slice(x, x + width)
        grain = self._next(frame.shape[:2], here)
        inside = alpha > 0.5
        if inside.sum() < MIN_PIXELS:
            return
        missing = measure_noise(target[here], inside) ** 2 - measure_noise(frame[here], inside) ** 2
        if missing <= 0:
            return
        region = frame[here]
        noisy = cv2.multiply(alpha, grain, scale=STRENGTH * float(missing) ** 0.5)
        region[:] = cv2.add(region, to_three_channels(noisy), dtype=cv2.CV_8U)

    def _next(self, shape: tuple[int, ...], here: tuple[slice, slice]) -> F32:
        """The field of the next frame in a box of it: a first-order autoregression in time."""
        if self._field is None or self._pool is None or self._field.shape != shape:
            self._pool = self._random.standard_normal([side + POOL for side in shape], np.float32)
            self._field = self._pool[POOL:, POOL:].copy()
        field = self._field[here]
        # Other places of one large field are as good as new numbers, and cost nothing.
        down, right = self._random.integers(0, POOL, 2).tolist()
        new = self._pool[down : down + shape[0], right : right + shape[1]][here]
        return np.asarray(cv2.addWeighted(field, CORRELATION, new, INNOVATION, 0, dst=field))


def measure_noise(picture: U8, where: Bools) -> float:
    """Standard deviation of the noise of a picture (h, w, 3), levels of luma.

    By the median of the absolute high-pass, which edges hardly move.
    """
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    # The difference from the mean of a 3 × 3 neighbourhood has 8/9 of white noise's variance.
    rest = cv2.absdiff(gray, cv2.blur(gray, (3, 3)))[where]
    some = rest[:: max(1, len(rest) // MAX_PIXELS)]
    return 1.4826 * float(np.median(some)) / float(np.sqrt(8 / 9))
