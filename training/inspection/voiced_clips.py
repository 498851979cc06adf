"""Clips with what a speech encoder hears in them: in the person's own voice and in disguised ones.

With six people to learn from, a network would learn their voices; so every clip is also heard in
other voices, rooms and microphones, as for the speech model (`training.speech_model.augment`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipsync.inspection.sync_network import SPEC, states_at
from lipsync.inspection.trajectories import Trajectories, sample_middles
from lipsync.runtime.cache import Cache
from lipsync.runtime.code_digest import digest_code
from lipsync.speech import features, vad
from lipsync.speech.features import encoder
from lipsync.types import F32, AudioFeatures, Bools
from training.inspection.tracked_clips import (
    MAIN,
    TrackedClip,
    track_clips,
    training_files,
    unseen_files,
)
from training.parallel.workers import worker_pool
from training.speech_model.augment import Augmentation, disguise_voice

States = NDArray[np.float16]

# Disguised voices of a clip: of the person with many of them, in turn; of everybody else.
MAIN_VOICES, OTHER_VOICES = (1, 2), 8
RANGES = Augmentation(
    formants_up=1.25,
    formants_down=1.12,
    pitch_up=1.5,
    pitch_down=1.15,
    tilt_db=4,
    telephone=0.05,
    noise=0.4,
    noise_db=15,
    echo=0.3,
)
VTLN_CLIPS = 12  # of a person, on which the length of the vocal tract is measured


@dataclass(frozen=True, eq=False)
class VoicedClip:
    """One clip of m samples."""

    name: str
    person: str
    moves: Trajectories
    voices: tuple[States, ...]  # (2 m, d) each, from `states_at`; the first is the person's own
    spoken: Bools  # (m,), speech is heard and the face is seen


@dataclass(frozen=True, eq=False)
class VoicedData:
    """What is learned from, and what the result is measured on."""

    train: list[VoicedClip]
    validation: list[VoicedClip]
    unseen: list[VoicedClip]


def load_voiced(footage: Path, cache: Path, processes: int) -> VoicedData:
    """Faces, sounds and disguised sounds of all clips; kept in the cache.

    Raises:
        MediaError: the footage is missing.
    """
    train, validation = training_files(footage)
    sets = []
    for files, disguised in ((train, True), (validation, False), (unseen_files(footage), False)):
        clips = track_clips(files, cache, processes)
        stretches = {
            person: _vocal_tract([clip for clip in clips if clip.person == person])
            for person in {clip.person for clip in clips}
        }
        jobs = [
            _Job(clip, stretches[clip.person], _voices_of(clip, i) if disguised else 0, i)
            for i, clip in enumerate(clips)
        ]
        with worker_pool(processes) as pool:
            sets.append(pool.map(partial(_voice, cache=cache), jobs, "voices"))
    return VoicedData(*sets)


def _voices_of(clip: TrackedClip, i: int) -> int:
    return MAIN_VOICES[i % len(MAIN_VOICES)] if clip.person == MAIN else OTHER_VOICES


def _vocal_tract(clips: list[TrackedClip]) -> float:
    some = clips[:: max(1, len(clips) // VTLN_CLIPS)]
    return float(np.median([features.stretch_of_voice(clip.wave.samples, SPEC) for clip in some]))


@dataclass(frozen=True, eq=False)
class _Job:
    clip: TrackedClip
    stretch: float
    voices: int
    seed: int


def _voice(job: _Job, cache: Path) -> VoicedClip:
    clip, m = job.clip, len(job.clip.moves.lips)

    def make(folder: Path) -> None:
        np.savez(folder / "voices.npz", *_voices(job))

    key = {"clip": f"{clip.person}/{clip.name}", "voices": job.voices, "seed": job.seed}
    code = digest_code(features.__name__, alone=(__name__,))
    folder = Cache(cache).folder("voices", key, make, code=code)
    with np.load(folder / "voices.npz") as file:
        voices = tuple(file[name] for name in file.files)
    times = sample_middles(m)
    spoken = vad.detect_speech(clip.wave).at(times) & clip.moves.known
    return VoicedClip(clip.name, clip.person, clip.moves, voices, spoken)


def _voices(job: _Job) -> list[States]:
    """States of the clip in its own voice and in disguised ones, each (2 m, d)."""
    wave, m = job.clip.wave, len(job.clip.moves.lips)
    rng = np.random.default_rng(job.seed)
    found = [features.extract(wave, SPEC, job.stretch).values]
    if job.voices:
        spectrum = features.power_spectra(wave.samples)
    for _ in range(job.voices):
        disguised = disguise_voice(spectrum, RANGES, rng)
        energies = features.band_energies(disguised, SPEC, job.stretch)
        # In a longer video a clip may lie anywhere in the encoder's windows.
        place = int(rng.integers(encoder.LAST_POSITION + 1))
        found.append(features.features_of_bands(energies, SPEC, place))
    return [on_grid(values, m) for values in found]


def on_grid(values: F32, m: int) -> States:
    """Features of every step, on the grid of m samples."""
    heard = AudioFeatures(
        np.asarray(values, np.float32), features.STEPS_PER_SECOND, features.FIRST_CENTER
    )
    return states_at(heard, m).astype(np.float16)
