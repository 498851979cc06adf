"""The sound of the result, heard by its tones; and the speech that mouths follow."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipsync import media
from lipsync.dialogue.driving_audio import CONTEXT_S, DrivingAudio, find_overruns
from lipsync.dialogue.soundtrack import SoundOptions, build_soundtrack
from lipsync.dialogue.spans import Span
from lipsync.dialogue.speaker_parts import SpeakerPart
from lipsync.errors import AudioError, OptionsError
from lipsync.media.encode import encode_video
from lipsync.types import SPEECH_RATE, Speaker, VideoInfo, Waveform
from tests.support import clips
from tests.support.clips import make
from tests.support.streams import QUICK, measure_lag, moving_pictures, video_info

RATE = 48000
ONLY = SoundOptions()
MIX = SoundOptions(audio_mix="background+speech")


def tone(path: Path, hertz: float, seconds: float, level: float = 0.3, channels: int = 1) -> Path:
    at = np.arange(round(seconds * RATE)) / RATE
    wave = level * np.sin(2 * np.pi * hertz * at)
    soundfile.write(path, np.repeat(wave[:, None], channels, axis=1), RATE, subtype="FLOAT")
    return path


def level(samples: np.ndarray, hertz: float) -> float:
    """Amplitude of a tone in a piece of sound."""
    at = np.arange(len(samples)) / RATE
    return 2 * abs(np.mean(samples * np.exp(-2j * np.pi * hertz * at)))


def part(name: str, audio: Path | None, *spans: tuple[float, float, Path | None]) -> SpeakerPart:
    made = tuple(Span(Fraction(a), Fraction(b), None, own, name=f"cue {a}") for a, b, own in spans)
    return SpeakerPart(Speaker(name, audio), made or None)


def speech_of(made: SpeakerPart, duration: Fraction) -> Waveform:
    return DrivingAudio([made]).load(made, duration)


def mixed(
    parts: list[SpeakerPart],
    info: VideoInfo,
    folder: Path,
    seconds: float = 4,
    options: SoundOptions = ONLY,
) -> np.ndarray:
    """The sound of an output of so many seconds, (n,) or (n, 2)."""
    track, notes = build_soundtrack(parts, info, Fraction(seconds), options, folder)
    assert notes == []
    samples, rate = soundfile.read(track.path)
    assert rate == RATE
    return samples


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
    alone = build_soundtrack([part("", path)], target, Fraction(2), SoundOptions(), tmp_path)
    assert alone == (media.Soundtrack(path), [])
    cut = build_soundtrack([part("", path)], target, Fraction(1), SoundOptions(), tmp_path)
    assert cut == (media.Soundtrack(path, Fraction(1)), [])
    info, out = video_info(n=25), tmp_path / "out.mkv"
    encode_video(moving_pictures(info), info, cut[0], out, QUICK)
    assert 1 <= media.probe_audio(out).duration < 1.05  # copied: to the packet


def test_voices_are_mixed_without_clipping(target: VideoInfo, tmp_path: Path) -> None:
    one = tone(tmp_path / "a.wav", 1000, 2, 0.8, channels=2)
    other = tone(tmp_path / "b.wav", 1700, 3, 0.6)
    parts = [part("a", one), part("b", other)]
    samples = mixed(parts, target, tmp_path, 3)
    assert samples.shape == (3 * RATE, 2)
    assert DrivingAudio(parts).longest(parts) == 3
    assert 0.88 < np.abs(samples).max() < 0.9
    inside = samples[RATE // 2 : 3 * RATE // 2, 0]
    assert level(inside, 1000) / level(inside, 1700) == pytest.approx(0.8 / 0.6, rel=0.01)


def test_inside_spans_the_speech_outside_the_targets_own(target: VideoInfo, tmp_path: Path) -> None:
    dub = tone(tmp_path / "dub.wav", 1000, 4)
    samples = mixed([part("", dub, (1, 2, None), (2.5, 3, None))], target, tmp_path)
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
    samples = mixed(both, target, tmp_path)
    assert level(samples[3 * RATE // 2 : 2 * RATE], 1000) == pytest.approx(0.3, abs=0.002)


def test_a_file_of_its_own_begins_and_ends_with_its_span(target: VideoInfo, tmp_path: Path) -> None:
    own = tone(tmp_path / "own.wav", 1000, 2.5)
    made = part("", None, (1, 2, own))
    samples = mixed([made], target, tmp_path)
    at = np.arange(RATE) / RATE
    assert np.abs(samples[RATE : 2 * RATE] - 0.3 * np.sin(2 * np.pi * 1000 * at)).max() < 1e-3
    assert level(samples[round(2.05 * RATE) :], 1000) < 0.002
    assert find_overruns([made]) == ["cue 1 (0:01.000 to 0:02.000): own.wav is 1.50 s longer; cut"]


def test_what_lies_beyond_the_speech_is_said(tmp_path: Path) -> None:
    dub = tone(tmp_path / "dub.wav", 1000, 2)
    (note,) = find_overruns([part("", dub, (0, 1, None), (3, 4, None))])
    assert "cue 3" in note and "dub.wav ends before it at 2.00 s" in note


def test_lips_hear_the_spans_and_what_is_around_them(tmp_path: Path) -> None:
    dub, own = tone(tmp_path / "dub.wav", 1000, 9), tone(tmp_path / "own.wav", 500, 1, 0.01)
    made = part("", dub, (3, 4, None), (7, 8, own))
    heard = speech_of(made, Fraction(10))
    assert (len(heard.samples), heard.rate) == (10 * SPEECH_RATE, SPEECH_RATE)
    loud = np.sqrt(np.square(heard.samples).reshape(-1, SPEECH_RATE // 4).mean(1)) > 0.005
    wanted = np.zeros(40, bool)
    wanted[round(4 * (3 - CONTEXT_S)) : round(4 * (4 + CONTEXT_S))] = True
    wanted[28:32] = True
    assert loud.tolist() == wanted.tolist()
    # A quiet file is heard as loud as the others.
    seconds = heard.samples.reshape(10, SPEECH_RATE)
    assert np.sqrt(np.square(seconds[[3, 7]]).mean(1)) == pytest.approx(0.05, rel=0.01)


def test_silence_in_all_spans_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros(4 * RATE), RATE)
    with pytest.raises(AudioError, match=r"Anna: .*silent\.wav in spans: silent throughout"):
        speech_of(part("Anna", path, (1, 2, None)), Fraction(4))


def _wav(path: Path, samples: np.ndarray) -> Path:
    soundfile.write(path, samples.astype(np.float32), RATE, subtype="FLOAT")
    return path


def _noise(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-level, level, round(seconds * RATE))


def _late(tmp_path: Path, picture: float = 0, sound: float = 0, tracks: int = 1) -> VideoInfo:
    """2 s of picture, and of a noise per track, each beginning so many seconds late."""
    path = tmp_path / "target.mkv"
    plain = str(clips.video("plain2.mp4", "-c:v", "libx264", frames=50))
    noises = [_wav(tmp_path / f"n{i}.wav", _noise(2, 0.2, 5 + i)) for i in range(tracks)]
    inputs = [a for f in noises for a in ("-itsoffset", str(sound), "-i", str(f))]
    maps = [a for i in range(tracks) for a in ("-map", f"{i + 1}:a")]
    clips.run("-itsoffset", str(picture), "-i", plain, *inputs, "-map", "0:v", *maps,
              "-c:v", "copy", "-c:a", "flac", str(path))  # fmt: skip
    return media.probe(path)


@pytest.mark.parametrize("spans", [False, True])
@pytest.mark.parametrize(("picture", "sound"), [(0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.7, 0.2)])
def test_the_targets_own_sound_stays_with_its_picture(
    picture: float, sound: float, spans: bool, tmp_path: Path
) -> None:
    """Whichever of the two begins late in the target: what was heard at a picture still is."""
    info = _late(tmp_path, picture, sound)
    assert float(info.start) == pytest.approx(picture, abs=0.001)
    speech = _wav(tmp_path / "speech.wav", np.zeros(2 * RATE) + 1e-6)
    made = part("", speech, (1.5, 2, None)) if spans else part("", speech)
    heard = mixed([made], info, tmp_path, 2, SoundOptions() if spans else MIX)
    assert len(heard) == 2 * RATE
    heard, late = heard[:RATE].astype(np.float32), round((sound - picture) * RATE)
    noise = _noise(2, 0.2, 5)
    whole = np.zeros(4 * RATE)
    whole[RATE + late : RATE + late + len(noise)] = noise
    assert measure_lag(whole[RATE : 2 * RATE].astype(np.float32), heard) == 0
    # The same place of the same file, for the target's own speech.
    own = media.read_audio(info.path, RATE, media.sound_start_offset(info)).samples
    assert abs(measure_lag(whole[RATE : 2 * RATE].astype(np.float32), own[:RATE])) <= 1


def test_a_background_is_heard_under_the_speech(target: VideoInfo, tmp_path: Path) -> None:
    """Throughout, with spans too; both together too loud: turned down, alike."""
    original = level(media.read_audio(target.path, RATE).samples[:RATE], 300)
    for speech_level in (0.3, 0.99):
        dub = tone(tmp_path / "dub.wav", 1000, 4, speech_level)
        for spans in ((), ((1, 2, None),)):
            samples = mixed([part("", dub, *spans)], target, tmp_path, 4, MIX)
            assert np.abs(samples).max() <= 0.892
            inside, outside = samples[RATE : 2 * RATE], samples[5 * RATE // 2 : 3 * RATE]
            gain = level(inside, 300) / original
            assert gain == pytest.approx(1 if speech_level == 0.3 else 0.891 / 1.115, abs=0.02)
            assert level(inside, 1000) == pytest.approx(gain * speech_level, rel=0.01)
            assert level(outside, 300) == pytest.approx(gain * original, rel=0.01)
            assert level(outside, 1000) < 0.002 or not spans


def test_a_chosen_track(tmp_path: Path) -> None:
    info = _late(tmp_path, tracks=2)
    parts = [part("", _wav(tmp_path / "speech.wav", np.zeros(RATE) + 1e-6))]
    for number in (1, 2):
        options = SoundOptions(audio_mix="background+speech", background_track=number)
        heard = mixed(parts, info, tmp_path, 1, options)
        want = _noise(2, 0.2, 4 + number)[:RATE]
        assert np.corrcoef(heard, want)[0, 1] > 0.99
    options = SoundOptions(audio_mix="background+speech", background_track=3)
    with pytest.raises(OptionsError, match=r"'background_track': .* has 2 sound tracks, got 3"):
        build_soundtrack(parts, info, Fraction(1), options, tmp_path)


def test_what_cannot_be_mixed_is_said(tmp_path: Path) -> None:
    speech = clips.sound("s16.wav", "-c:a", "pcm_s16le")
    silent = media.probe(clips.video("silent.mp4", "-c:v", "libx264"))
    length = media.probe_audio(speech).duration
    track, notes = build_soundtrack([part("", speech)], silent, length, MIX, tmp_path)
    assert track == media.Soundtrack(speech)
    assert "has no sound for a background" in notes[0]
    _, notes = build_soundtrack([part("", speech)], _late(tmp_path), Fraction(5), MIX, tmp_path)
    assert "its sound ends 3.0 s before the output does" in notes[0]
    with pytest.raises(AudioError, match="no sound"):
        media.probe_audio(_late(tmp_path).path, 1)


def test_a_target_without_sound_is_silent_outside_of_spans(tmp_path: Path) -> None:
    silent = media.probe(clips.video("silent2.mp4", "-c:v", "libx264", frames=50))
    dub = tone(tmp_path / "dub.wav", 1000, 2)
    samples = mixed([part("", dub, (0.5, 1, None))], silent, tmp_path, 2)
    assert level(samples[RATE // 2 : RATE], 1000) == pytest.approx(0.3, abs=0.002)
    assert np.abs(samples[round(1.04 * RATE) :]).max() == 0
