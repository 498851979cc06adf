"""Reading the watermark: from the frames of a video and the alignment of the face in them.

    frames → lower face on the grid → what does not breathe is removed, noisy cells are weakened
    → one complex picture → where the pilots fit best → symbols → payload

A reading counts if chance would give as good a one in fewer than `FALSE_ALARMS` of all videos.
Symbols: n frames of a window, c cells of the grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.marks.carriers import (
    COLUMNS,
    COUNT,
    ROWS,
    carriers,
    grid_box,
    grid_to_frame,
    view_of,
)
from lipsync.marks.payload import (
    PAYLOAD_BITS,
    PILOT_SYMBOLS,
    PILOTS,
    Symbols,
    decode_payload,
    encode_payload,
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
SHIFTS, SIZES = (-2, -1, 0, 1, 2), (0.97, 1.0, 1.03)  # places of the mark: cells; sizes
PLACES, PLACES_OF_ALL = 3, 8  # that are decoded: at first, and of all speeds, parts and mirrors
RIDGE = 0.2  # of the carriers' mean energy: what separates them must not amplify noise
# Of the video, times that of the marked one. The steps are those that a window can tell apart;
# beyond 10 % those that players and editors offer.
SPEEDS = (1.0, 0.975, 1.025, 0.95, 1.05, 0.925, 1.075, 0.9, 1.1, 0.5, 0.75, 0.8, 1.25, 1.5, 2.0)
KEPT_SPEEDS = SPEEDS[:9]  # that are near enough to have the same motions removed
PHASES = 8  # that the pilots can tell apart
FALSE_ALARMS = 1e-6


@dataclass(frozen=True)
class WatermarkReading:
    """What was read from a video.

    `strength` is how well the symbols fit those of the nearest payload, as a normal deviate. From
    `needed` on chance is ruled out, however many payloads and places there are to choose from.
    """

    payload: int | None  # None: there is no mark, or none that can be read
    strength: float
    needed: float
    frames: int  # that show the face
    right_bits: float  # share of the coded bits that were read as the payload's; 0 without one
    mirrored: bool = False
    speed: float = 1.0  # of the video, times that of the marked one

    @property
    def line(self) -> str:
        """The reading in a few words."""
        changed = [f"at {self.speed:g} times the speed"] if self.speed != 1 else []
        changed += ["mirrored"] if self.mirrored else []
        found = f"strength {self.strength:.1f}, chance is ruled out from {self.needed:.1f} on"
        return ", ".join([f"{self.frames} frames", found, *changed])


@dataclass(frozen=True, eq=False)
class _Evidence:
    """What a window or several show: the breathing picture at every speed, and what cells count."""

    pictures: Complexes  # (s, c), weighted
    weights: F64  # (c,)
    frames: int

    def mirrored(self) -> _Evidence:
        """The same of the mirrored video."""
        shape = (len(self.pictures), ROWS, COLUMNS)
        return _Evidence(
            self.pictures.reshape(shape)[:, :, ::-1].reshape(len(self.pictures), -1),
            self.weights.reshape(shape[1:])[:, ::-1].ravel(),
            self.frames,
        )


@dataclass(frozen=True, eq=False)
class _Place:
    """Where the mark may be: shift and size on the grid, speed, mirrored or not."""

    fit: float  # of the pilots
    evidence: _Evidence  # mirrored if `mirrored`
    speed: int  # of SPEEDS
    mirrored: bool
    move: F32  # (2, 3), from the carriers' cells to those of the evidence


@dataclass(frozen=True, eq=False)
class _Decoded:
    """What is read at a place."""

    place: _Place
    payload: int
    valid: bool  # the checksum holds
    strength: float
    right: float  # share of the coded bits

    @property
    def rank(self) -> tuple[bool, float]:
        """The better reading has the higher one."""
        return self.valid, self.strength


def read_watermark(frames: Iterable[U8], to_frames: F32, times: F64) -> WatermarkReading:
    """Read the watermark of a face.

    Args:
        frames: n of a video, each (h, w, 3); consumed one by one.
        to_frames: (n, 2, 3), canonical → frame pixels, from landmarks of these frames; NaN: no
            face.
        times: (n,), of the frames, seconds.

    Returns:
        WatermarkReading; without a payload if no attempt was beyond chance.
    """
    windows = [_collect(views, when) for views, when in _windows(frames, to_frames, times)]
    if not windows:
        return WatermarkReading(None, 0.0, _needed(1), 0, 0.0)
    whole = _join(windows)
    tried = _find_places(whole, SPEEDS[:1], mirrored=False)
    best = _read_best(tried, PLACES)
    if not best.valid or best.strength < _needed(len(tried)):
        # Parts: the video was cut, or its speed is none of ours and its windows do not add up.
        parts = [whole, *windows] if len(windows) > 1 else [whole]
        for part, mirrored in product(parts, (False, True)):
            tried += _find_places(part, SPEEDS, mirrored)
        best = max(best, _read_best(tried, PLACES_OF_ALL), key=lambda one: one.rank)
    needed = _needed(len(tried))
    if not best.valid or best.strength < needed:
        return WatermarkReading(None, best.strength, needed, whole.frames, 0.0)
    return WatermarkReading(
        best.payload, best.strength, needed, whole.frames, best.right,
        best.place.mirrored, SPEEDS[best.place.speed],
    )  # fmt: skip


def _needed(places: int) -> float:
    """Least strength of a payload that is believed after looking in so many places."""
    choices = math.log(places * PHASES / FALSE_ALARMS) + PAYLOAD_BITS * math.log(2)
    return math.sqrt(2 * choices)


def _join(windows: list[_Evidence]) -> _Evidence:
    """All windows as one: their pictures add up if nothing was cut and the speed is right."""
    total = sum(one.frames for one in windows)
    shares = np.array([one.frames / total for one in windows])
    return _Evidence(
        np.tensordot(shares, np.array([one.pictures for one in windows]), 1),
        np.tensordot(shares, np.array([one.weights for one in windows]), 1),
        total,
    )


def _windows(frames: Iterable[U8], to_frames: F32, times: F64) -> Iterator[tuple[F32, F64]]:
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
    return _without_shading(view_of(luma.astype(np.float32), matrix)).ravel()


def _without_shading(view: F32) -> F32:
    return np.asarray(view - cv2.GaussianBlur(view, (0, 0), SHADING, borderType=cv2.BORDER_REFLECT))


def _collect(views: F32, when: F64) -> _Evidence:
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
    return _Evidence(
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


@lru_cache(maxsize=1)
def _templates() -> tuple[F32, F32, F32]:
    """Carriers as views show them (COUNT, c); places (p, 2, 3); the pilots there, 2 × (p, c)."""
    basis = np.array(
        [_without_shading(one.reshape(ROWS, COLUMNS)).ravel() for one in carriers().pictures]
    )
    middle = np.array([COLUMNS - 1, ROWS - 1]) / 2
    places = np.array(
        [
            [[size, 0, x + (1 - size) * middle[0]], [0, size, y + (1 - size) * middle[1]]]
            for size, y, x in product(SIZES, SHIFTS, SHIFTS)
        ]
    )
    pilots = np.stack([PILOT_SYMBOLS.real, PILOT_SYMBOLS.imag]).astype(np.float32) @ basis[:PILOTS]
    shown = np.array([[_moved(one, place) for place in places] for one in pilots])
    return basis, places.astype(np.float32), shown


def _moved(picture: F32, place: F64 | F32, back: bool = False) -> F32:
    """A picture (c,) on the grid, moved to a place, or back from there."""
    flags = cv2.INTER_LINEAR | (cv2.WARP_INVERSE_MAP if back else 0)
    picture = np.asarray(picture, np.float32).reshape(ROWS, COLUMNS)
    moved = cv2.warpAffine(picture, place, (COLUMNS, ROWS), flags=flags)
    return np.asarray(moved, np.float32).ravel()


def _find_places(evidence: _Evidence, speeds: tuple[float, ...], mirrored: bool) -> list[_Place]:
    """All places at the given of SPEEDS, each with how well the pilots fit there."""
    _, places, (real, imaginary) = _templates()
    if mirrored:
        evidence = evidence.mirrored()
    pictures = evidence.pictures[: len(speeds)]
    fit = np.abs((pictures * evidence.weights) @ (real - 1j * imaginary).T)
    fit /= np.sqrt((np.abs(pictures) ** 2).mean(1))[:, None]
    fit /= np.sqrt((real**2 + imaginary**2) @ evidence.weights**2)
    return [
        _Place(float(fit[speed, at]), evidence, speed, mirrored, place)
        for speed in range(len(speeds))
        for at, place in enumerate(places)
    ]


def _read_best(places: list[_Place], most: int) -> _Decoded:
    """What is read where the pilots fit best."""
    chosen = sorted(places, key=lambda one: one.fit, reverse=True)[:most]
    return max((_read(one) for one in chosen), key=lambda one: one.rank)


def _read(place: _Place) -> _Decoded:
    picture, weights = place.evidence.pictures[place.speed], place.evidence.weights
    parts = (np.asarray(part, np.float32) for part in (picture.real, picture.imag, weights))
    real, imaginary, there = (_moved(part, place.move, back=True) for part in parts)
    return _decode(place, _separate(real + 1j * imaginary, there, _templates()[0]))


def _separate(picture: NDArray[np.complexfloating], weights: F32, basis: F32) -> Symbols:
    """Symbols (COUNT,) of a weighted picture (c,): least squares with a ridge."""
    shown = basis * weights
    overlap = (shown @ shown.T).astype(np.float64)
    overlap += RIDGE * np.trace(overlap) / COUNT * np.eye(COUNT)
    return np.asarray(np.linalg.solve(overlap, shown @ picture))


def _decode(place: _Place, symbols: Symbols) -> _Decoded:
    """The payload of symbols (COUNT,) of any phase, and how well they fit it."""
    phase = np.vdot(PILOT_SYMBOLS, symbols[:PILOTS])
    symbols = symbols * np.conj(phase) / max(abs(phase), 1e-12)
    payload, valid = decode_payload(symbols)
    sent = encode_payload(payload)
    agree = np.stack([symbols.real * sent.real, symbols.imag * sent.imag])
    right = float((agree[:, PILOTS:] > 0).mean())
    r2 = float(max(agree.sum(), 0) ** 2 / max(agree.size * (agree**2).sum(), 1e-12))
    # Of noise alone r² has a beta distribution, whose tail is this normal deviate's.
    strength = math.sqrt((agree.size - 1) * -math.log(max(1 - r2, 1e-12)))
    return _Decoded(place, payload, valid, strength, right)
