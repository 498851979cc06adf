"""A render's lips, some time after the sound has come.

The sound is read in windows: HISTORY_S before a block of frames, and LOOK_AHEAD_S after it. What
the lips of the block are in a render of the window alone, they are here. So live lips are those of
the default speech model, or of one adapted to the person, which hear what comes next: they shut for
a p before it is heard, and are at rest where speech pauses. A network that hears no more than 0.3 s
ahead (`--speech-model stream`) is sooner, but of people whom it does not know it reads half as much
(docs/benchmarks/streaming.md).

Windows overlap, and two of them rarely agree to the last bit about the frame between two blocks:
the difference is carried into the next block and fades over SEAM_S.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lipsync.face import head_pose
from lipsync.live.live_sound import LiveSound
from lipsync.live.live_target import LiveTarget
from lipsync.options import RenderOptions
from lipsync.runtime.numeric import smoothstep
from lipsync.runtime.positions import sample_at
from lipsync.speech import features, silence, vad
from lipsync.speech.articulation import predict_speech
from lipsync.speech.features.phone_embedding import PHONE_SPEC, embed_phones
from lipsync.speech.vad import SpeechSegments
from lipsync.types import F32, SPEECH_RATE, LipTrack, Positions, Waveform

BLOCK_S = 0.8  # of frames that are made at once
HISTORY_S, LOOK_AHEAD_S = 4.0, 0.6  # of sound, before a block and after it
SEAM_S = 0.2
# A span of speech long before a window in which none is found, once there was some: it makes the
# lips rest. With no span at all they follow whatever is heard, as song.
PAST = SpeechSegments(np.array([[-20.0, -19.0]]))


@dataclass(frozen=True, eq=False)
class LipBlock:
    """The lips of some frames that follow one another; n frames."""

    first: int  # number of the first in the stream
    order: Positions  # (n,), target frames
    lips: LipTrack  # (n), on the head's pose; NaN: the target's own are kept
    visible: F32  # (n,) 0..1
    phones: F32  # (n, p)

    def __len__(self) -> int:
        return len(self.order)


class LiveLips:
    """The lips of a sound that is still arriving, block by block."""

    def __init__(self, target: LiveTarget, sound: LiveSound, options: RenderOptions) -> None:
        self._target, self._sound, self._options = target, sound, options
        self.fps = target.info.fps
        self.block = max(1, round(BLOCK_S * self.fps))
        self._history = round(HISTORY_S * self.fps)
        self._ahead = math.ceil(LOOK_AHEAD_S * self.fps)
        self._done = 0  # frames
        self._last: F32 | None = None  # (18, 2), as the last frame was settled
        self._spoken = False  # some speech was found already

    @property
    def needed(self) -> int:
        """Samples that must have come before the next block can be made."""
        return self._sample(self._done + self.block + self._ahead)

    def make(self) -> LipBlock | None:
        """The next block; None: for that more must come, or all has been made."""
        if self._sound.count >= self.needed:
            return self._make(self._done + self.block)
        if self._sound.finished:
            end = round(Fraction(self._sound.count, SPEECH_RATE) * self.fps)
            if self._done < end:
                return self._make(min(end, self._done + self.block))
        return None

    def _sample(self, frame: int) -> int:
        return round(frame / self.fps * SPEECH_RATE)

    def _make(self, end: int) -> LipBlock:
        """Frames from the last one made up to `end`."""
        target, options, first = self._target, self._options, self._done
        start = max(0, first - self._history)
        count = end + self._ahead - start  # frames of the window
        wave = self._sound.window(self._sample(start), self._sample(end + self._ahead))
        order = target.order(start, count)
        speech = self._find_speech(wave)
        heard = features.extract(wave, target.model.spec)
        predicted = predict_speech(
            target.model, heard, speech, target.profile, (self.fps, count), options.articulation
        )
        own = sample_at(target.face.lips.points, order)
        settled, visible = silence.close_in_pauses(
            predicted, speech, target.still, own, options.silence
        )
        here = slice(first - start, end - start)
        points = self._join(settled.points, here)
        lips = head_pose.turn_lips(
            LipTrack(points, self.fps), target.face, order[here], target.turns
        )
        times = np.arange(here.start, here.stop) / float(self.fps)
        phones = embed_phones(features.extract(wave, PHONE_SPEC), times)
        self._done = end
        return LipBlock(first, order[here], lips, visible[here], phones)

    def _find_speech(self, wave: Waveform) -> SpeechSegments:
        found = vad.detect_speech(wave)
        if len(found.spans):
            self._spoken = True
            return found
        return PAST if self._spoken or self._sound.is_silent(wave) else found

    def _join(self, settled: F32, here: slice) -> F32:
        """The lips of a block, (n, 18, 2), without a step from the block before."""
        points = settled[here].copy()
        if self._last is not None and here.start > 0:
            apart = np.nan_to_num(self._last - settled[here.start - 1])
            over = max(1, round(SEAM_S * self.fps))
            steps = np.arange(1, len(points) + 1) / over
            left = 1 - smoothstep(np.clip(steps, 0, 1))
            points += (left[:, None, None] * apart).astype(np.float32)
        self._last = points[-1]
        return points
