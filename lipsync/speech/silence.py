"""What the mouth does in silence: close with a natural release, rest, or show the target's own."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import gaussian_filter1d

from lipsync.runtime.option_spec import options
from lipsync.speech.lip_profile import LipProfile
from lipsync.speech.vad import SHORTEST_PAUSE_S, Speech, join_spans
from lipsync.types import F32, Bools, LipTrack

# The lips move before they are heard and come to rest after it. Within 0.2 s instead of 0.4 the
# mouth of somebody who rests it open would jump on its way out of the closed one; measured on four
# people, the longer way is also nearer to their own lips.
LEAD_S, TAIL_S = 0.12, 0.08
ATTACK_S, RELEASE_S = 0.4, 0.32
# Quick steps in silence are smoothed by a Gaussian of CALM_S, eased in and out by one of EASE_S.
# Without, 96 % of the silent frames of running speech were still, with it all of them.
QUICK = 0.4  # outer-eye distances per second: 1.6 % from one frame to the next at 25 fps
CALM_S, EASE_S = 0.06, 0.03
REST_S = 0.06  # σ of the way between speech and the resting mouth
LEAST_REST = 0.03  # mouth widths that a resting mouth is open more than a shut one, to count


@options
class SilenceOptions:
    """What the mouth does in the pauses of the speech."""

    silence: Literal["close", "rest", "original"] = "close"
    """close: the mouth shuts and stays still; rest: it is held as this person holds it while
    nothing moves, which may be open; original: the target's own frames return."""
    pause: Annotated[float, Field(ge=0.1, le=5)] = 0.45
    """Pauses at least this long (s) count as silence."""


def presence(speech: Speech, times: NDArray[np.float64], options: SilenceOptions) -> F32:
    """How much of the speech's own lips to show at each time, (n,), 0..1.

    1 from LEAD_S before each stretch of speech to TAIL_S after it, eased to 0 over ATTACK_S
    before and RELEASE_S after; pauses shorter than the option's stay 1 throughout. Sound without
    any speech that the detector knows (song, whisper, noise) is shown as it is heard.
    """
    if not len(speech.spans):
        return np.ones(len(times), np.float32)
    shown = np.zeros(len(times), np.float64)
    for begin, end in join_spans(speech.spans, options.pause):
        rise = (times - (begin - LEAD_S - ATTACK_S)) / ATTACK_S
        fall = ((end + TAIL_S + RELEASE_S) - times) / RELEASE_S
        ramp = np.clip(np.minimum(rise, fall), 0, 1)
        shown = np.maximum(shown, ramp * ramp * (3 - 2 * ramp))
    return shown.astype(np.float32)


def rested(lips: LipTrack, speech: Speech, profile: LipProfile) -> LipTrack:
    """Lips that are open in silence no less than this person's resting mouth is.

    A network knows the rest of those that it learnt from; others rest with the mouth half open.
    Nothing changes for people who rest with it shut.
    """
    if profile.rest is None or not len(speech.spans):
        return lips
    shut, rest = LipTrack(np.stack([profile.neutral, profile.rest]), lips.rate).opening
    if rest - shut < LEAST_REST * profile.width:
        return lips
    times = np.arange(len(lips)) / float(lips.rate)
    silent = ~speech.filled(SHORTEST_PAUSE_S).at(times)
    share = gaussian_filter1d(silent.astype(np.float32), REST_S * float(lips.rate), mode="nearest")
    share *= np.clip((rest - lips.opening) / (rest - shut), 0, 1)
    points = lips.points + share[:, None, None] * (profile.rest - lips.points)
    return LipTrack(np.asarray(points, np.float32), lips.rate)


def settle(
    lips: LipTrack, speech: Speech, still: F32, own: F32, options: SilenceOptions
) -> tuple[LipTrack, F32]:
    """Lips that come to rest where nobody speaks, and how visible they are.

    Args:
        still: (18, 2), the mouth that they come to: shut, or the person's own at rest.
        own: (n, 18, 2), the lips that the target's own frames show.

    Returns:
        The lips, NaN where the frame's own picture is wanted, and (n,) visibility, 0..1. On the
        way to the target's own frames the lips first move towards its own, then fade: a fade
        between two different mouths would show both.
    """
    times = np.arange(len(lips)) / float(lips.rate)
    shown = presence(speech, times, options)
    rest = own if options.silence == "original" else still
    share = shown[:, None, None]
    points = np.asarray(rest + share * (lips.points - rest), np.float32)
    if options.silence != "original":
        points = calm(points, ~speech.at(times), float(lips.rate))
        return LipTrack(points, lips.rate), np.ones(len(shown), np.float32)
    points[shown <= 0] = np.nan
    return LipTrack(points, lips.rate), np.minimum(4 * shown, 1)


def within(lips: LipTrack, visible: F32, share: F32, own: F32) -> tuple[LipTrack, F32]:
    """Lips that come from the target's own and return to them where spans begin and end.

    Args:
        lips, visible: as `settle` gives them.
        share: (n,) 0..1, how much of the new mouth is wanted.
        own: (n, 18, 2), the lips that the target's own frames show.

    Returns:
        The lips, NaN where none are wanted, and (n,) visibility. As in `settle` the lips move on
        the way and are seen early: a fade between two different mouths would show both.
    """
    if (share >= 1).all():
        return lips, visible
    eased = own + share[:, None, None] * (lips.points - own)
    points = np.where((share >= 1)[:, None, None], lips.points, eased).astype(np.float32)
    points[share <= 0] = np.nan
    return LipTrack(points, lips.rate), visible * np.minimum(4 * share, 1).astype(np.float32)


def calm(points: F32, silent: Bools, rate: float) -> F32:
    """Lips (n, 18, 2) without quick steps where it is silent, in pauses too short to close as well.

    Smoothed without delay at those steps and only there. Elsewhere it would cost closures, in
    silence too: the lips meet for a word's first p or b before anything is heard of it.
    """
    step = np.linalg.norm(np.diff(points, axis=0), axis=-1).max(1, initial=0) * rate > QUICK
    quick = silent & (np.append(False, step) | np.append(step, False))
    if silent.all() or not quick.any():  # all silent: no speech that the detector knows
        return points
    share = gaussian_filter1d(quick.astype(np.float32), EASE_S * rate, mode="nearest")
    smooth = gaussian_filter1d(points, CALM_S * rate, axis=0, mode="nearest")
    return np.asarray(points + share[:, None, None] * (smooth - points), np.float32)
