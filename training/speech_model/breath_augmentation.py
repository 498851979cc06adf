"""Lips that part for breath as other people's do.

Whoever is about to speak opens the mouth to breathe in, and closes it a while after the last
word. How far is a habit that no sound tells: on s4, s26 and englishvideo the gap before speech is
a fifth to nearly a half of the opening range wider than what a network trained on s1 says, on s31
it is not; after speech s4, s26 and s31 stay open longer. A part of that is added to the lips that
are learnt from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsync.learning.lip_losses import LOWER, UPPER
from lipsync.speech import vad
from lipsync.speech.vad import Speech
from lipsync.types import F32
from training.corpus.dataset import Clip, Speaker

# Seconds from the beginning of speech, and from its end, between which the lips are parted further.
LEAD_S = (-0.75, -0.5, -0.2, -0.05)
TAIL_S = (-0.15, 0.0, 0.25, 0.5)
RAMP = (0.0, 1.0, 1.0, 0.0)


class Habit:
    """How one speaker's lips move when they part."""

    def __init__(self, speaker: Speaker) -> None:
        shapes = np.concatenate([speaker.relative(clip.lips) for clip in speaker.clips])
        gap = shapes[:, LOWER] - shapes[:, UPPER]
        gap = gap - gap.mean()
        self.speaker = speaker
        self.direction: F32 = (gap @ shapes / (gap @ gap)).astype(np.float32)  # (36,) per gap

    def parted(self, clip: Clip, lead: float, tail: float) -> F32:
        """(n, 36) relative shapes of a clip, parted further before and after its speech.

        Args:
            lead, tail: by how much, in opening ranges.
        """
        lips = self.speaker.relative(clip.lips)
        if lead == tail == 0:
            return lips
        seconds = np.arange(len(lips)) / float(clip.lips.rate)
        share = further(vad.listen(clip.wave), seconds, lead, tail)
        wider = share * self.speaker.profile.opening_range / self.speaker.profile.width
        return np.asarray(lips + wider[:, None] * self.direction, np.float32)


def further(
    speech: Speech, seconds: NDArray[np.float64], lead: float, tail: float
) -> NDArray[np.float64]:
    """By how many opening ranges lips are parted further at these times, (n,)."""
    share = np.zeros(len(seconds))
    for begin, end in speech.spans:
        share = np.maximum(share, lead * np.interp(seconds - begin, LEAD_S, RAMP))
        share = np.maximum(share, tail * np.interp(seconds - end, TAIL_S, RAMP))
    return share
