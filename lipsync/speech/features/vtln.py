"""Vocal-tract length normalization: one frequency factor that brings a voice to usual formants.

A shorter vocal tract raises all formants by one factor. Undoing it removes most of the difference
between a woman's or a child's voice and a man's from a spectrum, and leaves the speech. The factor
is the one that maximizes the likelihood of the sound under the phones' Gaussian mixtures (Lee and
Rose 1998).
"""

from __future__ import annotations

import numpy as np

from lipsync.speech.features import phones
from lipsync.speech.features.spectrum import (
    LOUD_PERCENTILE,
    NEPERS_PER_DB,
    block_power_spectra,
    emphasized_blocks,
)
from lipsync.types import F32, I64, SPEECH_RATE

FACTORS = tuple(float(f) for f in np.exp(0.03 * np.arange(-7, 3)))  # 0.81 to 1.06
# The mixtures were trained on women as well, so the likeliest factor undoes only part of the shift.
EXPONENT = 1.5
SMALLEST = 0.8
USUAL = 0.95  # factors above this are ignored: from clip to clip the estimate varies as much
LOUD_DB = 9.0  # steps further below the loud ones are ignored: consonants and noise fit any factor
LEAST_GAIN = 0.05  # nepers per step over factor 1: below it the sound does not decide
STEPS = 300  # evaluated at most: more do not change the result
PIECES, PIECE_S = 12, 5  # of a long sound


def estimate_stretch(samples: F32) -> float:
    """The factor for the frequencies of a 16 kHz sound; 1 for usual and longer vocal tracts.

    Measured, lips of men with deep voices did not gain from a factor above 1. Deterministic.
    """
    blocks = emphasized_blocks(_excerpt(samples))
    spectrum = np.concatenate([block_power_spectra(block) for block in blocks])
    loudness = np.log(spectrum.mean(1) + 1e-3)
    loud = np.percentile(loudness, LOUD_PERCENTILE) - LOUD_DB * NEPERS_PER_DB
    reach = phones.REACH
    steps = np.flatnonzero(loudness > loud)
    steps = steps[(steps >= reach) & (steps < len(spectrum) - reach)]
    if not len(steps):
        return 1.0
    steps = steps[np.linspace(0, len(steps) - 1, min(STEPS, len(steps))).astype(np.int64)]
    likelihoods = [_likelihood(spectrum @ phones.filters(factor), steps) for factor in FACTORS]
    best = int(np.argmax(likelihoods))
    decisive = likelihoods[best] - likelihoods[FACTORS.index(1.0)] > LEAST_GAIN
    if not decisive or FACTORS[best] > USUAL:
        return 1.0
    return max(SMALLEST, float(FACTORS[best] ** EXPONENT))


def _likelihood(mel: F32, steps: I64) -> float:
    """Mean log likelihood of the best state at these steps."""
    cepstra = phones.liftered_cepstra(np.log(mel + 1e-4))
    score = phones.log_likelihoods(phones.acoustic_streams(cepstra - cepstra.mean(0), steps))
    return float(score.max((0, 2)).mean())


def _excerpt(samples: F32) -> F32:
    """Evenly spaced pieces of a long sound, so that an hour takes no longer than a minute."""
    length = PIECE_S * SPEECH_RATE
    if len(samples) <= PIECES * length:
        return samples
    starts = np.linspace(0, len(samples) - length, PIECES).astype(np.int64)
    return np.concatenate([samples[start : start + length] for start in starts])
