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

MIN_PAUSE_S = 0.5  # shorter gaps in the speech are not pauses (docs/method.md §6)
# A target longer than the speech by less than this leaves nothing to choose from, and is usually
# the very recording that is dubbed: it keeps its order.
EQUAL_S = 0.5
# A target shorter than the speech is first played back and forth to this multiple of the speech's
# length, and then retimed.
ROOM = 1.5
JUMP_PERCENTILE = 99.9  # of the head's steps in the footage; larger steps are visible jumps

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
    """The chosen timing, and how it was chosen."""

    timing: Timing
    mode: str  # "straight" or one of the options except `auto` and `cut`
    rate: float  # frames per second
    jump: float  # outer-eye distances, the largest at a joint of a loop
    usual_step: float  # outer-eye distances, JUMP_PERCENTILE of the footage's own steps

    @property
    def straight(self) -> bool:
        """Whether output frame i shows target frame i throughout."""
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
        """Warnings for the user; `spoken`: frames that the speech lasts."""
        if spoken > len(self.timing):
            lost = (spoken - len(self.timing)) / self.rate
            yield f"the video ends {lost:.2f} s before the speech, whose end was cut (--timing cut)"
        if self.jump > self.usual_step:
            yield (
                f"the head jumps by {self.jump:.3f} of the eye distance where the video starts "
                "again (--timing loop); --timing bounce does not jump"
            )


def count_output_frames(spoken: int, info: VideoInfo, options: TimingOptions) -> int:
    """Frames of the output for `spoken` frames of speech; `cut` ends with the target."""
    return min(spoken, info.frame_count) if options.timing == "cut" and not info.still else spoken


def keeps_order(target: Fraction, length: Fraction, options: TimingOptions) -> bool:
    """Whether an output of `length` seconds keeps the frame order of a target of `target` seconds.

    Repeating or holding a target that is too short counts as keeping it.
    """
    if options.timing == "auto":
        return target - length <= EQUAL_S
    return options.timing != "retime"


def choose_timing(speaking: Bools, motion: Motion, options: TimingOptions) -> Retimed:
    """Choose a target frame for every output frame.

    Args:
        speaking: (n,), whether there is speech at each output frame, gaps under MIN_PAUSE_S filled.
            With no speech detected, or no pause, there is nothing to fit.
        motion: of the target, m frames.

    Returns:
        Retimed, whose Timing has n frames. No picture is interpolated across a cut.
    """
    n, m = len(speaking), len(motion)
    mode: str = options.timing
    if mode == "auto":
        longer = m - n
        mode = "bounce" if longer < 0 else "retime" if longer > EQUAL_S * motion.rate else "cut"
    if m == 1:
        mode = "hold"
    jump = 0.0
    if mode == "retime":
        position = _choose_positions(speaking, motion)
    else:
        orders = {"bounce": bounce, "loop": loop, "hold": hold}
        order = orders[mode](motion, n) if mode in orders else play_straight(m, n)
        mode = mode if mode in orders and (n > m or m == 1) else "straight"
        position = order.astype(np.float64)
        speed = motion.speed_along(order)[1:][np.abs(np.diff(order)) > 1]
        jump = float(np.nanmax(speed / motion.rate)) if np.isfinite(speed).any() else 0.0
    steps = motion.speed_along(play_straight(m, m)) / motion.rate
    known = np.isfinite(steps).any()
    usual_step = float(np.nanpercentile(steps, JUMP_PERCENTILE)) if known else 0.0
    return Retimed(Timing.at(position), mode, motion.rate, jump, usual_step)


def keep_timing(n: int, rate: float) -> Retimed:
    """Keep the target's own timing for n frames, as with spans or its own frame times."""
    return Retimed(Timing.at(np.arange(n, dtype=np.float64)), "straight", rate, 0.0, 0.0)


def _choose_positions(speaking: Bools, motion: Motion) -> NDArray[np.float64]:
    """Positions in the target, (n,)."""
    n, m = len(speaking), len(motion)
    if not speaking.any():  # music or noise: without speech there are no pauses
        speaking = np.ones(n, bool)
    shown = play_straight(m, m) if m >= n else bounce(motion, int(np.ceil(ROOM * n)))
    path = find_best_path(speaking, motion.head[shown], motion.speed[shown], motion.found[shown])
    return interpolate_repeats(path, shown, motion.shot[shown])


def interpolate_repeats(path: I64, shown: I64, shot: I64) -> NDArray[np.float64]:
    """Move each repeated frame of a path half-way to its neighbor; positions (n,).

    The second showing of a frame moves half-way to the next frame; if a cut follows, the first one
    moves half-way back to the previous picture instead.

    Args:
        path: (n,), indices into `shown`, each at most twice in a row.
        shown: (p,), target frames.
        shot: (p,), the shot that each belongs to.
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
