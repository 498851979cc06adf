"""The breathing picture of a face's lower part: what a watermark is read from.

    frames → lower face on the grid → what does not breathe is removed, noisy cells are weakened
    → one complex picture for every speed that the video may have

Symbols: n frames of a window, c cells of the grid, s speeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.marks.carriers import (
    COLUMNS,
    ROWS,
    carriers,
    grid_box,
    grid_to_frame,
    view_of,
)
from lipsync.marks.watermark import PERIOD_S
from lipsync.types import F32, F64, U8

Complexes = NDArray[np.complex128]

WINDOW_S = 12.0  # read as a whole: longer ones need memory
LEAST_FRAMES = 16
SHADING = 4.0  # cells, σ: what is smoother is the face's shading, not the mark
DRIFTS = 3  # powers of time, from 0 on, that are taken from every cell
SPREAD, LEAST_NOISE = 4.0, 1.0  # cells, σ, over which noise is averaged; levels that are always
CLIP = 2.5  # standard deviations: a cell's excursions beyond say nothing more
# The strongest changes of the picture at other frequencies than the mark's (mouth, head, light) are
# removed, so many of them: they have part in the mark's frequency too.
MOTIONS = 10
# Of the video, times that of the marked one. The steps are those that a window can tell apart;
# beyond 10 % those that players and editors offer.
SPEEDS = (1.0, 0.975, 1.025, 0.95, 1.05, 0.925, 1.075, 0.9, 1.1, 0.5, 0.75, 0.8, 1.25, 1.5, 2.0)
KEPT_SPEEDS = SPEEDS[:9]  # that are near enough to have the same motions removed


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a window or several show: the breathing picture at every speed, and what cells count."""

    pictures: Complexes  # (s, c), weighted
    weights: F64  # (c,)
    frames: int

    def mirrored(self) -> Evidence:
        """The same of the mirrored video."""
        shape = (len(self.pictures), ROWS, COLUMNS)
        return Evidence(
            self.pictures.reshape(shape)[:, :, ::-1].reshape(len(self.pictures), -1),
            self.weights.reshape(shape[1:])[:, ::-1].ravel(),
            self.frames,
        )


def join(windows: list[Evidence]) -> Evidence:
    """All windows as one: their pictures add up if nothing was cut and the speed is right."""
    total = sum(one.frames for one in windows)
    shares = np.array([one.frames / total for one in windows])
    return Evidence(
        np.tensordot(shares, np.array([one.pictures for one in windows]), 1),
        np.tensordot(shares, np.array([one.weights for one in windows]), 1),
        total,
    )


def watch_breathing(frames: Iterable[U8], to_frames: F32, times: F64) -> list[Evidence]:
    """What every window of a video's frames shows; see `read_watermark`."""
    return [_collect(views, when) for views, when in _split(frames, to_frames, times)]


def _split(frames: Iterable[U8], to_frames: F32, times: F64) -> Iterator[tuple[F32, F64]]:
    """Views (n, c) of the lower face and their times, window by window; the last may be shorter."""
    views: list[F32] = []
    when: list[float] = []
    for frame, to_frame, time in zip(frames, to_frames, times.tolist(), strict=True):
        view = _view(frame, to_frame)
        if view is None:
            continue
        views.append(view)
        when.append(time)
        if when[-1] - when[0] >= 1.5 * WINDOW_S:
            full = int(np.searchsorted(when, when[0] + WINDOW_S))
            if full >= LEAST_FRAMES:
                yield np.array(views[:full]), np.array(when[:full])
            del views[:full], when[:full]
    if len(views) >= LEAST_FRAMES:
        yield np.array(views), np.array(when)


def _view(frame: U8, to_frame: F32) -> F32 | None:
    """The lower face's luma without its shading, (c,); None: it is not in the frame."""
    matrix = grid_to_frame(to_frame)
    reach = 4 * float(np.sqrt(abs(np.linalg.det(matrix[:, :2])))) + 2
    box = grid_box(matrix, reach, frame.shape[1], frame.shape[0])
    if box is None:
        return None
    left, top, right, bottom = box
    matrix[:, 2] -= (left, top)
    luma = cv2.cvtColor(frame[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    return without_shading(view_of(luma.astype(np.float32), matrix)).ravel()


def without_shading(view: F32) -> F32:
    """A view (ROWS, COLUMNS) without what is smooth: the shading of the face."""
    return np.asarray(view - cv2.GaussianBlur(view, (0, 0), SHADING, borderType=cv2.BORDER_REFLECT))


def _collect(views: F32, when: F64) -> Evidence:
    """The breathing picture of a window's views (n, c)."""
    powers = np.linalg.qr(np.vander(when - when.mean(), DRIFTS))[0].astype(np.float32)
    change = views - powers @ (powers.T @ views)
    weights = _weigh(change, LEAST_NOISE)
    change *= weights
    region = carriers().region.ravel()
    spread = np.sqrt((change**2 @ region) / region.sum())
    limit = CLIP * float(np.median(spread))
    np.clip(change, -limit, limit, out=change)
    # Taken from what is not the mark's, else the mark would be found among them and removed.
    turns = 2 * np.pi * np.outer(when, KEPT_SPEEDS) / PERIOD_S
    own = np.linalg.qr(np.hstack([np.cos(turns), np.sin(turns)]))[0].astype(np.float32)
    rest = change - own @ (own.T @ change)
    strongest = np.linalg.eigh(rest @ rest.T)[1][:, -MOTIONS:]
    motions = np.linalg.qr(rest.T @ strongest)[0]
    change -= (change @ motions) @ motions.T
    again = _weigh(change, LEAST_NOISE / 5)
    breaths = np.exp(2j * np.pi * np.outer(SPEEDS, when) / PERIOD_S).astype(np.complex64)
    return Evidence(
        (breaths @ change).astype(np.complex128) * 2 / len(when) * again,
        (weights * again).astype(np.float64),
        len(when),
    )


def _weigh(change: F32, least: float) -> F32:
    """How much each cell counts, (c,): less where much else changes; 1 in the region's mean."""
    power = np.asarray((change**2).mean(0), np.float32).reshape(ROWS, COLUMNS)
    noise = np.sqrt(cv2.GaussianBlur(power, (0, 0), SPREAD, borderType=cv2.BORDER_REFLECT))
    weights, region = 1 / (noise + least), carriers().region
    return np.asarray(weights * (region.sum() / (weights * region).sum()), np.float32).ravel()
