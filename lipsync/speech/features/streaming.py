"""Features of a sound that is still arriving.

While a sound is still arriving, neither its level nor its colour can be measured over all of
it. A running mean takes their place: loud steps count more, so that silence hardly moves it,
and what was heard MEMORY ago counts 1/e. It begins at what speech at the standard level has,
and trusts that as if it had heard PRIOR of it.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from lipsync.speech.features import spectrum
from lipsync.speech.features.extractors import Bands, bands, paper14
from lipsync.speech.features.phones import CEPSTRA, REACH, liftered, posteriors_of
from lipsync.speech.features.spec import FeatureSpec
from lipsync.speech.features.spectrum import (
    FIRST_CENTRE,
    HOP,
    INT16,
    NEPERS_PER_DB,
    PRE_EMPHASIS,
    RATE,
    STEPS_PER_SECOND,
    WINDOW,
    Floats,
    power_of,
)
from lipsync.speech.running_mean import RunningMean
from lipsync.types import F32

MEMORY = 1000  # steps: 10 s
PRIOR = 50  # steps of ordinary speech
# Loudness (nepers of power, int16 scale) of speech at the standard level, weighted by amplitude;
# and how far the 95th percentile lies above it. Means of seven voices; they differ by ±1.
PAPER_LOUDNESS, BAND_LOUDNESS, LOUD_ABOVE = 12.5, 14.5, 1.0
COLOUR = -4.0  # nepers: an ordinary band, weighted, against the loud level
# Mean of an ordinary voice's phone cepstra against the loud level; silence, which counts in the
# mean over a whole clip, makes the first smaller still.
PHONE_COLOUR, PHONE_SILENCE = -20.0, -12.0
BLOCKER = 0.995  # pole of the filter that stops an offset: 13 Hz


class Live:
    """Features of a 16 kHz sound that is still arriving.

    `push` gives the features of every step that the sound so far suffices for, `finish` the
    last ones. However the sound is cut into pieces, all of them together are what `extract`
    gives for the whole sound with `FeatureSpec(causal=True)`.
    """

    sound_rate = RATE
    rate = STEPS_PER_SECOND
    start = FIRST_CENTRE

    def __init__(self, spec: FeatureSpec) -> None:
        self.spec = spec
        phones_ahead = REACH if "phones" in spec.parts else 0
        self.reach = WINDOW / 2 / RATE + phones_ahead / STEPS_PER_SECOND
        self._normal = CausalPaper(spec) if spec.kind == "paper28" else CausalBands(spec)
        self._blocked = np.zeros(1)  # state of the filter against offsets
        self._last = np.zeros(1)  # sample, for the pre-emphasis
        self._pending = np.zeros(0)  # pre-emphasised, from the next step's first sample on
        self._samples = self._steps = 0

    def push(self, samples: F32) -> F32:
        """The next samples, any number → (k, spec.size) features that they complete."""
        firsts = range(0, max(1, len(samples)), spectrum.BLOCK * HOP)
        return np.concatenate([self._push(samples[i : i + spectrum.BLOCK * HOP]) for i in firsts])

    def finish(self) -> F32:
        """The features that were waiting for more sound, (k, spec.size)."""
        steps = 1 + max(0, -(-(self._samples - WINDOW) // HOP))
        if self._steps < steps:
            self._pending = np.pad(self._pending, (0, WINDOW - len(self._pending)))
        return np.concatenate([self._whole_steps(), self._normal.finish()])

    def whole(self, samples: F32) -> F32:
        """All features of a whole sound."""
        return np.concatenate([self.push(samples), self.finish()])

    def _push(self, samples: F32) -> F32:
        self._samples += len(samples)
        sound = np.clip(np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0), -1, 1)
        scaled = sound.astype(np.float64) * INT16
        blocked, self._blocked = lfilter([1, -1], [1, -BLOCKER], scaled, zi=self._blocked)
        joined = np.concatenate([self._last, blocked])
        self._last = joined[-1:]
        emphasised = joined[1:] - PRE_EMPHASIS * joined[:-1]
        self._pending = np.concatenate([self._pending, emphasised])
        return self._whole_steps()

    def _whole_steps(self) -> F32:
        steps = max(0, (len(self._pending) - WINDOW) // HOP + 1)
        if not steps:
            return np.zeros((0, self.spec.size), np.float32)
        self._steps += steps
        heard = self._pending[: (steps - 1) * HOP + WINDOW]
        self._pending = self._pending[steps * HOP :]
        if isinstance(self._normal, CausalPaper):
            return self._normal.push(paper14(heard, self.spec.bands))
        return self._normal.push(bands(power_of(heard), self.spec))


class CausalPaper:
    """The paper's values at the level that the sound seems to have so far."""

    def __init__(self, spec: FeatureSpec) -> None:
        self.spec = spec
        self._loudness = RunningMean([PAPER_LOUDNESS], PRIOR, MEMORY)
        self._before: Floats | None = None  # the last step's static values

    def push(self, static: Floats) -> F32:
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
        return np.zeros((0, self.spec.size), np.float32)


class CausalBands:
    """Log mel bands, and phones, freed of the level and the colour of the sound so far."""

    def __init__(self, spec: FeatureSpec) -> None:
        self.spec = spec
        self._loudness = RunningMean([BAND_LOUDNESS], PRIOR, MEMORY)
        self._colour = RunningMean([COLOUR] * spec.bands, PRIOR, MEMORY)
        self._cepstra = RunningMean([PHONE_COLOUR] + [0.0] * (CEPSTRA - 1), PRIOR, MEMORY)
        self._waiting: tuple[Floats, Floats] | None = None  # bands; cepstra

    def push(self, energies: Bands) -> F32:
        logmel = np.log(energies.mel.astype(np.float64) + 1e-3)
        loudness = np.log(np.exp(logmel).mean(1))
        weights = np.exp((loudness - BAND_LOUDNESS) / 2)
        loud = self._loudness.push(loudness[:, None], weights) + LOUD_ABOVE
        values = np.logaddexp(logmel, loud - self.spec.floor_db * NEPERS_PER_DB) - loud
        # Of colours the quieter sounds tell as well: they count by the root of their amplitude.
        weights = np.exp((loudness - loud[:, 0]) / 4)
        if self.spec.per_clip:
            values = values - self._colour.push(values, weights)
        if "phones" not in self.spec.parts:
            return np.asarray(values, np.float32)
        cepstra = liftered(np.log(energies.phones.astype(np.float64) + 1e-4) - loud)
        cepstra = cepstra - self._cepstra.push(cepstra, weights)
        cepstra[:, 0] -= PHONE_SILENCE
        return self._with_phones(values, cepstra)

    def _with_phones(self, values: Floats, cepstra: Floats) -> F32:
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
        spoken = posteriors_of(cepstra[: known + 2 * REACH])
        return np.concatenate([values[:known], spoken], axis=1).astype(np.float32)

    def finish(self) -> F32:
        """What was waiting; the end holds its last value."""
        if self._waiting is None:
            return np.zeros((0, self.spec.size), np.float32)
        last = np.repeat(self._waiting[1][-1:], REACH, axis=0)
        return self._with_phones(self._waiting[0][:0], last)
