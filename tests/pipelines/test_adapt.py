"""Adaptation: what it learns from, when it declines, what it writes."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path

import numpy as np
import pytest

import lipsync
from lipsync import media
from lipsync.cli import app
from lipsync.errors import AdaptError, OutputError
from lipsync.learning.fine_tuning import (
    FineTuningResult,
    HeldOutScore,
    TrainingData,
    TuneOptions,
    evaluate,
    fine_tune,
    split_blocks,
)
from lipsync.learning.own_speech import collect_training_data
from lipsync.options import RenderOptions
from lipsync.pipelines import adapt
from lipsync.runtime.cache import Cache
from lipsync.runtime.context import RunContext
from lipsync.runtime.hashing import hash_file
from lipsync.speech import audio, av_sync, features, lip_model
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import F32, LipTrack, VideoInfo
from tests.support.clips import run as run_ffmpeg
from tests.support.renders import lips_in

REPO = Path(__file__).resolve().parents[2]
SAMPLE = REPO / "assets" / "sample"
RATE = 16000
MakeTarget = Callable[[Path, F32], VideoInfo]


@pytest.fixture(scope="module")
def sample_lips() -> LipTrack:
    return lips_in(SAMPLE / "target.mp4")


@pytest.fixture
def target(tmp_path: Path) -> MakeTarget:
    """Makes a video of the same pictures with another sound."""

    def make(video: Path, samples: F32) -> VideoInfo:
        sound, out = tmp_path / "sound.wav", tmp_path / "target.mkv"
        with wave.open(str(sound), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
        pair = ["-i", str(video), "-i", str(sound), "-map", "0:v", "-map", "1:a"]
        run_ffmpeg(*pair, "-c:v", "copy", "-c:a", "pcm_s16le", str(out))
        return media.probe(out)

    return make


def own_sound(video: Path) -> F32:
    return audio.load_speech(video).samples


def moved(samples: F32, ms: int) -> F32:
    """The sound so much later; silence comes in."""
    gap = np.zeros(abs(ms) * RATE // 1000, np.float32)
    if ms >= 0:
        return np.concatenate([gap, samples])[: len(samples)]
    return np.concatenate([samples[len(gap) :], gap])


def music(n: int) -> F32:
    """Chords of plucked strings, two a second."""
    random, out = np.random.default_rng(0), np.zeros(n + RATE)
    t = np.arange(RATE) / RATE
    for first in range(0, n, RATE // 2):
        for pitch in random.choice([220, 262, 294, 330, 392, 440, 523], 3):
            for overtone in range(1, 6):
                tone = np.exp(-3 * t) * np.sin(2 * np.pi * pitch * overtone * t)
                out[first : first + RATE] += tone / overtone
    return (0.05 * out[:n] / out[:n].std()).astype(np.float32)


def looped(samples: F32, n: int) -> F32:
    return np.resize(samples, n)


def chosen(info: VideoInfo, lips: LipTrack, **options: object) -> adapt.Choice:
    with Cache(None) as cache:
        run = RunContext(cache)
        choice = adapt.choose_weights(VideoSpeech(info), lips, RenderOptions.of(**options), run)
    assert "\n" not in choice.line
    return choice


def replace_fine_tuning(
    monkeypatch: pytest.MonkeyPatch, result: Callable[[], FineTuningResult]
) -> None:
    """Let `adapt` get this result instead; the code that keys its cache stays the real one."""

    @wraps(fine_tune)
    def replaced(*_: object) -> FineTuningResult:
        return result()

    monkeypatch.setattr(adapt, "fine_tune", replaced)


def training_data(info: VideoInfo, lips: LipTrack, model: LipLSTM | None = None) -> TrainingData:
    model = LipLSTM.load(LipOptions()) if model is None else model
    return collect_training_data(model, VideoSpeech(info), lips, TuneOptions())


# --- in time, out of time -------------------------------------------------------------------


@pytest.mark.parametrize("ms", [0, 120, -160])
def test_sound_off_by_up_to_200_ms_is_corrected(
    ms: int, sample_lips: LipTrack, target: MakeTarget
) -> None:
    video = SAMPLE / "target.mp4"
    info = target(video, moved(own_sound(video), ms))
    model = LipLSTM.load(LipOptions())
    data = training_data(info, sample_lips, model)
    assert data.lag_s * 1000 == pytest.approx(ms, abs=20)
    predicted = lip_model.predict(
        model, data.audio_features, data.profile, data.lips.rate, len(data.lips)
    )
    left, _ = av_sync.best_lag([data.lips.opening], [predicted.opening], 25, 0.3)
    assert left * 1000 == pytest.approx(0, abs=20)


@pytest.mark.parametrize(("ms", "words"), [(350, "late"), (-350, "early")])
def test_sound_further_off_declines(
    ms: int, words: str, sample_lips: LipTrack, target: MakeTarget
) -> None:
    info = target(SAMPLE / "target.mp4", moved(own_sound(SAMPLE / "target.mp4"), ms))
    with pytest.raises(AdaptError, match=rf"3[3-6]\d ms {words}; up to 200 ms"):
        training_data(info, sample_lips)


# --- reasons to decline ---------------------------------------------------------------------


def _nobody(own: F32) -> F32:
    return music(len(own))


def _half_a_speech(own: F32) -> F32:
    return np.where(np.arange(len(own)) < 7 * RATE, own, 0).astype(np.float32)


def _somebody_else(own: F32) -> F32:
    return looped(audio.load_speech(SAMPLE / "speech.wav").samples, len(own))


def _dialogue(own: F32) -> F32:
    """The sample's own voice, and another one in the second half."""
    return np.where(np.arange(len(own)) < len(own) // 2, own, _somebody_else(own))


def _over_music(own: F32) -> F32:
    return own + 2.5 * music(len(own))


def _silence(own: F32) -> F32:
    return np.zeros_like(own)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_nobody, "0.0 s of speech"),
        (_half_a_speech, "s of speech with the face in view; 10 s are needed"),
        (_somebody_else, "the lips do not say what is heard"),
        (_dialogue, "the lips do not say what is heard"),
        (_over_music, "not adapted"),
        (_silence, "silent throughout"),
    ],
)
def test_a_sound_that_cannot_teach_declines_in_one_line(
    change: Callable[[F32], F32], words: str, sample_lips: LipTrack, target: MakeTarget
) -> None:
    video = SAMPLE / "target.mp4"
    choice = chosen(target(video, change(own_sound(video))), sample_lips)
    assert choice.line.startswith("not adapted: ")
    assert words in choice.line
    assert choice.weights == lip_model.weights_path(LipOptions())


def test_a_target_without_sound_declines(sample_lips: LipTrack, tmp_path: Path) -> None:
    mute = tmp_path / "mute.mp4"
    run_ffmpeg("-i", str(SAMPLE / "target.mp4"), "-an", "-c", "copy", str(mute))
    choice = chosen(media.probe(mute), sample_lips)
    assert choice.line == "not adapted: the target has no sound of its own"
    still = replace(media.probe(SAMPLE / "target.mp4"), still=True)
    assert chosen(still, sample_lips).line == choice.line


def test_speech_without_a_face_in_view_does_not_count(sample_lips: LipTrack) -> None:
    points = sample_lips.points.copy()
    points[:100] = np.nan
    hidden = LipTrack(points, sample_lips.rate)
    choice = chosen(media.probe(SAMPLE / "target.mp4"), hidden)
    assert "s of speech with the face in view" in choice.line


def test_never_and_own_weights_do_no_work(
    sample_lips: LipTrack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapt, "_adapt", None)
    info = media.probe(SAMPLE / "target.mp4")
    base = lip_model.weights_path(LipOptions("paper"))
    assert chosen(info, sample_lips, adapt="never", speech_model="paper").weights == base
    own = tmp_path / "own.safetensors"
    LipLSTM.load(base).save(own)
    choice = chosen(info, sample_lips, adapt=str(own))
    assert (choice.weights, choice.line) == (own, "adapted beforehand: own.safetensors")


# --- learning -------------------------------------------------------------------------------


def test_held_out_blocks_lie_apart_from_what_is_learned() -> None:
    usable = np.ones(1500, bool)
    usable[300:500] = False
    learn, held = split_blocks(usable, 25)
    assert not (learn & held).any()
    assert not ((learn | held) & ~usable).any()
    assert 0.15 < held.sum() / usable.sum() < 0.25
    apart = np.abs(np.subtract.outer(np.flatnonzero(learn), np.flatnonzero(held)))
    assert apart.min() > 5  # frames: 0.2 s
    runs = np.flatnonzero(np.diff(held.astype(int), prepend=0) > 0)
    assert len(runs) == 4  # blocks of time, not frames here and there


@pytest.fixture(scope="module")
def sample_data(sample_lips: LipTrack) -> TrainingData:
    return training_data(media.probe(SAMPLE / "target.mp4"), sample_lips)


@pytest.mark.parametrize("which", ["default", "paper"])
def test_what_is_learned_is_in_time(which: str, sample_lips: LipTrack) -> None:
    """The delay, the stride and the centers of the windows are those of a render."""
    info, model = media.probe(SAMPLE / "target.mp4"), LipLSTM.load(LipOptions(which))
    heard = features.extract(audio.load_speech(info.path), model.spec)
    data = replace(training_data(info, sample_lips), audio_features=heard)
    tuning = fine_tune(model, data, TuneOptions(adapt_share=1))
    predicted = lip_model.predict(model, heard, data.profile, data.lips.rate, len(data.lips))
    seen = np.where(data.train_mask, data.lips.opening, np.nan)
    lag_s, r = av_sync.best_lag([seen], [predicted.opening], 25, 0.3)
    assert r > 0.85
    assert abs(lag_s) < 0.02
    assert tuning.after.unexplained < tuning.before.unexplained


def test_wrong_lips_are_noticed_on_the_held_out_part(sample_data: TrainingData) -> None:
    points = sample_data.lips.points.copy()
    learned = np.flatnonzero(sample_data.train_mask)
    points[learned] = points[np.roll(learned, 30)]
    model = LipLSTM.load(LipOptions())
    wrong = replace(sample_data, lips=LipTrack(points, sample_data.lips.rate))
    tuning = fine_tune(model, wrong, TuneOptions())
    assert not tuning.better
    assert evaluate(model, sample_data).r_open == tuning.after.r_open


@pytest.mark.parametrize(
    ("after", "better"),
    [
        (HeldOutScore(0.81, 0.0140, 1.0), True),
        (HeldOutScore(0.79, 0.0140, 1.0), False),
        (HeldOutScore(0.81, 0.0151, 1.0), False),
    ],
)
def test_better_means_neither_figure_is_worse(after: HeldOutScore, better: bool) -> None:
    assert FineTuningResult(HeldOutScore(0.80, 0.0150, 1.2), after, 25).better is better


def test_something_worse_is_not_shipped(
    sample_lips: LipTrack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse = FineTuningResult(HeldOutScore(0.8, 0.015, 1.0), HeldOutScore(0.7, 0.015, 1.1), 25)
    replace_fine_tuning(monkeypatch, lambda: worse)
    output = tmp_path / "person.safetensors"
    with pytest.raises(AdaptError, match=r"target\.mp4: adapting did not help.*0\.800 → 0\.700"):
        lipsync.adapt(SAMPLE / "target.mp4", output)
    assert list(tmp_path.iterdir()) == []
    choice = chosen(media.probe(SAMPLE / "target.mp4"), sample_lips)
    assert choice.weights == lip_model.weights_path(LipOptions())
    assert "did not help" in choice.line


# --- from end to end ------------------------------------------------------------------------


def test_adapt_writes_weights_that_say_what_they_are_and_the_same_each_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, again = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    result = lipsync.adapt(SAMPLE / "target.mp4", first)
    assert result.r_open > result.r_open_before
    assert result.rmse <= result.rmse_before
    assert 10 < result.speech_s < 10.5
    assert set(result.seconds) == {"landmarks", "sound", "tuning"}
    meta = LipLSTM.load(first).meta
    assert meta["name"] == "lip_lstm adapted to target.mp4"
    assert meta["adapted_from"] == hash_file(lip_model.weights_path(LipOptions()))
    app.main(["adapt", "-v", str(SAMPLE / "target.mp4"), "-o", str(again), "--json"])
    assert json.loads(capsys.readouterr().out)["steps"] == result.steps
    assert first.read_bytes() == again.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        lipsync.adapt(SAMPLE / "target.mp4", first)
    with pytest.raises(OutputError, match=r"only \.safetensors"):
        lipsync.adapt(SAMPLE / "target.mp4", tmp_path / "a.mp4")


def test_the_command_says_in_one_line_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mute = tmp_path / "mute.mp4"
    run_ffmpeg("-i", str(SAMPLE / "target.mp4"), "-an", "-c", "copy", str(mute))
    with pytest.raises(SystemExit) as stopped:
        app.main(["adapt", "-v", str(mute)])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.strip() == (
        f"lipsync: error: {mute}: the target has no sound of its own"
    )
    assert [p.name for p in tmp_path.iterdir()] == ["mute.mp4"]


def test_a_render_adapts_once_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speech, video = SAMPLE / "speech.wav", SAMPLE / "target.mp4"
    options = RenderOptions.of(content_credentials=False)  # a signature is never the same twice
    first = lipsync.render(speech, video, tmp_path / "1.mp4", options=options)
    assert first.adaptation.startswith("adapted to the target's own speech: r_open ")
    card = json.loads(first.sidecar.read_text())["models"][0]
    assert card["name"] == "lip_lstm adapted to target.mp4"
    assert card["sha256"] != hash_file(lip_model.weights_path(LipOptions()))
    replace_fine_tuning(monkeypatch, lambda: pytest.fail("it was adapted again"))
    again = lipsync.render(speech, video, tmp_path / "2.mp4", options=options)
    assert again.adaptation == first.adaptation
    assert hash_file(again.output) == hash_file(first.output)
    never = lipsync.render(
        speech, video, tmp_path / "3.mp4", options=RenderOptions.of(adapt="never")
    )
    card = json.loads(never.sidecar.read_text())["models"][0]
    assert card["sha256"] == hash_file(lip_model.weights_path(LipOptions()))
    assert hash_file(never.output) != hash_file(first.output)


# --- real people ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def woman(shared: Path) -> tuple[Path, LipTrack]:
    video = shared / "data" / "targets" / "grid_s4_60s.mp4"
    return video, lips_in(video)


@pytest.mark.real
@pytest.mark.parametrize("ms", [120, -160])
def test_a_womans_sound_is_moved_back(
    ms: int, woman: tuple[Path, LipTrack], target: MakeTarget
) -> None:
    video, lips = woman
    info = target(video, moved(own_sound(video), ms))
    assert training_data(info, lips).lag_s * 1000 == pytest.approx(ms, abs=20)


@pytest.mark.real
@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("late", r"3[3-7]\d ms late; up to 200 ms"),
        ("another person", "the lips do not say what is heard"),
        ("the same sentences' rhythm", "the lips do not say what is heard"),
        ("two voices at once", "the lips do not say what is heard"),
        ("dialogue", "the lips do not say what is heard"),
        ("loud music", "the lips do not say what is heard|s of speech with the face in view"),
    ],
)
def test_a_womans_lips_with_another_sound_decline(
    case: str, words: str, shared: Path, woman: tuple[Path, LipTrack], target: MakeTarget
) -> None:
    video, lips = woman
    own, n = own_sound(video), len(own_sound(video))
    data = shared / "data"
    reader = looped(audio.load_speech(data / "speech" / "LJ001-0001.wav").samples, n)
    turns = (np.arange(n) // (6 * RATE)) % 2 == 0
    sounds = {
        "late": lambda: moved(own, 350),
        "another person": lambda: reader,
        "the same sentences' rhythm": lambda: looped(
            own_sound(data / "targets" / "grid_s1_120s.mp4"), n
        ),
        "two voices at once": lambda: own + reader,
        "dialogue": lambda: np.where(turns, own, reader),
        "loud music": lambda: own + 8 * music(n),  # at twice as loud it still hears her
    }
    info = target(video, sounds[case]())
    with pytest.raises(AdaptError, match=words):
        training_data(info, lips)


@pytest.mark.real
def test_half_of_a_womans_footage_helps_the_other_half(woman: tuple[Path, LipTrack]) -> None:
    video, lips = woman
    model, half = LipLSTM.load(LipOptions()), len(lips) // 2
    first = LipTrack(lips.points[:half], lips.rate)
    data = training_data(media.probe(video), first, model)
    unseen = np.zeros(len(lips), bool)
    unseen[half:] = True
    heard = features.extract(audio.load_speech(video), model.spec)
    judge = replace(data, lips=lips, audio_features=heard, held_out_mask=unseen)
    before = evaluate(model, judge)
    assert fine_tune(model, data, TuneOptions()).better
    after = evaluate(model, judge)
    assert after.r_open > before.r_open + 0.05
    assert after.r_open >= 0.84
    assert after.rmse < 0.95 * before.rmse


@pytest.mark.real
def test_ten_seconds_of_video_hold_too_little_speech(shared: Path, tmp_path: Path) -> None:
    video = shared / "data" / "targets" / "englishvideo.mp4"
    with pytest.raises(AdaptError, match=r"4\.\d s of speech with the face in view"):
        lipsync.adapt(video, tmp_path / "person.safetensors")
    assert list(tmp_path.iterdir()) == []
