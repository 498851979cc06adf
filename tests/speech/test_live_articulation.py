"""Live articulation: the person's own range, with no more than what has been heard so far."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync.runtime.positions import runs_of_true
from lipsync.speech import articulation, audio
from lipsync.speech.articulation import (
    MOST_GAIN,
    USUAL_RANGE,
    USUAL_SHUT,
    ArticulationOptions,
    articulate,
)
from lipsync.speech.features.streaming import StreamingFeatureExtractor
from lipsync.speech.lip_model import LipLSTM, LipOptions, open_stream
from lipsync.speech.lip_profile import LipProfile
from lipsync.speech.live_articulation import MOTION_S, OPENING, LiveArticulation
from lipsync.speech.vad import SpeechSegments
from lipsync.types import LipTrack, Waveform
from tests.support.lips import mouth

SAMPLE = Path(__file__).resolve().parents[2] / "assets" / "sample" / "speech.wav"
FPS = Fraction(25)
SECOND = 25  # frames


def track(gaps: np.ndarray, fps: Fraction = FPS) -> LipTrack:
    return LipTrack(np.stack([mouth(float(gap)) for gap in gaps]), fps)


def speaking(low: float, high: float, seconds: float = 20, fps: Fraction = FPS) -> LipTrack:
    """Lips that open and shut between two gaps, at two rates and never quite alike."""
    times = np.arange(round(seconds * fps)) / float(fps)
    wave = 0.5 - 0.3 * np.cos(2 * np.pi * 1.1 * times) - 0.2 * np.cos(2 * np.pi * 2.7 * times)
    return track(low + (high - low) * wave, fps)


def silence(seconds: float, gap: float = 0.0) -> LipTrack:
    """Lips that are nearly still, as predicted ones are."""
    times = np.arange(round(seconds * FPS)) / float(FPS)
    return track(gap + 0.003 * (1 - np.cos(4 * np.pi * times)))


def join(*parts: LipTrack) -> LipTrack:
    return LipTrack(np.concatenate([part.points for part in parts]), parts[0].rate)


def push_in_pieces(live: LiveArticulation, lips: LipTrack, sizes: list[int]) -> LipTrack:
    """Lips in pieces of these sizes, over and over."""
    parts, first, i = [], 0, 0
    while first < len(lips):
        piece = LipTrack(lips.points[first : first + sizes[i % len(sizes)]].copy(), lips.rate)
        parts.append(live.push(piece))
        assert len(parts[-1]) == len(piece)
        piece.points[:] = np.nan  # the caller may use its memory again
        first, i = first + len(piece), i + 1
    return join(*parts)


@pytest.fixture
def person() -> LipProfile:
    return LipProfile.of(speaking(0.0, 0.2))


@pytest.mark.parametrize("sizes", [[1], [7, 0, 2], [251]], ids=str)
@pytest.mark.parametrize("fps", [FPS, Fraction(60000, 1001)], ids=str)
def test_pieces_do_not_matter(person: LipProfile, sizes: list[int], fps: Fraction) -> None:
    lips = speaking(0.06, 0.22, 25, fps)
    whole = LiveArticulation(person, fps).push(lips)
    pieces = push_in_pieces(LiveArticulation(person, fps), lips, sizes)
    np.testing.assert_array_equal(pieces.points, whole.points)
    assert pieces.rate == fps


def test_the_future_does_not_matter(person: LipProfile) -> None:
    lips, other = speaking(0.06, 0.22), speaking(0.0, 0.3)
    mixed = LipTrack(np.where(np.arange(500)[:, None, None] < 300, lips.points, other.points), FPS)
    first, second = (LiveArticulation(person, FPS).push(one).points for one in (lips, mixed))
    np.testing.assert_array_equal(first[:300], second[:300])
    assert np.abs(first[400:] - second[400:]).max() > 0.01


def test_lips_that_hang_open_come_to_shut_as_the_person_does(person: LipProfile) -> None:
    made = LiveArticulation(person, FPS).push(speaking(0.08, 0.24)).opening
    first, second, late = (made[i * SECOND : (i + 1) * SECOND].min() for i in (0, 4, 14))
    assert first > 0.04, "nobody knows yet that these lips hang"
    assert second < 0.025
    assert late < 0.015


def test_a_lazy_mouth_gets_the_persons_range_within_limits(person: LipProfile) -> None:
    some = LiveArticulation(person, FPS).push(speaking(0.06, 0.22)).opening[10 * SECOND :]
    assert np.ptp(some) == pytest.approx(0.2, abs=0.03)
    lazy = speaking(0.06, 0.12)
    made = LiveArticulation(person, FPS).push(lazy).opening[15 * SECOND :]
    assert np.ptp(made) / np.ptp(lazy.opening) == pytest.approx(MOST_GAIN, abs=0.02)


@pytest.mark.parametrize("seconds", [5, 60])
def test_a_long_silence_does_not_change_what_comes_after(
    person: LipProfile, seconds: float
) -> None:
    """As after a short one: neither forgotten nor taken for speech that hardly opens the mouth."""
    before, after = speaking(0.08, 0.24), speaking(0.08, 0.24, 5)
    short, long = (
        LiveArticulation(person, FPS).push(join(before, silence(pause), after)).points
        for pause in (1, seconds)
    )
    np.testing.assert_array_equal(long[-len(after) :], short[-len(after) :])


def test_pauses_of_speech_hardly_count(person: LipProfile) -> None:
    """Half of the time is silence with shut lips: what is said still shuts by itself."""
    spoken = [join(speaking(0.08, 0.24, 2), silence(2)) for _ in range(6)]
    made = LiveArticulation(person, FPS).push(join(*spoken)).opening[-4 * SECOND :]
    assert made[SECOND // 2 : 2 * SECOND - 5].min() < 0.03
    assert made[2 * SECOND + 1 :].max() < 0.01


def test_the_first_frames_are_as_predicted_but_for_the_usual(person: LipProfile) -> None:
    """Before anything was said, the gap is changed as if the lips had a usual range."""
    lips = speaking(0.03, 0.2)
    made = LiveArticulation(person, FPS).push(lips)
    assert np.isfinite(made.points).all()
    assert np.abs(made.points - lips.points)[:SECOND].max() < 0.06
    first = round(MOTION_S * SECOND)
    neutral, shut = LipTrack(np.stack([person.neutral, person.shut]), FPS).opening
    low = neutral + USUAL_SHUT * person.width
    gain = np.clip(person.opening_range / (USUAL_RANGE * person.width), 1, MOST_GAIN)
    wanted = np.maximum(shut + gain * (lips.opening[:first] - low), shut)
    np.testing.assert_allclose(made.opening[:first], wanted, atol=1e-5)
    assert OPENING[16] - OPENING[13] == pytest.approx(1, abs=0.02)


def test_all_of_the_mouth_follows_the_way_it_opens(person: LipProfile) -> None:
    """A gap that was changed looks like lips of that gap, corners included."""
    made = LiveArticulation(person, FPS).push(speaking(0.06, 0.22))
    late = LipTrack(made.points[10 * SECOND :], FPS)
    assert np.abs(late.points - track(late.opening).points).max() < 0.006


def test_the_mouth_comes_to_speak_in_the_persons_own_shape(person: LipProfile) -> None:
    """Lips pushed forward all the time are pushed forward; how far they part stays."""
    narrow = np.array([0.8, 1.0], np.float32)
    pouting = LipProfile.of(LipTrack(speaking(0.0, 0.2).points * narrow, FPS))
    asked = speaking(0.05, 0.22)
    plain, made = (
        LipTrack(LiveArticulation(whose, FPS).push(asked).points[10 * SECOND :], FPS)
        for whose in (person, pouting)
    )
    width = np.ptp(made.points[..., 0], axis=1).mean() / np.ptp(plain.points[..., 0], axis=1).mean()
    assert width == pytest.approx(0.8, abs=0.03)
    assert made.opening == pytest.approx(plain.opening, abs=0.006)


@pytest.mark.parametrize("hanging", [0.0, 0.04, 0.08])
def test_it_comes_to_what_the_whole_sound_gives(
    person: LipProfile, hanging: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two ways to the same: live, and by the statistics of all of it."""
    monkeypatch.setattr(articulation, "FASTER", 0.0)
    lips = speaking(hanging, hanging + 0.17, 30)
    wanted = articulate(lips, SpeechSegments(np.array([[0.0, 30.0]])), person).points
    made = LiveArticulation(person, FPS).push(lips).points
    error = np.abs(made - wanted).max((1, 2))
    assert error[20 * SECOND :].max() < 0.005


def test_half_of_it_is_half_way(person: LipProfile) -> None:
    asked = speaking(0.06, 0.22)
    none, half, whole = (
        LiveArticulation(person, FPS, ArticulationOptions(share)).push(asked).points
        for share in (0.0, 0.5, 1.0)
    )
    assert none is asked.points
    np.testing.assert_allclose(half, (none + whole) / 2, atol=1e-6)


def test_a_mouth_that_never_moved_has_no_range_and_no_shape_of_speech() -> None:
    profile = LipProfile.of(LipTrack(np.repeat(mouth(0.03)[None], 50, axis=0), FPS))
    made = LiveArticulation(profile, FPS).push(speaking(0.05, 0.2))
    assert np.isfinite(made.points).all()
    assert np.ptp(made.opening) > 0.13


def test_no_frames_and_wrong_frames(person: LipProfile) -> None:
    live = LiveArticulation(person, FPS)
    assert len(live.push(LipTrack(np.zeros((0, 18, 2), np.float32), FPS))) == 0
    with pytest.raises(ValueError, match="25 fps"):
        live.push(speaking(0.0, 0.2, 1, Fraction(30)))


def test_the_shipped_live_model_closes_more_often(person: LipProfile) -> None:
    model = LipLSTM.load(LipOptions("stream"))
    stream = open_stream(model, StreamingFeatureExtractor(model.spec), person, FPS)
    live = LiveArticulation(person, FPS)
    sound = audio.load_speech(SAMPLE)
    predicted, made = [], []
    for first in range(0, len(sound.samples), 1600):
        lips = stream.push(Waveform(sound.samples[first : first + 1600], sound.rate))
        predicted.append(lips)
        made.append(live.push(lips))
    shut = LipTrack(np.asarray(person.shut)[None], FPS).opening[0]
    closed = shut + 0.15 * person.opening_range
    before, after = (
        len(list(runs_of_true(join(*parts).opening <= closed))) for parts in (predicted, made)
    )
    assert after > before
