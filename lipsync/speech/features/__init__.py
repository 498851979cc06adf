"""Sound → feature vectors at 100 Hz.

Two kinds: the paper's 28 values (13 cepstra, log energy, and their first difference;
docs/method.md §1), and log mel bands, phone posteriors and encoder states, of which the default
model reads the last two.

    bands            Energies in the filter banks of all features made from power spectra
    encoder          Hidden states of a speech recognizer's encoder
    extractors       Entry points: the features of a spec
    paper            The paper's 28 values per step
    phone_embedding  Phone posteriors as an embedding with a meaningful distance
    phones           Posteriors of 42 English phones
    spec             Which features a speech model reads
    spectrum         Power spectra at 100 Hz, and triangular mel filters
    streaming        Features of a sound that is still arriving
    vtln             Vocal-tract length normalization
"""

from __future__ import annotations

from lipsync.speech.features.bands import (
    AUDIBLE_DB,
    BandEnergies,
    band_energies,
    normalize_log_mel,
)
from lipsync.speech.features.extractors import (
    extract,
    features_of_bands,
    stretch_of_voice,
)
from lipsync.speech.features.paper import paper14, paper28
from lipsync.speech.features.phones import CEPSTRA
from lipsync.speech.features.spec import ENCODED, PHONES, FeatureSpec
from lipsync.speech.features.spectrum import (
    BINS,
    FFT,
    FIRST_CENTER,
    HOP,
    LOUD_PERCENTILE,
    NEPERS_PER_DB,
    STEPS_PER_SECOND,
    WINDOW,
    block_power_spectra,
    mel_filters,
    power_spectra,
)

__all__ = [
    "AUDIBLE_DB",
    "BINS",
    "CEPSTRA",
    "ENCODED",
    "FFT",
    "FIRST_CENTER",
    "HOP",
    "LOUD_PERCENTILE",
    "NEPERS_PER_DB",
    "PHONES",
    "STEPS_PER_SECOND",
    "WINDOW",
    "BandEnergies",
    "FeatureSpec",
    "band_energies",
    "block_power_spectra",
    "extract",
    "features_of_bands",
    "mel_filters",
    "normalize_log_mel",
    "paper14",
    "paper28",
    "power_spectra",
    "stretch_of_voice",
]
