from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import minimum_filter1d

from lipsync.errors import OptionsError
from lipsync.options import RenderOptions
from lipsync.speech import audio, features, lip_model, silence, vad
from lipsync.speech.lip_profile import LipProfile
from lipsync.speech.silence import SilenceOptions
from lipsync.speech.vad import SpeechSegments
from lipsync.types import LipTrack, Waveform
from tests.support.faces import FPS, mouth

SAMPLE = Path(__file__).resolve().parents[2] / "assets" / "sample"
SPEECH = SpeechSegments(np.array([[1.0, 2.0], [2.3, 3.0], [5.0, 6.0]]))
TIMES = np.arange(200) / 25
MOVING = LipTrack(np.stack([mouth(0.1 + 0.1 * np.sin(i)) for i in range(200)]), FPS)


def test_pauses_put_into_real_speech_are_found() -> None:
    wave = audio.load_speech(SAMPLE / "speech.wav")
    gap = np.zeros(24000, np.float32)
    joined = Waveform(np.concatenate([gap, wave.samples, gap, wave.samples]), 16000)
    heard = vad.detect_speech(joined)
    length = float(wave.duration)
    for quiet in (0.7, 1.5 + length + 0.75):
        assert not heard.at(np.array([quiet]))[0]
    spoken = heard.at(1.5 + np.linspace(0.5, length - 0.5, 200))
    assert spoken.mean() > 0.8


def test_noise_is_no_speech_and_the_answer_does_not_depend_on_what_came_before() -> None:
    rng = np.random.default_rng(0)
    noise = Waveform(rng.normal(0, 0.02, 48000).astype(np.float32), 16000)
    assert len(vad.detect_speech(noise).spans) == 0
    wave = audio.load_speech(SAMPLE / "speech.wav")
    once = vad.speech_probabilities(wave.samples)
    vad.speech_probabilities(noise.samples)
    assert np.array_equal(vad.speech_probabilities(wave.samples), once)
    with pytest.raises(ValueError, match="16000"):
        vad.detect_speech(Waveform(noise.samples, 8000))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.jit, in their package
@pytest.mark.parametrize("count", [1, 511, 512, 513, 256 * 512, 150_001])
def test_reading_many_windows_at_once_changes_no_answer(count: int) -> None:
    """Against the detector as its package offers it, window by window."""
    from silero_vad import load_silero_vad

    speech = audio.load_speech(SAMPLE / "speech.wav").samples
    samples = np.resize(speech, count)
    padded = torch.from_numpy(np.pad(samples, (0, -count % 512))).reshape(-1, 512)
    detector = load_silero_vad()
    detector.reset_states()
    with torch.inference_mode():
        expected = [float(detector(window, 16000)) for window in padded]
    np.testing.assert_allclose(vad.speech_probabilities(samples), expected, atol=1e-4)


def test_spans_answer_for_any_time() -> None:
    asked = np.array([0.0, 1.0, 1.99, 2.0, 2.5, 4.0, 5.5, 9.0])
    assert SPEECH.at(asked).tolist() == [False, True, True, False, True, False, True, False]
    assert not SpeechSegments(np.zeros((0, 2))).at(asked).any()


def test_lips_are_shown_before_they_are_heard_and_come_to_rest_after() -> None:
    shown = silence.speech_weight(SPEECH, TIMES, SilenceOptions())
    at = dict(zip(TIMES.round(2).tolist(), shown.tolist(), strict=True))
    assert at[0.96] == at[2.16] == at[5.0] == 1  # the short pause at 2–2.3 s is spoken over
    assert at[0.44] == at[4.4] == at[7.0] == 0
    assert 0 < at[0.76] < 1
    assert np.abs(np.diff(shown)).max() < 0.2  # nothing snaps


def test_in_silence_the_mouth_is_shut_and_still() -> None:
    own = np.stack([mouth(0.2)] * 200)
    lips, visible = silence.close_in_pauses(MOVING, SPEECH, mouth(0.0), own, SilenceOptions())
    shown = silence.speech_weight(SPEECH, TIMES, SilenceOptions())
    # A Gaussian ends after four of its deviations: away from there nothing is smoothed.
    silent = minimum_filter1d(shown == 0, 13)
    assert silent.sum() > 40
    np.testing.assert_allclose(
        lips.points[silent], np.stack([mouth(0.0)] * silent.sum()), atol=1e-6
    )
    speaking = minimum_filter1d(SPEECH.at(TIMES), 9)
    assert speaking.sum() > 30
    np.testing.assert_allclose(lips.points[speaking], MOVING.points[speaking], atol=1e-6)
    assert (visible == 1).all()


def test_pauses_too_short_to_close_take_no_quick_step_either() -> None:
    lips, _ = silence.close_in_pauses(MOVING, SPEECH, mouth(0.0), MOVING.points, SilenceOptions())
    steps = [np.abs(np.diff(track.opening))[51:57].max() for track in (MOVING, lips)]
    assert steps[1] < 0.5 * steps[0]  # from 2.04 to 2.28 s; the pause is from 2 to 2.3


def test_the_lips_meet_for_a_first_p_before_it_is_heard() -> None:
    gaps = np.interp(TIMES, [0.72, 0.88, 0.92, 1.08], [0.1, 0.0, 0.0, 0.1])  # heard from 1 s on
    first_p = LipTrack(np.stack([mouth(float(gap)) for gap in gaps]), FPS)
    lips, _ = silence.close_in_pauses(first_p, SPEECH, mouth(0.0), first_p.points, SilenceOptions())
    np.testing.assert_allclose(lips.opening[22:26], gaps[22:26], atol=1e-3)


@pytest.mark.parametrize("rest", [0.05, 0.12, 0.2])
def test_a_mouth_that_rests_open_shuts_and_parts_without_a_jump(rest: float) -> None:
    """Either way takes no step of 2 % of the outer-eye distance, half of it by each lip."""
    open_mouth = LipTrack(np.stack([mouth(rest)] * 200), FPS)
    lips, _ = silence.close_in_pauses(
        open_mouth, SPEECH, mouth(0.0), open_mouth.points, SilenceOptions()
    )
    assert lips.opening.min() == pytest.approx(0, abs=1e-6)
    assert lips.opening.max() == pytest.approx(rest)
    steps = np.linalg.norm(np.diff(lips.points, axis=0), axis=-1)
    assert steps.max() < 0.02


@pytest.mark.real
@pytest.mark.parametrize("rest", [0.0, 0.1])
def test_lips_are_still_in_the_pauses_of_running_speech(shared: Path, rest: float) -> None:
    """98 % of the silent frames, all of them counted: release, anticipation and short pauses."""
    wave = audio.load_speech(shared / "data" / "speech" / "jfk.flac")
    model = lip_model.LipLSTM.load(lip_model.LipOptions())
    seconds = np.arange(round(wave.duration * FPS)) / float(FPS)
    heard, speech = features.extract(wave, model.spec), vad.detect_speech(wave)
    profile = LipProfile(mouth(rest), 0.6, 0.15)
    predicted = lip_model.predict(model, heard, profile, FPS, len(seconds))
    lips, _ = silence.close_in_pauses(
        predicted, speech, mouth(0.0), predicted.points, SilenceOptions()
    )
    silent = ~speech.at(seconds)[1:]
    assert silent.sum() > 60
    moved = np.linalg.norm(np.diff(lips.points, axis=0), axis=-1).max(1)
    assert (moved[silent] < 0.02).mean() >= 0.98
    # It comes to rest, and it does not rest while speaking.
    assert moved[silent].min() < 0.005
    assert (moved[~silent] >= 0.02).mean() > 0.05


def resting(rest: float | None) -> LipProfile:
    return LipProfile(mouth(0.0), 0.6, 0.3, None if rest is None else mouth(rest))


def test_a_mouth_that_its_owner_holds_open_is_no_less_open_in_silence() -> None:
    shut = LipTrack(np.stack([mouth(0.0)] * 200), FPS)
    found = silence.apply_rest_pose(shut, SPEECH, resting(0.14))
    away = 13  # frames: the way between the two is 60 ms wide
    silent = minimum_filter1d(~SPEECH.at(TIMES), away)
    speaking = minimum_filter1d(SPEECH.at(TIMES), away)
    assert silent.any()
    assert speaking.any()
    np.testing.assert_allclose(found.opening[silent], 0.14, atol=1e-3)
    np.testing.assert_allclose(found.opening[speaking], 0, atol=1e-3)
    assert np.abs(np.diff(found.opening)).max() < 0.06  # it gets there over some frames
    # What is open further stays as it is.
    wide = LipTrack(np.stack([mouth(0.2)] * 200), FPS)
    assert np.array_equal(silence.apply_rest_pose(wide, SPEECH, resting(0.14)).points, wide.points)


@pytest.mark.parametrize("rest", [None, 0.0, 0.01])
def test_nothing_changes_for_people_who_rest_with_the_mouth_shut(rest: float | None) -> None:
    assert silence.apply_rest_pose(MOVING, SPEECH, resting(rest)) is MOVING


def test_sound_without_recognized_speech_has_no_rest() -> None:
    assert (
        silence.apply_rest_pose(MOVING, SpeechSegments(np.zeros((0, 2))), resting(0.14)) is MOVING
    )


def test_in_pauses_the_mouth_can_rest_as_its_owner_holds_it() -> None:
    options = SilenceOptions(silence="rest")
    shown = silence.speech_weight(SPEECH, TIMES, options)
    lips, visible = silence.close_in_pauses(MOVING, SPEECH, mouth(0.14), MOVING.points, options)
    silent = minimum_filter1d(shown == 0, 13)
    np.testing.assert_allclose(lips.opening[silent], 0.14, atol=1e-5)
    assert (visible == 1).all()


def test_in_silence_the_targets_own_frames_can_return() -> None:
    options = SilenceOptions(silence="original")
    shown = silence.speech_weight(SPEECH, TIMES, options)
    own = np.stack([mouth(0.2)] * 200)
    lips, visible = silence.close_in_pauses(MOVING, SPEECH, mouth(0.0), own, options)
    assert np.isnan(lips.points[shown == 0]).all()
    assert (visible[shown == 0] == 0).all()
    # What is half visible has its lips nearly where the frame's own are.
    fading = (visible > 0) & (visible < 1)
    assert fading.any()
    assert np.abs(lips.points[fading] - own[fading]).max() < 0.05


def test_sound_without_recognized_speech_is_shown_whole() -> None:
    nothing = SpeechSegments(np.zeros((0, 2)))
    assert (silence.speech_weight(nothing, TIMES, SilenceOptions()) == 1).all()
    lips, _ = silence.close_in_pauses(MOVING, nothing, mouth(0.0), MOVING.points, SilenceOptions())
    assert np.array_equal(lips.points, MOVING.points)


def test_an_unknown_way_of_silence() -> None:
    with pytest.raises(OptionsError, match="silence"):
        RenderOptions.of(silence="loud")


def test_lips_come_from_the_targets_own_and_return_to_them() -> None:
    lips = LipTrack(np.full((6, 18, 2), 0.4, np.float32), FPS)
    own, visible = np.zeros((6, 18, 2), np.float32), np.full(6, 0.8, np.float32)
    same, seen = silence.blend_at_spans(lips, visible, np.ones(6, np.float32), own)
    assert same is lips and seen is visible
    share = np.array([0, 0.1, 0.5, 1, 0.25, 0], np.float32)
    eased, seen = silence.blend_at_spans(lips, visible, share, own)
    assert np.isnan(eased.points[[0, 5]]).all()
    assert eased.points[1:5, 0, 0] == pytest.approx([0.04, 0.2, 0.4, 0.1])
    # Seen while still near the target's own: two different mouths never show at once.
    assert seen == pytest.approx([0, 0.32, 0.8, 0.8, 0.8, 0])


def test_anybody_speaks_where_one_of_them_does() -> None:
    one = vad.SpeechSegments(np.array([[1.0, 2.0], [5.0, 6.0]]))
    other = vad.SpeechSegments(np.array([[1.2, 1.5], [2.3, 3.0]]))
    times = np.array([0.5, 1.8, 2.2, 2.8, 4.0, 5.5, 6.5])
    spoken = vad.any_speech_at([one, other], times, 0.5)
    assert spoken.tolist() == [False, True, True, True, False, True, False]
    nobody = vad.SpeechSegments(np.zeros((0, 2)))
    assert not vad.any_speech_at([nobody, nobody], times, 0.5).any()
    assert vad.any_speech_at([nobody, one], times, 0.5).tolist() == one.at(times).tolist()
