"""Baseline predictors: mean shape, shuffled sound (chance), and ridge regression on MFCC."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lipsync.speech import features
from lipsync.speech.features import FeatureSpec
from lipsync.types import F32, LipTrack, Waveform
from training.corpus.dataset import Clip, Speaker
from training.metrics import Predictor

RIDGE_REACH_STEPS = 24  # ± 240 ms
RIDGE_EVERY_STEPS = 4  # of those, every 40 ms
RIDGE_PENALTY = 1.0  # per sample, of z-normalized features


def mean_shape_predictor(seen: Speaker, training: list[Clip]) -> Predictor:
    """Predict the mean training shape for every frame."""
    mean = np.concatenate([seen.relative_shapes(clip.lips) for clip in training]).mean(0)

    def predict(speaker: Speaker, clips: list[Clip]) -> list[LipTrack]:
        return [_track(speaker, clip, np.tile(mean, (len(clip.lips), 1))) for clip in clips]

    return predict


def shuffled_predictor(predict: Predictor) -> Predictor:
    """Chance level: each clip gets the next clip's sound; a single clip is rolled by half."""

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
    """Ridge regression from the MFCC around a frame to its lip shape."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    weights: NDArray[np.float64]
    offset: NDArray[np.float64]

    @staticmethod
    def fit(seen: Speaker, training: list[Clip]) -> Ridge:
        """Fit by least squares with an L2 penalty on the weights."""
        x = np.concatenate([_context(clip) for clip in training]).astype(np.float64)
        y = np.concatenate([seen.relative_shapes(clip.lips) for clip in training]).astype(
            np.float64
        )
        mean, std, offset = x.mean(0), x.std(0) + 1e-6, y.mean(0)
        x = (x - mean) / std
        gram = x.T @ x + RIDGE_PENALTY * len(x) * 0.01 * np.eye(x.shape[1])
        return Ridge(mean, std, np.linalg.solve(gram, x.T @ (y - offset)), offset)

    def predict(self, speaker: Speaker, clips: list[Clip]) -> list[LipTrack]:
        """Predict the lips of clips, each frame independently."""
        return [
            _track(
                speaker,
                clip,
                ((_context(clip) - self.mean) / self.std) @ self.weights + self.offset,
            )
            for clip in clips
        ]


def _context(clip: Clip) -> F32:
    """MFCC from 240 ms before to 240 ms after every frame, (n frames, 13 · 13)."""
    sound = features.extract(clip.wave, FeatureSpec("paper28", per_clip=True))
    cepstra = sound.values[:, : features.CEPSTRA]
    seconds = np.arange(len(clip.lips)) / float(clip.lips.rate)
    center = np.round((seconds - sound.start) * sound.rate).astype(np.int64)
    around = np.arange(-RIDGE_REACH_STEPS, RIDGE_REACH_STEPS + 1, RIDGE_EVERY_STEPS)
    positions = np.clip(center[:, None] + around[None], 0, len(cepstra) - 1)
    return np.asarray(cepstra[positions].reshape(len(seconds), -1))


def _track(speaker: Speaker, clip: Clip, relative: NDArray[np.floating]) -> LipTrack:
    shapes = relative.reshape(len(clip.lips), -1, 2)
    points = speaker.profile.neutral + speaker.profile.width * shapes
    return LipTrack(points.astype(np.float32), clip.lips.rate)
