"""One person's mouth: its neutral, closed and resting shapes, and its opening range."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.ndimage import minimum_filter1d

from lipsync.errors import NoFaceError
from lipsync.types import F32, Bools, LipTrack

# A mouth is still where no point moves faster than STILL_SPEED (outer-eye distances per second,
# over MOTION_S) within STILL_S before and after; a rest pose needs LEAST_STILL_S of it.
STILL_SPEED, MOTION_S, STILL_S, LEAST_STILL_S = 0.3, 0.04, 0.16, 0.4
REST_PERCENTS = (23, 43)  # of the gap in still frames, between which the mouth is at rest
LEAST_MOVING_S = 1.0  # of motion, for a mean shape

LEAST_SHUT = 0.01  # mouth widths by which the shut mouth must be narrower than the neutral one
NEARLY_SHUT = 0.4  # opening ranges above the neutral gap at which closing sets in


@dataclass(frozen=True, eq=False)
class LipProfile:
    """The geometry of one person's mouth.

    A speech model predicts shapes relative to a profile, so that one network drives any face.
    """

    neutral: F32  # (18, 2) canonical: the mouth practically shut
    width: float  # of the neutral mouth, outer-eye distances
    opening_range: float  # 95th minus 5th percentile of the inner-lip gap; 0 where unknown
    rest: F32 | None = None  # (18, 2): the mouth while nothing moves; None: not seen
    shut: F32 | None = None  # (18, 2): the lips pressed together; None: as neutral
    speaking: F32 | None = None  # (18, 2): mean while the lips move; None: they hardly do

    @staticmethod
    def of(track: LipTrack) -> LipProfile:
        """Measure a track: neutral is the median shape of the least open quarter of its frames.

        The least open half would be half open for people who rest that way, and so would their
        closures. Measured with the half: the lips of GRID speaker 26 came no closer than 0.11
        outer-eye distances (quarter: 0.07, and speakers 4 and 31 shut), at an error of 0.0211
        instead of 0.0224 (speaker 31: 0.0234, 0.0243; speaker 4: 0.0160, 0.0150).

        Raises:
            NoFaceError: the track has no known frame.
        """
        neutral = _least_open(track, 25)
        low, high = np.percentile(_known_frames(track).opening, [5, 95])
        return LipProfile(
            neutral,
            float(np.linalg.norm(neutral[6] - neutral[0])),
            float(high - low),
            resting_mouth(track),
            _least_open(track, 5),
            speaking_mouth(track),
        )

    def close_fully(self, points: F32) -> F32:
        """Shut the lips (n, 18, 2) fully where they come close to the neutral mouth.

        For a person who rarely shuts the mouth, the neutral one is still slightly open, and so
        would be every p, b and m.
        """
        if self.shut is None or not self.opening_range:
            return points
        neutral, shut = _inner_gaps(np.stack([self.neutral, self.shut]))
        if neutral - shut < LEAST_SHUT * self.width:
            return points
        gaps = _inner_gaps(points)
        near = 1 - (gaps - neutral) / (NEARLY_SHUT * self.opening_range)
        # Predictions of a network adapted to this mouth may shut without help.
        left = (gaps - shut) / (neutral - shut)
        share = np.clip(np.minimum(near, left), 0, 1)[:, None, None]
        return np.asarray(points + share * (self.shut - self.neutral), np.float32)


def closed_mouth(track: LipTrack) -> F32:
    """This person's shut mouth, (18, 2): the median shape of the least open tenth of the frames.

    Raises:
        NoFaceError: the track has no known frame.
    """
    return _least_open(track, 10)


def resting_mouth(track: LipTrack) -> F32 | None:
    """The mouth while nothing moves, (18, 2); many people rest with it open.

    The shape of the frames with no motion within STILL_S, a third of the way from the least open of
    them to the widest: many people shut their mouth in some pauses and hold it open in others, and
    a mouth that is open where it should be shut is the worse mistake. None where there are too few
    of them, as in ten seconds of unbroken speech.
    """
    still = LipTrack(track.points[_still_frames(track)], track.rate)
    if len(still) < float(track.rate) * LEAST_STILL_S:
        return None
    low, high = np.percentile(still.opening, REST_PERCENTS)
    like = (still.opening >= low) & (still.opening <= high)
    return np.asarray(np.median(still.points[like], axis=0), np.float32)


def speaking_mouth(track: LipTrack) -> F32 | None:
    """The mean shape of the mouth while it moves, (18, 2): as a rule, while it speaks.

    Every speaker's differs from that of the speakers of the training: some show their teeth, some
    push their lips forward. None where the mouth hardly moves.
    """
    moving = np.isfinite(track.points).all((1, 2)) & ~_still_frames(track)
    if moving.sum() < float(track.rate) * LEAST_MOVING_S:
        return None
    return np.asarray(track.points[moving].mean(0), np.float32)


def _still_frames(track: LipTrack) -> Bools:
    """(n,), frames with no motion within STILL_S; unknown frames are not still."""
    rate = float(track.rate)
    # Over a fixed time, so that noise does not weigh more at higher frame rates.
    step = max(1, round(rate * MOTION_S))
    moved = np.linalg.norm(track.points[step:] - track.points[:-step], axis=-1).max(1, initial=0)
    with np.errstate(invalid="ignore"):
        calm = moved * rate / step <= STILL_SPEED
    still = np.zeros(len(track), bool)
    if len(calm):
        reach = 2 * round(rate * STILL_S) + 1
        still[: len(calm)] = minimum_filter1d(calm.astype(np.uint8), reach) > 0
    return still


def _least_open(track: LipTrack, percent: float) -> F32:
    """Median shape of the given percentage of the known frames, the least open ones."""
    known = _known_frames(track)
    few = known.opening <= np.percentile(known.opening, percent)
    return np.asarray(np.median(known.points[few], axis=0), np.float32)


def _inner_gaps(points: F32) -> F32:
    """(n,) inner-lip gap of (n, 18, 2)."""
    return LipTrack(points, Fraction(1)).opening


def _known_frames(track: LipTrack) -> LipTrack:
    known = np.isfinite(track.points).all((1, 2))
    if not known.any():
        raise NoFaceError("no face was found in any frame")
    return LipTrack(track.points[known], track.rate)
