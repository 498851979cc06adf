"""Options and modes of retiming, and the choice between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lipsync.retime.loops import bounce, hold, loop, play_straight
from lipsync.retime.motion import Motion
from lipsync.retime.path import find_best_path
from lipsync.runtime.option_spec import option_group
from lipsync.types import I64, Bools, Timing, VideoInfo

MIN_PAUSE_S = 0.5  # gaps of the speech shorter than this are no pauses (docs/method.md §6)
# A target longer than the speech by less than this has no room to choose from, and is most often
# the very recording that is dubbed: it stays as it is.
EQUAL_S = 0.5
ROOM = 1.5  # a shorter target that is to be retimed is first played forth and back to this length

Mode = Literal["auto", "retime", "bounce", "loop", "hold", "cut"]


@option_group
class TimingOptions:
    """Which of the target's frames are shown when."""

    timing: Mode = "auto"
    """retime: the head rests in the pauses of the speech; bounce: forth and back, turning where the
    head is at rest; loop: from the start again where the head fits best; hold: the last resting
    frame stays; cut: the output ends with the target. auto: retime where the target is longer than
    the speech, bounce where it is shorter."""


@dataclass(frozen=True, eq=False)
class Retimed:
    """What was chosen, and how."""

    timing: Timing
    mode: str  # "straight" or one of the options but `auto` and `cut`
    rate: float  # frames per second
    jump: float  # outer-eye distances: the largest at a joint of a loop
    usual_step: float  # what 99.9 % of the footage's steps stay below

    @property
    def straight(self) -> bool:
        """The output's time line is the target's: frame i shows its frame i."""
        return bool((self.timing.position == np.arange(len(self.timing))).all())

    @property
    def summary(self) -> str:
        """One line for the reader of a result."""
        if self.mode != "retime":
            return {"straight": "the target's own order"}.get(self.mode, self.mode)
        begin = float(self.timing.position[0]) / self.rate
        share = float((self.timing.blend > 0).mean())
        return (
            f"retime: from {begin:.2f} s of the target on, {share:.0%} of the pictures in between"
        )

    def warnings(self, spoken: int) -> Iterator[str]:
        """What the user should know, given the frames that the speech lasts."""
        if spoken > len(self.timing):
            lost = (spoken - len(self.timing)) / self.rate
            yield f"the video ends {lost:.2f} s before the speech, whose end was cut (--timing cut)"
        if self.jump > self.usual_step:
            yield (
                f"the head jumps by {self.jump:.3f} of the eye distance where the video starts "
                "again (--timing loop); --timing bounce does not jump"
            )


def count_output_frames(spoken: int, info: VideoInfo, options: TimingOptions) -> int:
    """How long the output is, given that of the speech (frames): `cut` ends with the target."""
    return min(spoken, info.frame_count) if options.timing == "cut" and not info.still else spoken


def keeps_order(target: Fraction, length: Fraction, options: TimingOptions) -> bool:
    """Whether an output of `length` seconds shows the frames of a target of `target` as they are.

    A target that is too short is repeated or held all the same.
    """
    if options.timing == "auto":
        return target - length <= EQUAL_S
    return options.timing != "retime"


def choose_timing(speaking: Bools, motion: Motion, options: TimingOptions) -> Retimed:
    """Choose a target frame for every output frame.

    Args:
        speaking: (n,) whether somebody speaks at each output frame, gaps under FILLED_S filled.
            All alike (no speech is recognised in the sound, or there is no pause): nothing to fit.
        motion: of the target, m frames.

    Returns:
        Retimed, whose Timing has n frames. Pictures between two frames are never across a cut.
    """
    n, m = len(speaking), len(motion)
    how: str = options.timing
    if how == "auto":
        longer = m - n
        how = "bounce" if longer < 0 else "retime" if longer > EQUAL_S * motion.rate else "cut"
    if m == 1:
        how = "hold"
    jump = 0.0
    if how == "retime":
        position = _choose_positions(speaking, motion)
    else:
        orders = {"bounce": bounce, "loop": loop, "hold": hold}
        order = orders[how](motion, n) if how in orders else play_straight(m, n)
        how = how if how in orders and (n > m or m == 1) else "straight"
        position = order.astype(np.float64)
        speed = motion.speed_along(order)[1:][np.abs(np.diff(order)) > 1]
        jump = float(np.nanmax(speed / motion.rate)) if np.isfinite(speed).any() else 0.0
    steps = motion.speed_along(play_straight(m, m)) / motion.rate
    usual = float(np.nanpercentile(steps, 99.9)) if np.isfinite(steps).any() else 0.0
    return Retimed(Timing.at(position), how, motion.rate, jump, usual)


def keep_timing(n: int, rate: float) -> Retimed:
    """The target as it is: what keeps its own time line, with spans or its own frame times."""
    return Retimed(Timing.at(np.arange(n, dtype=np.float64)), "straight", rate, 0.0, 0.0)


def _choose_positions(speaking: Bools, motion: Motion) -> NDArray[np.float64]:
    """Positions in the target, (n,)."""
    n, m = len(speaking), len(motion)
    if not speaking.any():  # song or noise: there are no pauses to rest in
        speaking = np.ones(n, bool)
    shown = play_straight(m, m) if m >= n else bounce(motion, int(np.ceil(ROOM * n)))
    path = find_best_path(speaking, motion.head[shown], motion.speed[shown], motion.found[shown])
    return interpolate_repeats(path, shown, motion.shot[shown])


def interpolate_repeats(path: I64, shown: I64, shot: I64) -> NDArray[np.float64]:
    """Positions of a path with each repeated frame brought half-way to its neighbour.

    The second showing of a frame goes half-way to the frame after it; where a cut follows, the
    first one goes half-way back to the picture before it instead.

    Args:
        path: (n,) indices of `shown`, each at most twice in a row.
        shown: (p,) target frames; shot: (p,) the shot that each belongs to.
    """
    position = shown[path].astype(np.float64)
    own, shots = position.copy(), shot[path]
    for second in np.flatnonzero(np.diff(path) == 0) + 1:
        first = second - 1
        after, before = second + 1, first - 1
        if after < len(path) and shots[after] == shots[second]:
            position[second] = (own[second] + own[after]) / 2
        elif before >= 0 and shots[before] == shots[first]:
            position[first] = (position[before] + own[first]) / 2
    return position
