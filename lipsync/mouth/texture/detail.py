"""The finest detail of a mouth: the mean of its candidates, amplified to single-frame strength.

Candidates warped to one shape share the person's own detail: lines of the lips, pores, edges. Their
mean holds it without the noise of single pictures, but weakened by imperfect registration. It is
amplified toward its strength in single pictures of that neighborhood (`AIM`), lines and pores more
than flat skin, where little but noise is left. Where candidates share almost nothing (teeth,
tongue, beards, which landmarks do not register) the amplified mean stays gray, and the detail of a
single entry replaces it.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from lipsync.media.pixels import to_three_channels
from lipsync.mouth.texture.merge import weighted_mean
from lipsync.types import F32, U8

Box = tuple[slice, slice]  # rows and columns of a picture

# Weights of the moments around, for detail from single entries: of one frame alone it is sharper
# and flickers more.
DETAIL_WINDOW, DETAIL_STEP_S = (1, 2, 1), 0.04
INSIDE_SOFT = 0.008  # outer-eye distances: softness of the border between lips and teeth
# Outer-eye distances: σ of the Gaussians that separate the fine band from the medium band, and that
# from the rest. Still coarser structure is as strong in the mean as in single entries.
DETAIL, COARSER = 0.012, 0.02
# Outer-eye distances: σ of the neighborhoods whose energies are compared, for the gain and for the
# replacement by a single entry.
ENERGY_SIGMA, WEAK_SIGMA = 0.2, 0.05
# Outer-eye distances: σ of the energy that separates lines from flat skin. The gain is applied in
# proportion to it as a share of the neighborhood's energy, up to MAX_LINE_WEIGHT times.
LINE_SIGMA, MAX_LINE_WEIGHT = 0.05, 1.1
MAX_RAISE = 2.0  # gain; detail that would need more is not shared
# Target energy as a share of the single pictures', of the fine and the medium band. The fine band
# was weakened in them as well, by interpolation, and the encoder weakens it again; part of the
# medium band is noise.
AIM = (1.85, 0.85)
MIN_ENERGY = 0.05  # levels²
ENERGY_CELL = 4  # pixels: energies are smooth and computed reduced
# Energy of the mean in the medium band as a share of the single entries'. Below the first value a
# single entry starts to replace the mean, below the second it replaces it fully. Lips and skin lie
# above both.
WEAK = (0.8, 0.5)
# Levels²: energy of a single entry in the medium band from which a beard starts to be visible, and
# is fully.
VISIBLE = (0.7, 1.4)
# Share of the candidates' mean in the detail inside the lips: teeth keep the edges of one entry and
# flicker less.
SHARED_INSIDE = 0.3
# Levels by which detail may darken or lighten the inside of the lips: where the median shows teeth
# and the single picture the dark gap next to its own, more would leave a dark speck.
MAX_CHANGE_INSIDE = 16.0


def add_detail(
    steady: U8,
    mean: F32,
    lumas: U8,
    single: Callable[[Box], U8] | None,
    inside: F32,
    scale: float,
    share: float,
) -> U8:
    """Replace a share of a median's finest detail by that of its candidates.

    Args:
        steady: (h, w, 3), the median, right in everything but the finest detail.
        mean: (h, w), luma of the candidates' mean.
        lumas: (len(DETAIL_WINDOW), h, w), of the entries chosen for the surrounding frames.
        single: returns the entry chosen for this frame within a box, (bh, bw, 3); None: what is
            inside the lips has its detail already.
        inside: (h, w), 0..1, of the lips; there detail is mostly the single entry's, or none is
            added.
        scale: pixels per outer-eye distance.
        share: 0..1.
    """
    own = _to_luma(steady)
    shared = mean - own
    shared -= _blur(shared, DETAIL * scale)
    if single is None:
        shared *= 1 - inside  # teeth of other mouths, elsewhere
    change, weak = raise_detail(own, shared, lumas[len(lumas) // 2].astype(np.float32), scale)
    if single is None:
        weak *= 1 - inside
    box = _bounding_box(weak)
    if weak[box].size:
        # Averaged over entries of neighboring frames: what they do not share is noise and flicker.
        wide, inner = _widen(box, weak.shape, scale)
        theirs = weighted_mean(lumas[:, wide[0], wide[1]], np.array(DETAIL_WINDOW, np.float32))
        change[box] += weak[box] * (_high_pass(theirs - own[wide], scale)[inner] - change[box])
    fine = to_three_channels(cv2.multiply(change, 1 - inside))
    box = _bounding_box(inside)
    if single is not None and inside[box].size:
        # Teeth and tongue move independently of the lips: a mean of entries would be blurred.
        wide, inner = _widen(box, inside.shape, scale)
        theirs = _high_pass(cv2.subtract(single(wide), steady[wide], dtype=cv2.CV_32F), scale)[
            inner
        ]
        theirs += SHARED_INSIDE * (to_three_channels(shared[box]) - theirs)
        lips = to_three_channels(inside[box])
        most = 255 - (255 - MAX_CHANGE_INSIDE) * lips
        fine[box] += lips * np.clip(theirs, -most, most)
    fine = fine if share == 1 else share * fine
    return np.asarray(cv2.add(steady.astype(np.float32), fine, dtype=cv2.CV_8U))


def raise_detail(steady: F32, shared: F32, single: F32, scale: float) -> tuple[F32, F32]:
    """Amplify shared detail to the strength of a single entry's.

    Args:
        steady: (h, w), luma of the median.
        shared: (h, w), finest detail that the candidates share and the median lacks.
        single: (h, w), luma of the entry whose detail has the right strength.
        scale: pixels per outer-eye distance.

    Returns:
        (h, w), what to add to the median's luma, and (h, w), 0..1, where that is not enough.
    """
    change = shared
    own, theirs = _split_bands(steady + shared, scale), _split_bands(single, scale)
    for aim, band, strong in zip(AIM, own, theirs, strict=True):
        held, wanted = (
            _measure_energy(band, ENERGY_SIGMA * scale),
            _measure_energy(strong, ENERGY_SIGMA * scale),
        )
        held = np.maximum(held, MIN_ENERGY)
        gain = np.sqrt(np.clip(aim * wanted / held, 1, MAX_RAISE**2))
        line = np.minimum(_measure_energy(band, LINE_SIGMA * scale) / held, MAX_LINE_WEIGHT)
        change = cv2.add(change, cv2.multiply(band, _upsample(line * (gain - 1), shared)))
    # Smaller neighborhoods locate the border of a beard.
    held, wanted = (_measure_energy(bands[1], WEAK_SIGMA * scale) for bands in (own, theirs))
    weak = np.clip((WEAK[0] - held / np.maximum(wanted, 1e-3)) / (WEAK[0] - WEAK[1]), 0, 1)
    weak *= np.clip((wanted - VISIBLE[0]) / (VISIBLE[1] - VISIBLE[0]), 0, 1)
    return np.asarray(change), _upsample(np.asarray(weak, np.float32), shared)


def _high_pass(difference: F32, scale: float) -> F32:
    """Remove what is coarser than COARSER from a difference of pictures."""
    return np.asarray(difference - _blur(difference, COARSER * scale))


def _widen(box: Box, shape: tuple[int, ...], scale: float) -> tuple[Box, Box]:
    """Widen a box by the reach of `_high_pass`; returns it and the original box within it."""
    reach = int(np.ceil(3 * COARSER * scale))
    rows, columns = (
        slice(max(0, part.start - reach), min(part.stop + reach, side))
        for part, side in zip(box, shape, strict=True)
    )
    inner = tuple(
        slice(part.start - wide.start, part.stop - wide.start)
        for part, wide in zip(box, (rows, columns), strict=True)
    )
    return (rows, columns), (inner[0], inner[1])


def _blur(picture: F32, sigma: float) -> F32:
    """Gaussian blur of σ pixels, cut off at 3 σ, sooner than OpenCV's own choice."""
    side = 2 * int(np.ceil(3 * sigma)) + 1
    return np.asarray(cv2.GaussianBlur(picture, (side, side), sigma))


def _to_luma(picture: U8) -> F32:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def _split_bands(luma: F32, scale: float) -> tuple[F32, F32]:
    """Split luma into the fine band, below DETAIL, and the medium band, up to COARSER."""
    fine = _blur(luma, DETAIL * scale)
    coarse = _blur(fine, (COARSER**2 - DETAIL**2) ** 0.5 * scale)
    return cv2.subtract(luma, fine), cv2.subtract(fine, coarse)


def _measure_energy(band: F32, sigma: float) -> F32:
    """Local mean square, reduced by ENERGY_CELL, over a box as wide as a Gaussian of σ pixels."""
    size = tuple(-(-side // ENERGY_CELL) for side in band.shape[::-1])
    small = cv2.resize(cv2.multiply(band, band), size, interpolation=cv2.INTER_AREA)
    side = 2 * round(1.7 * sigma / ENERGY_CELL) + 1
    return np.asarray(cv2.blur(small, (side, side)))


def _upsample(small: F32, like: F32) -> F32:
    size = like.shape[::-1]
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR))


def _bounding_box(where: F32) -> Box:
    """Rows and columns that bound everything above zero; empty slices if there is nothing."""
    x, y, width, height = cv2.boundingRect((where > 0).astype(np.uint8))
    return slice(y, y + height), slice(x, x + width)
