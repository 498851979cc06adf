"""Work that several picture measures share, done once per frame: bands of detail, optical flow.

Symbols: h × w pixels of the view.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np

from lipsync.inspection.face_view import VIEW, FaceView
from lipsync.types import F32, U8, Bools

FINE, MIDDLE = 0.012, 0.036  # σ of what bounds the bands of detail, outer-eye distances
FINE_LEAST = 0.7  # pixels: a smaller σ would bound no band
CHEEKS = (0.14, 0.8)  # top and bottom, canonical: between eyes and mouth
NOSE = 0.2  # half its width, outer-eye distances
LEAST_PIXELS = 60  # that a region must have for its statistics to mean anything
# A pixel that forward and backward flow carry this far from itself, pixels, is hidden in the other
# frame (METHOD §11); with a share of the flow's own length.
FLOW_APART, FLOW_SHARE = 0.5, 0.05
FLOW_SCALE = 60.0  # pixels per outer-eye distance at which flow is sought
KEPT = 8  # views whose work is kept: more than are prepared ahead
_GRAIN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
_SOLE = 0.05  # levels², added to energies: a region without any must not have a logarithm of 0


@dataclass(frozen=True, eq=False)
class Detail:
    """Bands of detail of one view, levels."""

    view: FaceView

    @cached_property
    def soft(self) -> F32:
        """(h, w), the luma without its fine band."""
        return blur(self.view.luma, self.fine_sigma)

    @cached_property
    def fine_sigma(self) -> float:
        """Pixels."""
        return max(FINE * self.view.scale, FINE_LEAST)

    @cached_property
    def fine(self) -> F32:
        """(h, w), edges of lips and lashes, pores, grain."""
        return np.asarray(self.view.luma - self.soft)

    @cached_property
    def middle(self) -> F32:
        """(h, w), what is three times as coarse."""
        return np.asarray(self.soft - blur(self.soft, self.fine_sigma * MIDDLE / FINE))

    @cached_property
    def grain(self) -> F32:
        """(h, w), what neither flat nor sloping skin nor a straight edge has (Immerkær 1996)."""
        grain = cv2.filter2D(self.view.luma, cv2.CV_32F, _GRAIN, borderType=cv2.BORDER_REFLECT)
        return np.asarray(grain)

    @cached_property
    def flatness(self) -> F32:
        """(h, w), gradient of the softened luma; small where the skin is flat."""
        x = cv2.Sobel(self.soft, cv2.CV_32F, 1, 0, ksize=3)
        y = cv2.Sobel(self.soft, cv2.CV_32F, 0, 1, ksize=3)
        return np.asarray(cv2.magnitude(x, y))

    @cached_property
    def cheeks(self) -> Bools:
        """(h, w), skin between eyes and lower face."""
        x, y = canonical_grid(self.view.picture.shape[:2], self.view.scale)
        beside = (np.abs(x) > NOSE) & (y > CHEEKS[0]) & (y < CHEEKS[1])
        return np.asarray(self.view.upper & beside)

    @cached_property
    def chin(self) -> Bools:
        """(h, w), the lower face without the mouth."""
        return np.asarray(self.view.lower & ~self.view.mouth)

    def flattest(self, region: Bools) -> Bools:
        """The flatter half of a region."""
        values = self.flatness[region]
        return region & (self.flatness <= np.median(values)) if len(values) else region


@dataclass(frozen=True, eq=False)
class Motion:
    """What changed from a view to the next beyond what moved."""

    flow: F32  # (h, w, 2), from the later view to the earlier, pixels
    seen: Bools  # (h, w), pixels of the later view that the earlier one shows as well
    predicted: F32  # (h, w), the later luma as the earlier view predicts it

    @staticmethod
    def between(view: FaceView, before: FaceView, solver: cv2.DISOpticalFlow) -> Motion:
        """From the earlier view to the later."""
        zoom = min(FLOW_SCALE / view.scale, 1.0)
        now, then = _to_bytes(view.luma, zoom), _to_bytes(before.luma, zoom)
        small_back = np.asarray(solver.calc(now, then, None), np.float32)
        forth = np.asarray(solver.calc(then, now, None), np.float32)
        returned = small_back + _pull(forth, small_back)
        apart = cv2.magnitude(returned[..., 0], returned[..., 1])
        length = cv2.magnitude(small_back[..., 0], small_back[..., 1])
        here = (apart <= FLOW_APART * zoom + FLOW_SHARE * length).astype(np.uint8)
        size = view.luma.shape[::-1]
        seen = cv2.resize(here, size, interpolation=cv2.INTER_NEAREST) > 0
        flow = cv2.resize(small_back, size, interpolation=cv2.INTER_LINEAR) / np.float32(zoom)
        return Motion(flow, np.asarray(seen & view.inside), _pull(before.luma, flow))


class SharedWork:
    """Keeps the work on the latest views, for all watches that look at them.

    It may be done ahead, by another thread than the one that uses it.
    """

    def __init__(self) -> None:
        self._solver = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._details: dict[int, Detail] = {}  # by the index of the frame
        self._motions: dict[int, tuple[FaceView, FaceView, Motion]] = {}

    def detail(self, view: FaceView) -> Detail:
        """Bands of detail of a view."""
        known = self._details.get(view.index)
        if known is None or known.view is not view:
            known = self._details[view.index] = Detail(view)
            self._details.pop(view.index - KEPT, None)
        return known

    def motion(self, view: FaceView, before: FaceView) -> Motion:
        """Motion from the view before to this one."""
        known = self._motions.get(view.index)
        if known is None or known[0] is not view or known[1] is not before:
            known = view, before, Motion.between(view, before, self._solver)
            self._motions[view.index] = known
            self._motions.pop(view.index - KEPT, None)
        return known[2]


def energy(values: F32, region: Bools) -> float:
    """Mean square of values (h, w) over a region; NaN where it has too few pixels."""
    mask = region.view(np.uint8)
    count = cv2.countNonZero(mask)
    if count < LEAST_PIXELS:
        return math.nan
    norm = float(cv2.norm(values, cv2.NORM_L2, mask))
    return float(norm * norm / count + _SOLE)


def log_odds(present: Bools, region: Bools) -> float:
    """Log odds that a pixel of a region is one of those marked; NaN if it has too few pixels."""
    count = int(np.count_nonzero(region))
    if count < LEAST_PIXELS:
        return math.nan
    marked = int(np.count_nonzero(present & region))
    return math.log((marked + 0.5) / (count - marked + 0.5))


def log_ratio(one: float, other: float) -> float:
    """Logarithm of a ratio of two energies or amplitudes; NaN where one is unknown."""
    return float(np.log(one / other)) if one > 0 and other > 0 else math.nan


def blur(picture: F32, sigma: float) -> F32:
    """Gaussian blur, σ in pixels."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma))


@lru_cache(maxsize=2)
def canonical_grid(shape: tuple[int, int], scale: float) -> tuple[F32, F32]:
    """Canonical x and y of every pixel of a view, (h, w) each; not to be written to."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return columns / scale + VIEW[0], rows / scale + VIEW[1]


def _to_bytes(luma: F32, zoom: float) -> U8:
    """Whole levels of a luma (h, w), reduced."""
    if zoom < 1:
        luma = cv2.resize(luma, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    return np.clip(luma, 0, 255).astype(np.uint8)


def _pull(picture: F32, flow: F32) -> F32:
    """A picture (h, w[, c]) at every pixel moved by the flow (h, w, 2)."""
    at = flow + _pixel_grid(*flow.shape[:2])
    moved = cv2.remap(picture, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved)


@lru_cache(maxsize=4)
def _pixel_grid(height: int, width: int) -> F32:
    """x and y of every pixel, (h, w, 2); not to be written to."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([x, y], -1).astype(np.float32)
