"""The finished file: its pictures, its sound, its place in time, and never half of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from lipsync import media
from lipsync.errors import AudioError, OutputError
from lipsync.media import video_encoders
from lipsync.media.encode import EncodeOptions, encode_video
from lipsync.media.output_sound import AudioCodec
from lipsync.pipelines.outputs import check_output
from lipsync.types import ColorTags
from tests.support import clips
from tests.support.streams import (
    QUICK,
    measure_lag,
    moving_pictures,
    psnr,
    video_info,
    write_click,
)

TAGS = [
    ColorTags(),
    ColorTags("bt709", "bt709", "bt709", "tv"),
    ColorTags("smpte170m", "smpte170m", "smpte170m", "tv"),
    ColorTags("bt470bg", "bt470bg", "bt470bg", "pc"),
    ColorTags("bt709", "iec61966-2-1", "bt709", "pc"),
    ColorTags("bt2020", "arib-std-b67", "bt2020nc", "tv"),
]


@pytest.mark.parametrize("tags", TAGS, ids=lambda t: f"{t.space}-{t.range}")
def test_pictures_and_color_tags_come_back(tags: ColorTags, tmp_path: Path) -> None:
    info, out = video_info(color=tags), tmp_path / "out.mp4"
    speech = clips.sound("s16.wav", "-c:a", "pcm_s16le")
    assert encode_video(moving_pictures(info), info, speech, out, EncodeOptions(crf=4)) == 25
    back = media.probe(out)
    assert (back.width, back.height, back.fps, back.frame_count) == (96, 64, 25, 25)
    assert back.color == tags
    for got, want in zip(media.read_frames(back), moving_pictures(info), strict=True):
        assert psnr(got, want) > 42  # dB; a wrong matrix or range falls below 30


@pytest.mark.parametrize("fps", ["30000/1001", "24000/1001", "359/12", "60", "25/2"])
def test_the_rate_is_exact(fps: str, tmp_path: Path) -> None:
    info, out = video_info(fps=fps, n=37), tmp_path / "out.mp4"
    encode_video(
        moving_pictures(info), info, clips.sound("s16.wav", "-c:a", "pcm_s16le"), out, QUICK
    )
    back = media.probe(out)
    assert (back.fps, back.frame_count) == (Fraction(fps), 37)
    with av.open(str(out)) as container:
        times = [f.pts * f.time_base for f in container.decode(video=0)]
    assert times == [i / Fraction(fps) for i in range(37)]


@pytest.mark.parametrize(("width", "height"), [(97, 64), (96, 63), (97, 63)])
def test_odd_sizes_are_kept(width: int, height: int, tmp_path: Path) -> None:
    info, out = video_info(width, height, n=3), tmp_path / "out.mp4"
    encode_video(
        moving_pictures(info), info, clips.sound("s16.wav", "-c:a", "pcm_s16le"), out, QUICK
    )
    frames = list(media.read_frames(media.probe(out)))
    assert [f.shape for f in frames] == [(height, width, 3)] * 3
    assert psnr(frames[0], next(moving_pictures(info))) > 35


# Speech, and the codec of an .mp4 that copies it where it can.
SPEECHES = [
    ("wav", ("-c:a", "pcm_s16le"), "aac"),
    ("flac", ("-c:a", "flac"), "flac"),
    ("m4a", ("-c:a", "aac", "-b:a", "192k"), "aac"),
    ("mp3", ("-c:a", "libmp3lame", "-b:a", "192k"), "mp3"),
    ("opus", ("-c:a", "libopus", "-b:a", "160k"), "opus"),
    ("ac3", ("-c:a", "ac3"), "ac3"),
    ("eac3", ("-c:a", "eac3"), "eac3"),
    ("caf", ("-c:a", "alac"), "alac"),
    ("ogg", ("-c:a", "libvorbis"), "aac"),
    ("mkv", ("-c:a", "aac", "-b:a", "192k"), "aac"),
    ("mka", ("-c:a", "flac"), "flac"),
    # Matroska's milliseconds cannot say where this sound begins: a copy would be off.
    ("webm", ("-c:a", "libopus", "-b:a", "160k"), "aac"),
]


@pytest.mark.parametrize("codec", ["auto", "copy"])
@pytest.mark.parametrize(
    ("suffix", "coding", "kept"), SPEECHES, ids=[f"{s[0]}-{s[1][1]}" for s in SPEECHES]
)
def test_the_sound_is_in_sync_to_the_sample(
    suffix: str, coding: tuple[str, ...], kept: str, codec: AudioCodec, tmp_path: Path
) -> None:
    """What the output plays at time t is what the speech file plays at t, and at t in the wav."""
    wav = write_click(tmp_path / "click.wav", 20011)
    speech = tmp_path / f"speech.{suffix}"
    clips.run("-i", str(wav), *coding, str(speech))
    info, out = video_info(), tmp_path / "out.mp4"
    encode_video(moving_pictures(info), info, speech, out, replace(QUICK, audio_codec=codec))
    # Nothing else plays everywhere in an .mp4.
    assert media.probe_audio(out).codec == (kept if codec == "copy" else "aac")
    heard = media.read_audio(out, 48000).samples
    assert measure_lag(media.read_audio(speech, 48000).samples, heard) == 0
    # Bare AC-3 cannot say that its encoder came 256 samples late; ffmpeg reads Vorbis 128 late.
    if suffix not in ("ac3", "eac3", "ogg"):
        assert measure_lag(media.read_audio(wav, 48000).samples, heard) == 0
    assert abs(media.probe_audio(out).duration - media.probe_audio(speech).duration) < Fraction(
        1, 40
    )


def test_sound_that_begins_late_stays_late(tmp_path: Path) -> None:
    speech = clips.make(
        *("late_aac.mkv", "-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=2"),
        *("-itsoffset", "0.5", "-f", "lavfi", "-i", "sine=300:sample_rate=48000:duration=1"),
        *("-c:v", "libx264", "-c:a", "aac"),
    )
    info, out = video_info(n=38), tmp_path / "out.mp4"
    encode_video(moving_pictures(info), info, speech, out, QUICK)
    want, got = (media.read_audio(p, 48000).samples for p in (speech, out))
    begin = [int(np.flatnonzero(np.abs(s) > 0.02)[0]) for s in (want, got)]
    assert abs(begin[0] - 24000) < 100
    assert abs(begin[1] - begin[0]) <= 1


def test_only_the_first_sound_and_none_of_its_tags(tmp_path: Path) -> None:
    tone = str(clips.sound("s16.wav", "-c:a", "pcm_s16le"))
    speech = tmp_path / "two.mka"
    clips.run(
        "-i",
        tone,
        "-i",
        tone,
        "-map",
        "0",
        "-map",
        "1",
        "-metadata",
        "title=Secret",
        "-metadata",
        "location=+52/+13/",
        "-c:a",
        "flac",
        str(speech),
    )
    info, out = video_info(), tmp_path / "out.mp4"
    encode_video(
        moving_pictures(info), info, speech, out, QUICK, tags={"comment": "it's made; a=b, [c] é"}
    )
    with av.open(str(out)) as container:
        assert [s.type for s in container.streams] == ["video", "audio"]
        assert "Secret" not in str(container.metadata) and "52" not in str(container.metadata)
        assert container.metadata["comment"] == "it's made; a=b, [c] é"


def test_the_index_comes_first(tmp_path: Path) -> None:
    info, out = video_info(), tmp_path / "out.mp4"
    encode_video(
        moving_pictures(info), info, clips.sound("s16.wav", "-c:a", "pcm_s16le"), out, QUICK
    )
    data = out.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_the_complete_file_is_sealed_before_it_gets_its_name(tmp_path: Path) -> None:
    info, out = video_info(n=5), tmp_path / "out.mp4"
    sealed: list[tuple[bool, int]] = []

    def seal(temporary: Path) -> None:
        sealed.append((out.exists(), media.probe(temporary).frame_count))

    speech = clips.sound("s16.wav", "-c:a", "pcm_s16le")
    encode_video(moving_pictures(info), info, speech, out, QUICK, finalize=seal)
    assert sealed == [(False, 5)]
    assert out.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt, OSError])
@pytest.mark.parametrize("where", ["frames", "seal"])
def test_a_failure_leaves_nothing_and_keeps_the_old(
    fault: type[BaseException], where: str, tmp_path: Path
) -> None:
    info, out = video_info(), tmp_path / "out.mp4"
    out.write_text("the result of last week")
    closed = []

    def frames() -> Iterator[np.ndarray]:
        try:
            for i, picture in enumerate(moving_pictures(info)):
                if i == 10 and where == "frames":
                    raise fault("in the middle")
                yield picture
        finally:
            closed.append(True)

    def seal(temporary: Path) -> None:
        if where == "seal":
            raise fault("at the end")

    # A refusal of the disk is the user's; an error in our own frames keeps its name.
    expected = OutputError if (fault, where) == (OSError, "seal") else fault
    with pytest.raises(expected):
        encode_video(
            frames(), info, clips.sound("s16.wav", "-c:a", "pcm_s16le"), out, QUICK, finalize=seal
        )
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]
    assert out.read_text() == "the result of last week"
    assert closed


def test_speech_without_sound(tmp_path: Path) -> None:
    info = video_info()
    silent = clips.video("silent.mp4", "-c:v", "libx264")
    with pytest.raises(AudioError, match="no sound"):
        encode_video(moving_pictures(info), info, silent, tmp_path / "out.mp4", QUICK)
    assert not list(tmp_path.iterdir())


FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:5]
from test_encode import video_info, moving_pictures
from lipsync.media.encode import EncodeOptions, encode_video
from lipsync.media.output_sound import AudioCodec
from lipsync.errors import OutputError
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
info = video_info(320, 240, n=200)
try:
    speech, output = map(Path, sys.argv[1:3])
    encode_video(moving_pictures(info), info, speech, output, EncodeOptions(crf=1))
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limit there")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """Stands in for a full disk: no file of this process may pass 60 kB."""
    out = tmp_path / "out.mp4"
    speech = clips.sound("s16.wav", "-c:a", "pcm_s16le")
    here = Path(__file__).parent
    command = [sys.executable, "-c", FULL_DISK, speech, out, here, here.parent]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.startswith(f"{out}: cannot be written (")
    assert run.stdout.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a tmpfs")
def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a tmpfs here")
    try:
        info = video_info(320, 240, n=200)
        speech = clips.sound("s16.wav", "-c:a", "pcm_s16le")
        with pytest.raises(OutputError, match="No space left on device") as caught:
            encode_video(
                moving_pictures(info), info, speech, disk / "out.mp4", EncodeOptions(crf=1)
            )
        assert "\n" not in str(caught.value)
        assert not list(disk.iterdir())
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    target = tmp_path / "target.mp4"
    target.write_text("x")
    (tmp_path / "soft.mp4").symlink_to(target)
    (tmp_path / "hard.mp4").hardlink_to(target)
    (tmp_path / "folder.mp4").mkdir()
    other = tmp_path / "other.mp4"
    other.write_text("y")
    missing = tmp_path / "missing.wav"
    faults = [
        (target, True, "is an input too"),
        (tmp_path / "soft.mp4", True, "is an input too"),
        (tmp_path / "hard.mp4", True, "is an input too"),
        (tmp_path / "x" / ".." / "target.mp4", True, "no folder|is an input too"),
        (tmp_path / "folder.mp4", True, "is a folder"),
        (other, False, "exists already"),
        (tmp_path / "no" / "out.mp4", True, "there is no folder"),
        (tmp_path / "out.avi", True, "only .mp4"),
        (tmp_path / "out", True, "only .mp4"),
    ]
    for output, overwrite, words in faults:
        with pytest.raises(OutputError, match=words) as caught:
            check_output(output, [target, missing], overwrite)
        assert "\n" not in str(caught.value)
    check_output(other, [target, missing], True)
    check_output(tmp_path / "new.MP4", [target, missing], False)


def test_a_folder_that_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:  # root may write everywhere: ask the system as another would
        monkeypatch.setattr(os, "access", lambda *_: False)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OutputError, match="cannot be written to"):
            check_output(tmp_path / "out.mp4", [], False)
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.parametrize("wrong", [{"crf": 52}, {"crf": -1}, {"preset": "warp"}, {"crv": 3}])
def test_options_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EncodeOptions(**wrong)


@pytest.mark.real
def test_untouched_footage_keeps_its_quality(shared: Path, tmp_path: Path) -> None:
    """Through our decoder and encoder and back, real footage loses what crf 16 loses."""
    info = media.probe(shared / "data/targets/englishvideo.mp4")
    frames = list(media.read_frames(info, 0, 30))
    out = tmp_path / "out.mp4"
    encode_video(frames, info, shared / "data/speech/jfk.flac", out, EncodeOptions())
    back = media.probe(out)
    assert back.color == info.color
    means = []
    for got, want in zip(media.read_frames(back), frames, strict=True):
        assert psnr(got, want) > 44  # dB
        means.append(got.mean((0, 1)) - want.mean((0, 1)))
    assert np.abs(np.mean(means, 0)).max() < 0.15  # gray levels: no tint


@pytest.mark.real
@pytest.mark.parametrize("depth", [8, 10])
def test_colors_are_kept_finer_than_at_the_encoder_s_own_setting(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    """Skin's tint is what a seam shows first; it costs less than half as many bytes more."""
    info = media.probe(shared / "data/targets/englishvideo.mp4")
    frames = list(media.read_frames(info, 0, 20))
    deep = replace(info, depth=depth)
    speech = shared / "data/speech/jfk.flac"
    lost, sizes = {}, {}
    for offset in (0, video_encoders.CHROMA_QP):
        monkeypatch.setattr(video_encoders, "CHROMA_QP", offset)
        out = tmp_path / f"{offset}.mp4"
        encode_video(frames, deep, speech, out, EncodeOptions())
        back = media.read_frames(media.probe(out))
        off = [_tint(a) - _tint(b) for a, b in zip(back, frames, strict=True)]
        lost[offset], sizes[offset] = np.mean(np.square(off)), out.stat().st_size
    assert lost[video_encoders.CHROMA_QP] < 0.8 * lost[0]
    assert sizes[video_encoders.CHROMA_QP] < 1.5 * sizes[0]


def _tint(frame: np.ndarray) -> np.ndarray:
    """Its two color differences, at the resolution that a 4:2:0 file keeps."""
    small = cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small.astype(np.float32), cv2.COLOR_RGB2YCrCb)[..., 1:]
