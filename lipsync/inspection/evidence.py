"""What a video shows and says, as the measures of lips and sound need it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lipsync.face.tracked_face import TrackedFace
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import F32, Bools


@dataclass(frozen=True, eq=False)
class Evidence:
    """One face through a video of n frames, and the video's sound."""

    face: TrackedFace
    speech: VideoSpeech
    # (n,) signed inner-lip gap that the speech model hears in the video's own sound, outer-eye
    # distances; None: the video has no speech.
    heard: F32 | None

    def __len__(self) -> int:
        return len(self.face)

    @cached_property
    def seen(self) -> F32:
        """(n,), the inner-lip gap seen, outer-eye distances; NaN without a face."""
        return self.face.lips.opening

    @cached_property
    def speaking(self) -> Bools:
        """(n,), whether speech is heard at each frame."""
        if self.heard is None:
            return np.zeros(len(self), bool)
        times = (np.arange(len(self), dtype=np.float64) + 0.5) / float(self.face.fps)
        return self.speech.segments.at(times)
