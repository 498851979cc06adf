"""Film grain for the new mouth: as a mean of pictures it has little noise and looks painted.

The noise is correlated in time, because compressed footage repeats a good part of a frame's noise
in the next one: it flickers less than independent noise, and equally much survives encoding. It is
white in space: of noise with the camera's spectrum, encoders keep the coarse part, which is visible
as blotches.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.media.pixels import to_three_channels
from lipsync.runtime.numeric import MAD_TO_SIGMA
from lipsync.types import F32, U8, Bools

CORRELATION, CORRELATION_S = 0.6, 0.04  # of a pixel's grain, over this time
POOL = 256  # pixels: new noise is a window of the pool at a random offset below this, x and y
# Standard deviation of the grain as a multiple of what is missing: an encoder removes more of this
# grain than of the camera's noise.
STRENGTH = 0.9
MIN_PIXELS, MAX_PIXELS = 64, 8000  # from which noise is measured


class Grain:
    """Grain for the frames of one clip, which must be passed in order."""

    def __init__(self, rate: float, seed: int = 0, shape: tuple[int, int] | None = None) -> None:
        """`rate`: frames per second of the clip; `shape`: h, w of whole frames, None: as given."""
        self._shape = shape
        self._correlation = CORRELATION ** (1 / (CORRELATION_S * rate))
        self._innovation = (1 - self._correlation**2) ** 0.5  # keeps the variance at 1
        self._random = np.random.default_rng(seed)
        self._field: F32 | None = None  # (h, w) of a whole frame, variance 1
        self._pool: F32 | None = None  # noise, larger than a frame by POOL

    def add(
        self,
        frame: U8,
        target: U8,
        alpha: F32,
        corner: tuple[int, int],
        origin: tuple[int, int] = (0, 0),
    ) -> None:
        """Bring the new mouth's noise to the target's noise level there, in place.

        Args:
            frame, target: (h, w, 3), with the new mouth and the original.
            alpha: (bh, bw), 0..1, of the new mouth in a box of the frame.
            corner: x, y of the box.
            origin: x, y of `frame` in the whole one, if it is a part of it.
        """
        (x, y), (height, width) = corner, alpha.shape
        here = slice(y, y + height), slice(x, x + width)
        right, down = x + origin[0], y + origin[1]
        place = slice(down, down + height), slice(right, right + width)
        grain = self._next(self._shape or frame.shape[:2], place)
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
        """Grain of the next frame in a box of it: a first-order autoregression in time."""
        if self._field is None or self._pool is None or self._field.shape != shape:
            self._pool = self._random.standard_normal([side + POOL for side in shape], np.float32)
            self._field = self._pool[POOL:, POOL:].copy()
        field = self._field[here]
        # Another window of one large field is as good as new random numbers, and free.
        down, right = self._random.integers(0, POOL, 2).tolist()
        new = self._pool[down : down + shape[0], right : right + shape[1]][here]
        return np.asarray(
            cv2.addWeighted(field, self._correlation, new, self._innovation, 0, dst=field)
        )


def measure_noise(picture: U8, mask: Bools) -> float:
    """Measure the standard deviation of a picture's noise inside a mask, levels of luma.

    From the median of the absolute high-pass, which edges hardly affect.

    Args:
        picture: (h, w, 3); mask: (h, w).
    """
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    # The difference from the mean of a 3 × 3 neighborhood has 8/9 of white noise's variance.
    rest = cv2.absdiff(gray, cv2.blur(gray, (3, 3)))[mask]
    some = rest[:: max(1, len(rest) // MAX_PIXELS)]
    return MAD_TO_SIGMA * float(np.median(some)) / float(np.sqrt(8 / 9))
