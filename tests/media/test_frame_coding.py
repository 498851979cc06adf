"""Pictures in their file's own coding: untouched pixels stay, changed ones are what RGB says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from lipsync import media
from lipsync.media.frame_coding import RGB, Yuv420Coding, even_box, own_coding
from tests.support import clips

FORMATS = {
    "limited range": ("-pix_fmt", "yuv420p"),
    "full range": ("-pix_fmt", "yuvj420p", "-color_range", "pc"),
    "BT.709": ("-pix_fmt", "yuv420p", "-colorspace", "bt709"),
}


@pytest.fixture(scope="module", params=FORMATS)
def coded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A colorful second of 176 × 144."""
    place = tmp_path_factory.mktemp("coded") / "clip.mp4"
    source = "testsrc2=s=176x144:r=25:d=1,gblur=3"
    clips.run("-f", "lavfi", "-i", source, "-crf", "6", *FORMATS[request.param], str(place))
    return place


def _rows(plane: Any) -> np.ndarray:
    lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return lines[:, : plane.width].ravel()


def _planes(path: Path) -> list[np.ndarray]:
    """What a decoder gives, row by row."""
    with av.open(str(path)) as file:
        return [
            np.concatenate([_rows(plane) for plane in picture.planes])
            for picture in file.decode(video=0)
        ]  # fmt: skip


def test_pictures_are_read_as_they_are_coded(coded: Path) -> None:
    info = media.probe(coded)
    coding = own_coding(info)
    assert isinstance(coding, Yuv420Coding)
    frames = list(media.read_frames(info, coding=coding))
    for frame, planes in zip(frames, _planes(coded), strict=True):
        assert np.array_equal(frame.ravel(), planes)


def test_rgb_is_what_ffmpeg_makes_of_it(coded: Path) -> None:
    info = media.probe(coded)
    coding = own_coding(info)
    both = zip(media.read_frames(info, coding=coding), media.read_frames(info), strict=True)
    for own, rgb in both:
        made = coding.to_rgb(own)
        assert np.abs(made.astype(int) - rgb).mean() < 0.6
        box = (20, 36, 90, 64)
        assert np.array_equal(coding.cut(own, box), made[36:100, 20:110])


def test_only_what_changed_goes_back(coded: Path) -> None:
    info = media.probe(coded)
    coding = own_coding(info)
    frame = next(media.read_frames(info, coding=coding))
    before = frame.copy()
    own = coding.cut(frame, (40, 20, 64, 48))
    coding.paste(frame, (40, 20, 64, 48), own, own)
    assert np.array_equal(frame, before)
    new = own.copy()
    new[10:30, 12:40] = np.clip(new[10:30, 12:40] + np.array([10, -8, 5]), 0, 255)
    coding.paste(frame, (40, 20, 64, 48), own, new)
    shown = coding.cut(frame, (40, 20, 64, 48)).astype(int)
    inside = np.s_[14:26, 16:36]  # chroma is shared with the neighbors at the border
    assert np.abs(shown[inside] - new[inside]).mean() < 1
    luma, chroma = frame[:144] != before[:144], (frame[144:] != before[144:]).reshape(2, 72, 88)
    for changed, step in ((luma, 1), (chroma[0], 2), (chroma[1], 2)):
        rows, columns = np.nonzero(changed)
        assert rows.min() >= 30 // step
        assert rows.max() < 50 // step
        assert columns.min() >= 52 // step
        assert columns.max() < 80 // step


def test_what_has_to_be_converted_anyway_is_rgb(tmp_path: Path) -> None:
    for name, form in (("deep.mkv", "yuv420p10le"), ("wide.mkv", "yuv422p"), ("rgb.mkv", "gbrp")):
        place = tmp_path / name
        source = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.2")
        clips.run(*source, "-c:v", "ffv1", "-pix_fmt", form, str(place))
        assert own_coding(media.probe(place)) is RGB


def test_boxes_begin_and_end_on_even_pixels() -> None:
    low, high = np.array([10.6, -3.2], np.float32), np.array([20.2, 900.0], np.float32)
    assert even_box(low, high, 64, 48) == (10, 0, 12, 48)
    assert even_box(low + 100, high + 100, 64, 48) is None
    assert even_box(np.full(2, np.nan, np.float32), high, 64, 48) is None
