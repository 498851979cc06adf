"""Made-up people whose mouth opens as their buzz gets loud: a corpus whose truth is known."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from lipsync.speech.lip_profile import LipProfile
from lipsync.types import LipTrack, Waveform
from training.corpus import dataset

FPS = Fraction(25)
MOUTH = np.stack(np.meshgrid(np.linspace(-0.3, 0.3, 6), [0.8, 0.9, 1.0]), -1).reshape(18, 2)
MOUTH[0], MOUTH[6] = (-0.3, 0.9), (0.3, 0.9)
MOUTH[13], MOUTH[16] = (0, 0.9), (0, 0.9)


def opening_track(gap: np.ndarray, fps: Fraction = FPS) -> LipTrack:
    """A mouth of which only the lower inner lip moves."""
    points = np.repeat(MOUTH[None], len(gap), axis=0)
    points[:, 16, 1] += gap
    return LipTrack(points.astype(np.float32), fps)


def babble(seed: int, frames: int = 75) -> np.ndarray:
    """Smooth random opening, ≥ 0."""
    steps = np.random.default_rng(seed).normal(size=frames + 8)
    return 0.1 * np.abs(np.convolve(steps, np.hanning(9), "valid"))


def vowel(pitch: float, formant: float, seconds: float = 1.0) -> Waveform:
    """A buzz of `pitch` Hz through one resonance at `formant` Hz."""
    at = np.arange(round(16000 * seconds)) / 16000
    harmonics = np.arange(1, int(7000 / pitch)) * pitch
    weights = 1 / (1 + ((harmonics - formant) / 150) ** 2)
    tones = sum(
        weight * np.sin(2 * np.pi * hertz * at)
        for weight, hertz in zip(weights, harmonics, strict=True)
    )
    return Waveform((0.1 * tones).astype(np.float32), 16000)


def speaker(
    clips: int = 11, seconds: float = 2.0, name: str = "someone", fps: Fraction = FPS
) -> dataset.Speaker:
    """Clips in which the buzz is as loud as the mouth is open."""
    made = []
    frames = round(fps * Fraction(seconds))
    buzz = vowel(120, 800, seconds).samples
    for i in range(clips):
        slow = babble(i, round(25 * seconds))
        gap = np.interp(np.arange(frames) / float(fps), np.arange(len(slow)) / 25, slow)
        at = np.arange(len(buzz)) / 16000
        loud = np.interp(at, np.arange(frames) / float(fps), gap)
        wave = Waveform((loud * 2 * buzz).astype(np.float32), 16000)
        made.append(dataset.Clip(f"clip{i:02}", wave, opening_track(gap, fps)))
    profile = LipProfile(MOUTH.astype(np.float32), 0.6, 0.2)
    return dataset.Speaker(name, profile, tuple(made))
