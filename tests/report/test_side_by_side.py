"""A comparison shows both pictures as they are, and the mouth is the mouth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lipsync.report.lettering import shorten, write_time
from lipsync.report.side_by_side import HALF_MOST, PICTURE_MOST, SideBySide, Titles

TITLES = Titles("target", "result", "AI: mouth generated")


def _frame(width: int, height: int, seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 255, (9, 16, 3), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


def _place(scale: float, x: float, y: float) -> np.ndarray:
    """A face whose mouth is at x, y."""
    return np.array([[scale, 0, x], [0, scale, y - 0.86 * scale]], np.float32)


@pytest.mark.parametrize("size", [(96, 64), (97, 65), (270, 481), (640, 360)])
def test_both_pictures_are_shown_as_they_are(size: tuple[int, int]) -> None:
    drawing = SideBySide(*size, [20.0], TITLES)
    one, other = _frame(*size, 1), _frame(*size, 2)
    made = drawing.draw(one, other, [_place(20, size[0] / 2, size[1] / 2)], "0:00.00 · frame 0")
    assert made.shape == (drawing.height, drawing.width, 3)
    assert drawing.height % 2 == drawing.width % 2 == 0
    for (x, y, width, height), picture in zip(drawing.places, (one, other), strict=True):
        assert (width, height) == size
        assert np.array_equal(made[y : y + height, x : x + width], picture)


@pytest.mark.parametrize("side", [0, 1])
def test_the_mouth_is_enlarged_threefold_and_centered(side: int) -> None:
    pictures = [np.full((360, 640, 3), 90, np.uint8) for _ in range(2)]
    cv2.circle(pictures[side], (400, 200), 6, (250, 90, 90), -1)
    drawing = SideBySide(640, 360, [60.0], TITLES)
    assert drawing.factors == [3.0]
    made = drawing.draw(pictures[0], pictures[1], [_place(60, 400, 200)], "")
    x, y, width, height = drawing.mouth_place(0, side)
    spot = made[y : y + height, x : x + width, 0] > 170
    rows, columns = np.nonzero(spot)
    assert columns.mean() == pytest.approx((width - 1) / 2, abs=0.6)
    assert rows.mean() == pytest.approx((height - 1) / 2, abs=0.6)
    assert np.sqrt(spot.sum() / np.pi) == pytest.approx(3 * 6.2, rel=0.08)
    x, y, width, height = drawing.mouth_place(0, 1 - side)
    assert (made[y : y + height, x : x + width] == 90).all()


def test_every_speaker_has_a_view() -> None:
    drawing = SideBySide(640, 360, [40.0, 50.0], TITLES)
    places = [drawing.mouth_place(k, side) for side in (0, 1) for k in (0, 1)]
    ends = [x + width for x, _, width, _ in places]
    assert all(end <= x for end, (x, *_) in zip(ends[:-1], places[1:], strict=True))
    assert ends[-1] <= drawing.width


def test_large_pictures_are_reduced_to_what_decoders_play() -> None:
    for size in ((3840, 2160), (2160, 3840)):
        drawing = SideBySide(*size, [400.0], TITLES)
        (_, _, width, height), _ = drawing.places
        assert width <= HALF_MOST
        assert height <= PICTURE_MOST
        assert width / height == pytest.approx(size[0] / size[1], rel=0.01)
        assert drawing.width <= 4096
        made = drawing.draw(_frame(*size, 1), _frame(*size, 2), [_place(400, 1000, 1000)], "")
        assert made.shape == (drawing.height, drawing.width, 3)


def test_the_notice_is_there_in_every_size() -> None:
    """In the accent color, on the right; without it the bar is neutral."""
    for width, height in ((96, 64), (640, 360), (1080, 1920)):
        drawing = SideBySide(width, height, [width / 6], TITLES)
        black = np.zeros((height, width, 3), np.uint8)
        made = drawing.draw(black, black, [_place(width / 6, width / 2, height / 2)], "")
        bar = made[: drawing.places[0][1]].astype(int)
        warm = bar[..., 0] - bar[..., 2] > 80
        assert warm[:, drawing.width // 2 :].any()
        assert not warm[:, : drawing.width // 2].any()


def test_words_fit_and_times_are_exact() -> None:
    assert write_time(3.12) == "0:03.12"
    assert write_time(59.999) == "1:00.00"
    assert write_time(3725.5) == "62:05.50"
    long = "a very long name of a file.mp4"
    assert shorten(long, 0.5, True, 10_000) == long
    assert len(shorten(long, 0.5, True, 100)) < len(long)
