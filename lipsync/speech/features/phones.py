"""How much each step of sound is like each of 42 English phones.

That is, how likely it is under the Gaussian mixtures of each phone of an acoustic model that was
trained on many speakers (CMU Sphinx, US English; assets/phones.safetensors, made by
training.export.phones). Its front end is not ours to choose: 25 bands, 13 liftered cepstra less
their mean, and two differences of them. Measured: a linear map from these posteriors to lips
carries over to other people far better than one from any spectrum.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.fft import dct

from lipsync.runtime import checkpoint
from lipsync.speech.features import spectrum
from lipsync.speech.features.spec import PHONES
from lipsync.speech.features.spectrum import Floats, mel_filters
from lipsync.types import F32

BANDS, LOW, HIGH = 25, 130, 6800  # of the filters; Hz
CEPSTRA = 13
LIFTER = 22
# Steps are not independent and the mixtures too sure of themselves; the usual remedy is to
# scale the logarithms down. 0.2–0.5 measure alike.
ACOUSTIC_SCALE = 0.3
REACH = 3  # steps on either side that the differences look at
AT_ONCE = 500  # steps whose 42 · 128 densities are in memory at once


def filters(stretch: float = 1.0) -> F32:
    """(257, 25), the model's filter bank."""
    return mel_filters(BANDS, LOW, HIGH, stretch)


def posteriors(mel: F32) -> F32:
    """(n, 42) posteriors of the phones, each step by itself, from (n, 25) band energies."""
    values = liftered(np.log(mel + 1e-4))
    values -= values.mean(0)
    padded = np.pad(values, ((REACH, REACH), (0, 0)), mode="edge")
    found = np.empty((len(values), PHONES), np.float32)
    for i in range(0, len(values), spectrum.BLOCK):
        found[i : i + spectrum.BLOCK] = posteriors_of(padded[i : i + spectrum.BLOCK + 2 * REACH])
    return found


def liftered(log: Floats) -> Floats:
    """(n, 13) cepstra of log band energies (n, 25)."""
    lift = 1 + LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER)
    return np.asarray(dct(log, type=2, axis=1, norm="ortho")[:, :CEPSTRA] * lift)


def streams(cepstra: Floats, middles: np.ndarray[tuple[int], np.dtype[np.int64]]) -> F32:
    """(3, m, 13): cepstra at `middles`, and their first and second differences there."""
    ahead = {k: cepstra[middles + k] for k in range(-REACH, REACH + 1)}
    slope = ahead[2] - ahead[-2]
    bend = (ahead[3] - ahead[-1]) - (ahead[1] - ahead[-3])
    return np.stack([ahead[0], slope, bend]).astype(np.float32)


def posteriors_of(cepstra: Floats) -> F32:
    """Posteriors of all but the first and last three of (n + 6, 13) centred cepstra."""
    whole = streams(cepstra, np.arange(REACH, len(cepstra) - REACH))
    pieces = []
    for i in range(0, whole.shape[1], AT_ONCE):
        score = log_likelihoods(whole[:, i : i + AT_ONCE])
        total = np.logaddexp.reduce(ACOUSTIC_SCALE * score, axis=2).T
        total -= total.max(1, keepdims=True)
        share = np.exp(total)
        pieces.append(share / share.sum(1, keepdims=True))
    return np.concatenate(pieces)


@cache
def _mixtures() -> tuple[F32, F32]:
    """Gaussians as (3, 27, 42 · 128) coefficients of [x², x, 1]; (3, 42, 128, 3) state weights."""
    tensors, _ = checkpoint.load(checkpoint.asset("phones.safetensors"))
    mean, variance = (tensors[k].double().numpy() for k in ("means", "variances"))
    constant = -0.5 * (mean**2 / variance + np.log(2 * np.pi * variance)).sum(-1, keepdims=True)
    terms = np.concatenate([-0.5 / variance, mean / variance, constant], axis=-1)
    coefficients = np.moveaxis(terms, 1, 0).reshape(3, PHONES * 128, 27).swapaxes(1, 2)
    return np.ascontiguousarray(coefficients, np.float32), tensors["weights"].float().numpy()


def log_likelihoods(values: F32) -> F32:
    """(3, n, 13) streams → (42, n, 3): of each step in each of the three states of each phone."""
    coefficients, weights = _mixtures()
    n = values.shape[1]
    score = np.zeros((PHONES, n, 3), np.float32)
    for x, terms, mix in zip(values, coefficients, weights, strict=True):
        density = np.concatenate([x * x, x, np.ones((n, 1), np.float32)], axis=1) @ terms
        density = density.reshape(n, PHONES, 128)
        best = density.max(-1, keepdims=True)
        density -= best
        likely = np.matmul(np.exp(density, out=density).swapaxes(0, 1), mix)
        score += np.log(likely + 1e-30) + best.swapaxes(0, 1)
    return score
