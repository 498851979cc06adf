"""Widen the target lips before and after speech, as people do when they breathe.

People open the mouth to inhale before they speak, and close it some time after the last word. By
how much is a personal habit that the sound does not reveal: on GRID speakers 4 and 26 and on
`englishvideo`, the gap before speech is wider than predicted by a network trained on speaker 1, by
a fifth to nearly a half of the opening range, on speaker 31 it is not; after speech, speakers 4,
26 and 31 stay open longer. Part of that is added to the training targets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsync.learning.lip_losses import LOWER, UPPER
from lipsync.speech import vad
from lipsync.speech.vad import SpeechSegments
from lipsync.types import F32
from training.corpus.dataset import Clip, Speaker

# Seconds relative to the beginning of speech, and to its end: corners of the ramps.
LEAD_S = (-0.75, -0.5, -0.2, -0.05)
TAIL_S = (-0.15, 0.0, 0.25, 0.5)
RAMP = (0.0, 1.0, 1.0, 0.0)


class BreathPose:
    """Direction in which one speaker's lip shape changes as the lips part."""

    def __init__(self, speaker: Speaker) -> None:
        shapes = np.concatenate([speaker.relative_shapes(clip.lips) for clip in speaker.clips])
        gap = shapes[:, LOWER] - shapes[:, UPPER]
        gap = gap - gap.mean()
        self.speaker = speaker
        self.direction: F32 = (gap @ shapes / (gap @ gap)).astype(np.float32)  # (36,) per gap

    def part_lips(self, clip: Clip, lead: float, tail: float) -> F32:
        """Relative lip shapes of a clip, (n, 36), widened before and after its speech.

        Args:
            lead, tail: extra opening before and after speech, in opening ranges.
        """
        lips = self.speaker.relative_shapes(clip.lips)
        if lead == tail == 0:
            return lips
        seconds = np.arange(len(lips)) / float(clip.lips.rate)
        share = extra_opening(vad.detect_speech(clip.wave), seconds, lead, tail)
        wider = share * self.speaker.profile.opening_range / self.speaker.profile.width
        return np.asarray(lips + wider[:, None] * self.direction, np.float32)


def extra_opening(
    speech: SpeechSegments, seconds: NDArray[np.float64], lead: float, tail: float
) -> NDArray[np.float64]:
    """Extra opening at these times, in opening ranges, (n,)."""
    share = np.zeros(len(seconds))
    for begin, end in speech.spans:
        share = np.maximum(share, lead * np.interp(seconds - begin, LEAD_S, RAMP))
        share = np.maximum(share, tail * np.interp(seconds - end, TAIL_S, RAMP))
    return share
