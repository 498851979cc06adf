"""Chosen encoders: their options, what they take, and the line if one is missing or fails."""

from __future__ import annotations

import re
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import av
import numpy as np
import pytest

from lipsync import media
from lipsync.errors import MediaError, OptionsError
from lipsync.media import encoder_check
from lipsync.media.encode import EncodeOptions, Preset, encode_video
from lipsync.media.frame_coding import own_coding
from lipsync.media.parts import encode_part, join_parts, mux, part_starts, share_parameters
from lipsync.media.video_encoders import ENCODERS, Encoder
from lipsync.types import U8, VideoInfo
from tests.support import clips
from tests.support.streams import QUICK, moving_pictures, psnr, video_info

MP4 = media.FORMATS[".mp4"]
HARDWARE = [name for name, one in ENCODERS.items() if one.hardware]
# Options that are not the encoder's own: those of every codec, and of ffmpeg itself.
GENERAL = {"c", "b", "g", "bf", "q", "global_quality", "init_hw_device"}
GROUPS = {"g:v": 250, "bf:v": 0}

Without = Callable[..., None]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Without]:
    """Replaces ffmpeg by one that lists NVENC and fails where its arguments match a pattern."""
    real = media.ffmpeg_binary()

    def replace_ffmpeg(pattern: str, listed: str = "h264_nvenc hevc_nvenc") -> None:
        script = tmp_path / "ffmpeg"
        lines = "".join(f" V....D {name} x\\n" for name in listed.split())
        script.write_text(
            "#!/bin/sh\n"
            'case "$*" in\n'
            f'*-encoders*) "{real}" "$@" | grep -v nvenc; printf "{lines}";;\n'
            f"{pattern}) echo '[x @ 0x1] Cannot load libcuda.so.1' >&2; echo two >&2; exit 1;;\n"
            "*nvenc*) exit 0;;\n"  # as if there were a chip
            f'*) exec "{real}" "$@";;\n'
            "esac\n"
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("LIPSYNC_FFMPEG", str(script))
        media.ffmpeg_binary.cache_clear()

    yield replace_ffmpeg
    media.ffmpeg_binary.cache_clear()


def _encode(output: Path, info: VideoInfo, encoder: Encoder, **options: Any) -> list[U8]:
    """The decoded frames of a file that was encoded so."""
    chosen = replace(QUICK, encoder=encoder)
    frames = options.pop("frames", None) or moving_pictures(info)
    encode_video(frames, info, None, output, chosen, **options)
    return list(media.read_frames(media.probe(output)))


@pytest.mark.parametrize(("encoder", "depth"), [("libx264", 8), ("libx265", 10)])
def test_the_default_by_its_name_gives_the_same_file(
    encoder: Encoder, depth: int, tmp_path: Path
) -> None:
    info = replace(video_info(n=10), depth=depth)
    for name, one in (("auto", "auto"), ("named", encoder)):
        _encode(tmp_path / f"{name}.mp4", info, one)  # type: ignore[arg-type]
    assert (tmp_path / "auto.mp4").read_bytes() == (tmp_path / "named.mp4").read_bytes()


@pytest.mark.parametrize(("suffix", "tag"), [(".mp4", "hvc1"), (".mov", "hvc1"), (".mkv", "")])
def test_parts_of_hevc_join(suffix: str, tag: str, tmp_path: Path) -> None:
    """8 bits: nothing but the option says that it is HEVC."""
    info, output = video_info(n=30), media.Output.parse(tmp_path / f"out{suffix}")
    options = replace(QUICK, encoder="libx265")
    pictures, split, places = moving_pictures(info), [range(0, 11), range(11, 30)], []
    for part in split:
        places.append(tmp_path / f"{part.start}.mp4")
        some = (next(pictures) for _ in part)
        encode_part(some, part, info, places[-1], output.format, options)
    join_parts(places, part_starts(split, info), tmp_path / "joined.mp4")
    mux(tmp_path / "joined.mp4", info, None, output.path, output.format, tags={})
    with av.open(str(output.path)) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.codec_tag.strip("\0")) == (
            "hevc", tag
        )  # fmt: skip
        times = [frame.pts * frame.time_base for frame in file.decode(video=0)]
    assert np.allclose([float(t) for t in times], np.arange(30) / 25, atol=0.0006)  # Matroska: 1 ms
    back = media.read_frames(media.probe(output.path))
    for got, want in zip(back, moving_pictures(info), strict=True):
        assert psnr(got, want) > 36  # dB


def test_parts_of_other_parameters_are_told(tmp_path: Path) -> None:
    info, places = video_info(n=5), []
    for i, preset in enumerate(("ultrafast", "ultrafast", "fast")):
        places.append(tmp_path / f"{i}.mp4")
        options = EncodeOptions(preset=preset)  # type: ignore[arg-type]
        encode_part(moving_pictures(info), range(5), info, places[-1], MP4, options)
    assert share_parameters(places[:2])
    assert not share_parameters(places)


# The values that ffmpeg's documentation gives: `ffmpeg -h encoder=h264_nvenc`.
CODINGS = [
    ("h264_nvenc", 16, "fast", 8, {"rc:v": "vbr", "cq:v": 16, "b:v": 0, "preset:v": "p4",
     "qp_cb_offset:v": -8, "qp_cr_offset:v": -8}),
    ("hevc_nvenc", 0, "slower", 10, {"rc:v": "vbr", "cq:v": 1, "b:v": 0, "preset:v": "p7",
     "qp_cb_offset:v": -8, "qp_cr_offset:v": -8, "profile:v": "main10"}),
    ("h264_qsv", 0, "ultrafast", 8, {"global_quality:v": 1, "preset:v": "veryfast"}),
    ("hevc_qsv", 30, "slower", 10, {"global_quality:v": 30, "preset:v": "slower",
     "profile:v": "main10"}),
    ("h264_amf", 0, "veryfast", 8, {"rc:v": "cqp", "qp_i:v": 0, "qp_p:v": 0, "quality:v": "speed"}),
    ("hevc_amf", 51, "slow", 10, {"rc:v": "cqp", "qp_i:v": 51, "qp_p:v": 51,
     "quality:v": "quality", "profile:v": "main10"}),
    ("h264_vaapi", 16, "fast", 8, {"rc_mode:v": "CQP", "qp:v": 16, "init_hw_device": "vaapi"}),
    ("hevc_vaapi", 0, "slow", 10, {"rc_mode:v": "CQP", "qp:v": 1, "init_hw_device": "vaapi",
     "profile:v": "main10"}),
    ("h264_videotoolbox", 16, "fast", 8, {"q:v": 69}),
    ("hevc_videotoolbox", 51, "fast", 10, {"q:v": 1, "profile:v": "main10"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "crf", "preset", "depth", "wanted"), CODINGS)
def test_options_of_encoders_in_hardware(
    name: str, crf: int, preset: str, depth: int, wanted: dict[str, Any]
) -> None:
    encoder = ENCODERS[name]
    assert encoder.coding(crf, preset, depth) == {"c:v": name, **wanted, **GROUPS}
    assert encoder.pixel_format(depth, False) == ("p010le" if depth > 8 else "nv12")


def test_every_encoder_in_hardware_has_its_options_checked() -> None:
    assert {row[0] for row in CODINGS} == set(HARDWARE)
    assert set(get_args(Encoder)) == {"auto", *ENCODERS} - {"libvpx-vp9"}


@pytest.mark.parametrize("name", HARDWARE)
def test_ffmpeg_knows_every_option_and_value(name: str) -> None:
    if name not in media.list_encoders():
        pytest.skip(f"this ffmpeg has no {name}")
    command = [media.ffmpeg_binary(), "-hide_banner", "-h", f"encoder={name}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    known = _read_help(said)
    encoder = ENCODERS[name]
    formats = re.search(r"Supported pixel formats: (.*)", said)
    depths = (8, 10) if encoder.deep else (8,)
    for depth in depths:
        taken = "vaapi" if encoder.uploaded else encoder.pixel_format(depth, False)
        assert formats is not None
        assert taken in formats[1].split()
        for preset in get_args(Preset):
            for crf in (0, 16, 51):
                for option, value in encoder.coding(crf, preset, depth).items():
                    bare = option.removesuffix(":v")
                    if bare in GENERAL:
                        continue
                    assert bare in known, f"{name} has no -{bare}"
                    names, least, most = known[bare]
                    fits = value in names if isinstance(value, str) else least <= value <= most
                    assert fits, f"{name}: -{bare} {value}"


def _read_help(said: str) -> dict[str, tuple[set[str], float, float]]:
    """Option → its named values, and its range."""
    known: dict[str, tuple[set[str], float, float]] = {}
    limits = {"INT_MAX": 2.0**31 - 1, "INT_MIN": -(2.0**31)}
    for line in said.splitlines():
        if found := re.match(
            r"  -(\S+) +<\w+>.*?(?:\(from (\S+) to (\S+)\))?(?: \(default|$)", line
        ):
            ends = [limits.get(end) or float(end or 0) for end in found.group(2, 3)]
            known[found[1]] = (set(), *ends)  # type: ignore[assignment]
            last = found[1]
        elif found := re.match(r"     (\S+) +-?\d* +E\.\.V", line):
            known[last][0].add(found[1])
    return known


def test_the_help_is_read_rightly() -> None:
    said = (
        "  -rc                <int>        E..V....... Rate (from -1 to INT_MAX) (default -1)\n"
        "     vbr             1            E..V....... Variable\n"
        "  -cq                <float>      E..V....... Set (0 to 51, 0 is auto) (from 0 to 51) "
        "(default 0)\n"
    )
    assert _read_help(said) == {"rc": ({"vbr"}, -1, 2.0**31 - 1), "cq": (set(), 0, 51)}


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("depth", [8, 10])
def test_pictures_for_hardware_are_the_same_in_another_order(
    own: bool, depth: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """libx264 and libx265 stand in for a chip: they take the same samples from nv12 and p010."""
    if own and depth > 8:
        pytest.skip("pictures of 10 bits are RGB")
    soft = ENCODERS["libx265" if depth > 8 else "libx264"]
    chip = replace(soft, hardware=True)
    soft = replace(soft, extra=GROUPS)
    info = replace(media.probe(clips.video("x.mp4", "-c:v", "libx264")), depth=depth)
    decoded = []
    for encoder in (chip, soft):
        monkeypatch.setitem(ENCODERS, "hevc_nvenc", encoder)
        options: dict[str, Any] = {}
        if own:
            coding = own_coding(info)
            assert coding.pixel_format == "yuv420p"
            options = {"frame_coding": coding, "frames": media.read_frames(info, coding=coding)}
        else:
            options = {"frames": media.read_frames(info)}
        output = tmp_path / f"{encoder.hardware}.mp4"
        decoded.append(_encode(output, info, "hevc_nvenc", **options))
    assert len(decoded[0]) == info.frame_count
    assert np.array_equal(*decoded)


def test_pictures_go_up_to_the_device_last() -> None:
    filters: list[str] = []

    class Picture:
        def filter(self, name: str) -> None:
            filters.append(name)

    for name in ("h264_vaapi", "h264_nvenc"):
        ENCODERS[name].prepare(Picture())
    assert filters == ["hwupload"]


@pytest.mark.parametrize(
    ("suffix", "words"),
    [("/", "a folder of frames has PNG"), (".webm", "a .webm holds VP9, not h264")],
)
def test_outputs_that_hold_no_such_codec(suffix: str, words: str) -> None:
    with pytest.raises(OptionsError, match=f"option 'encoder': {words}.*leave"):
        media.check_encoder(media.FORMATS[suffix], "libx264")
    media.check_encoder(media.FORMATS[suffix], "auto")


def test_encoders_that_work() -> None:
    for suffix in (".mp4", ".mov", ".mkv", "-"):
        for encoder in ("libx264", "libx265"):
            media.check_encoder(media.FORMATS[suffix], encoder)  # type: ignore[arg-type]


def test_an_encoder_that_ffmpeg_lacks(without: Without) -> None:
    without("nothing", listed="")
    with pytest.raises(OptionsError) as caught:
        media.check_encoder(MP4, "h264_nvenc")
    line = "option 'encoder': this ffmpeg has no h264_nvenc; encoders that work here: "
    assert str(caught.value).startswith(f"{line}libx264, libx265")


def test_an_encoder_that_is_there_but_does_not_work(without: Without) -> None:
    without("*nvenc*")
    with pytest.raises(OptionsError) as caught:
        media.check_encoder(MP4, "h264_nvenc")
    line = "option 'encoder': h264_nvenc does not work here (Cannot load libcuda.so.1); encoders "
    assert str(caught.value).startswith(f"{line}that work here: libx264, libx265")
    assert "nvenc" not in str(caught.value).removeprefix(line)


def test_an_encoder_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_check, "TRY_S", 0.0)
    assert media.try_encoder("libx264") == "it took more than 0 s for a few pictures"


def test_no_ffmpeg(monkeypatch: pytest.MonkeyPatch, without: Without, tmp_path: Path) -> None:
    monkeypatch.setenv("LIPSYNC_FFMPEG", str(tmp_path / "none"))
    media.ffmpeg_binary.cache_clear()
    with pytest.raises(MediaError, match=r"none: No such file.*LIPSYNC_FFMPEG"):
        media.check_encoder(MP4, "libx264")


def test_what_a_target_asks_of_an_encoder(without: Without) -> None:
    without("*8192x4096*nvenc*")
    plain = video_info()
    for encoder in ("auto", "libx264", "h264_nvenc"):
        media.check_encoder_takes(plain, encoder)  # type: ignore[arg-type]
    deep = replace(plain, depth=10)
    media.check_encoder_takes(deep, "hevc_nvenc")
    media.check_encoder_takes(replace(plain, width=97), "libx264")
    faults = [
        (deep, "libx264", "target.mp4 has 10 bits, libx264 has 8; .*work here: libx265"),
        (replace(deep, color=_hlg()), "h264_nvenc", "10 bits.*; or --hdr tonemap$"),
        (replace(plain, width=97), "h264_nvenc", "97x64, h264_nvenc takes even sizes; .*libx264"),
        (replace(plain, width=8192, height=4096), "h264_nvenc",
         r"does not take 8192x4096 pictures of 8 bits \(Cannot load"),
    ]  # fmt: skip
    for info, encoder, words in faults:
        with pytest.raises(OptionsError, match=words) as caught:
            media.check_encoder_takes(info, encoder)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)


def _hlg() -> Any:
    return replace(video_info().color, transfer="arib-std-b67")


def test_encoders_beyond_the_table_are_tried_as_they_are() -> None:
    """For `doctor`."""
    assert media.try_encoder("mpeg4") is None
    assert media.try_encoder("aac") is None
    assert "moon" in str(media.try_encoder("moon"))
