"""Comparisons of any picture and rate, and frames of finished outputs read again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest

from lipsync import media
from lipsync.errors import OutputError
from lipsync.media.encode import EncodeOptions, encode_video
from lipsync.media.frame_coding import RGB
from lipsync.pipelines.comparison import draw_frames, resize
from lipsync.pipelines.finished_output import FinishedOutput
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.pipelines.outputs import OutputPaths
from lipsync.report.side_by_side import SideBySide, Titles
from lipsync.runtime.context import RunContext
from lipsync.types import U8, VideoInfo
from tests.support.streams import moving_pictures, psnr, video_info


class _Making:
    """Makes frames as `FrameMaking`, with a disk for a mouth."""

    def __init__(self, info: VideoInfo) -> None:
        self.info, self.coding = info, RGB
        place = np.array([[12, 0, 48], [0, 12, 24]], np.float32)
        times = np.arange(info.frame_count) / float(info.fps)
        if info.stamps is not None:
            times = np.array([float(one) for one in info.stamps])
        head = np.repeat(place[None], info.frame_count, 0)
        self.drawings = [SimpleNamespace(head=head, times=times)]

    def __len__(self) -> int:
        return self.info.frame_count

    def read_target(self, part: range) -> Iterator[U8]:
        for i, frame in enumerate(moving_pictures(self.info)):
            if i in part:
                yield frame.copy()

    def make(self) -> Iterator[U8]:
        for frame in self.read_target(range(len(self))):
            cv2.circle(frame, (48, 34), 5, (170, 60, 70), -1)
            yield frame


def _irregular(n: int) -> tuple[Fraction, ...]:
    return tuple(Fraction(i, 22) + Fraction(i % 3, 100) for i in range(n))


@pytest.mark.parametrize(
    "info",
    [
        video_info(n=10),
        video_info(97, 65, n=6),
        video_info(64, 97, n=6),
        video_info(fps="60000/1001", n=12),
        replace(video_info(fps="22", n=12), stamps=_irregular(12)),
    ],
    ids=["usual", "odd", "portrait", "60 fps", "varying"],
)
def test_any_picture_and_rate_can_be_compared(info: VideoInfo, tmp_path: Path) -> None:
    made = cast(FrameMaking, _Making(info))
    output, place = tmp_path / "out.mp4", tmp_path / "both.mp4"
    encode_video(cast(Any, made).make(), info, None, output, EncodeOptions(crf=4))
    run = cast(RunContext, SimpleNamespace(report=lambda *_: None))
    drawing = SideBySide(info.width, info.height, [12.0], Titles("target", "result", "AI"))
    frames = draw_frames(output, made, drawing, run)
    encode_video(frames, resize(info, drawing), None, place, EncodeOptions(crf=4))
    varying = info.stamps is not None
    back = media.probe(place, keep_stamps=varying)
    assert (back.width, back.height) == (drawing.width, drawing.height)
    assert back.frame_count == info.frame_count
    if info.stamps is None:
        assert back.fps == info.fps
    else:
        assert back.stamps is not None
        assert np.allclose([float(a - b) for a, b in zip(back.stamps, info.stamps, strict=True)], 0)
    wanted = zip(made.read_target(range(len(made))), cast(Any, made).make(), strict=True)
    for both, pair in zip(media.read_frames(back), wanted, strict=True):
        for (x, y, width, height), picture in zip(drawing.places, pair, strict=True):
            assert psnr(both[y : y + height, x : x + width], picture) > 30


def test_some_frames_of_a_finished_output_are_the_right_ones(tmp_path: Path) -> None:
    info = video_info(n=60)
    made = cast(FrameMaking, _Making(info))
    output = tmp_path / "out.mp4"
    encode_video(cast(Any, made).make(), info, None, output, EncodeOptions(crf=4))
    whole = list(media.read_frames(media.probe(output)))
    seen = list(FinishedOutput(output, made).some([50, 3, 4, 10, 55, 3]))
    assert [i for i, *_ in seen] == [3, 4, 10, 50, 55]
    targets = list(made.read_target(range(60)))
    for i, target, frame in seen:
        assert np.array_equal(frame, whole[i])
        assert np.array_equal(target, targets[i])


@pytest.mark.parametrize(
    ("output", "compare", "words"),
    [
        ("-", "both.mp4", "a comparison needs an output that is one video file"),
        ("frames/", "both.mp4", "a comparison needs an output that is one video file"),
        ("out.mp4", "both/%06d.png", "a comparison is one video file"),
        ("out.mp4", "out.mp4", "is one of the other files"),
        ("out.mp4", "in.mp4", "is one of the other files"),
        ("out.mp4", "mask.mp4", "is one of the other files"),
        ("out.mp4", "there.mp4", "exists already"),
        ("out.mp4", "gone/both.mp4", "there is no folder"),
    ],
)
def test_places_where_no_comparison_can_be(
    output: str, compare: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.mp4").touch()
    Path("there.mp4").touch()
    mask = "mask.mp4" if output == "out.mp4" else None
    with pytest.raises(OutputError, match=words):
        OutputPaths.check(
            output, None, None, None, None, mask, compare, inputs=[Path("in.mp4")], overwrite=False
        )
