"""Phones of sentences whose words are known: when they are spoken, and that it is remembered."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import AudioError
from lipsync.speech import audio
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import LipTrack, Waveform
from training.corpus import forced_alignment
from training.corpus.dataset import Clip, Speaker
from training.corpus.forced_alignment import Aligner, Phone, grid_sentence

NOBODY = LipProfile(np.zeros((18, 2), np.float32), 0.6, 0.1)
NO_LIPS = LipTrack(np.zeros((75, 18, 2), np.float32), Fraction(25))


def clip(shared: Path, path: str) -> Clip:
    file = shared / "data" / path
    return Clip(file.stem, audio.load_speech(file), NO_LIPS)


def test_a_grid_clip_is_named_after_its_sentence() -> None:
    assert grid_sentence("bbaf2n") == ("bin", "blue", "at", "f", "two", "now")
    assert grid_sentence("pwwaza") == ("place", "white", "with", "a.", "zero", "again")
    # w is no letter of the grammar, 0 no digit.
    for other in ("englishvideo", "bbaw2n", "bbaf0n", "bbaf2", "", "BBAF2N"):
        assert grid_sentence(other) is None


def test_every_word_of_the_grammar_can_be_said() -> None:
    from pocketsphinx import Decoder

    decoder = Decoder(lm=None, loglevel="FATAL")
    for word in {word for choices in forced_alignment.GRAMMAR for word in choices.values()}:
        assert decoder.lookup_word(word), word
    assert decoder.lookup_word("a.") == "EY"


@pytest.mark.real
def test_words_lie_where_the_corpus_says(shared: Path) -> None:
    with (shared / "data" / "grid_s1_words.tsv").open() as table:
        known = defaultdict(list)
        for row in csv.DictReader(table, delimiter="\t"):
            known[row["clip"]].append((row["word"], float(row["end_s"])))
    aligner = Aligner()
    errors = []
    for name in ("bbaf2n", "lbwy9a", "pgbe5a", "swbi7a"):
        made = clip(shared, f"grid_s1/{name}.mkv")
        words = grid_sentence(name)
        assert words is not None
        phones = aligner.align(made.wave, words)
        assert phones[0].begin == 0
        assert all(a.end == b.begin for a, b in pairwise(phones))
        assert phones[-1].end == pytest.approx(float(made.wave.duration), abs=0.05)
        ends = np.array([phone.end for phone in phones])
        errors += [
            np.abs(ends - end).min() for word, end in known[name] if word.strip(".") in words
        ]
    assert len(errors) >= 22
    assert np.median(errors) <= 0.03
    assert np.percentile(errors, 90) <= 0.08


@pytest.mark.real
def test_an_answer_does_not_depend_on_the_clips_before(shared: Path) -> None:
    a, b = (clip(shared, f"grid_s31/{name}.mkv") for name in names(shared, "grid_s31")[:2])
    words = grid_sentence(a.name)
    assert words is not None
    fresh = Aligner().align(a.wave, words)
    used = Aligner()
    used.align(b.wave, grid_sentence(b.name) or ())
    assert used.align(a.wave, words) == fresh


def names(shared: Path, folder: str) -> list[str]:
    return sorted(path.stem for path in (shared / "data" / folder).glob("*.mkv"))


@pytest.mark.real
def test_phones_are_found_once(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [clip(shared, f"grid_s26/{name}.mkv") for name in names(shared, "grid_s26")[:2]]
    unnamed = Clip("englishvideo", clips[0].wave, NO_LIPS)
    speaker = Speaker("grid_s26", NOBODY, (*clips, unnamed))
    found = forced_alignment.align_phones(tmp_path, speaker, [*clips, unnamed])
    assert [phones is not None for phones in found] == [True, True, False]
    assert isinstance(found[0][0], Phone)

    class Deaf:
        def align(self, wave: Waveform, words: tuple[str, ...]) -> list[Phone]:
            raise AudioError("heard again")

    monkeypatch.setattr(forced_alignment, "Aligner", Deaf)
    assert forced_alignment.align_phones(tmp_path, speaker, [unnamed, *clips[::-1]]) == found[::-1]
    # Another sound under the same name is listened to.
    changed = Clip(clips[0].name, clips[1].wave, NO_LIPS)
    assert forced_alignment.align_phones(tmp_path, speaker, [changed]) == [None]
    assert forced_alignment.align_phones(tmp_path, speaker, clips[1:]) == found[1:2]


def test_a_stopped_run_goes_on_and_a_damaged_file_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [
        Clip(n, Waveform(np.zeros(9, np.float32), 16000), NO_LIPS) for n in ("bbaf2n", "sgwp8s")
    ]
    speaker = Speaker("someone", NOBODY, tuple(clips))
    heard: list[str] = []

    class Stopped:
        def align(self, wave: Waveform, words: tuple[str, ...]) -> list[Phone]:
            if len(heard) == 1:
                raise KeyboardInterrupt
            heard.append(words[0])
            return [Phone("SIL", 0, 1)]

    monkeypatch.setattr(forced_alignment, "Aligner", Stopped)
    with pytest.raises(KeyboardInterrupt):
        forced_alignment.align_phones(tmp_path, speaker, clips)
    heard.append("go on")
    forced_alignment.align_phones(tmp_path, speaker, clips)
    assert heard == ["bin", "go on", "set"]
    file = tmp_path / "alignment" / "someone.json"
    assert [path.name for path in file.parent.iterdir()] == ["someone.json"]
    file.write_text(file.read_text()[:40])
    forced_alignment.align_phones(tmp_path, speaker, clips)
    assert heard[3:] == ["bin", "set"]
    assert sorted(json.loads(file.read_text())) == ["bbaf2n", "sgwp8s"]


def test_sound_that_does_not_fit_is_said_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = Waveform(np.zeros(4000, np.float32), 16000)  # 0.25 s for six words
    with pytest.raises(AudioError, match="does not fit “bin blue"):
        Aligner().align(short, ("bin", "blue", "at", "f", "two", "now"))
    with pytest.raises(AudioError, match="blooo"):
        Aligner().align(short, ("blooo",))
    made = Clip("bbaf2n", short, NO_LIPS)
    assert forced_alignment.align_phones(tmp_path, Speaker("someone", NOBODY, (made,)), [made]) == [
        None
    ]
    assert "bbaf2n: not aligned" in capsys.readouterr().err
