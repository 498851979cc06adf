"""Phone boundaries of GRID clips by forced alignment of their sound with their sentence.

A GRID clip is named after its sentence: `bbaf2n` says "bin blue at f two now". pocketsphinx aligns
the words first and their phones in a second pass. Results are cached in DATA/alignment.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lipsync.errors import AudioError, MissingPackageError
from lipsync.runtime.atomic import atomic_write
from lipsync.types import Waveform
from training.corpus.dataset import Clip, Speaker

RATE = 16000  # Hz, of the acoustic model
FRAMES_PER_SECOND = 100
METHOD = "pocketsphinx 5, clip by clip"  # change it to invalidate the cache

# Meaning of each letter of a GRID clip's name, by position. In the dictionary `a` is the article
# and `a.` the letter. GRID leaves out the letter w.
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
    """A phone and its time span; names are ARPABET, `SIL` for silence."""

    name: str
    begin: float  # seconds
    end: float


def grid_sentence(clip: str) -> tuple[str, ...] | None:
    """Decode the words of a GRID clip from its name; None if it is no GRID name."""
    if len(clip) != len(GRAMMAR):
        return None
    words = [choices.get(letter) for choices, letter in zip(GRAMMAR, clip, strict=True)]
    sentences = tuple(word for word in words if word is not None)
    return sentences if len(sentences) == len(GRAMMAR) else None


class Aligner:
    """Aligns English words with their sound.

    Raises:
        MissingPackageError: pocketsphinx is not installed.
    """

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ModuleNotFoundError:
            raise MissingPackageError("pocketsphinx", "alignment of phones", "training") from None
        # bestpath ends the words in a </s> of one frame, too short for its phone. cmn=batch uses
        # the mean of each clip, so that results do not depend on earlier clips.
        self._decoder: Any = Decoder(lm=None, bestpath=False, cmn="batch", loglevel="FATAL")

    def align(self, wave: Waveform, words: tuple[str, ...]) -> list[Phone]:
        """Find all phones of a sound, silence included, without gaps in time.

        Word boundaries are within 20 ms (median) and 67 ms (90 %) of those that come with GRID
        speaker 1; the beginning of the first word is looser, as its p or b reaches into the
        silence.

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


def align_phones(folder: Path, speaker: Speaker, clips: list[Clip]) -> list[list[Phone] | None]:
    """Align a speaker's clips, using the cache FOLDER/alignment/<speaker>.json.

    A clip is aligned again when its sound has changed.

    Returns:
        The phones of each clip; None where the words are unknown or do not fit the sound (reported
        on stderr).

    Raises:
        MissingPackageError: pocketsphinx is not installed, and there are clips to align.
    """
    path = folder / "alignment" / f"{speaker.name}.json"
    kept = _read(path)
    sentences = {
        clip.name: words for clip in clips if (words := grid_sentence(clip.name)) is not None
    }
    keys = {clip.name: _key(clip, sentences[clip.name]) for clip in clips if clip.name in sentences}
    missing = [c for c in clips if c.name in keys and kept.get(c.name, [""])[0] != keys[c.name]]
    if missing:
        aligner = Aligner()
        try:
            for done, clip in enumerate(missing, 1):
                kept[clip.name] = [
                    keys[clip.name],
                    _align_rows(aligner, clip, sentences[clip.name]),
                ]
                print(f"\r{speaker.name}: {done}/{len(missing)} aligned", end="", file=sys.stderr)
            print(file=sys.stderr)
        finally:  # an interrupted run resumes from here
            _write(path, kept)
    rows = [kept[clip.name][1] if clip.name in keys else None for clip in clips]
    return [None if found is None else [Phone(*row) for row in found] for found in rows]


def _align_rows(aligner: Aligner, clip: Clip, words: tuple[str, ...]) -> list[Any] | None:
    try:
        return [list(astuple(phone)) for phone in aligner.align(clip.wave, words)]
    except AudioError as error:
        print(f"\r{clip.name}: not aligned, {error}", file=sys.stderr)
        return None


def _key(clip: Clip, words: tuple[str, ...]) -> str:
    """Cache key: changes with the sound, the words and the method."""
    digest = hashlib.sha256(repr((METHOD, words)).encode())
    digest.update(clip.wave.samples.tobytes())
    return digest.hexdigest()[:32]


def _read(path: Path) -> dict[str, list[Any]]:
    """Read the cache, clip → [key, phones or None]; empty if missing or damaged."""
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def _write(path: Path, kept: dict[str, list[Any]]) -> None:
    """Write the cache atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(kept), encoding="utf-8")
