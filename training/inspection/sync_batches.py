"""What the sync network learns from: random parts of clips, disturbed.

Symbols: m samples, d values of each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lipsync.inspection.dense import windows
from lipsync.inspection.sync_network import (
    CHIN,
    LIP_OFFSETS,
    LIP_SCALE,
    REACH,
    SOUND_OFFSETS,
    STATES_PER_SAMPLE,
)
from lipsync.inspection.trajectories import RATE
from lipsync.types import F32
from training.inspection.voiced_clips import VoicedClip

Floats = NDArray[np.floating]

LENGTH = 48  # samples of a part
POINTS = 18 + CHIN.stop - CHIN.start

# Ranges of what is drawn for every part.
TEMPO = 1.25  # either way
STRETCH = 0.35  # log range of the mouth's width and height
SHEAR = 0.15
LIP_NOISE, LIP_DRIFT = 0.008, 0.02  # outer-eye distances: shaking; another mean mouth
LIP_SMOOTHING = 1.0  # samples: some cameras and codecs blur motion
STATE_NOISE = 0.5  # of the states' deviation
EARLY_S = 0.01  # sound against picture: no footage is in better sync


def draw(clip: VoicedClip, rng: np.random.Generator, deviation: float) -> tuple[F32, F32]:
    """Inputs of both towers for a random part of a clip in a random voice, disturbed.

    Returns:
        (LENGTH, ·) each; the sound is longer by REACH on either side.
    """
    m = len(clip.moves.lips)
    tempo = float(np.exp(rng.uniform(-1, 1) * np.log(TEMPO)))
    span = (LENGTH + 4) * tempo
    first = rng.uniform(0, max(m - span, 0))
    at = first + tempo * np.arange(-2, LENGTH + 2)
    lips = windows(disturb_lips(clip, at, rng), LIP_OFFSETS)[2:-2]
    states = clip.voices[int(rng.integers(len(clip.voices)))]
    count = STATES_PER_SAMPLE
    early = rng.uniform(-EARLY_S, EARLY_S) * RATE
    ahead = np.arange(-count * (REACH + 4), count * (LENGTH + REACH + 4))
    heard = _sample(states, count * (first + early) + tempo * ahead).astype(np.float32)
    heard += rng.normal(0, STATE_NOISE * deviation, heard.shape).astype(np.float32)
    sound = windows(heard, SOUND_OFFSETS)[count * 4 : -count * 4 : count]
    return lips, sound


def disturb_lips(clip: VoicedClip, at: Floats, rng: np.random.Generator) -> F32:
    """Lips and chin at these samples, as another person's might be and another camera sees."""
    points = np.concatenate([clip.moves.lips, clip.moves.jaw[:, CHIN]], axis=1)
    points = points - np.nanmean(points[clip.moves.known], axis=0)
    points = _sample(points.reshape(len(points), -1), at).reshape(len(at), -1, 2)
    points = gaussian_filter1d(points, rng.uniform(0, LIP_SMOOTHING) + 1e-3, axis=0)
    width, height = np.exp(rng.uniform(-STRETCH, STRETCH, 2))
    shape = np.array([[width, rng.normal(0, SHEAR)], [rng.normal(0, SHEAR), height]])
    if rng.random() < 0.5:  # the mirror image: landmarks swap sides
        points = points[:, _mirror()] * (-1, 1)
    points = points @ shape + rng.normal(0, LIP_DRIFT, (1, points.shape[1], 2))
    noise = rng.uniform(0, LIP_NOISE)
    points = points + rng.normal(0, noise, points.shape)
    points = points + rng.normal(0, noise, (len(points), 1, 2))
    return np.asarray((points / LIP_SCALE).reshape(len(points), -1), np.float32)


def _mirror() -> list[int]:
    """Mirror counterparts of 18 lip points (without inner corners) and of the chin's."""
    outer = [6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7]
    inner = [14, 13, 12, 17, 16, 15]
    chin = list(range(POINTS - 1, 17, -1))
    return outer + inner + chin


def _sample(values: Floats, at: Floats) -> Floats:
    """Values (m, d) at positions, linear; the ends are held."""
    at = np.clip(at, 0, len(values) - 1)
    left = np.minimum(at.astype(np.int64), len(values) - 2)
    share = (at - left)[:, None].astype(np.float32)
    return np.asarray(values[left] * (1 - share) + values[left + 1] * share)
