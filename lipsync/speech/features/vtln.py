"""A voice's throat, brought to the usual length (vocal-tract length normalisation).

A shorter throat raises all formants by one factor. Undoing it takes most of what tells a woman's
or a child's voice from a man's out of a spectrum, and leaves what is said. The factor is the one
that makes the sound likeliest under the phones' Gaussian mixtures (Lee and Rose 1998).
"""

from __future__ import annotations

import numpy as np

from lipsync.speech.features import phones
from lipsync.speech.features.spectrum import LOUD_PERCENTILE, NEPERS_PER_DB, RATE, blocks, power_of
from lipsync.types import F32

FACTORS = tuple(float(f) for f in np.exp(0.03 * np.arange(-7, 3)))  # 0.81 to 1.06
# The mixtures have heard women as well, so that the likeliest factor goes part of the way only.
WHOLE_WAY = 1.5
SHORTEST = 0.8
USUAL = 0.95  # throats no shorter than this are left alone: from clip to clip the factor wavers so
LOUD_DB = 9.0  # below the loud steps a step counts no more: consonants and noise fit anything
LEAST_GAIN = 0.05  # nepers per step over no change: below it the sound does not tell
STEPS = 300  # that are looked at: more do not change the answer
PIECES, PIECE_S = 12, 5  # of a long sound


def stretch(samples: F32) -> float:
    """What to multiply the frequencies of a 16 kHz sound by; 1 for usual throats and longer ones.

    Measured, the lips of men with deep voices did not gain from a factor above 1. The same sound
    always gives the same factor.
    """
    spectrum = np.concatenate([power_of(block) for block in blocks(_excerpt(samples))])
    loudness = np.log(spectrum.mean(1) + 1e-3)
    loud = np.percentile(loudness, LOUD_PERCENTILE) - LOUD_DB * NEPERS_PER_DB
    reach = phones.REACH
    places = np.flatnonzero(loudness > loud)
    places = places[(places >= reach) & (places < len(spectrum) - reach)]
    if not len(places):
        return 1.0
    places = places[np.linspace(0, len(places) - 1, min(STEPS, len(places))).astype(np.int64)]
    likely = [_likelihood(spectrum @ phones.filters(factor), places) for factor in FACTORS]
    best = int(np.argmax(likely))
    told = likely[best] - likely[FACTORS.index(1.0)] > LEAST_GAIN
    if not told or FACTORS[best] > USUAL:
        return 1.0
    return max(SHORTEST, float(FACTORS[best] ** WHOLE_WAY))


def _likelihood(mel: F32, places: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
    cepstra = phones.liftered(np.log(mel + 1e-4))
    score = phones.log_likelihoods(phones.streams(cepstra - cepstra.mean(0), places))
    return float(score.max((0, 2)).mean())


def _excerpt(samples: F32) -> F32:
    """A long sound's evenly spread pieces, so that an hour takes no longer than a minute."""
    length = PIECE_S * RATE
    if len(samples) <= PIECES * length:
        return samples
    starts = np.linspace(0, len(samples) - length, PIECES).astype(np.int64)
    return np.concatenate([samples[start : start + length] for start in starts])
