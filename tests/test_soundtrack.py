"""The sound of the result, heard by its tones."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from clips import make

from lipsync import media
from lipsync.audio import RATE as HEARD
from lipsync.dialogue import Part
from lipsync.errors import AudioError
from lipsync.soundtrack import CONTEXT_S, length_of, overruns, soundtrack, speech_of
from lipsync.spans import Span
from lipsync.types import Speaker, VideoInfo

RATE = 48000


def tone(path: Path, hertz: float, seconds: float, level: float = 0.3, channels: int = 1) -> Path:
    at = np.arange(round(seconds * RATE)) / RATE
    wave = level * np.sin(2 * np.pi * hertz * at)
    soundfile.write(path, np.repeat(wave[:, None], channels, axis=1), RATE, subtype="FLOAT")
    return path


def level(samples: np.ndarray, hertz: float) -> float:
    """Amplitude of a tone in a piece of sound."""
    at = np.arange(len(samples)) / RATE
    return 2 * abs(np.mean(samples * np.exp(-2j * np.pi * hertz * at)))


def part(name: str, audio: Path | None, *spans: tuple[float, float, Path | None]) -> Part:
    made = tuple(Span(Fraction(a), Fraction(b), None, own, name=f"cue {a}") for a, b, own in spans)
    return Part(Speaker(name, audio), made or None)


@pytest.fixture
def target() -> VideoInfo:
    """Four seconds of picture with a tone of 300 Hz."""
    return media.probe(
        make(
            "sounding.mkv", "-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25",
            "-f", "lavfi", "-i", "sine=frequency=300:sample_rate=48000",
            "-t", "4", "-c:v", "ffv1", "-c:a", "pcm_s16le",
        )
    )  # fmt: skip


def test_one_voice_throughout_is_the_file_itself(target: VideoInfo, tmp_path: Path) -> None:
    path = tone(tmp_path / "a.wav", 1000, 2)
    assert soundtrack([part("", path)], target, tmp_path) == path


def test_voices_are_mixed_without_clipping(target: VideoInfo, tmp_path: Path) -> None:
    one = tone(tmp_path / "a.wav", 1000, 2, 0.8, channels=2)
    other = tone(tmp_path / "b.wav", 1700, 3, 0.6)
    parts = [part("a", one), part("b", other)]
    samples, rate = soundfile.read(soundtrack(parts, target, tmp_path))
    assert (rate, samples.shape) == (RATE, (3 * RATE, 2))
    assert length_of(parts) == 3
    assert 0.88 < np.abs(samples).max() < 0.9
    inside = samples[RATE // 2 : 3 * RATE // 2, 0]
    assert level(inside, 1000) / level(inside, 1700) == pytest.approx(0.8 / 0.6, rel=0.01)


def test_inside_spans_the_speech_outside_the_targets_own(target: VideoInfo, tmp_path: Path) -> None:
    dub = tone(tmp_path / "dub.wav", 1000, 4)
    path = soundtrack([part("", dub, (1, 2, None), (2.5, 3, None))], target, tmp_path)
    samples = soundfile.read(path)[0]
    assert len(samples) == 4 * RATE
    original = level(media.read_audio(target.path, RATE).samples[:RATE], 300)
    for first, end, speech in ((0, 0.9, False), (1, 2, True), (2.1, 2.4, False), (2.5, 3, True)):
        piece = samples[round(first * RATE) : round(end * RATE)]
        assert level(piece, 1000) == pytest.approx(0.3 if speech else 0, abs=0.002)
        assert level(piece, 300) == pytest.approx(0 if speech else original, abs=0.002)
    assert np.abs(np.diff(samples)).max() < 0.05, "no click at the borders"


def test_one_file_of_two_speakers_is_heard_once(target: VideoInfo, tmp_path: Path) -> None:
    dub = tone(tmp_path / "dub.wav", 1000, 4)
    both = [part("a", dub, (1, 2, None)), part("b", dub, (1.5, 3, None))]
    samples = soundfile.read(soundtrack(both, target, tmp_path))[0]
    assert level(samples[3 * RATE // 2 : 2 * RATE], 1000) == pytest.approx(0.3, abs=0.002)


def test_a_file_of_its_own_begins_and_ends_with_its_span(target: VideoInfo, tmp_path: Path) -> None:
    own = tone(tmp_path / "own.wav", 1000, 2.5)
    made = part("", None, (1, 2, own))
    samples = soundfile.read(soundtrack([made], target, tmp_path))[0]
    at = np.arange(RATE) / RATE
    assert np.abs(samples[RATE : 2 * RATE] - 0.3 * np.sin(2 * np.pi * 1000 * at)).max() < 1e-3
    assert level(samples[round(2.05 * RATE) :], 1000) < 0.002
    assert overruns([made]) == ["cue 1 (0:01.000 to 0:02.000): own.wav is 1.50 s longer; cut"]


def test_what_lies_beyond_the_speech_is_said(tmp_path: Path) -> None:
    dub = tone(tmp_path / "dub.wav", 1000, 2)
    (note,) = overruns([part("", dub, (0, 1, None), (3, 4, None))])
    assert "cue 3" in note and "dub.wav ends before it at 2.00 s" in note


def test_lips_hear_the_spans_and_what_is_around_them(tmp_path: Path) -> None:
    dub, own = tone(tmp_path / "dub.wav", 1000, 9), tone(tmp_path / "own.wav", 500, 1, 0.01)
    made = part("", dub, (3, 4, None), (7, 8, own))
    heard = speech_of(made, Fraction(10))
    assert (len(heard.samples), heard.rate) == (10 * HEARD, HEARD)
    loud = np.sqrt(np.square(heard.samples).reshape(-1, HEARD // 4).mean(1)) > 0.005
    wanted = np.zeros(40, bool)
    wanted[round(4 * (3 - CONTEXT_S)) : round(4 * (4 + CONTEXT_S))] = True
    wanted[28:32] = True
    assert loud.tolist() == wanted.tolist()
    # A quiet file is heard as loud as the others.
    seconds = heard.samples.reshape(10, HEARD)
    assert np.sqrt(np.square(seconds[[3, 7]]).mean(1)) == pytest.approx(0.05, rel=0.01)


def test_silence_in_all_spans_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros(4 * RATE), RATE)
    with pytest.raises(AudioError, match=r"Anna: .*silent\.wav in spans: silent throughout"):
        speech_of(part("Anna", path, (1, 2, None)), Fraction(4))
