"""Lips in silence: close, rest, or return to the target's own."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import gaussian_filter1d

from lipsync.runtime.numeric import smoothstep
from lipsync.runtime.option_spec import option_group
from lipsync.speech.lip_profile import LipProfile, closed_mouth
from lipsync.speech.vad import SHORTEST_PAUSE_S, SpeechSegments, join_spans
from lipsync.types import F32, Bools, LipTrack

# Lips move before speech is heard and come to rest after it. With ramps of 0.2 s instead of 0.4 s
# the mouth of a person who rests it open would jump on its way out of the closed one; measured on
# four people, the longer ramp is also closer to their own lips.
LEAD_S, TAIL_S = 0.12, 0.08
ATTACK_S, RELEASE_S = 0.4, 0.32
# Fast steps in silence are smoothed by a Gaussian of SMOOTH_S, faded in and out by one of FADE_S.
# Measured as "still in silence" in docs/benchmarks/lips.md.
FAST = 0.4  # outer-eye distances per second: 1.6 % from one frame to the next at 25 fps
SMOOTH_S, FADE_S = 0.08, 0.03
REST_S = 0.06  # σ of the transition between speech and the resting mouth
LEAST_REST = 0.03  # mouth widths by which a rest pose must be more open than the shut mouth


@option_group
class SilenceOptions:
    """What the mouth does in the pauses of the speech."""

    silence: Literal["close", "rest", "original"] = "close"
    """close: the mouth shuts and stays still; rest: it is held as this person holds it while
    nothing moves, which may be open; original: the target's own frames return."""
    pause: Annotated[float, Field(ge=0.1, le=5)] = 0.45
    """Pauses at least this long (s) count as silence."""


def still_mouth(lips: LipTrack, profile: LipProfile, options: SilenceOptions) -> F32:
    """The mouth that a person has in silence, (18, 2): shut, or at rest if that is wanted.

    Args:
        lips: the person's own; profile: of them.
    """
    if options.silence == "rest" and profile.rest is not None:
        return profile.rest
    return closed_mouth(lips)


def speech_weight(
    speech: SpeechSegments, times: NDArray[np.float64], options: SilenceOptions
) -> F32:
    """The weight of the predicted lips at each time (s), (n,), 0..1.

    1 from LEAD_S before each segment of speech to TAIL_S after it, eased to 0 over ATTACK_S
    before and RELEASE_S after; pauses shorter than `options.pause` stay at 1. Sound in which the
    detector finds no speech at all (song, whisper, noise) has weight 1 throughout.
    """
    if not len(speech.spans):
        return np.ones(len(times), np.float32)
    weight = np.zeros(len(times), np.float64)
    for begin, end in join_spans(speech.spans, options.pause):
        rise = (times - (begin - LEAD_S - ATTACK_S)) / ATTACK_S
        fall = ((end + TAIL_S + RELEASE_S) - times) / RELEASE_S
        weight = np.maximum(weight, smoothstep(np.clip(np.minimum(rise, fall), 0, 1)))
    return weight.astype(np.float32)


def apply_rest_pose(lips: LipTrack, speech: SpeechSegments, profile: LipProfile) -> LipTrack:
    """Open the lips in silence at least as far as this person's resting mouth.

    A network predicts the resting mouth of the people it was trained on; others rest with the
    mouth half open. Lips of people who rest with the mouth shut are returned as they are.
    """
    if profile.rest is None or not len(speech.spans):
        return lips
    shut, rest = LipTrack(np.stack([profile.neutral, profile.rest]), lips.rate).opening
    if rest - shut < LEAST_REST * profile.width:
        return lips
    times = np.arange(len(lips)) / float(lips.rate)
    silent = ~speech.fill_pauses(SHORTEST_PAUSE_S).at(times)
    share = gaussian_filter1d(silent.astype(np.float32), REST_S * float(lips.rate), mode="nearest")
    share *= np.clip((rest - lips.opening) / (rest - shut), 0, 1)
    points = lips.points + share[:, None, None] * (profile.rest - lips.points)
    return LipTrack(np.asarray(points, np.float32), lips.rate)


def close_in_pauses(
    lips: LipTrack,
    speech: SpeechSegments,
    rest_pose: F32,
    target_lips: F32,
    options: SilenceOptions,
) -> tuple[LipTrack, F32]:
    """Bring the lips to rest where there is no speech.

    Args:
        rest_pose: (18, 2), the mouth they come to: shut, or the person's own at rest.
        target_lips: (n, 18, 2), the lips in the target's own frames.

    Returns:
        The lips, NaN where the target's own picture is to be shown, and (n,) visibility, 0..1.
        On the way to the target's own frames the lips first move to the target's, then fade: a
        fade between two different mouths would show both.
    """
    times = np.arange(len(lips)) / float(lips.rate)
    weight = speech_weight(speech, times, options)
    rest = target_lips if options.silence == "original" else rest_pose
    share = weight[:, None, None]
    points = np.asarray(rest + share * (lips.points - rest), np.float32)
    if options.silence != "original":
        points = smooth_silence(points, ~speech.at(times), float(lips.rate))
        return LipTrack(points, lips.rate), np.ones(len(weight), np.float32)
    points[weight <= 0] = np.nan
    return LipTrack(points, lips.rate), np.minimum(4 * weight, 1)


def blend_at_spans(
    lips: LipTrack, visible: F32, share: F32, target_lips: F32
) -> tuple[LipTrack, F32]:
    """Blend the lips from and to the target's own where spans begin and end.

    Args:
        lips, visible: as `close_in_pauses` returns them.
        share: (n,) 0..1, weight of the new mouth, see `SpeakerPart.blend_weight`.
        target_lips: (n, 18, 2), the lips in the target's own frames.

    Returns:
        The lips, NaN where `share` is 0, and (n,) visibility. As in `close_in_pauses` the lips
        move while they fade, and are fully visible early in the ramp.
    """
    if (share >= 1).all():
        return lips, visible
    eased = target_lips + share[:, None, None] * (lips.points - target_lips)
    points = np.where((share >= 1)[:, None, None], lips.points, eased).astype(np.float32)
    points[share <= 0] = np.nan
    return LipTrack(points, lips.rate), visible * np.minimum(4 * share, 1).astype(np.float32)


def smooth_silence(points: F32, silent: Bools, rate: float) -> F32:
    """Remove fast steps of lips (n, 18, 2) in silence, including pauses too short to close in.

    A zero-phase filter, applied only around those steps. Applied everywhere it would cost
    closures, also in silence: the lips meet for a word's first p or b before it is heard.
    """
    step = np.linalg.norm(np.diff(points, axis=0), axis=-1).max(1, initial=0) * rate > FAST
    fast = silent & (np.append(False, step) | np.append(step, False))
    if silent.all() or not fast.any():  # all silent: the detector found no speech at all
        return points
    share = gaussian_filter1d(fast.astype(np.float32), FADE_S * rate, mode="nearest")
    smooth = gaussian_filter1d(points, SMOOTH_S * rate, axis=0, mode="nearest")
    return np.asarray(points + share[:, None, None] * (smooth - points), np.float32)
