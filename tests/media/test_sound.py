"""Sound out of any file: levels, lengths, and its place in time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipsync import media
from lipsync.errors import AudioError, MediaError
from lipsync.media import sound
from tests.support import clips

CODINGS = [
    ("s16.wav", ("-c:a", "pcm_s16le"), 16000, 1, 1.0),
    ("phone.wav", ("-c:a", "pcm_mulaw"), 8000, 1, 1.0),
    ("float.wav", ("-c:a", "pcm_f32le"), 48000, 1, 1.0),
    ("s.flac", ("-c:a", "flac", "-ac", "2"), 44100, 2, 1.0),
    ("s.mp3", ("-c:a", "libmp3lame"), 44100, 1, 1.0),
    ("s.m4a", ("-c:a", "aac"), 44100, 1, 1.0),
    ("s.opus", ("-c:a", "libopus"), 48000, 1, 1.0),
    ("s.ogg", ("-c:a", "libvorbis", "-ac", "2"), 44100, 2, 1.0),
    ("surround.mka", ("-c:a", "ac3", "-ac", "6"), 48000, 6, 1.0),
    ("seven.wav", ("-c:a", "pcm_s16le", "-af", "pan=7c|c0=c0|c3=c0"), 16000, 7, 1.0),
]


@pytest.mark.parametrize(
    ("name", "coding", "rate", "channels", "seconds"), CODINGS, ids=[c[0] for c in CODINGS]
)
def test_any_coding_gives_the_tone_at_its_length(
    name: str, coding: tuple[str, ...], rate: int, channels: int, seconds: float
) -> None:
    path = clips.sound(name, *coding, rate=rate)
    info = media.probe_audio(path)
    wave = media.read_audio(path)
    assert (info.rate, info.channels) == (rate, channels)
    # Lossy codecs end on a block; lossless ones on the sample.
    exact = "pcm" in coding[1] or "flac" in coding[1]
    assert abs(float(info.duration) - seconds) <= (0 if exact else 0.05)
    assert abs(len(wave.samples) - info.duration * 16000) <= 1
    middle = wave.samples[4000:12000] * np.hanning(8000)
    assert np.abs(np.fft.rfft(middle)).argmax() * 2 == 300  # Hz
    assert 0.003 < np.abs(wave.samples).max() <= 1


def test_loud_stereo_does_not_clip(tmp_path: Path) -> None:
    path = clips.make(
        *("loud.wav", "-f", "lavfi", "-i", "aevalsrc=sin(600*PI*t)|sin(600*PI*t):s=16000:d=1")
    )
    wave = media.read_audio(path)
    want = np.sin(600 * np.pi * np.arange(16000) / 16000)
    np.testing.assert_allclose(wave.samples, want, atol=1e-3)


def test_channels_without_a_place_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "eleven.wav"
    tone = 0.5 * np.sin(600 * np.pi * np.arange(16000) / 16000)
    soundfile.write(path, np.repeat(tone[:, None], 11, axis=1), 16000, subtype="FLOAT")
    wave = media.read_audio(path)
    np.testing.assert_allclose(wave.samples, tone, atol=1e-4)


def test_sound_that_begins_late_is_preceded_by_silence() -> None:
    path = clips.make(
        *("late.mkv", "-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=2"),
        *("-itsoffset", "0.5", "-f", "lavfi", "-i", "sine=300:sample_rate=16000:duration=1"),
        *("-c:v", "libx264", "-c:a", "flac"),
    )
    info, wave = media.probe_audio(path), media.read_audio(path)
    assert info.start == Fraction(1, 2)
    assert info.duration == Fraction(3, 2)
    assert len(wave.samples) == 24000
    heard = np.flatnonzero(np.abs(wave.samples) > 1e-3)
    assert abs(heard[0] - 8000) < 20


def test_bad_samples_become_silence(tmp_path: Path) -> None:
    plain = clips.sound("float.wav", "-c:a", "pcm_f32le", rate=48000).read_bytes()
    data = bytearray(plain)
    data[-40000:-39000] = np.full(250, np.nan, "<f4").tobytes()
    path = tmp_path / "nan.wav"
    path.write_bytes(data)
    wave = media.read_audio(path, 48000)
    assert np.isfinite(wave.samples).all()
    assert np.abs(wave.samples[:9000]).max() > 0.05


@pytest.mark.real
def test_decoding_equals_soundfile(shared: Path) -> None:
    """A second implementation: libsndfile, and soxr by librosa."""
    import soundfile
    import soxr

    path = shared / "data/speech/LJ001-0001.wav"
    samples, rate = soundfile.read(path, dtype="float32")
    want = soxr.resample(samples, rate, 16000)
    got = media.read_audio(path).samples
    assert abs(len(got) - len(want)) <= 1
    n = min(len(got), len(want))
    assert np.std(got[:n] - want[:n]) < 1e-3 * np.std(want)  # −60 dB


def test_no_sound_is_one_line(tmp_path: Path) -> None:
    silent = clips.video("silent.mp4", "-c:v", "libx264")
    text = tmp_path / "text.wav"
    text.write_text("no sound at all " * 50)
    for path, words in ((silent, "no sound in it"), (text, "not a media file")):
        for ask in (media.probe_audio, media.read_audio):
            with pytest.raises(AudioError, match=words) as caught:
                ask(path)
            assert str(path) in str(caught.value)
    with pytest.raises(MediaError, match="no such file"):
        media.read_audio(tmp_path / "nowhere.wav")


def test_an_empty_stream_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.write_bytes(clips.sound("s16.wav", "-c:a", "pcm_s16le").read_bytes()[:78])
    for ask in (media.probe_audio, media.read_audio):
        with pytest.raises(AudioError):
            ask(path)


# --- one decoding -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "coding", "rate", "channels", "seconds"), CODINGS, ids=[c[0] for c in CODINGS]
)
def test_one_decoding_gives_the_samples_and_the_exact_length(
    name: str,
    coding: tuple[str, ...],
    rate: int,
    channels: int,
    seconds: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = clips.sound(name, *coding, rate=rate)
    monkeypatch.setattr(sound, "_infos", {})
    want = media.probe_audio(path), media.read_audio(path).samples
    sound._infos.clear()
    wave, info = media.read_audio_with_info(path)
    assert info == want[0]
    np.testing.assert_array_equal(wave.samples, want[1])


def test_a_late_start_counts_in_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sound that begins 0.4 s into the file, behind a video: preceded by silence."""
    monkeypatch.setattr(sound, "_infos", {})
    path = clips.make(
        *("late.mkv", "-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=1"),
        *("-itsoffset", "0.4", "-f", "lavfi", "-i", "sine=frequency=300:sample_rate=44100:d=1"),
        *("-c:v", "ffv1", "-c:a", "flac"),
    )
    want = media.probe_audio(path), media.read_audio(path).samples
    sound._infos.clear()
    wave, info = media.read_audio_with_info(path)
    assert info == want[0]
    assert float(info.duration) == pytest.approx(1.4, abs=0.01)
    np.testing.assert_array_equal(wave.samples, want[1])


def test_what_is_known_of_a_file_holds_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound, "_infos", {})
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(16000, 0.1), 16000)
    assert media.probe_audio(path) is media.probe_audio(path)
    soundfile.write(path, np.full(8000, 0.1), 16000)
    assert float(media.probe_audio(path).duration) == 0.5
    monkeypatch.setattr(sound, "INFOS_KEPT", 3)
    for i in range(5):
        copy = tmp_path / f"{i}.wav"
        soundfile.write(copy, np.full(800, 0.1), 16000)
        media.probe_audio(copy)
    assert len(sound._infos) == 3
