"""Posteriors of 42 English phones for each step of sound.

From the Gaussian mixtures of an acoustic model trained on many speakers (CMU Sphinx, US English;
assets/phones.safetensors, made by training.export.phones). The model fixes the front end: 25
bands, 13 liftered cepstra with their mean removed, and their first and second differences.
Measured: a linear map from these posteriors to lips generalizes to other people far better than
one from any spectrum.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.fft import dct

from lipsync.runtime import checkpoint
from lipsync.speech.features import spectrum
from lipsync.speech.features.spec import PHONES
from lipsync.speech.features.spectrum import Floats, mel_filters
from lipsync.types import F32, I64

BANDS, LOW, HIGH = 25, 130, 6800  # of the filters; Hz
CEPSTRA = 13
LIFTER = 22
# Steps are not independent, so the mixtures are overconfident; the usual remedy is to scale the
# log likelihoods down. 0.2–0.5 give the same accuracy.
ACOUSTIC_SCALE = 0.3
REACH = 3  # steps that the differences need on either side
BATCH = 500  # steps whose 42 · 128 densities are in memory at once


def filters(stretch: float = 1.0) -> F32:
    """(257, 25), the model's filter bank."""
    return mel_filters(BANDS, LOW, HIGH, stretch)


def posteriors(mel: F32) -> F32:
    """(n, 42) phone posteriors of every step by itself, from (n, 25) band energies."""
    values = liftered_cepstra(np.log(mel + 1e-4))
    values -= values.mean(0)
    padded = np.pad(values, ((REACH, REACH), (0, 0)), mode="edge")
    found = np.empty((len(values), PHONES), np.float32)
    for i in range(0, len(values), spectrum.BLOCK):
        block = padded[i : i + spectrum.BLOCK + 2 * REACH]
        found[i : i + spectrum.BLOCK] = posteriors_of_cepstra(block)
    return found


def liftered_cepstra(log: Floats) -> Floats:
    """(n, 13) cepstra of log band energies (n, 25)."""
    lift = 1 + LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER)
    return np.asarray(dct(log, type=2, axis=1, norm="ortho")[:, :CEPSTRA] * lift)


def acoustic_streams(cepstra: Floats, steps: I64) -> F32:
    """(3, m, 13): cepstra (n, 13) at these steps, and their first and second differences."""
    ahead = {k: cepstra[steps + k] for k in range(-REACH, REACH + 1)}
    slope = ahead[2] - ahead[-2]
    bend = (ahead[3] - ahead[-1]) - (ahead[1] - ahead[-3])
    return np.stack([ahead[0], slope, bend]).astype(np.float32)


def posteriors_of_cepstra(cepstra: Floats) -> F32:
    """(n, 42) posteriors from (n + 6, 13) mean-free cepstra, for all but the three outermost."""
    whole = acoustic_streams(cepstra, np.arange(REACH, len(cepstra) - REACH))
    pieces = []
    for i in range(0, whole.shape[1], BATCH):
        score = log_likelihoods(whole[:, i : i + BATCH])
        total = np.logaddexp.reduce(ACOUSTIC_SCALE * score, axis=2).T
        total -= total.max(1, keepdims=True)
        share = np.exp(total)
        pieces.append(share / share.sum(1, keepdims=True))
    return np.concatenate(pieces)


@cache
def _mixtures() -> tuple[F32, F32]:
    """Gaussians as (3, 27, 42 · 128) coefficients of [x², x, 1]; (3, 42, 128, 3) state weights."""
    tensors, _ = checkpoint.load(checkpoint.asset_path("phones.safetensors"))
    mean, variance = (tensors[k].double().numpy() for k in ("means", "variances"))
    constant = -0.5 * (mean**2 / variance + np.log(2 * np.pi * variance)).sum(-1, keepdims=True)
    terms = np.concatenate([-0.5 / variance, mean / variance, constant], axis=-1)
    coefficients = np.moveaxis(terms, 1, 0).reshape(3, PHONES * 128, 27).swapaxes(1, 2)
    return np.ascontiguousarray(coefficients, np.float32), tensors["weights"].float().numpy()


def log_likelihoods(values: F32) -> F32:
    """Log likelihood of each step in each of a phone's three states: (3, n, 13) → (42, n, 3)."""
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
