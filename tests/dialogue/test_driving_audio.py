"""Driving speech: every file is decoded once in a render, and the samples are the same."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipsync import media
from lipsync.dialogue.driving_audio import DrivingAudio, find_overruns, mix_speech
from lipsync.dialogue.soundtrack import SoundOptions, build_soundtrack
from lipsync.dialogue.spans import Span
from lipsync.dialogue.speaker_parts import SpeakerPart
from lipsync.errors import AudioError, MediaError
from lipsync.media import sound
from lipsync.media.encode import encode_video
from lipsync.speech import audio
from lipsync.types import Speaker, Waveform
from tests.support import clips
from tests.support.streams import QUICK, moving_pictures, video_info


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of the files that are decoded to get at their sound, one entry per ffmpeg run."""
    names: list[str] = []

    def counting(graph: Any, **arguments: Any) -> media.ffmpeg_process.FfmpegProcess:
        inputs = graph.get_args()
        names.append(Path(inputs[inputs.index("-i") + 1]).name)
        return process(graph, **arguments)

    process = sound.FfmpegProcess
    monkeypatch.setattr(sound, "FfmpegProcess", counting)
    monkeypatch.setattr(sound, "_infos", {})
    yield names


def speech(name: str = "speech.wav", seconds: float = 1.0) -> Path:
    """44.1 kHz stereo, which is not what the speech model reads."""
    return clips.sound(name, "-c:a", "pcm_s16le", "-ac", "2", rate=44100)


def part(path: Path | None, *spans: Span, name: str = "") -> SpeakerPart:
    return SpeakerPart(Speaker(name, path), spans or None)


def test_a_render_decodes_the_speech_once(decodings: list[str], tmp_path: Path) -> None:
    """The calls of a render in their order: length, samples, soundtrack, warnings, encoding."""
    path = speech()
    parts = [part(path)]
    driving = DrivingAudio(parts)
    length = driving.longest(parts)
    assert length == 1
    waves = [driving.load(one, length) for one in parts]
    info = video_info(n=20)
    track, notes = build_soundtrack(parts, info, Fraction(4, 5), SoundOptions(), tmp_path)
    assert track == media.Soundtrack(path, Fraction(4, 5))
    assert [*notes, *find_overruns(parts)] == []
    encode_video(moving_pictures(info), info, track, tmp_path / "out.mkv", QUICK)
    assert decodings == [path.name]
    assert np.array_equal(mix_speech(waves).samples, audio.load_speech(path).samples)


def test_spans_of_two_speakers_decode_their_common_file_once(decodings: list[str]) -> None:
    """Twice in all: the mix needs it at its own rate."""
    path, own = speech(), speech("own.wav")
    parts = [
        part(path, Span(Fraction(0), Fraction("0.3")), name="a"),
        part(path, Span(Fraction("0.5"), Fraction("0.9")), name="b"),
        part(None, Span(Fraction(2), Fraction(3), audio=own), name="c"),
    ]
    driving = DrivingAudio(parts)
    waves = [driving.load(one, Fraction(3)) for one in parts]
    assert find_overruns(parts) == []
    assert decodings == [path.name, own.name]
    for one, wave in zip(parts, waves, strict=True):
        assert np.array_equal(wave.samples, DrivingAudio([one]).load(one, Fraction(3)).samples)
    np.testing.assert_array_equal(waves[2].samples[32000:], audio.load_speech(own).samples)


def test_speakers_who_share_a_file_each_get_their_own_samples(decodings: list[str]) -> None:
    path = speech()
    parts = [part(path, name="a"), part(path, name="b")]
    driving = DrivingAudio(parts)
    assert driving.longest(parts) == 1
    one, other = (driving.load(each, Fraction(1)) for each in parts)
    assert decodings == [path.name]
    assert np.array_equal(one.samples, other.samples)
    assert not np.shares_memory(one.samples, other.samples)


def test_samples_are_let_go_at_the_last_use() -> None:
    parts = [part(speech())]
    driving = DrivingAudio(parts)
    driving.longest(parts)
    assert len(driving._waves) == 1
    driving.load(parts[0], Fraction(1))
    assert not driving._waves


def test_faults_are_those_of_the_file(tmp_path: Path) -> None:
    for path, error in ((tmp_path / "none.wav", MediaError), (tmp_path / "text.wav", AudioError)):
        (tmp_path / "text.wav").write_text("not sound")
        parts = [part(path)]
        with pytest.raises((error, MediaError), match=path.name):
            DrivingAudio(parts).longest(parts)
    silent = clips.video("mute.mp4", "-c:v", "libx264", frames=5)
    parts = [part(silent)]
    with pytest.raises(AudioError, match="there is no sound in it"):
        DrivingAudio(parts).longest(parts)


def test_mixed_speech_is_as_long_as_the_longest() -> None:
    short, long = np.ones(3, np.float32), np.full(5, 2, np.float32)
    mixed = mix_speech([Waveform(short, 16000), Waveform(long, 16000)])
    assert mixed.samples.tolist() == [3, 3, 3, 2, 2]
