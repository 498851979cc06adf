"""Features of a sound that is still arriving.

Level and mean spectrum cannot be measured over a sound that is still arriving. A running mean
takes their place: steps are weighted by loudness, so that silence hardly moves it, and a step from
MEMORY ago weighs 1/e. It starts at the values of speech at the standard level, with the weight of
PRIOR steps.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from lipsync.speech.features import spectrum
from lipsync.speech.features.bands import BandEnergies, band_energies
from lipsync.speech.features.paper import paper14
from lipsync.speech.features.phones import (
    CEPSTRA,
    REACH,
    liftered_cepstra,
    posteriors_of_cepstra,
)
from lipsync.speech.features.spec import FeatureSpec
from lipsync.speech.features.spectrum import (
    FIRST_CENTER,
    HOP,
    INT16,
    NEPERS_PER_DB,
    PRE_EMPHASIS,
    STEPS_PER_SECOND,
    WINDOW,
    Floats,
    block_power_spectra,
    count_steps,
)
from lipsync.speech.running_mean import RunningMean
from lipsync.types import F32, SPEECH_RATE

MEMORY = 1000  # steps: 10 s
PRIOR = 50  # steps of ordinary speech
# Loudness (nepers of power, int16 scale) of speech at the standard level, weighted by amplitude;
# and how far the 95th percentile lies above it. Means of seven voices; they differ by ±1.
PAPER_LOUDNESS, BAND_LOUDNESS, LOUD_ABOVE = 12.5, 14.5, 1.0
MEAN_BAND = -4.0  # nepers: the weighted mean of a typical band, relative to the loud level
# Mean of the phone cepstra of a typical voice, relative to the loud level (the first; the others
# are 0); and how much lower silence brings the first in the mean over a whole clip.
MEAN_CEPSTRUM, SILENCE_CEPSTRUM = -20.0, -12.0
DC_POLE = 0.995  # of the filter that removes an offset: 13 Hz


class StreamingFeatureExtractor:
    """Features of a 16 kHz sound that is still arriving.

    `push` returns the features of every step that the sound so far completes, `finish` the last
    ones. However the sound is cut into pieces, together they equal what `extract` computes for
    the whole sound with `FeatureSpec(causal=True)`.
    """

    sound_rate = SPEECH_RATE
    rate = STEPS_PER_SECOND
    start = FIRST_CENTER

    def __init__(self, spec: FeatureSpec) -> None:
        self.spec = spec
        phones_ahead = REACH if "phones" in spec.parts else 0
        self.reach = WINDOW / 2 / SPEECH_RATE + phones_ahead / STEPS_PER_SECOND
        self._normalizer = CausalPaper(spec) if spec.kind == "paper28" else CausalBands(spec)
        self._dc_state = np.zeros(1)  # of the filter that removes an offset
        self._last = np.zeros(1)  # sample, for the pre-emphasis
        self._pending = np.zeros(0)  # pre-emphasized, from the next step's first sample on
        self._samples = self._steps = 0

    def push(self, samples: F32) -> F32:
        """Add samples, any number, and return the features (k, spec.size) that they complete."""
        firsts = range(0, max(1, len(samples)), spectrum.BLOCK * HOP)
        return np.concatenate([self._push(samples[i : i + spectrum.BLOCK * HOP]) for i in firsts])

    def finish(self) -> F32:
        """End the sound and return the features (k, spec.size) that were waiting for more."""
        if self._steps < count_steps(self._samples):
            self._pending = np.pad(self._pending, (0, WINDOW - len(self._pending)))
        return np.concatenate([self._complete_steps(), self._normalizer.finish()])

    def extract(self, samples: F32) -> F32:
        """All features (n, spec.size) of a whole sound."""
        return np.concatenate([self.push(samples), self.finish()])

    def _push(self, samples: F32) -> F32:
        self._samples += len(samples)
        sound = np.clip(np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0), -1, 1)
        scaled = sound.astype(np.float64) * INT16
        filtered, self._dc_state = lfilter([1, -1], [1, -DC_POLE], scaled, zi=self._dc_state)
        joined = np.concatenate([self._last, filtered])
        self._last = joined[-1:]
        emphasized = joined[1:] - PRE_EMPHASIS * joined[:-1]
        self._pending = np.concatenate([self._pending, emphasized])
        return self._complete_steps()

    def _complete_steps(self) -> F32:
        steps = max(0, (len(self._pending) - WINDOW) // HOP + 1)
        if not steps:
            return np.zeros((0, self.spec.size), np.float32)
        self._steps += steps
        block = self._pending[: (steps - 1) * HOP + WINDOW]
        self._pending = self._pending[steps * HOP :]
        if isinstance(self._normalizer, CausalPaper):
            return self._normalizer.push(paper14(block, self.spec.bands))
        return self._normalizer.push(band_energies(block_power_spectra(block), self.spec))


class CausalPaper:
    """The paper's values, normalized to the running level."""

    def __init__(self, spec: FeatureSpec) -> None:
        self.spec = spec
        self._loudness = RunningMean([PAPER_LOUDNESS], PRIOR, MEMORY)
        self._before: Floats | None = None  # the last step's static values

    def push(self, static: Floats) -> F32:
        """Static values (n, 14) → (n, 28)."""
        energy = static[:, CEPSTRA]
        weights = np.exp((energy - PAPER_LOUDNESS) / 2)
        gain = PAPER_LOUDNESS - self._loudness.push(energy[:, None], weights)[:, 0]
        static = static.copy()
        static[:, 0] += self.spec.bands**0.5 * gain
        static[:, CEPSTRA] = np.log1p(np.expm1(energy) * np.exp(gain))
        before = static[:1] if self._before is None else self._before
        self._before = static[-1:]
        values = np.concatenate([static, np.diff(static, axis=0, prepend=before)], axis=1)
        return np.asarray(values, np.float32)

    def finish(self) -> F32:
        """(0, 28): nothing waits."""
        return np.zeros((0, self.spec.size), np.float32)


class CausalBands:
    """Log mel bands, and phones, normalized to the running level and mean spectrum."""

    def __init__(self, spec: FeatureSpec) -> None:
        self.spec = spec
        self._loudness = RunningMean([BAND_LOUDNESS], PRIOR, MEMORY)
        self._mean_bands = RunningMean([MEAN_BAND] * spec.bands, PRIOR, MEMORY)
        self._cepstra = RunningMean([MEAN_CEPSTRUM] + [0.0] * (CEPSTRA - 1), PRIOR, MEMORY)
        self._waiting: tuple[Floats, Floats] | None = None  # bands; cepstra

    def push(self, energies: BandEnergies) -> F32:
        """Energies of n steps → features (k, spec.size) of the steps that are complete."""
        logmel = np.log(energies.mel.astype(np.float64) + 1e-3)
        loudness = np.log(np.exp(logmel).mean(1))
        weights = np.exp((loudness - BAND_LOUDNESS) / 2)
        loud = self._loudness.push(loudness[:, None], weights) + LOUD_ABOVE
        values = np.logaddexp(logmel, loud - self.spec.floor_db * NEPERS_PER_DB) - loud
        # Quieter sounds carry the mean spectrum as well: weighted by the root of the amplitude.
        weights = np.exp((loudness - loud[:, 0]) / 4)
        if self.spec.per_clip:
            values = values - self._mean_bands.push(values, weights)
        if "phones" not in self.spec.parts:
            return np.asarray(values, np.float32)
        cepstra = liftered_cepstra(np.log(energies.phones.astype(np.float64) + 1e-4) - loud)
        cepstra = cepstra - self._cepstra.push(cepstra, weights)
        cepstra[:, 0] -= SILENCE_CEPSTRUM
        return self._append_phones(values, cepstra)

    def _append_phones(self, values: Floats, cepstra: Floats) -> F32:
        """Phones look 3 steps ahead: the last bands wait for the cepstra after them."""
        if self._waiting is None:
            if not len(values):
                return np.zeros((0, self.spec.size), np.float32)
            self._waiting = values[:0], np.repeat(cepstra[:1], REACH, axis=0)
        values = np.concatenate([self._waiting[0], values])
        cepstra = np.concatenate([self._waiting[1], cepstra])
        known = max(0, len(cepstra) - 2 * REACH)
        self._waiting = values[known:], cepstra[known:]
        if not known:
            return np.zeros((0, self.spec.size), np.float32)
        posteriors = posteriors_of_cepstra(cepstra[: known + 2 * REACH])
        return np.concatenate([values[:known], posteriors], axis=1).astype(np.float32)

    def finish(self) -> F32:
        """The features that were waiting; the cepstra are extended with their last value."""
        if self._waiting is None:
            return np.zeros((0, self.spec.size), np.float32)
        last = np.repeat(self._waiting[1][-1:], REACH, axis=0)
        return self._append_phones(self._waiting[0][:0], last)
