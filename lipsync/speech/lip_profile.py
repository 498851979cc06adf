"""What one person's mouth is like: how it lies, how far it opens, how it rests."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.ndimage import minimum_filter1d

from lipsync.errors import NoFaceError
from lipsync.types import F32, LipTrack

# Still is a mouth whose points go no faster than STILL_SPEED (outer-eye distances per second, over
# MOTION_S) within STILL_S before and after; LEAST_STILL_S of it tell how it is held.
STILL_SPEED, MOTION_S, STILL_S, LEAST_STILL_S = 0.3, 0.04, 0.16, 0.4

LEAST_SHUT = 0.01  # mouth widths that a shut mouth is narrower than the neutral one, to count
NEARLY_SHUT = 0.4  # opening ranges above the neutral gap from where on lips come nearer


@dataclass(frozen=True, eq=False)
class LipProfile:
    """How one person's mouth lies and moves: what makes a lip shape theirs.

    A speech model predicts shapes relative to a profile, so that one network drives any face.
    """

    neutral: F32  # (18, 2) canonical: the mouth as good as shut
    width: float  # of the neutral mouth, outer-eye distances
    opening_range: float  # 95th minus 5th percentile of the inner-lip gap; 0 where unknown
    rest: F32 | None = None  # (18, 2): as it is held while nothing moves; None: not seen
    shut: F32 | None = None  # (18, 2): the lips pressed together; None: as neutral

    @staticmethod
    def of(track: LipTrack) -> LipProfile:
        """Measure a track: neutral is the median shape of the quarter that opens least.

        Of the half, it would be half open for people who rest that way, and their closures with
        it: measured, s26's lips came no nearer than 0.11 of the outer-eye distance (a quarter:
        0.07, s4 and s31 shut), at 0.0211 instead of 0.0224 of error (s31 0.0234, 0.0243; s4
        0.0160, 0.0150).

        Raises:
            NoFaceError: the track has no known frame.
        """
        neutral = _least_open(track, 25)
        low, high = np.percentile(_known(track).opening, [5, 95])
        return LipProfile(
            neutral,
            float(np.linalg.norm(neutral[6] - neutral[0])),
            float(high - low),
            resting_mouth(track),
            _least_open(track, 5),
        )

    def closing(self, points: F32) -> F32:
        """Lips (n, 18, 2) that come to this person's shut mouth where they come to the neutral one.

        Of somebody who hardly ever shuts their mouth the neutral one is still a little open, and
        so their p, b and m would be.
        """
        if self.shut is None or not self.opening_range:
            return points
        neutral, shut = _gaps(np.stack([self.neutral, self.shut]))
        if neutral - shut < LEAST_SHUT * self.width:
            return points
        gaps = _gaps(points)
        near = 1 - (gaps - neutral) / (NEARLY_SHUT * self.opening_range)
        left = (gaps - shut) / (
            neutral - shut
        )  # lips that know this mouth come there by themselves
        share = np.clip(np.minimum(near, left), 0, 1)[:, None, None]
        return np.asarray(points + share * (self.shut - self.neutral), np.float32)


def closed_mouth(track: LipTrack) -> F32:
    """This person's shut mouth, (18, 2): the median of the tenth of all frames that opens least.

    Raises:
        NoFaceError: the track has no known frame.
    """
    return _least_open(track, 10)


def resting_mouth(track: LipTrack) -> F32 | None:
    """How this person holds the mouth while nothing moves, (18, 2): many rest with it open.

    The median of the frames that lie within STILL_S of no motion; None where there are too few to
    tell, as in ten seconds of unbroken speech.
    """
    rate = float(track.rate)
    # Over some time, so that noise does not count for more at higher rates.
    step = max(1, round(rate * MOTION_S))
    moved = np.linalg.norm(track.points[step:] - track.points[:-step], axis=-1).max(1, initial=0)
    with np.errstate(invalid="ignore"):
        quick = ~(moved * rate / step <= STILL_SPEED)  # unknown frames are not still
    around = minimum_filter1d((~quick).astype(np.uint8), 2 * round(rate * STILL_S) + 1)
    still = track.points[:-step][around > 0] if len(quick) else track.points[:0]
    if len(still) < rate * LEAST_STILL_S:
        return None
    return np.asarray(np.median(still, axis=0), np.float32)


def _least_open(track: LipTrack, percent: float) -> F32:
    """Median shape of the given percentage of the known frames, those that open least."""
    known = _known(track)
    few = known.opening <= np.percentile(known.opening, percent)
    return np.asarray(np.median(known.points[few], axis=0), np.float32)


def _gaps(points: F32) -> F32:
    """(n,) inner-lip gap of (n, 18, 2)."""
    return LipTrack(points, Fraction(1)).opening


def _known(track: LipTrack) -> LipTrack:
    known = np.isfinite(track.points).all((1, 2))
    if not known.any():
        raise NoFaceError("no face was found in any frame")
    return LipTrack(track.points[known], track.rate)
