"""Sound that is damaged or ambiguous: what is read, and what is written."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from lipsync import media
from lipsync.errors import AudioError
from lipsync.media.encode import EncodeOptions, encode_video
from lipsync.types import F32
from tests.support import clips
from tests.support.streams import QUICK, moving_pictures, video_info

RATE = 16000


def speechlike(seconds: float = 2.0, seed: int = 1) -> F32:
    """Noise whose loudness goes up and down."""
    n = round(seconds * RATE)
    noise = np.random.default_rng(seed).normal(0, 0.1, n)
    return (noise * (1 + np.sin(np.arange(n) / RATE * 20))).astype(np.float32)


def written(sound: Path, out: Path, **options: str) -> media.Soundtrack:
    """Encoded as a render does it."""
    info = video_info(n=40)
    chosen = EncodeOptions(crf=40, preset="ultrafast", **options)  # type: ignore[arg-type]
    encode_video(moving_pictures(info), info, sound, out, chosen)
    return media.Soundtrack(out)


# --- samples that are no numbers --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_no_numbers_are_silence_in_what_is_read_and_written(
    kind: str, suffix: str, tmp_path: Path
) -> None:
    """A resampler would spread one NaN over all that follows; an encoder refuses it."""
    clean = speechlike()
    bad = clean.astype(np.float64)
    bad[5000:5050], bad[9000], bad[9001], bad[9002] = np.nan, np.inf, -np.inf, 1e30
    path = tmp_path / "nan.wav"
    soundfile.write(path, bad, RATE, subtype=kind)
    assert media.probe_audio(path).broken == 53
    want = clean.copy()
    want[5000:5050] = want[9000:9003] = 0
    assert np.abs(media.read_audio(path, RATE).samples - want).max() < 1e-3
    assert np.abs(media.read_audio(path, 48000).samples).max() < 1
    out = written(path, tmp_path / f"out{suffix}").path
    back = media.read_audio(out, RATE).samples
    assert np.corrcoef(back[: len(want)], want[: len(back)])[0, 1] > 0.9


@pytest.mark.parametrize("name", ["nan.aiff", "nan.caf", "nan.mka", "nan.mov", "nan.w64"])
def test_no_numbers_in_other_containers(name: str, tmp_path: Path) -> None:
    bad = speechlike()
    bad[::1000] = np.nan
    source = tmp_path / "source.wav"
    soundfile.write(source, bad, RATE, subtype="FLOAT")
    big = name.endswith((".aiff", ".caf"))
    path = tmp_path / name
    clips.run("-i", str(source), "-c:a", "pcm_f32be" if big else "pcm_f32le", str(path))
    assert media.probe_audio(path).broken == 32
    assert np.isfinite(media.read_audio(path).samples).all()


def test_whole_numbers_are_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    assert media.probe_audio(clips.sound("s16.wav", "-c:a", "pcm_s16le")).broken == 0


# --- channels that cancel each other ----------------------------------------------------------


def stereo(path: Path, left: F32, right: F32) -> Path:
    soundfile.write(path, np.stack([left, right], 1), RATE, subtype="PCM_24")
    return path


@pytest.mark.parametrize("share", [1.0, 0.9, 1.1])
def test_an_inverted_channel(share: float, tmp_path: Path) -> None:
    voice = speechlike()
    path = stereo(tmp_path / "anti.wav", voice, -np.float32(share) * voice)
    stronger = 1 if share > 1 else 0
    assert media.probe_audio(path).voice == stronger
    heard = media.read_audio(path, RATE).samples
    want = (voice, -np.float32(share) * voice)[stronger]
    assert np.abs(heard - want).max() < 1e-3
    wave, info = media.read_audio_with_info(path, RATE)
    assert info == media.probe_audio(path)
    assert np.array_equal(wave.samples, heard)
    # Whoever plays the result on one loudspeaker hears the voice too.
    back = media.read_audio(written(path, tmp_path / "out.mkv").path, RATE).samples
    assert np.abs(back[: len(want)] - want[: len(back)]).max() < 1e-3


def test_what_is_not_canceled_is_the_mean(tmp_path: Path) -> None:
    one, other = speechlike(seed=1), speechlike(seed=2)
    for i, (left, right) in enumerate(
        [(one, one), (one, other), (one, 0 * one), (one, -np.float32(0.3) * one), (0 * one, one)]
    ):
        path = stereo(tmp_path / f"{i}.wav", left, right)
        assert media.probe_audio(path).voice is None
        assert np.abs(media.read_audio(path, RATE).samples - (left + right) / 2).max() < 1e-3


def test_a_constant_offset_does_not_hide_that_channels_cancel(tmp_path: Path) -> None:
    voice = speechlike()
    path = stereo(tmp_path / "offset.wav", voice + np.float32(0.2), np.float32(0.2) - voice)
    assert media.probe_audio(path).voice is not None


def test_inverted_for_a_part_of_the_time(tmp_path: Path) -> None:
    voice = speechlike(4.0)
    right = voice.copy()
    right[: 2 * RATE] *= -1
    path = stereo(tmp_path / "half.wav", voice, right)
    heard = media.read_audio(path, RATE).samples
    assert np.corrcoef(heard[: 2 * RATE], voice[: 2 * RATE])[0, 1] ** 2 > 0.99


@pytest.mark.parametrize("coding", [("-c:a", "aac"), ("-c:a", "libmp3lame"), ("-c:a", "libopus")])
def test_inverted_and_compressed(coding: tuple[str, ...], tmp_path: Path) -> None:
    voice = speechlike()
    path = tmp_path / "anti.mka"
    source = stereo(tmp_path / "anti.wav", voice, -voice)
    clips.run("-i", str(source), *coding, "-b:a", "192k", str(path))
    level = float(np.abs(media.read_audio(path, RATE).samples).mean())
    assert level > 0.5 * float(np.abs(voice).mean())


def test_inverted_fronts_of_surround_sound(tmp_path: Path) -> None:
    voice, none = speechlike(), np.zeros(2 * RATE, np.float32)
    path = tmp_path / "surround.wav"
    soundfile.write(path, np.stack([voice, -voice, none, none, none, none], 1), RATE)
    clips.run("-i", str(path), "-ac", "6", "-c:a", "flac", str(tmp_path / "surround.flac"))
    heard = media.read_audio(tmp_path / "surround.flac", RATE).samples
    assert np.corrcoef(heard, voice)[0, 1] ** 2 > 0.99


# --- which track ------------------------------------------------------------------------------

TRACKS = ("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=1",
          "-f", "lavfi", "-i", "sine=frequency=300:sample_rate=16000:duration=1",
          "-map", "0", "-map", "1")  # fmt: skip
MARKED = ("-disposition:a:0", "0", "-disposition:a:1", "default")


@pytest.mark.parametrize("name", ["two.mka", "two.m4a", "two.mkv", "two.mov", "two.mp4"])
def test_the_default_track_is_read(name: str) -> None:
    path = clips.make(name, *TRACKS, "-c:a", "aac", *MARKED)
    assert media.probe_audio(path).track == 1
    assert np.abs(media.read_audio(path).samples).max() > 0.05
    assert np.abs(media.read_audio(path, track=0).samples).max() < 1e-3
    assert np.abs(media.read_audio(path, track=1).samples).max() > 0.05
    with pytest.raises(AudioError, match=r"no sound track 3 in it; it has 2"):
        media.probe_audio(path, 2)


def test_without_a_default_the_first_that_is_for_everybody() -> None:
    comment = ("-disposition:a:0", "comment", "-disposition:a:1", "0")
    path = clips.make("commented.mka", *TRACKS, "-c:a", "flac", *comment)
    assert media.probe_audio(path).track == 1
    plain = ("-disposition:a:0", "0", "-disposition:a:1", "0")
    path = clips.make("plain.mka", *TRACKS, "-c:a", "flac", *plain)
    assert media.probe_audio(path).track == 0


def test_the_chosen_track_is_written(tmp_path: Path) -> None:
    path = clips.make("two.m4a", *TRACKS, "-c:a", "aac", *MARKED)
    info = video_info(n=25)
    for track, loud in ((None, True), (0, False), (1, True)):
        out = tmp_path / f"{track}.mp4"
        sound = media.Soundtrack(path, track=track)
        encode_video(moving_pictures(info), info, sound, out, QUICK)
        assert bool(np.abs(media.read_audio(out).samples).max() > 0.05) is loud


# --- holes ------------------------------------------------------------------------------------


def with_hole(source: Path, place: Path, first: Fraction, end: Fraction) -> Path:
    """The same packets without those between two times."""
    with av.open(str(source)) as whole, av.open(str(place), "w") as out:
        stream = whole.streams.audio[0]
        copy = out.add_stream_from_template(stream)
        for packet in whole.demux(stream):
            if packet.dts is None or first <= packet.pts * stream.time_base < end:
                continue
            packet.stream = copy
            out.mux(packet)
    return place


@pytest.mark.parametrize(
    ("name", "coding"),
    [("gap.mka", "libopus"), ("gap.m4a", "aac"), ("gap.mka", "flac"), ("gap.mp4", "libopus"),
     ("gap.mka", "libmp3lame")],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("codec", ["auto", "copy"])
def test_holes_are_filled_with_silence(
    name: str, coding: str, suffix: str, codec: str, tmp_path: Path
) -> None:
    """Every sound lies where it lay, and no packet of the output lasts as long as the hole."""
    if codec == "copy" and suffix in (".mov", ".webm"):
        pytest.skip("two containers show it")
    source = tmp_path / f"whole{Path(name).suffix}"
    tone = "sine=frequency=300:sample_rate=48000:duration=2"
    clips.run("-f", "lavfi", "-i", tone, "-c:a", coding, str(source))
    path = with_hole(source, tmp_path / name, Fraction(1, 2), Fraction(1))
    assert abs(media.probe_audio(path).duration - 2) < 0.1
    out = written(path, tmp_path / f"out{suffix}", audio_codec=codec).path
    with av.open(str(out)) as container:
        stream = container.streams.audio[0]
        times = [float(p.pts * p.time_base) for p in container.demux(stream) if p.size]
    assert np.diff(times).max() < 0.2
    assert abs(media.probe_audio(out).duration - 2) < 0.15
    back = np.abs(media.read_audio(out, 1000).samples)
    assert back[600:950].max() < 0.02
    assert back[200:450].max() > 0.05
    assert back[1100:1500].max() > 0.05


# --- nothing ----------------------------------------------------------------------------------


def test_an_empty_sound_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros(0), RATE)
    for ask in (media.probe_audio, media.read_audio, media.read_audio_with_info):
        with pytest.raises(AudioError, match="is empty"):
            ask(path)
