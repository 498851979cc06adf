"""Where lips come from: a network, and what it is measured against (the mean mouth, chance, a
linear map).

A predictor gives the lips of every clip of a speaker, from the clips' sound alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lipsync.speech import features, lip_model, silence, vad
from lipsync.speech.features import FeatureSpec
from lipsync.speech.lip_model import LipLSTM
from lipsync.types import F32, LipTrack, Waveform
from training.corpus.dataset import Clip, Speaker

RIDGE_REACH_STEPS = 24  # ± 240 ms
RIDGE_EVERY_STEPS = 4  # of those, every 40 ms
RIDGE_PENALTY = 1.0  # per sample, of z-normalised features

# (speaker, clips) → the lips of every clip
Predictor = Callable[[Speaker, list[Clip]], list[LipTrack]]


def by_network(model: LipLSTM) -> Predictor:
    """What `lipsync render` does with a clip's sound."""

    def lips(speaker: Speaker, clip: Clip) -> LipTrack:
        heard = features.extract(clip.wave, model.spec)
        found = lip_model.predict(model, heard, speaker.profile, clip.lips.rate, len(clip.lips))
        return silence.rested(found, vad.listen(clip.wave), speaker.profile)

    def predict(speaker: Speaker, clips: list[Clip]) -> list[LipTrack]:
        return [lips(speaker, clip) for clip in clips]

    return predict


def mean_shape(seen: Speaker, training: list[Clip]) -> Predictor:
    """The mean of the training shapes, whatever is said."""
    mean = np.concatenate([seen.relative(clip.lips) for clip in training]).mean(0)

    def predict(speaker: Speaker, clips: list[Clip]) -> list[LipTrack]:
        return [_track(speaker, clip, np.tile(mean, (len(clip.lips), 1))) for clip in clips]

    return predict


def shuffled(predict: Predictor) -> Predictor:
    """Chance: every clip hears the next one's sound; a single clip its own second half first."""

    def predict_wrongly(speaker: Speaker, clips: list[Clip]) -> list[LipTrack]:
        waves = [clip.wave for clip in clips[1:] + clips[:1]]
        if len(clips) == 1:
            samples = waves[0].samples
            waves = [Waveform(np.roll(samples, len(samples) // 2), waves[0].rate)]
        wrong = [replace(clip, wave=wave) for clip, wave in zip(clips, waves, strict=True)]
        return predict(speaker, wrong)

    return predict_wrongly


@dataclass(frozen=True, eq=False)
class Ridge:
    """Linear regression from MFCC around a frame to its shape."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    weights: NDArray[np.float64]
    offset: NDArray[np.float64]

    @staticmethod
    def fit(seen: Speaker, training: list[Clip]) -> Ridge:
        """Least squares with a penalty on the weights."""
        x = np.concatenate([_context(clip) for clip in training]).astype(np.float64)
        y = np.concatenate([seen.relative(clip.lips) for clip in training]).astype(np.float64)
        mean, std, offset = x.mean(0), x.std(0) + 1e-6, y.mean(0)
        x = (x - mean) / std
        gram = x.T @ x + RIDGE_PENALTY * len(x) * 0.01 * np.eye(x.shape[1])
        return Ridge(mean, std, np.linalg.solve(gram, x.T @ (y - offset)), offset)

    def predict(self, speaker: Speaker, clips: list[Clip]) -> list[LipTrack]:
        """The lips of clips, each frame by itself."""
        return [
            _track(
                speaker,
                clip,
                ((_context(clip) - self.mean) / self.std) @ self.weights + self.offset,
            )
            for clip in clips
        ]


def _context(clip: Clip) -> F32:
    """(n frames, 13 · 13): cepstra from 240 ms before to 240 ms after every frame."""
    sound = features.extract(clip.wave, FeatureSpec("paper28", per_clip=True))
    cepstra = sound.values[:, : features.CEPSTRA]
    seconds = np.arange(len(clip.lips)) / float(clip.lips.rate)
    centre = np.round((seconds - sound.start) * sound.rate).astype(np.int64)
    around = np.arange(-RIDGE_REACH_STEPS, RIDGE_REACH_STEPS + 1, RIDGE_EVERY_STEPS)
    places = np.clip(centre[:, None] + around[None], 0, len(cepstra) - 1)
    return np.asarray(cepstra[places].reshape(len(seconds), -1))


def _track(speaker: Speaker, clip: Clip, relative: NDArray[np.floating]) -> LipTrack:
    shapes = relative.reshape(len(clip.lips), -1, 2)
    points = speaker.profile.neutral + speaker.profile.width * shapes
    return LipTrack(points.astype(np.float32), clip.lips.rate)
