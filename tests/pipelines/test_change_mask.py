"""The mask of what a render changed: known changes are found again behind the encoder's noise."""

from __future__ import annotations

from collections.abc import Iterator
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
from lipsync.pipelines.change_mask import SMOOTH_PX, compare, write_change_mask
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.pipelines.outputs import OutputPaths
from lipsync.runtime.context import RunContext
from lipsync.types import U8, VideoInfo
from tests.support.streams import moving_pictures, video_info

BOX = (24, 10, 50, 44)
MOUTH = ((49, 32), (14, 9), 0, 0, 360)  # of the ellipse that is new

REACH = round(3 * SMOOTH_PX)  # pixels


class _Making:
    """Makes frames as `FrameMaking`, with an ellipse for a mouth."""

    def __init__(self, info: VideoInfo) -> None:
        self.info, self.coding = info, RGB
        self.drawings = [SimpleNamespace(box=lambda i: BOX if i != 7 else (0, 0, 0, 0))]

    def __len__(self) -> int:
        return 10

    def read_target(self, part: range) -> Iterator[U8]:
        for _, frame in zip(part, moving_pictures(self.info), strict=False):
            yield frame.copy()

    def make(self, changed: set[int]) -> Iterator[U8]:
        for i, frame in enumerate(self.read_target(range(len(self)))):
            if i in changed:
                cv2.ellipse(frame, *MOUTH, (170, 60, 70), -1)
            yield frame


def test_new_pixels_are_white(tmp_path: Path) -> None:
    made = _Making(video_info(n=10))
    output, place = tmp_path / "out.mp4", tmp_path / "mask.mp4"
    encode_video(made.make({2, 3, 7}), made.info, None, output, EncodeOptions())
    reports: list[tuple[str, int, int | None]] = []
    run = cast(RunContext, SimpleNamespace(report=lambda *told: reports.append(told)))
    changed = np.isin(np.arange(10), [2, 3, 7])
    write_change_mask(place, output, cast(FrameMaking, made), changed, run)
    truth = np.zeros((made.info.height, made.info.width), np.uint8)
    cv2.ellipse(truth, *cast(Any, MOUTH), 1, -1)
    around = cv2.dilate(truth, np.ones((2 * REACH + 1,) * 2, np.uint8))
    masks = list(media.read_frames(media.probe(place)))
    assert len(masks) == 10
    for i, mask in enumerate(masks):
        white = mask[:, :, 0] > 128
        assert ((mask < 24) | (mask > 231)).mean() > 0.99, "grays are the encoder's"
        if i in (2, 3):
            assert white[truth > 0].mean() > 0.99, i
            assert not white[around == 0].any(), "it reaches no further than what blurs it"
        else:
            assert not white.any(), i
    assert reports[-1] == ("mask", 10, 10)


def test_what_only_the_encoder_changed_is_not_new() -> None:
    rng = np.random.default_rng(0)
    before = rng.integers(0, 255, (64, 96, 3)).astype(np.uint8)
    noise = rng.integers(-6, 7, before.shape)
    after = np.clip(before.astype(int) + noise, 0, 255).astype(np.uint8)
    assert not compare(before, after).any()
    after[20:40, 30:60] = 255 - after[20:40, 30:60]
    assert compare(before, after)[24:36, 34:56].mean() > 250


@pytest.mark.parametrize(
    ("output", "mask", "words"),
    [
        ("-", "mask.mp4", "a mask needs an output that is one video file"),
        ("frames/", "mask.mp4", "a mask needs an output that is one video file"),
        ("out.mp4", "mask.png", "mask.png"),
        ("out.mp4", "masks/%06d.png", "a mask is one video file"),
        ("out.mp4", "out.mp4", "out.mp4"),
    ],
)
def test_places_where_no_mask_can_be(
    output: str, mask: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match=words):
        OutputPaths.check(output, None, None, None, None, mask, inputs=(), overwrite=False)
