"""Containers out: every kind holds the same pictures, times, sound and tags, or says it cannot."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lipsync import media
from lipsync.errors import AudioError, OptionsError, OutputError
from lipsync.media import Output
from lipsync.media.encode import EncodeOptions, encode_video
from lipsync.media.output_sound import AudioCodec, check_audio_codec
from lipsync.media.video_encoders import vp9_crf
from lipsync.pipelines.outputs import check_output
from tests.support import clips
from tests.support.streams import QUICK, measure_lag, moving_pictures, psnr, video_info, write_click

FILES = (".mp4", ".mov", ".mkv", ".webm")
CODECS = {".mp4": "h264", ".mov": "h264", ".mkv": "h264", ".webm": "vp9"}
TAGS = {"comment": "made; it's = [c] é", "digital_source_type": "http://x/y"}


@pytest.mark.parametrize("suffix", FILES)
def test_every_container_holds_pictures_times_and_sound(suffix: str, tmp_path: Path) -> None:
    info, out = video_info(fps="30000/1001", n=30), tmp_path / f"out{suffix}"
    wav = write_click(tmp_path / "click.wav", 20011)
    assert (
        encode_video(moving_pictures(info), info, wav, out, EncodeOptions(crf=8), tags=TAGS) == 30
    )
    back = media.probe(out)
    assert (back.fps, back.frame_count, back.width, back.height) == (info.fps, 30, 96, 64)
    for got, want in zip(media.read_frames(back), moving_pictures(info), strict=True):
        assert psnr(got, want) > 36  # dB
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec_context.codec.canonical_name == CODECS[suffix]
        tags = {k.lower(): v for k, v in container.metadata.items()}
        times = [float(f.pts * f.time_base) for f in container.decode(video=0)]
    assert tags["comment"] == TAGS["comment"]
    if suffix in (".mkv", ".webm"):  # boxes have no place for it
        assert tags["digital_source_type"] == TAGS["digital_source_type"]
    # Matroska rounds to 1 ms.
    np.testing.assert_allclose(times, np.arange(30) * 1001 / 30000, atol=0.00051)
    assert (
        measure_lag(media.read_audio(wav, 48000).samples, media.read_audio(out, 48000).samples) == 0
    )


KEPT = [
    (".mov", "mp3", ("-c:a", "libmp3lame", "-b:a", "192k"), "aac"),
    (".mov", "flac", ("-c:a", "flac"), "aac"),
    (".mov", "wav", ("-c:a", "pcm_s16le"), "aac"),
    (".mkv", "m4a", ("-c:a", "aac", "-b:a", "192k"), "aac"),
    (".mkv", "mp3", ("-c:a", "libmp3lame", "-b:a", "192k"), "flac"),
    (".mkv", "opus", ("-c:a", "libopus", "-b:a", "160k"), "opus"),
    (".webm", "opus", ("-c:a", "libopus", "-b:a", "160k"), "opus"),
    (".webm", "m4a", ("-c:a", "aac", "-b:a", "192k"), "opus"),
]


@pytest.mark.parametrize(
    ("suffix", "speech", "coding", "kept"), KEPT, ids=[f"{k[1]}{k[0]}" for k in KEPT]
)
def test_sound_is_copied_only_where_it_stays_in_sync(
    suffix: str, speech: str, coding: tuple[str, ...], kept: str, tmp_path: Path
) -> None:
    wav, source = write_click(tmp_path / "click.wav", 20011), tmp_path / f"speech.{speech}"
    clips.run("-i", str(wav), *coding, str(source))
    info, out = video_info(n=10), tmp_path / f"out{suffix}"
    encode_video(moving_pictures(info), info, source, out, QUICK)
    assert media.probe_audio(out).codec == kept
    assert (
        measure_lag(media.read_audio(wav, 48000).samples, media.read_audio(out, 48000).samples) == 0
    )


CHOSEN = [
    (".mp4", "alac", "alac"), (".mp4", "flac", "flac"), (".mp4", "opus", "opus"),
    (".mov", "alac", "alac"), (".mkv", "aac", "aac"), (".webm", "opus", "opus"),
    (".mov", "copy", "pcm_s16le"), (".mkv", "copy", "pcm_s16le"),
]  # fmt: skip


@pytest.mark.parametrize(("suffix", "codec", "kept"), CHOSEN)
def test_sound_in_a_chosen_codec(suffix: str, codec: AudioCodec, kept: str, tmp_path: Path) -> None:
    wav = write_click(tmp_path / "click.wav", 20011)
    info, out = video_info(n=10), tmp_path / f"out{suffix}"
    encode_video(moving_pictures(info), info, wav, out, replace(QUICK, audio_codec=codec))
    assert media.probe_audio(out).codec == kept
    check_audio_codec(media.FORMATS[suffix], codec)


def test_codecs_that_a_container_cannot_hold(tmp_path: Path) -> None:
    for suffix, codec, words in (
        (".webm", "aac", "a .webm takes opus, got 'aac'"),
        (".mov", "opus", "an .mov takes aac, alac, got 'opus'"),
        ("/", "flac", "a folder of frames has a .wav, got 'flac'"),
    ):
        with pytest.raises(OptionsError, match=f"'audio_codec': {words}"):
            check_audio_codec(media.FORMATS[suffix], codec)
    wav = write_click(tmp_path / "click.wav", 20011)
    sound = media.Soundtrack(wav, codec="copy")
    (line,) = media.find_coding_changes(sound, media.FORMATS[".mp4"])
    assert "encoded as aac, not copied: an .mp4 cannot hold pcm_s16le" in line
    assert media.find_coding_changes(sound, media.FORMATS[".mov"]) == ()


def test_a_folder_of_frames(tmp_path: Path) -> None:
    info, wav = video_info(97, 63, n=12), write_click(tmp_path / "click.wav", 20011)
    texts = {"Comment": "made é", **media.png_xmp_text("<x/>")}
    for name, first in (("frames/", "000001.png"), ("other/im_%03d.png", "im_001.png")):
        output = Output.parse(f"{tmp_path}/{name}")
        encode_video(moving_pictures(info), info, wav, output, QUICK, texts=texts)
        names = sorted(p.name for p in output.path.iterdir())
        assert (len(names), names[0], names[-1]) == (13, first, "sound.wav")
        for file, want in zip(names, moving_pictures(info), strict=False):
            got = media.probe(output.path / file)
            np.testing.assert_array_equal(next(media.read_frames(got)), want)
        assert media.read_png_texts(output.path / first) == texts
        with av.open(str(output.path / first)) as container:  # another reader takes it too
            assert next(container.decode(video=0)).width == 97
        with wave.open(str(output.path / "sound.wav")) as sound:
            assert sound.getnframes() == 48000
    assert sorted(p.name for p in tmp_path.iterdir()) == ["click.wav", "frames", "other"]


def test_the_sound_beside_frames_begins_where_the_speech_does(tmp_path: Path) -> None:
    wav, late = write_click(tmp_path / "click.wav", 20011), tmp_path / "late.mkv"
    picture = ("-f", "lavfi", "-i", "color=s=32x32:r=25:d=1")
    clips.run(*picture, "-itsoffset", "0.5", "-i", str(wav), "-c:a", "pcm_s16le", str(late))
    output = Output.parse(f"{tmp_path}/frames/")
    encode_video(moving_pictures(video_info(n=10)), video_info(n=10), late, output, QUICK)
    said, made = (media.read_audio(f, 48000).samples for f in (wav, output.path / "sound.wav"))
    assert np.abs(made).argmax() - np.abs(said).argmax() == 24000  # samples


def test_a_folder_of_frames_is_replaced_whole(tmp_path: Path) -> None:
    wav, output = write_click(tmp_path / "click.wav", 2000), Output.parse(f"{tmp_path}/frames/")
    for n in (9, 4):
        encode_video(moving_pictures(video_info(n=n)), video_info(n=n), wav, output, QUICK)
        assert len(list(output.path.iterdir())) == n + 1
    before = sorted((p.name, p.read_bytes()) for p in output.path.iterdir())

    def broken() -> Iterator[np.ndarray]:
        yield from moving_pictures(video_info(n=3))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_video(broken(), video_info(n=5), wav, output, QUICK)
    assert sorted((p.name, p.read_bytes()) for p in output.path.iterdir()) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["click.wav", "frames"]
    silent = clips.video("silent.mp4", "-c:v", "libx264")
    with pytest.raises((AudioError, OutputError)):
        encode_video(moving_pictures(video_info(n=2)), video_info(n=2), silent, output, QUICK)
    assert sorted((p.name, p.read_bytes()) for p in output.path.iterdir()) == before


def test_a_pipe_is_a_stream_that_plays(tmp_path: Path) -> None:
    """Given away piece by piece, it is Matroska from beginning to end."""
    info, wav, got = video_info(n=20), write_click(tmp_path / "click.wav", 20011), bytearray()
    sealed: list[Path] = []
    encode_video(
        moving_pictures(info), info, wav, Output.parse("-"), QUICK,
        tags=TAGS, sink=got.extend, finalize=sealed.append,
    )  # fmt: skip
    assert sealed == [Path("-")]
    path = tmp_path / "piped.mkv"
    path.write_bytes(got)
    back = media.probe(path)
    assert (back.fps, back.frame_count) == (25, 20)
    assert media.container_tags(path)["comment"] == TAGS["comment"]
    assert (
        measure_lag(media.read_audio(wav, 48000).samples, media.read_audio(path, 48000).samples)
        == 0
    )


def test_nobody_reads_the_pipe(tmp_path: Path) -> None:
    def gone(piece: bytes) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    info, wav = video_info(320, 240, n=100), write_click(tmp_path / "click.wav", 200)
    with pytest.raises(OutputError, match=r"-: cannot be written \(Broken pipe\)"):
        encode_video(moving_pictures(info), info, wav, Output.parse("-"), QUICK, sink=gone)


def test_names_of_outputs(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name, suffix, path in (
        ("a.MP4", ".mp4", "a.MP4"),
        ("a.b.webm", ".webm", "a.b.webm"),
        ("frames/", "/", "frames"),
        ("there", "/", "there"),
        ("x/%d.png", "/", "x"),
        ("x/im-%04d.png", "/", "x"),
    ):
        output = Output.parse(f"{tmp_path}/{name}")
        assert (output.format.suffix, output.path) == (suffix, tmp_path / path)
    assert Output.parse("-").format.pipe
    for name in ("a.avi", "a", "a.png", "%d-%d.png", "%s.png"):
        with pytest.raises(OutputError, match=r"only .mp4, .mov, .mkv, .webm, a folder"):
            Output.parse(tmp_path / name)


def test_folders_that_frames_cannot_go_to(tmp_path: Path) -> None:
    mixed, taken = tmp_path / "mixed", tmp_path / "taken"
    for folder, name in ((mixed, "holiday.jpg"), (taken, "000001.png")):
        folder.mkdir()
        (folder / name).write_text("x")
    (tmp_path / "file").write_text("x")
    target = taken / "000001.png"
    for name, inputs, overwrite, words in (
        ("mixed/", [], True, "holds other files"),
        ("taken/", [], False, "holds frames already; pass --overwrite"),
        ("taken/", [target], True, "an input is in it"),
        ("taken/x_%d.png", [], True, "holds other files"),
        ("file/", [], True, "is a file"),
        ("no/frames/", [], True, "there is no folder"),
    ):
        with pytest.raises(OutputError, match=words) as caught:
            check_output(Output.parse(f"{tmp_path}/{name}"), inputs, overwrite)
        assert "\n" not in str(caught.value)
    check_output(Output.parse(f"{taken}/"), [], True)
    check_output(Output.parse(f"{tmp_path}/new/"), [], False)
    check_output(Output.parse("-"), [], False)


def test_vp9_has_a_scale_of_its_own() -> None:
    assert [vp9_crf(crf) for crf in (0, 16, 23, 51)] == [0, 16, 33, 63]


@pytest.mark.parametrize("suffix", FILES)
def test_what_the_target_carries_besides(suffix: str, tmp_path: Path) -> None:
    """Subtitles, chapters and title of the target, moved to its first picture, cut at the end."""
    subtitles, chapters = tmp_path / "s.srt", tmp_path / "c.txt"
    subtitles.write_text(
        "1\n00:00:00,700 --> 00:00:01,000\nHello\n\n2\n00:00:03,500 --> 00:00:03,900\nLate\n"
    )
    chapters.write_text(
        ";FFMETADATA1\ntitle=A title\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=500\nEND=1000\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=4000\ntitle=Two\n"
    )
    target = tmp_path / "target.mkv"
    clips.run(
        *("-itsoffset", "0.5", "-i", str(clips.video("plain4.mp4", "-c:v", "libx264", frames=90))),
        *("-f", "lavfi", "-i", "sine=200:duration=4", "-i", str(subtitles), "-i", str(chapters)),
        *("-map", "0:v", "-map", "1:a", "-map", "2:s", "-map_metadata", "3", "-map_chapters", "3"),
        *("-metadata:s:s", "language=eng", "-c:v", "copy", "-c:a", "flac", str(target)),
    )
    info = media.probe(target)
    assert info.start == Fraction(1, 2)
    speech = tmp_path / "speech.mka"
    clips.run("-i", str(clips.sound("s16.wav", "-c:a", "pcm_s16le")), "-metadata", "title=Secret",
              "-metadata:s:a", "title=Secret", "-c:a", "flac", str(speech))  # fmt: skip
    out = Output.parse(tmp_path / f"out{suffix}")
    kept, left = media.plan_passthrough(info, out.format, Fraction(1), True)
    assert left == ()
    encode_video(
        media.read_frames(info, 0, 25), info, speech, out, QUICK, tags=TAGS, passthrough=kept
    )
    with av.open(str(out.path)) as container:
        assert container.metadata["title"] == "A title"
        assert "Secret" not in str([s.metadata for s in container.streams])
        (stream,) = container.streams.subtitles
        assert stream.metadata["language"] == "eng"
        shown = [
            (float(p.pts * p.time_base), bytes(p))
            for p in container.demux(stream)
            if p.size and b"Hello" in bytes(p)
        ]
        titles = [(c["metadata"]["title"], float(c["start"] * c["time_base"]))
                  for c in container.chapters()]  # fmt: skip
        assert b"Late" not in b"".join(text for _, text in shown)
    assert [at for at, _ in shown] == [pytest.approx(0.2, abs=0.002)]
    assert titles[0] == ("One", 0.0)
    assert titles[1] == ("Two", pytest.approx(0.5, abs=0.002))
    assert media.probe(out.path).frame_count == 25

    for form, straight, words in (
        (out.format, False, "the output's time line is not the target's"),
        (media.FORMATS["/"], True, "a folder of pictures cannot hold them"),
        (media.FORMATS["-"], True, "a pipe carries only picture and sound"),
    ):
        none, left = media.plan_passthrough(info, form, Fraction(1), straight)
        assert none is None
        assert words in left[0]


def test_subtitles_that_a_container_cannot_hold(tmp_path: Path) -> None:
    target = tmp_path / "target.mkv"
    words = tmp_path / "s.srt"
    words.write_text("1\n00:00:00,200 --> 00:00:00,400\nHello\n")
    clips.run("-f", "lavfi", "-i", "testsrc2=size=720x576:rate=25:duration=0.6", "-i", str(words),
              "-i", str(words), "-map", "0", "-map", "1", "-map", "2", "-c:v", "libx264",
              "-c:s:0", "ass", "-c:s:1", "webvtt", str(target))  # fmt: skip
    info = media.probe(target)
    form = media.FORMATS[".mp4"]
    narrow = media.Format(".mp4", "mp4", form.sound, subtitles={"ass": "mov_text"})
    kept, left = media.plan_passthrough(info, narrow, Fraction(1, 2), True)
    assert kept is not None
    assert kept.subtitles == ((0, "mov_text"),)
    assert "1 of its subtitle tracks (webvtt) cannot be in a .mp4" in left[0]
    plain = media.probe(clips.video("plain.mp4", "-c:v", "libx264"))
    assert media.plan_passthrough(plain, form, Fraction(1), False) == (None, ())


@pytest.mark.parametrize("name", [".mp4", ".mkv", ".webm", "frames/"])
def test_without_sound_the_result_is_silent(name: str, tmp_path: Path) -> None:
    output = Output.parse(f"{tmp_path}/out{name}")
    assert encode_video(moving_pictures(video_info(n=5)), video_info(n=5), None, output, QUICK) == 5
    if output.format.frames:
        assert [p.suffix for p in output.path.iterdir()] == [".png"] * 5
    else:
        back = media.probe(output.path)
        assert (back.frame_count, back.has_audio) == (5, False)


@pytest.mark.parametrize("name", [".mp4", ".mkv", "frames/"])
@pytest.mark.parametrize("late", ["picture", "sound"])
def test_a_targets_own_sound_stays_with_its_picture(name: str, late: str, tmp_path: Path) -> None:
    """Sample-exact from the first picture on, whichever of the two begins first."""
    target, shift = tmp_path / "target.mkv", ("-itsoffset", "0.5")
    wav = write_click(tmp_path / "click.wav", 30000, seconds=2)
    clips.run(
        *(shift if late == "picture" else ()), "-i", str(clips.video("t.mp4", "-c:v", "libx264")),
        *(shift if late == "sound" else ()), "-i", str(wav),
        *("-map", "0", "-map", "1", "-c:v", "copy", "-c:a", "flac", str(target)),
    )  # fmt: skip
    info, output = media.probe(target), Output.parse(f"{tmp_path}/out{name}")
    start_offset = media.sound_start_offset(info)
    assert start_offset == (Fraction(1, 2) if late == "picture" else 0)
    sound = media.Soundtrack(target, start_offset=start_offset)
    encode_video(moving_pictures(video_info(n=12)), video_info(n=12), sound, output, QUICK)
    out = output.path / "sound.wav" if output.format.frames else output.path
    heard = media.read_audio(out, 48000).samples
    first = 30000 + (-24000 if late == "picture" else 24000)
    assert abs(measure_lag(media.read_audio(wav, 48000).samples, heard) - (first - 30000)) <= 1
