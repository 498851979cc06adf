"""Lips on speech of known phones: made-up mouths that do right, nothing, or too much."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync.types import LipTrack, Waveform
from tests.support import talkers
from training.corpus import synthesize
from training.corpus.dataset import Clip, Speaker
from training.corpus.forced_alignment import Phone
from training.corpus.synthesize import LANGUAGES
from training.evaluation import languages
from training.evaluation.languages import KINDS, LipsOfLanguage, Talk, measure, spans_of

FPS = Fraction(25)
CLOSED, OWN_RANGE = 0.03, 0.2


def phones(*parts: tuple[str, float]) -> list[Phone]:
    """Phones of these names and lengths (s), one after the other."""
    ends = np.cumsum([length for _, length in parts]).tolist()
    begins = [0.0, *ends[:-1]]
    return [Phone(name, *at) for (name, _), *at in zip(parts, begins, ends, strict=True)]


WORDS = phones(
    ("SIL", 0.4), ("p", 0.08), ("aː", 0.4), ("t", 0.2), ("a", 0.4), ("m", 0.08), ("b", 0.08),
    ("i", 0.4), ("f", 0.12), ("æ", 0.4), ("k", 0.4), ("u", 0.2), ("SIL", 0.4),
)  # fmt: skip
SECONDS = WORDS[-1].end


def talk(spoken: list[Phone]) -> Talk:
    return Talk(Waveform(np.zeros(round(16000 * spoken[-1].end), np.float32), 16000), spoken, 1)


def closing_at(spoken: list[Phone], first: str, frames: int, rate: Fraction = FPS) -> LipTrack:
    """A mouth that moves between 0.1 and 0.3, and shuts where these are heard."""
    times = np.arange(frames) / float(rate)
    gap = np.where(np.arange(frames) % 2, 0.1, 0.3)
    gap[languages.distance_to(spans_of(spoken, first), times) <= 0.02] = 0
    return talkers.opening_track(gap, rate)


def found(first: str) -> LipsOfLanguage:
    frames = int(SECONDS * FPS)
    return measure([talk(WORDS)], [closing_at(WORDS, first, frames)], CLOSED, OWN_RANGE)


def test_a_mouth_that_closes_for_every_bilabial() -> None:
    lips = found("pbm")
    assert (lips.recall, lips.open_closed) == (1, 0)
    assert lips.closures == pytest.approx(
        {"p b m": 2 / SECONDS, "f v w u": 0, "pause": 0, "other": 0}
    )
    # The 5th percentile lies in the closures.
    assert lips.range == pytest.approx(0.3 / OWN_RANGE, rel=0.01)


def test_a_mouth_that_never_closes() -> None:
    lips = found("")
    assert (lips.recall, lips.open_closed, sum(lips.closures.values())) == (0, 0, 0)
    assert lips.range == pytest.approx(0.2 / OWN_RANGE)


def test_a_mouth_that_never_opens() -> None:
    lips = measure([talk(WORDS)], [talkers.opening_track(np.zeros(89))], CLOSED, OWN_RANGE)
    assert (lips.recall, lips.open_closed, lips.range) == (1, 1, 0)
    assert lips.closures["p b m"] == pytest.approx(1 / SECONDS)


@pytest.mark.parametrize(
    ("first", "kind", "count"), [("f", "f v w u", 1), ("S", "pause", 2), ("k", "other", 1)]
)
def test_closures_are_named_after_what_is_heard(first: str, kind: str, count: int) -> None:
    # The first pause ends with a p, so that its closure is one for a p as well.
    apart = [WORDS[0], Phone("n", 0.4, 0.48), *WORDS[2:-2], Phone("i", 2.96, 3.16), WORDS[-1]]
    lips = closing_at(apart, first, int(SECONDS * FPS))
    closures = measure([talk(apart)], [lips], CLOSED, OWN_RANGE).closures
    assert closures == pytest.approx({name: (name == kind) * count / SECONDS for name in KINDS})


@pytest.mark.parametrize(("late_ms", "recall"), [(-100, 0), (-50, 1), (0, 1), (30, 1), (100, 0)])
def test_lips_may_close_from_60_ms_before_to_40_ms_after(late_ms: int, recall: int) -> None:
    spoken = phones(("a", 1.0), ("p", 0.02), ("a", 1.0))
    gap = np.full(202, 0.2)
    gap[101 + late_ms // 10] = 0
    lips = talkers.opening_track(gap, Fraction(100))
    assert measure([talk(spoken)], [lips], CLOSED, OWN_RANGE).recall == recall


def test_neighboring_bilabials_are_one() -> None:
    assert spans_of(WORDS, "pbm") == pytest.approx(np.array([[0.4, 0.48], [1.48, 1.64]]))
    assert spans_of(WORDS, "q").shape == (0, 2)


def test_open_vowels_count_away_from_what_narrows_the_mouth() -> None:
    spoken = phones(
        ("SIL", 0.15), ("t", 0.05), ("a", 0.4), ("t", 0.1), ("æ", 0.08), ("w", 0.1), ("ɐ", 0.4),
        ("k", 0.1), ("a", 0.6), ("SIL", 0.2),
    )  # fmt: skip
    times = np.arange(218) / 100
    inside = times[languages.in_open_vowels(spoken, times)]
    assert (inside.min(), inside.max()) == pytest.approx((0.3, 0.5), abs=0.011)
    assert len(inside) == pytest.approx(20, abs=1)


def test_sentences_are_joined_with_pauses() -> None:
    buzz = talkers.vowel(120, 800, 5.0)
    spoken = [Phone("SIL", 0, 1), Phone("b", 1, 1.5), Phone("a", 1.5, 5)]
    joined = list(languages.join_sentences([(buzz, spoken)] * 7))
    assert [(one.sentences, float(one.wave.duration)) for one in joined] == [(3, 15.9)] * 2
    for one in joined:
        assert spans_of(one.phones, "b")[:, 0] == pytest.approx([1, 6.3, 11.6])
        assert one.phones[-1].end == pytest.approx(15.9)
        assert np.abs(one.wave.samples[round(5.05 * 16000) : round(5.25 * 16000)]).max() < 1e-3
    assert len(joined[0].clip(Fraction(30)).lips) == 477


def test_the_page_has_every_language_and_the_mean(tmp_path: Path) -> None:
    buzz = talkers.vowel(120, 800, 2.0)
    spoken = phones(("SIL", 0.4), ("p", 0.2), ("a", 0.7), ("t", 0.1), ("SIL", 0.6))
    for language in LANGUAGES:
        for i in range(6):
            path = tmp_path / f"{language}-{i:03}.flac"
            synthesize.write_sentence(path, np.repeat(buzz.samples, 3)[::2], spoken)
    talks = languages.load_talks(tmp_path)
    assert [len(some) for some in talks.values()] == [1] * 7
    everything = {len(one.wave.samples): one.phones for some in talks.values() for one in some}

    def right(_: Speaker, clips: list[Clip]) -> list[LipTrack]:
        heard = [(everything[len(clip.wave.samples)], len(clip.lips)) for clip in clips]
        return [closing_at(known, "p", frames) for known, frames in heard]

    def never(_: Speaker, clips: list[Clip]) -> list[LipTrack]:
        return [closing_at([], "", len(clip.lips)) for clip in clips]

    people = [talkers.speaker(2, name=name) for name in ("one", "two")]
    text = languages.page(talks, people, {"right": right, "never": never})
    assert text.count("| **mean** | 1.00 | 0.000 | 1.50 | 0.43 | 0.43 | 0.00 | 0.00 | 0.00 |") == 2
    assert text.count("| **mean** | 0.00 | 0.000 |") == 2
    assert "| one: right | 1.00 |" in text
    assert "| ru | 6 | 14 | 6 | 0.43 |" in text
    assert "| **all** | 42 | 97 | 42 | 0.43 |" in text
    assert all(text.count(f"| {language} |") == 5 for language in LANGUAGES)


def test_missing_speech_is_said(tmp_path: Path) -> None:
    with pytest.raises(languages.MediaError, match="less than 12 s of en-us; run python -m"):
        languages.load_talks(tmp_path)
