"""Mouths in pauses, on a real person with real and made silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lipsync.inspection import silence_motion
from lipsync.inspection.evidence import Evidence
from tests.support.talking import evidence, with_lips, with_samples

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def talk(shared: Path) -> Evidence:
    return evidence(shared / "data/grid_s31/bgiq6p.mkv")


@pytest.fixture(scope="module")
def restless(talk: Evidence) -> Evidence:
    """The mouth speaks on in the pauses: the lips of the middle run there and back."""
    n = len(talk)
    there = np.abs((np.arange(n) + 30) % 60 - 30) + n // 3
    return with_lips(talk, talk.face.lips.points[there])


def measure(one: Evidence) -> dict[str, float]:
    return silence_motion.measure_span(one, 0, len(one))


def test_a_mouth_that_rests_in_pauses_moves_less_there(talk: Evidence) -> None:
    found = measure(talk)
    assert found["silence.motion"] < -0.4
    assert silence_motion.explain(talk) == {}


def test_a_mouth_that_speaks_on_is_told(talk: Evidence, restless: Evidence) -> None:
    assert measure(restless)["silence.motion"] > measure(talk)["silence.motion"] + 0.3


def test_digital_silence_is_a_pause_even_if_speech_goes_on_after_it(talk: Evidence) -> None:
    """The lips speak on where the sound was cut out of the sentence."""
    samples = talk.speech.wave.samples.copy()
    middle = len(samples) // 2
    samples[middle - 6400 : middle + 6400] = 0
    muted = with_samples(talk, samples)
    assert measure(muted)["silence.motion"] > measure(talk)["silence.motion"] + 0.2
    begin, end = (round(25 * t / 16000) for t in (middle - 6400, middle + 6400))
    there = silence_motion.measure_span(muted, begin, end)["silence.motion"]
    assert there > -0.3


def test_speech_without_a_pause_has_no_answer(talk: Evidence) -> None:
    begin, end = (round(float(t) * 25) for t in talk.speech.segments.spans[0])
    assert "silence.motion" not in silence_motion.measure_span(talk, begin, min(end, begin + 20))
    deaf = Evidence(talk.face, talk.speech, None)
    assert measure(deaf) == {}
    assert "no speech" in silence_motion.explain(deaf)["silence"]
