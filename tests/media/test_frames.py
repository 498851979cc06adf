"""Pictures: sizes, rates, colors, and seeking to the frame."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync import media
from lipsync.errors import MediaError
from lipsync.media import ffmpeg_process
from lipsync.types import ColorTags, VideoInfo
from tests.support import clips

X264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
BARS = "smptebars=size=320x240:rate=25"


def _frames(path: Path) -> list[np.ndarray]:
    return list(media.read_frames(media.probe(path)))


def _first(info: VideoInfo, start: int = 0) -> np.ndarray:
    (frame,) = media.read_frames(info, start, start + 1)
    return frame


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference, gray levels."""
    return float(np.abs(a.astype(int) - b).mean())


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_frames_come_upright_whatever_the_rotation_tag(degrees: int) -> None:
    plain = clips.video("plain.mp4", *X264)
    tagged = clips.turned(plain, degrees)
    info = media.probe(tagged)
    assert (info.width, info.height) == ((96, 64) if degrees == 180 else (64, 96))
    assert info.rotation == 360 - degrees
    for got, stored in zip(media.read_frames(info), _frames(plain), strict=True):
        # np.rot90 turns anticlockwise, as the tag counts; the chroma is resampled after turning.
        assert _difference(got, np.rot90(stored, degrees // 90)) < 1.5


RATES = [
    ("ntsc.mp4", "30000/1001", X264, Fraction(30000, 1001)),
    ("film.mkv", "24000/1001", X264, Fraction(24000, 1001)),
    ("pal.mkv", "25", X264, Fraction(25)),
    ("web.webm", "30", ("-c:v", "libvpx", "-auto-alt-ref", "1", "-b:v", "200k"), Fraction(30)),
    ("web9.webm", "30", ("-c:v", "libvpx-vp9", "-b:v", "200k"), Fraction(30)),
    ("old.avi", "15", ("-c:v", "mpeg4", "-bf", "2"), Fraction(15)),
    ("odd_rate.mov", "359/12", ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"), Fraction(359, 12)),
    ("stream.ts", "50", X264, Fraction(50)),
    ("picture.gif", "10", (), Fraction(10)),
    ("bare.h264", "25", X264, Fraction(25)),
    ("bare30.h264", "30000/1001", X264, Fraction(30000, 1001)),
    ("bare.hevc", "50", ("-c:v", "libx265", "-x265-params", "log-level=error"), Fraction(50)),
]


@pytest.mark.parametrize(("name", "rate", "coding", "fps"), RATES, ids=[r[0] for r in RATES])
def test_rate_and_count_are_exact_in_every_container(
    name: str, rate: str, coding: tuple[str, ...], fps: Fraction
) -> None:
    info = media.probe(clips.video(name, *coding, rate=rate, frames=40))
    frames = list(media.read_frames(info))
    assert info.fps == fps
    assert info.frame_count == len(frames) == 40
    assert all(f.shape == (64, 96, 3) and f.flags.c_contiguous for f in frames)
    late = list(media.read_frames(info, 17, 23))
    np.testing.assert_array_equal(late, frames[17:23])


def test_variable_rate_becomes_constant_and_keeps_time() -> None:
    """Every fourth picture is missing and a second is skipped: time stamps stay, places fill."""
    keep = "select='not(eq(mod(n,4),3))*not(between(n,30,54))'"
    path = clips.video("vfr.mp4", "-vf", keep, "-fps_mode", "vfr", *X264, frames=60)
    full = clips.video("cfr.mp4", *X264, frames=140)
    info = media.probe(path)
    frames, whole = list(media.read_frames(info)), _frames(full)
    assert info.fps == 25
    assert info.frame_count == len(frames)
    for i, frame in enumerate(frames):
        if i % 4 != 3 and not 30 <= i <= 54:
            assert _difference(frame, whole[i]) < 4  # two encodings of the same moment
        else:
            np.testing.assert_array_equal(frame, frames[i - 1])
    np.testing.assert_array_equal(list(media.read_frames(info, 31, 60)), frames[31:60])


@pytest.mark.parametrize("size", ["97x63", "95x64", "96x65"])
def test_odd_sizes(size: str) -> None:
    w, h = map(int, size.split("x"))
    info = media.probe(
        clips.video(
            f"odd{size}.mkv", *("-vf", f"format=rgb24,scale={w}:{h},setsar=1"), "-c:v", "ffv1"
        )
    )
    assert _first(info).shape == (h, w, 3)
    assert (info.width, info.height) == (w, h)


def test_pixels_become_square() -> None:
    info = media.probe(clips.video("pal.mp4", *X264, "-vf", "setsar=16/15", size="720x576"))
    assert (info.width, info.height) == (768, 576)
    assert _first(info).shape == (576, 768, 3)


@pytest.mark.parametrize("coded_range", ["tv", "pc"])
@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc"])
def test_colors_are_those_of_the_tags(matrix: str, coded_range: str) -> None:
    """Whatever the coding, a known color comes out as itself, to 2 gray levels."""
    red, green, blue = 200, 60, 30
    tags = f"setparams=color_primaries=bt709:color_trc=bt709:colorspace={matrix}"
    path = clips.make(
        f"{matrix}_{coded_range}.mp4",
        *("-f", "lavfi", "-i", f"color=#{red:02x}{green:02x}{blue:02x}:s=64x64:r=25,format=rgb24"),
        *("-vf", f"scale=out_color_matrix={matrix}:out_range={coded_range},format=yuv420p,{tags}"),
        *("-frames:v", "3", *X264, "-crf", "0"),
    )
    info = media.probe(path)
    assert info.color == ColorTags("bt709", "bt709", matrix, coded_range)
    got = _first(info).reshape(-1, 3).mean(0)
    np.testing.assert_allclose(got, (red, green, blue), atol=2)


def test_the_untagged_are_read_as_their_size_suggests() -> None:
    small = media.probe(clips.video("small.mkv", *X264))
    large = media.probe(clips.video("large.mkv", *X264, size="1280x720", frames=2))
    assert small.color.space is None
    assert media.yuv_coding(small) == ("smpte170m", "tv")
    assert media.yuv_coding(large) == ("bt709", "tv")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp"])
def test_a_still_is_one_frame(suffix: str) -> None:
    path = clips.make(f"still.{suffix}", "-f", "lavfi", "-i", BARS, "-frames:v", "1")
    info = media.probe(path)
    assert (info.still, info.frame_count, info.fps) == (True, 1, 25)
    (frame,) = media.read_frames(info)
    assert frame.shape == (240, 320, 3)
    np.testing.assert_allclose(frame[5, 5], (180, 180, 180), atol=24)  # gray is the first bar
    assert frame[5, 318].argmax() == 2  # blue the last


def test_a_photograph_is_turned_by_its_exif(tmp_path: Path) -> None:
    plain = clips.make("photo.jpg", "-f", "lavfi", "-i", BARS, "-frames:v", "1").read_bytes()
    # APP1: a big-endian TIFF with the one tag 0x0112 (orientation) = 6: turn clockwise to view.
    entry = bytes.fromhex("0112 0003 00000001 0006 0000")
    tiff = b"MM\0*" + bytes.fromhex("00000008 0001") + entry + bytes(4)
    app1 = b"Exif\0\0" + tiff
    path = tmp_path / "turned.jpg"
    path.write_bytes(
        plain[:2] + b"\xff\xe1" + (len(app1) + 2).to_bytes(2, "big") + app1 + plain[2:]
    )
    info = media.probe(path)
    assert (info.width, info.height) == (240, 320)
    (frame,) = media.read_frames(info)
    assert frame[318, 230].argmax() == 2  # the right-hand bar, blue, has gone to the bottom


def test_a_video_of_one_picture_is_a_still() -> None:
    info = media.probe(clips.video("one.mp4", *X264, frames=1))
    assert info.still
    (frame,) = media.read_frames(info)
    assert frame.shape == (64, 96, 3)


def test_awkward_names_are_just_names(tmp_path: Path) -> None:
    plain = clips.video("plain.mp4", *X264).read_bytes()
    for name in ("-y.mp4", "http:x.mp4", "a%03d.mp4", "it's [x], é;.mp4", "concat:a|b.mp4"):
        path = tmp_path / name
        path.write_bytes(plain)
        assert len(_frames(path)) == 12, name


def test_a_changed_file_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.video("plain.mp4", *X264).read_bytes())
    assert media.probe(path).frame_count == 12
    path.write_bytes(clips.video("longer.mp4", *X264, frames=20).read_bytes())
    os.utime(path, (1, 1))
    assert media.probe(path).frame_count == 20


def test_leaving_early_ends_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    from lipsync.media import frames as module

    started = []

    class Watched(ffmpeg_process.FfmpegProcess):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[arg-type]
            started.append(self._popen)

    monkeypatch.setattr(module, "FfmpegProcess", Watched)
    frames = media.read_frames(media.probe(clips.video("cfr.mp4", *X264, frames=140)))
    next(frames)
    assert started[0].poll() is None
    frames.close()
    assert started[0].poll() is not None


def test_damage_at_the_end_holds_the_last_picture(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = clips.video("cfr.ts", *X264, "-bf", "0", "-g", "10", frames=90)
    path = tmp_path / "cut.ts"
    path.write_bytes(whole.read_bytes())
    media.probe(path)
    stamp = path.stat()
    data = whole.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # damaged since it was probed
    info = media.probe(path)
    frames = list(media.read_frames(info))
    assert len(frames) == info.frame_count == 90
    np.testing.assert_array_equal(frames[-1], frames[-2])
    for frame, want in zip(media.read_frames(info), frames, strict=True):
        np.testing.assert_array_equal(frame, want)
        frame[:] = 0  # what the caller does to a frame does not show in those that hold it
    assert "damaged" in caplog.text


FAULTS = {
    "missing": "no such file",
    "folder": "is a folder",
    "text": "not a media file",
    "empty": "not a media file",
    "sound": "no picture in it",
    "cover": "no picture in it",
    "broken.png": "image cannot be decoded|not a media file|no picture in it",
    "broken.mp4": "not a media file|can be decoded",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_is_one_line(fault: str, tmp_path: Path) -> None:
    path = tmp_path / fault
    if fault == "folder":
        path.mkdir()
    elif fault == "text":
        path.write_text("I am no video. " * 100)
    elif fault == "empty":
        path.touch()
    elif fault == "sound":
        path = clips.sound("tone.wav")
    elif fault == "cover":
        cover = clips.make("still.png", "-f", "lavfi", "-i", BARS, "-frames:v", "1")
        tone = clips.sound("tone.wav")
        path = clips.make(
            *("cover.mp3", "-i", str(tone), "-i", str(cover), "-map", "0", "-map", "1"),
            *("-c:v", "copy", "-disposition:v", "attached_pic"),
        )
    elif fault == "broken.png":
        path.write_bytes(
            clips.make("still.png", "-f", "lavfi", "-i", BARS, "-frames:v", "1").read_bytes()[:60]
        )
    elif fault == "broken.mp4":
        path.write_bytes(clips.video("plain.mp4", *X264).read_bytes()[:900])
    with pytest.raises(MediaError, match=FAULTS[fault]) as caught:
        list(media.read_frames(media.probe(path)))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.mp4"
    path.touch(mode=0)
    with pytest.raises(MediaError, match="cannot be read"):
        media.probe(path)


SEEKS = {
    "gop.mp4": ("-bf", "3", "-g", "30"),
    "gop.mkv": ("-bf", "3", "-g", "30"),
    "open_gop.mp4": ("-bf", "3", "-g", "20", "-x264-params", "open-gop=1:b-pyramid=normal"),
    "open_gop.mkv": ("-bf", "3", "-g", "20", "-x264-params", "open-gop=1:b-pyramid=normal"),
    "late.mp4": ("-bf", "3", "-g", "30", "-output_ts_offset", "1.7"),
    "late.mkv": ("-bf", "3", "-g", "30", "-output_ts_offset", "1.7"),
    "late.ts": ("-bf", "3", "-g", "30", "-output_ts_offset", "1.7"),
}


@pytest.mark.real
@pytest.mark.parametrize("name", SEEKS)
def test_seeking_equals_decoding_from_the_start(name: str, shared: Path) -> None:
    source = shared / "data/targets/grid_s1_120s.mp4"
    coding = ("-t", "4", "-vf", "scale=180:-2", "-an", *X264, *SEEKS[name])
    info = media.probe(clips.make(name, "-i", str(source), *coding))
    frames = list(media.read_frames(info))
    assert len(frames) == info.frame_count == 100
    for start in (1, 2, 19, 20, 21, 29, 30, 31, 57, 60, 99):
        got = list(media.read_frames(info, start, start + 4))
        np.testing.assert_array_equal(got, frames[start : start + 4], err_msg=f"from {start}")


@pytest.mark.real
def test_seeking_in_cut_video_whose_first_pictures_are_hidden(shared: Path) -> None:
    """A copy that begins between key pictures: an edit list hides what only serves decoding."""
    source = shared / "data/targets/englishvideo.mp4"
    info = media.probe(
        clips.make("cut.mp4", "-ss", "2.5", "-i", str(source), "-t", "2", "-c", "copy")
    )
    frames = list(media.read_frames(info))
    original = list(media.read_frames(media.probe(source), 75, 80))
    np.testing.assert_array_equal(frames[:5], original)
    for start in (1, 40, len(frames) - 1):
        np.testing.assert_array_equal(_first(info, start), frames[start])
