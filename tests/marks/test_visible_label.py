"""The notice is readable, where it was asked for, for as long as it was asked for."""

from __future__ import annotations

from typing import get_args

import cv2
import numpy as np
import pytest

from lipsync import media
from lipsync.errors import OptionsError
from lipsync.marks.marking import Marking
from lipsync.marks.options import MarkOptions
from lipsync.marks.origin import GENERATED_FACE, GENERATED_MOUTH
from lipsync.marks.visible_label import (
    TEXTS,
    Language,
    Position,
    VisibleLabel,
    check_language,
    label_frames,
)
from lipsync.types import U8
from tests.support.streams import video_info

SIZES = [(1920, 1080), (360, 288), (608, 1080), (160, 120)]


def picture(width: int, height: int, light: int = 128) -> U8:
    return np.full((height, width, 3), light, np.uint8)


def drawn(text: str) -> U8:
    canvas = np.zeros((60, 60), np.uint8)
    cv2.putText(canvas, text, (5, 45), cv2.FONT_HERSHEY_DUPLEX, 1.5, 255)
    return canvas


@pytest.mark.parametrize("language", get_args(Language))
def test_every_notice_can_be_written_with_the_letters_there_are(language: Language) -> None:
    """OpenCV draws a question mark for a letter that it does not have."""
    assert set(TEXTS) == set(get_args(Language))
    mouth, face = TEXTS[language]["mouth"], TEXTS[language]["face"]
    assert mouth != face
    try:
        check_language(language)
    except OptionsError:
        assert not (mouth.isascii() and face.isascii())
        assert int(cv2.__version__.split(".")[0]) < 5
        return
    for letter in set(mouth + face) - {" "}:
        assert (drawn(letter) != drawn("?")).any(), letter
        assert drawn(letter).any(), letter


def test_an_opencv_without_these_letters_is_noticed_before_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cv2, "__version__", "4.13.0")
    check_language("fr")
    options = MarkOptions(content_credentials=False, label=True, label_language="zh")
    with pytest.raises(OptionsError, match=r"--label-language zh needs OpenCV 5 or later"):
        Marking.plan(media.Output.parse("out.mp4"), GENERATED_MOUTH, options, 1)


@pytest.mark.parametrize(("version", "language"), [("4.13.0", "en"), ("5.0.0", "zh")])
def test_a_notice_beside_the_frames_is_in_english_where_letters_are_missing(
    monkeypatch: pytest.MonkeyPatch, version: str, language: Language
) -> None:
    monkeypatch.setattr(cv2, "__version__", version)
    options = MarkOptions(content_credentials=False, label_language="zh")
    marking = Marking.plan(media.Output.parse("out.mp4"), GENERATED_MOUTH, options, 1)
    assert marking.notice == TEXTS[language]["mouth"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("position", get_args(Position))
def test_it_lies_in_its_corner_and_nowhere_else(size: tuple[int, int], position: Position) -> None:
    width, height = size
    before = picture(width, height)
    label = VisibleLabel.of(width, height, TEXTS["nl"]["mouth"], position)
    after = label.draw(before)
    assert (before == 128).all()
    y, x = np.nonzero((after != before).any(2))
    assert len(y)
    top, left = position.split("-")
    assert (y.mean() < height / 2) == (top == "top")
    assert x.min() >= 0.04 * width
    assert x.max() <= 0.96 * width
    assert y.min() >= 0.03 * height
    assert y.max() <= 0.97 * height
    near_left = x.min() < width - 1 - x.max()
    assert near_left == (left == "left") or x.max() - x.min() > 0.85 * width


@pytest.mark.parametrize("light", [0, 128, 255])
def test_it_is_readable_on_any_picture(light: int) -> None:
    """White letters on a darkened box: a contrast of 4.5 : 1, as of text for the web (WCAG 2.1)."""
    label = VisibleLabel.of(640, 360, "AI: mouth generated", "top-left")
    after = label.draw(picture(640, 360, light))
    h, w = label.letters.shape[:2]
    part = after[label.y : label.y + h, label.x : label.x + w, 0]
    ink = label.letters[..., 0]
    extremes = float(part[ink > 0.99].min()), float(part[ink < 0.01].max())
    luminance = [((v / 255 + 0.055) / 1.055) ** 2.4 for v in extremes]
    assert (luminance[0] + 0.05) / (luminance[1] + 0.05) > 4.5
    rows = np.flatnonzero((label.letters[..., 0] > 0.9).any(1))
    assert np.ptp(rows) >= 0.03 * 360  # capital letters and what hangs below the line


def test_it_is_shown_from_the_start_of_each_changed_part() -> None:
    changed = [False] * 3 + [True] * 10 + [False] * 4 + [True] * 2 + [False] * 6
    label = VisibleLabel.of(160, 120, "AI", "top-left")

    def shown(frames: int | None) -> list[int]:
        made = label_frames(
            (picture(160, 120) for _ in changed), changed.__getitem__, label, frames
        )
        return [i for i, frame in enumerate(made) if (frame != 128).any()]

    assert shown(4) == [3, 4, 5, 6, 17, 18, 19, 20]
    assert shown(None) == [*range(3, 13), 17, 18]
    assert shown(12) == [*range(3, 15), *range(17, 25)]


def test_the_options_choose_it() -> None:
    info = video_info(640, 360, n=60)
    options = MarkOptions(
        content_credentials=False, label=True, label_language="de", label_position="bottom-right",
        label_seconds=1.0,
    )  # fmt: skip

    def made(statement: str, options: MarkOptions) -> list[U8]:
        marking = Marking.plan(media.Output.parse("out.mp4"), statement, options, 1)
        return list(marking.label((picture(640, 360) for _ in range(60)), lambda _: True, info))

    mouth, face = made(GENERATED_MOUTH, options), made(GENERATED_FACE, options)
    assert [bool((frame != 128).any()) for frame in mouth] == [True] * 25 + [False] * 35
    assert (mouth[0] != face[0]).any()
    label = VisibleLabel.of(640, 360, "KI: Gesicht ersetzt", "bottom-right")
    np.testing.assert_array_equal(face[0], label.draw(picture(640, 360)))
    plain = made(GENERATED_MOUTH, MarkOptions(content_credentials=False))
    assert all((frame == 128).all() for frame in plain)
