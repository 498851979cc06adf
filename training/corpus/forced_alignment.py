"""When each phone of a clip is spoken, from its sound and its known words.

A GRID clip is named after its sentence: `bbaf2n` says "bin blue at f two now". pocketsphinx finds
the words first and their phones in a second pass. What it found is kept in DATA/alignment.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lipsync.errors import AudioError, MissingPackageError
from lipsync.types import Waveform
from training.corpus.dataset import Clip, Speaker

RATE = 16000  # Hz, of the acoustic model
FRAMES_PER_SECOND = 100
WAY = "pocketsphinx 5, clip by clip"  # change it when what is kept is no longer what is found

# What each letter of a GRID clip's name stands for, by its place. The dictionary's `a` is the
# article; `a.` is the letter. No sentence has a w for its letter.
DIGITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GRAMMAR: tuple[dict[str, str], ...] = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {"a": "a.", **{letter: letter for letter in "bcdefghijklmnopqrstuvxyz"}},
    {"z": "zero", **{str(i): word for i, word in enumerate(DIGITS, 1)}},
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)


@dataclass(frozen=True)
class Phone:
    """A stretch of sound; the name is ARPABET's, `SIL` for silence."""

    name: str
    begin: float  # seconds
    end: float


def sentence(clip: str) -> tuple[str, ...] | None:
    """The words of a GRID clip by its name; None if it is not named after a GRID sentence."""
    if len(clip) != len(GRAMMAR):
        return None
    words = [choices.get(letter) for choices, letter in zip(GRAMMAR, clip, strict=True)]
    said = tuple(word for word in words if word is not None)
    return said if len(said) == len(GRAMMAR) else None


class Aligner:
    """English words and their sound → phones.

    Raises:
        MissingPackageError: pocketsphinx is not installed.
    """

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ModuleNotFoundError:
            raise MissingPackageError("pocketsphinx", "alignment of phones", "training") from None
        # bestpath ends the words in a </s> of one frame, too short for its own phone. The mean is
        # the clip's own, so that an answer does not depend on the clips before.
        self._decoder: Any = Decoder(lm=None, bestpath=False, cmn="batch", loglevel="FATAL")

    def align(self, wave: Waveform, words: tuple[str, ...]) -> list[Phone]:
        """All phones of a sound, silence included, each beginning where the last one ends.

        Boundaries of words are within 20 ms (median) and 67 ms (90 %) of those that come with
        GRID s1; the first word's beginning is looser, its p or b reaching into the silence.

        Raises:
            AudioError: a word is not in the dictionary, or the sound does not fit the words.
        """
        if wave.rate != RATE:
            raise ValueError(f"Aligner: wanted {RATE} Hz, got {wave.rate}")
        sound = np.round(wave.samples * 32767).astype("<i2").tobytes()
        try:
            self._decoder.set_align_text(" ".join(words))
            self._hear(sound)
            self._decoder.set_alignment()
            self._hear(sound)
            found = list(self._decoder.get_alignment().phones())
        except RuntimeError as error:
            raise AudioError(f"the sound does not fit “{' '.join(words)}” ({error})") from None
        return [
            Phone(
                entry.name,
                entry.start / FRAMES_PER_SECOND,
                (entry.start + entry.duration) / FRAMES_PER_SECOND,
            )
            for entry in found
        ]

    def _hear(self, sound: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(sound, full_utt=True)
        self._decoder.end_utt()


def phones(folder: Path, speaker: Speaker, clips: list[Clip]) -> list[list[Phone] | None]:
    """The phones of a speaker's clips; FOLDER/alignment/<speaker>.json keeps what was found.

    A clip is aligned again when its sound has changed. None: the words of the clip are not known,
    or its sound does not fit them, which is then said on stderr.

    Raises:
        MissingPackageError: pocketsphinx is not installed, and clips are still to be aligned.
    """
    path = folder / "alignment" / f"{speaker.name}.json"
    kept = _read(path)
    said = {clip.name: words for clip in clips if (words := sentence(clip.name)) is not None}
    keys = {clip.name: _key(clip, said[clip.name]) for clip in clips if clip.name in said}
    missing = [c for c in clips if c.name in keys and kept.get(c.name, [""])[0] != keys[c.name]]
    if missing:
        aligner = Aligner()
        try:
            for done, clip in enumerate(missing, 1):
                kept[clip.name] = [keys[clip.name], _rows(aligner, clip, said[clip.name])]
                print(f"\r{speaker.name}: {done}/{len(missing)} aligned", end="", file=sys.stderr)
            print(file=sys.stderr)
        finally:  # stopped half-way, it goes on from there
            _write(path, kept)
    rows = [kept[clip.name][1] if clip.name in keys else None for clip in clips]
    return [None if found is None else [Phone(*row) for row in found] for found in rows]


def _rows(aligner: Aligner, clip: Clip, words: tuple[str, ...]) -> list[Any] | None:
    try:
        return [list(astuple(phone)) for phone in aligner.align(clip.wave, words)]
    except AudioError as error:
        print(f"\r{clip.name}: not aligned, {error}", file=sys.stderr)
        return None


def _key(clip: Clip, words: tuple[str, ...]) -> str:
    """Changes with the sound, the words and the way of aligning."""
    digest = hashlib.sha256(repr((WAY, words)).encode())
    digest.update(clip.wave.samples.tobytes())
    return digest.hexdigest()[:32]


def _read(path: Path) -> dict[str, list[Any]]:
    """Clip → [key, phones or None]; nothing where there is no such file, or a damaged one."""
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def _write(path: Path, kept: dict[str, list[Any]]) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.json")
    partial.write_text(json.dumps(kept), encoding="utf-8")
    partial.replace(path)
