"""How targets are read: their own times, fields, depth, screens, transparency, and damage."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lipsync import media
from lipsync.errors import MediaError
from lipsync.media import FORMATS, ReadOptions, frame_times, probe_target
from lipsync.media.encode import encode_video
from lipsync.retime import keep_timing
from lipsync.retime.timeline import OutputTimeline
from lipsync.types import LipTrack, VideoInfo
from tests.support import clips
from tests.support.streams import QUICK

X264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
MP4 = FORMATS[".mp4"]
# 30 fps with pictures missing here and there and every other one 3 ms late.
SHAKY = "select='not(eq(mod(n,7),3))',settb=1/90000,setpts='PTS+mod(N,2)*270'"
HOLES = "select='not(between(n,20,29))'"
VFR = ("-fps_mode", "vfr", "-enc_time_base", "1:90000", *X264, "-bf", "2")


def _stamps(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        times = [f.pts * f.time_base for f in container.decode(video=0)]
    return [t - times[0] for t in times]


def _shaky(suffix: str, how: str = SHAKY) -> Path:
    name = f"{'shaky' if how == SHAKY else 'holes'}{suffix}"
    return clips.video(name, "-vf", how, *VFR, rate="30", frames=70)


def _read(path: Path, length: float = 1.5, form: str = ".mp4", **options: str) -> VideoInfo:
    return probe_target(path, ReadOptions(**options), Fraction(length), FORMATS[form])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_varying_rate_is_kept_to_the_tick(suffix: str, tmp_path: Path) -> None:
    target, out = _shaky(suffix), tmp_path / f"out{suffix}"
    info = _read(target)
    assert info.stamps == tuple(_stamps(target))
    assert info.remarks == ()
    n = frame_times.count_frames(info, Fraction(3, 2))
    speech = clips.sound("long.wav", "-c:a", "pcm_s16le", seconds=1.5)
    encode_video(media.read_frames(info, 0, n), info, speech, out, QUICK)
    assert _stamps(out) == _stamps(target)[:n]
    assert _stamps(out)[-1] < Fraction(3, 2) <= _stamps(target)[n]
    with av.open(str(target)) as container:
        pictures = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    for i, got in enumerate(media.read_frames(info)):  # every frame is the target's next one
        apart = [np.abs(got.astype(int) - picture).mean() for picture in pictures]
        assert int(np.argmin(apart)) == i


def test_why_a_varying_rate_is_not_kept() -> None:
    holes = _shaky(".mp4", HOLES)
    assert _read(holes, frame_rate="keep").stamps is not None
    for info, words in (
        (_read(holes), "a picture stays for 0.37 s"),
        (_read(_shaky(".mp4"), 9), "longer than the target"),
        (_read(_shaky(".mp4"), frame_rate="constant"), "made constant, "),
        (_read(_shaky(".mp4"), form="/"), "made constant"),
    ):
        assert info.stamps is None
        assert any(words in remark and str(info.path) in remark for remark in info.remarks)
    assert _read(clips.video("plain.mp4", *X264)).remarks == ()


def _timeline(info: VideoInfo, n: int) -> OutputTimeline:
    """The target's first `n` frames in their own order."""
    return OutputTimeline.of(info, keep_timing(n, float(info.fps)), np.ones(n, bool))


def test_steps_and_frames_of_a_varying_rate() -> None:
    """A line through the steps is the same line through the frames; every step has its frame."""
    info = _read(_shaky(".mp4"))
    n = frame_times.count_frames(info, Fraction(3, 2))
    times = _timeline(info, n)
    assert not times.regular
    assert times.mean_rate == pytest.approx(n / 1.5, rel=0.02)
    assert _timeline(media.probe(info.path), 7).mean_rate == pytest.approx(30, rel=0.01)
    at = np.arange(len(times.steps)) / float(times.rate)
    line = np.stack([at, -at], 1).astype(np.float32)
    np.testing.assert_allclose(times.sample(line)[:, 0], times.times, atol=1e-5)
    stamps = np.array([float(s) for s in info.stamps or ()])
    for step, frame in enumerate(times.steps[:-1].astype(int)):
        assert stamps[frame] <= at[step] + 1e-6
        assert frame == n - 1 or stamps[frame + 1] > at[step] - 1e-6
    lips = np.broadcast_to(stamps[:, None, None], (len(stamps), 18, 2)).astype(np.float32)
    steady = frame_times.resample_regularly(LipTrack(lips, info.fps), info)
    want = np.arange(len(steady)) / float(info.fps)
    np.testing.assert_allclose(steady.points[:, 0, 0], want, atol=1e-5)


def test_unknown_steps_stay_unknown_only_where_they_count() -> None:
    values = np.array([[0.0], [np.nan], [2.0]], np.float32)
    got = frame_times.interpolate_rows(values, np.array([0.0, 0.5, 1.0, 2.0]))[:, 0]
    np.testing.assert_array_equal(np.isnan(got), [False, True, True, False])


@pytest.mark.parametrize("rate", ["24000/1001", "60000/1001", "120"])
def test_exact_rates(rate: str) -> None:
    info = _read(clips.video(f"r{rate[:3]}.mp4", *X264, rate=rate, frames=50), 0.4)
    assert (info.fps, info.frame_count, info.stamps) == (Fraction(rate), 50, None)


@pytest.mark.parametrize(
    ("flip", "filters"),
    [
        (("-display_hflip",), "hflip"),
        (("-display_vflip",), "vflip"),
        (("-display_rotation", "90", "-display_hflip"), None),
    ],
    ids=["hflip", "vflip", "turned and mirrored"],
)
def test_mirrored_tags(flip: tuple[str, ...], filters: str | None) -> None:
    plain = clips.video("plain.mp4", *X264)
    tagged = clips.make(f"f{len(flip)}{flip[0][9]}.mp4", *flip, "-i", str(plain), "-c", "copy")
    got = next(media.read_frames(media.probe(tagged))).astype(int)
    stored = next(media.read_frames(media.probe(plain)))
    mirrored = {"hflip": stored[:, ::-1], "vflip": stored[::-1], None: None}[filters]
    if mirrored is None:  # of a turn and a mirror only one order is right: a transposition
        candidates = [stored.transpose(1, 0, 2), stored[::-1, ::-1].transpose(1, 0, 2)]
        assert min(np.abs(got - c).mean() for c in candidates) < 1.5
    else:
        assert np.abs(got - mirrored).mean() < 1.5


@pytest.mark.parametrize(
    ("size", "aspect", "square"),
    [("360x288", "16/15", (384, 288)), ("96x48", "3/4", (96, 64)), ("64x96", "1", (64, 96))],
)
def test_square_pixels_lose_none(size: str, aspect: str, square: tuple[int, int]) -> None:
    path = clips.video(f"sar{size}.mp4", "-vf", f"setsar={aspect}", *X264, size=size)
    info = media.probe(path)
    assert (info.width, info.height) == square


def test_fields_become_frames() -> None:
    """A bar that moves 4 px between two fields is combed as stored, and whole as read."""
    path = clips.make(
        *("woven.mp4", "-f", "lavfi", "-i", "color=black:s=128x64:r=50", "-f", "lavfi", "-i"),
        *("color=white:s=20x64:r=50", "-frames:v", "20", "-filter_complex"),
        *("[0][1]overlay=x='20+4*n':eval=frame,tinterlace=interleave_top,setfield=tff", *X264),
        *("-flags", "+ilme+ildct", "-x264-params", "tff=1", "-crf", "5"),
    )
    info = _read(path, 0.3)
    assert [r.split(": ", 1)[1] for r in info.remarks] == [
        "interlaced; it was deinterlaced, one frame of two fields each"
    ]
    frames = list(media.read_frames(info))
    assert len(frames) == info.frame_count == 20
    with av.open(str(path)) as container:
        stored = [f.to_ndarray(format="gray") for f in container.decode(video=0)]
    comb = [np.abs(f[1:-1].astype(int) * 2 - f[:-2] - f[2:]).mean() for f in stored]
    whole = [np.abs(f[1:-1, :, 1].astype(int) * 2 - f[:-2, :, 1] - f[2:, :, 1]).mean()
             for f in frames]  # fmt: skip
    assert np.mean(whole[2:-2]) < 0.3 * np.mean(comb[2:-2])
    np.testing.assert_array_equal(list(media.read_frames(info, 7, 12)), frames[7:12])


def _ten(name: str, primaries: str, transfer: str, matrix: str) -> Path:
    """A soft 10-bit slope, 120 levels over 640 pixels, without loss."""
    gray = "color=gray:s=640x320:r=25,format=yuv420p10le"
    slope = "geq=lum='300+120*X/W+4*sin(Y/40)':cb=512:cr=512"
    tags = f"color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}:range=tv"
    return clips.make(
        *(
            name,
            "-f",
            "lavfi",
            "-i",
            f"{gray},{slope},setparams={tags}",
        ),
        *("-frames:v", "3", "-c:v", "libx265", "-x265-params", "lossless=1:log-level=error"),
    )


def _luma10(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert {f.format.name for f in frames} == {"yuv420p10le"}
    return np.array([f.to_ndarray(format="yuv420p10le")[: f.height] for f in frames], float)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_ten_bits_come_back_without_bands(suffix: str, tmp_path: Path) -> None:
    """Worked on in 8 bits, a soft slope keeps the steps of 10: its 9 × 9 means are 0.5 off."""
    from scipy.ndimage import uniform_filter

    target, out = _ten("ten.mp4", "bt709", "bt709", "bt709"), tmp_path / f"out{suffix}"
    info = _read(target, 0.1)
    assert info.depth == 10
    assert "10 bits per color; worked on in 8, with dither" in info.remarks[0]
    encode_video(
        media.read_frames(info), info, clips.sound("s16.wav", "-c:a", "pcm_s16le"), out, QUICK
    )
    error = uniform_filter(_luma10(out) - _luma10(target), (0, 9, 9))[:, 9:-9, 9:-9]
    assert np.sqrt((error**2).mean()) < 0.5  # 10-bit levels; 0.65 without dither
    assert media.probe(out).depth == 10


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_high_dynamic_range_is_kept_or_mapped(transfer: str, tmp_path: Path) -> None:
    target, out = _ten(f"{transfer}.mp4", "bt2020", transfer, "bt2020nc"), tmp_path / "out.mp4"
    kept = _read(target, 0.1)
    assert kept.hdr
    assert kept.color.transfer == transfer
    assert "is kept, worked on in 8 bits" in kept.remarks[-1]
    speech = clips.sound("s16.wav", "-c:a", "pcm_s16le")
    encode_video(media.read_frames(kept), kept, speech, out, QUICK)
    back = media.probe(out)
    assert back.color == kept.color
    assert (back.depth, media.probe_audio(out).codec) == (10, "aac")
    assert abs(_luma10(out).mean() - _luma10(target).mean()) < 1

    for mapped in (_read(target, 0.1, hdr="tonemap"), _read(target, 0.1, form="/")):
        assert not mapped.hdr
        assert (mapped.color.transfer, mapped.depth) == ("bt709", 8)
        assert "was tone-mapped to BT.709" in mapped.remarks[-1]
        row = next(media.read_frames(mapped))[160].mean(-1)
        assert np.ptp(row) > 30  # a slope, not a gray wash
        assert (np.diff(np.convolve(row, np.ones(64) / 64, "valid")) > -0.1).all()


def test_tone_mapping_leaves_what_is_darker_than_its_knee(tmp_path: Path) -> None:
    """BT.709 made PQ with white at 203 nits comes back: the dark half as it was, white nearly."""
    steps = "geq=r='X/W*255':g='X/W*255':b='X/W*255'"
    to_pq = (
        "zscale=matrixin=gbr:transferin=709:primariesin=709:rangein=full:transfer=smpte2084:"
        "primaries=2020:matrix=2020_ncl:range=limited:npl=203,format=yuv420p10le"
    )
    path = clips.make(
        *(
            "slope.mp4",
            "-f",
            "lavfi",
            "-i",
            f"color=gray:s=256x64:r=25,format=gbrp,{steps},{to_pq}",
        ),
        *("-frames:v", "2", "-c:v", "libx265", "-x265-params", "lossless=1:log-level=error"),
    )
    info = media.probe(path, tonemap=True)
    assert info.tonemapped
    row = next(media.read_frames(info))[8:56].mean((0, 2))
    level = np.arange(256.0)
    assert np.abs(row - level)[8:180].max() < 4  # gray levels
    assert 220 < row[250] < 245
    assert (np.diff(np.convolve(row, np.ones(8) / 8, "valid")) > 0).all()


def test_what_is_transparent_is_shown_over_black(tmp_path: Path) -> None:
    source = "color=#c08040:s=96x64:r=25,format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)'"
    clear = f"{source}:a='255*gt(X,48)'"
    for name, coding in (
        ("clear.mov", ("-c:v", "qtrle")),
        ("clear4444.mov", ("-c:v", "prores_ks", "-profile:v", "4444")),
        ("clear.webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-crf", "5", "-b:v", "0")),
        ("clear.png", ("-frames:v", "1")),
    ):
        frames = () if "-frames:v" in coding else ("-frames:v", "4")
        info = media.probe(clips.make(name, "-f", "lavfi", "-i", clear, *frames, *coding))
        assert any("partly transparent" in remark for remark in info.remarks), name
        first = next(media.read_frames(info))
        assert first[:, :40].max() <= 3, name
        np.testing.assert_allclose(first[:, 60:].mean((0, 1)), (0xC0, 0x80, 0x40), atol=4)
    opaque = clips.make("opaque.mov", "-f", "lavfi", "-i", f"{source}:a=255", "-frames:v", "4",
                        "-c:v", "qtrle")  # fmt: skip
    assert media.probe(opaque).remarks == ()


def _numbered(name: str, *coding: str) -> Path:
    """Frame i has the gray level 20 + 4 i: a picture tells which it is."""
    levels = "geq=lum='20+4*N':cb=128:cr=128"
    source = f"color=gray:s=96x64:r=25,format=yuv420p,{levels}"
    return clips.make(name, "-f", "lavfi", "-i", source, "-frames:v", "50", *coding)


def _numbers(frames: list[np.ndarray]) -> list[int]:
    return [round((float(f.mean()) * 219 / 255 + 16 - 20) / 4) for f in frames]


def _with_lost_pictures(path: Path) -> Path:
    """The numbered pictures as a file whose packets 20 to 24 do not decode."""
    whole = _numbered("numbered.mp4", *X264, "-g", "5", "-bf", "0", "-qp", "0")
    data = bytearray(whole.read_bytes())
    with av.open(str(whole)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    for at, size in packets[20:25]:
        data[at : at + size] = bytes(size)
    path.write_bytes(data)
    return path


def test_a_lost_picture_loses_no_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Packets that do not decode: the picture before stays, and those behind come at their time."""
    info = media.probe(_with_lost_pictures(tmp_path / "damaged.mp4"))
    assert (info.frame_count, info.fps) == (50, 25)
    want = [*range(20), *[19] * 5, *range(25, 50)]
    assert _numbers(list(media.read_frames(info))) == want
    assert _numbers(list(media.read_frames(info, 22, 30))) == [25] * 3 + list(range(25, 30))
    (said,) = media.describe_damage(info)
    assert "5 of its 50 frames are damaged" in said
    assert "the first is frame 20" in said
    assert "damaged" in caplog.text
    whole = _numbered("numbered.mp4", *X264, "-g", "5", "-bf", "0", "-qp", "0")
    assert list(media.describe_damage(media.probe(whole))) == []


def test_damage_belongs_to_one_reading(tmp_path: Path) -> None:
    """A later run of the process neither inherits it nor loses it."""
    path = _with_lost_pictures(tmp_path / "damaged.mp4")
    first = media.probe(path)
    list(media.read_frames(first, 0, 22))
    assert "2 of its 50 frames" in next(media.describe_damage(first))

    second = media.probe(path)
    assert list(media.describe_damage(second)) == [], "nothing of it has been read in this run"
    list(media.read_frames(second))
    assert "5 of its 50 frames" in next(media.describe_damage(second))
    assert "2 of its 50 frames" in next(media.describe_damage(first))


def test_damage_outlives_any_number_of_other_files(tmp_path: Path) -> None:
    """`faces extract` of a folder reads many files before it says what was wrong with them."""
    info = media.probe(_with_lost_pictures(tmp_path / "damaged.mp4"))
    list(media.read_frames(info))
    other = _numbered("numbered.mp4", *X264, "-g", "5", "-bf", "0", "-qp", "0")
    for number in range(70):
        copy = tmp_path / f"{number}.mp4"
        copy.symlink_to(other)
        media.probe(copy)
    assert "5 of its 50 frames are damaged" in next(media.describe_damage(info))


def test_pictures_that_are_not_in_the_file(tmp_path: Path) -> None:
    whole = _numbered("first.mp4", *X264, "-g", "5", "-bf", "0", "-movflags", "+faststart")
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole.read_bytes()[: int(0.8 * whole.stat().st_size)])
    info = media.probe(path)
    frames = list(media.read_frames(info))
    assert len(frames) == info.frame_count < 50
    assert any("ends too early" in remark and "of its 50" in remark for remark in info.remarks)

    holed = _numbered(
        "holed.mkv", "-vf", "select='not(between(n,20,22))'", "-fps_mode", "vfr", *X264
    )
    info = media.probe(holed)
    assert [r.split(": ", 1)[1] for r in info.remarks] == [
        "3 pictures are missing in 1 place of the file"
    ]
    got = _numbers(list(media.read_frames(info)))
    assert got[17:26] == [17, 18, 19, 19, 19, 19, 23, 24, 25]


def test_nothing_at_all_decodes(tmp_path: Path) -> None:
    whole = _numbered("numbered.mp4", *X264, "-g", "5", "-bf", "0", "-qp", "0")
    data = bytearray(whole.read_bytes())
    begin = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[begin:end] = bytes(end - begin)
    path = tmp_path / "void.mp4"
    path.write_bytes(data)
    with pytest.raises(MediaError, match="no picture in it can be decoded"):
        media.probe(path)
