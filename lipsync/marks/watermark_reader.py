"""Reading the watermark: from the frames of a video and the alignment of the face in them.

    frames → the breathing picture (`breathing.py`) → where the pilots fit best → symbols → payload

A reading counts if chance would give as good a one in fewer than `FALSE_ALARMS` of all videos.
Symbols: c cells of the grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.marks.breathing import SPEEDS, Evidence, join, watch_breathing, without_shading
from lipsync.marks.carriers import COLUMNS, COUNT, ROWS, carriers
from lipsync.marks.payload import (
    PAYLOAD_BITS,
    PILOT_SYMBOLS,
    PILOTS,
    Symbols,
    decode_payload,
    encode_payload,
)
from lipsync.types import F32, F64, U8

SHIFTS, SIZES = (-2, -1, 0, 1, 2), (0.97, 1.0, 1.03)  # places of the mark: cells; sizes
PLACES, PLACES_OF_ALL = 3, 8  # that are decoded: at first, and of all speeds, parts and mirrors
RIDGE = 0.2  # of the carriers' mean energy: what separates them must not amplify noise
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
class _Place:
    """Where the mark may be: shift and size on the grid, speed, mirrored or not."""

    fit: float  # of the pilots
    evidence: Evidence  # mirrored if `mirrored`
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
    windows = watch_breathing(frames, to_frames, times)
    if not windows:
        return WatermarkReading(None, 0.0, _needed(1), 0, 0.0)
    whole = join(windows)
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


@lru_cache(maxsize=1)
def _templates() -> tuple[F32, F32, F32]:
    """Carriers as views show them (COUNT, c); places (p, 2, 3); the pilots there, 2 × (p, c)."""
    basis = np.array(
        [without_shading(one.reshape(ROWS, COLUMNS)).ravel() for one in carriers().pictures]
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


def _find_places(evidence: Evidence, speeds: tuple[float, ...], mirrored: bool) -> list[_Place]:
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
