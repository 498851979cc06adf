"""The picture between two consecutive frames, by optical flow.

Both frames are warped to the wanted moment along the flow and blended. Where forward and backward
flow are inconsistent, or the two warped frames differ, something is occluded in one of them: there
the nearer frame alone is shown, warped or, where its own flow is unreliable too, as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from lipsync.types import F32, U8

FLOW_SIDE = 480  # pixels of the longer side for flow estimation: motion has no fine detail
ROUNDS = 2  # fixed-point iterations that invert the flow
# Forward-backward error (pixels of the reduced picture) from which the flow counts as lost; and
# the difference of the two warped frames (levels) from which they count as different.
LOST_PX, UNLIKE = 1.5, 24.0
# The mean of two frames has less noise than either, and softer grain in single frames is visible as
# flicker: detail finer than this (σ, pixels) is taken from the nearer frame alone.
FINE_PX = 1.5


def interpolate_frames(first: U8, second: U8, share: float) -> U8:
    """The picture `share` (0..1) of the way from `first` to `second`, both (h, w, 3)."""
    return interpolate_planes([first], [second], share)[0]


def interpolate_planes(first: Sequence[U8], second: Sequence[U8], share: float) -> list[U8]:
    """`interpolate_frames` of pictures in planes: RGB (h, w, 3), or luma (h, w) and chroma.

    Every plane may have a size of its own; motion is looked for in the first.
    """
    share = float(share)  # numpy's own would make every map float64
    if share > 0.5:
        return interpolate_planes(second, first, 1 - share)
    there, back = _estimate_flows(first[0], second[0])
    from_first, sure_first = _backward_flow(there, back, share)
    from_second, sure_second = _backward_flow(back, there, 1 - share)
    ones = [_warp(plane, from_first) for plane in first]
    others = [_warp(plane, from_second) for plane in second]
    both = np.minimum(sure_first, sure_second)
    both *= _similarity(ones, others, sure_first.shape[::-1])
    both *= np.float32(share)
    fine = FINE_PX * np.array([plane.shape[1] / first[0].shape[1] for plane in first])
    return [
        _blend(plane, one, other, sure_first, both, sigma)
        for plane, one, other, sigma in zip(first, ones, others, fine.tolist(), strict=True)
    ]


def _blend(first: U8, one: U8, other: U8, sure: F32, weight: F32, sigma: float) -> U8:
    """One warped picture with a share of the other's, finer detail from the one alone.

    Args:
        first: what was warped; shown where `sure` is 0.
        sure, weight: (h', w'), of the reduced size.
    """
    size = (first.shape[1], first.shape[0])
    sure, weight = (cv2.resize(values, size) for values in (sure, weight))
    if first.ndim == 3:
        sure, weight = (cv2.merge([values] * 3) for values in (sure, weight))
    change = cv2.multiply(cv2.subtract(one, first, dtype=cv2.CV_32F), sure)
    near = cv2.add(first, change, dtype=cv2.CV_32F)
    mix = cv2.multiply(cv2.subtract(other, near, dtype=cv2.CV_32F), weight)
    side = 2 * round(3 * sigma) + 1
    mixed = cv2.add(near, cv2.GaussianBlur(mix, (side, side), sigma), dtype=cv2.CV_8U)
    return np.asarray(mixed)


def _estimate_flows(first: U8, second: U8) -> tuple[F32, F32]:
    """Motion from first to second and back, (h', w', 2) each, pixels of the reduced pictures."""
    reduction = max(1.0, max(first.shape[:2]) / FLOW_SIDE)
    size = tuple(max(16, round(side / reduction)) for side in first.shape[1::-1])
    one, other = (
        cv2.resize(_to_gray(frame), size, interpolation=cv2.INTER_AREA) for frame in (first, second)
    )
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return flow.calc(one, other, None), flow.calc(other, one, None)


def _to_gray(plane: U8) -> U8:
    return plane if plane.ndim == 2 else np.asarray(cv2.cvtColor(plane, cv2.COLOR_RGB2GRAY))


def _backward_flow(there: F32, back: F32, share: float) -> tuple[F32, F32]:
    """Backward flow of pixels that have moved a share of their way, and its reliability.

    Returns:
        (h', w', 2) offsets to sample at, and (h', w') reliability, 0..1.
    """
    places = _grid(there.shape)
    shift = -share * there
    for _ in range(ROUNDS):  # the flow is defined where the pixel came from
        shift = -share * _sample(there, places + shift)
    gone = places + shift
    way = _sample(there, gone)
    lost = cv2.magnitude(*cv2.split(way + _sample(back, gone + way)))
    sure = np.clip(2 - 2 * lost / LOST_PX, 0, 1)
    return shift, cv2.GaussianBlur(sure, (0, 0), 1.5)


def _sample(field: F32, places: F32) -> F32:
    return np.asarray(
        cv2.remap(field, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def _warp(plane: U8, shift: F32) -> U8:
    """A plane sampled at offsets of the reduced size."""
    size = (plane.shape[1], plane.shape[0])
    scale = np.array([size[0] / shift.shape[1], size[1] / shift.shape[0]], np.float32)
    full = cv2.resize(shift * scale, size, interpolation=cv2.INTER_LINEAR)
    places = cv2.add(full, _grid(full.shape))
    found = cv2.remap(plane, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found)


def _similarity(ones: Sequence[U8], others: Sequence[U8], size: tuple[int, ...]) -> F32:
    """How similar two pictures are in reduced size, 0..1, by denoised colors."""
    most = np.zeros(size[::-1], np.float32)
    for one, other in zip(ones, others, strict=True):
        pair = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (one, other))
        off = cv2.subtract(*pair, dtype=cv2.CV_32F)
        for channel in cv2.split(cv2.absdiff(cv2.GaussianBlur(off, (0, 0), 1.5), 0.0)):
            most = cv2.max(most, channel)
    return np.asarray(np.clip(2 - 2 * most / UNLIKE, 0, 1), np.float32)


@lru_cache(maxsize=4)
def _grid(shape: tuple[int, ...]) -> F32:
    """The coordinates of every pixel, (h, w, 2)."""
    x, y = np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32)
    return np.stack(np.meshgrid(x, y), axis=-1)
