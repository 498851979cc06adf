"""The picture between two consecutive frames, by optical flow.

Both frames are warped to the wanted moment along the flow and blended. Where forward and backward
flow are inconsistent, or the two warped frames differ, something is occluded in one of them: there
the nearer frame alone is shown, warped or, where its own flow is unreliable too, as it is.
"""

from __future__ import annotations

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
    share = float(share)  # numpy's own would make every map float64
    if share > 0.5:
        return interpolate_frames(second, first, 1 - share)
    there, back = _estimate_flows(first, second)
    height, width = first.shape[:2]
    from_first, sure_first = _backward_flow(there, back, share)
    from_second, sure_second = _backward_flow(back, there, 1 - share)
    one, other = (
        _warp(frame, shift, (width, height))
        for frame, shift in ((first, from_first), (second, from_second))
    )
    small = sure_first.shape[::-1]
    both = np.minimum(sure_first, sure_second) * _similarity(one, other, small)
    sure, both = (cv2.resize(values, (width, height)) for values in (sure_first, both))
    near = first + sure[..., None] * (one - first)  # where its own flow is lost: as it is
    mix = (share * both)[..., None] * (other - near)
    mixed = near + cv2.GaussianBlur(mix, (0, 0), FINE_PX)
    return np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8)


def _estimate_flows(first: U8, second: U8) -> tuple[F32, F32]:
    """Motion from first to second and back, (h', w', 2) each, pixels of the reduced pictures."""
    reduction = max(1.0, max(first.shape[:2]) / FLOW_SIDE)
    size = tuple(max(16, round(side / reduction)) for side in first.shape[1::-1])
    one, other = (
        cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
        for frame in (first, second)
    )
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return flow.calc(one, other, None), flow.calc(other, one, None)


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


def _warp(frame: U8, shift: F32, size: tuple[int, int]) -> F32:
    """The frame sampled at offsets of the reduced size."""
    scale = np.array([size[0] / shift.shape[1], size[1] / shift.shape[0]], np.float32)
    full = cv2.resize(shift * scale, size, interpolation=cv2.INTER_LINEAR)
    places = _grid(full.shape) + full
    found = cv2.remap(frame, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def _similarity(one: F32, other: F32, size: tuple[int, int]) -> F32:
    """How similar two pictures are in reduced size, 0..1, by denoised colors."""
    off = cv2.resize(one - other, size, interpolation=cv2.INTER_AREA)
    red, green, blue = cv2.split(np.abs(cv2.GaussianBlur(off, (0, 0), 1.5)))
    most = cv2.max(cv2.max(red, green), blue)
    return np.asarray(np.clip(2 - 2 * most / UNLIKE, 0, 1), np.float32)


def _grid(shape: tuple[int, ...]) -> F32:
    """The coordinates of every pixel, (h, w, 2)."""
    x, y = np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32)
    return np.stack(np.meshgrid(x, y), axis=-1)
