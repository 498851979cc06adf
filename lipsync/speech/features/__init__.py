"""Sound → feature vectors at 100 Hz.

Two front ends: the paper's 28 values (13 cepstra, log energy, and their first difference;
METHOD.md §1), and log mel bands with phone posteriors, from which the default model is trained.

    encoder          What a speech recogniser's encoder makes of each step of sound
    extractors       Sound → feature vectors: the paper's cepstra, and log mel bands with what is he
    phone_embedding  What is heard at a moment, as something whose distances mean something
    phones           How much each step of sound is like each of 42 English phones
    spec             Which features a speech model hears
    spectrum         Sound → power spectra at 100 Hz, and the triangular filters that sum them up
    streaming        Features of a sound that is still arriving
    vtln             A voice's throat, brought to the usual length (vocal-tract length normalisation
"""

from __future__ import annotations

from lipsync.speech.features.extractors import (
    AUDIBLE_DB,
    Bands,
    bands,
    extract,
    level,
    of_bands,
    paper14,
    paper28,
    throat_of,
)
from lipsync.speech.features.phones import (
    CEPSTRA,
)
from lipsync.speech.features.spec import (
    ENCODED,
    PHONES,
    FeatureSpec,
)
from lipsync.speech.features.spectrum import (
    BINS,
    FFT,
    FIRST_CENTRE,
    HOP,
    LOUD_PERCENTILE,
    NEPERS_PER_DB,
    RATE,
    STEPS_PER_SECOND,
    WINDOW,
    mel_filters,
    power,
    power_of,
)

__all__ = [
    "AUDIBLE_DB",
    "BINS",
    "CEPSTRA",
    "ENCODED",
    "FFT",
    "FIRST_CENTRE",
    "HOP",
    "LOUD_PERCENTILE",
    "NEPERS_PER_DB",
    "PHONES",
    "RATE",
    "STEPS_PER_SECOND",
    "WINDOW",
    "Bands",
    "FeatureSpec",
    "bands",
    "extract",
    "level",
    "mel_filters",
    "of_bands",
    "paper14",
    "paper28",
    "power",
    "power_of",
    "throat_of",
]
