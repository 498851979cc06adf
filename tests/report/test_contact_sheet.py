"""The contact sheet shows the right frames at the right place, and nothing half-written."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync.errors import OutputError
from lipsync.media import read_png_texts
from lipsync.report.contact_sheet import (
    BAND,
    BYTES_MOST,
    CAPTION,
    FACE_TILE,
    GAP,
    HEADING,
    LEFT,
    MOUTH_TILE,
    STRIP_TILE,
    TILE,
    TITLE,
    WIDTH,
    ContactSheet,
    Heading,
    check_sheet_path,
)
from lipsync.report.face_tiles import OUTSIDE
from lipsync.report.lettering import ACCENT
from lipsync.report.telling_moments import Moment

# An eye distance of 60 px, the eyes' middle at (120, 80): the mouth is at (120, 131.6).
TO_FRAME = np.array([[60, 0, 120], [0, 60, 80]], np.float32)
TOP = TITLE + CAPTION
BAND_HEIGHT = TOP + 2 * (FACE_TILE[1] + MOUTH_TILE[1] + 2 * GAP)
HEAD = Heading("one.mp4", "0:01.00", "AI: mouth generated")


def _frame(gray: int) -> np.ndarray:
    return np.full((240, 240, 3), gray, np.uint8)


def _sheet(*frames: int, strip: range = range(0), around: int | None = None) -> ContactSheet:
    return ContactSheet(
        [Moment(i, "closure (b)") for i in frames], lambda i: i / 25, strip, ("", around)
    )


def test_tiles_stand_where_the_labels_say() -> None:
    sheet = _sheet(10, 17, 12)
    for i in range(20):
        sheet.add(i, _frame(10 * i), _frame(255 - 10 * i), TO_FRAME)
    picture = sheet.picture()
    assert picture.shape == (BAND_HEIGHT, WIDTH, 3)
    for column, i in enumerate((10, 17, 12)):
        x = LEFT + column * (TILE + GAP) + TILE // 2
        rows = [TOP + TILE // 2, TOP + TILE + GAP + TILE // 2]
        below = TOP + 2 * (FACE_TILE[1] + GAP) + MOUTH_TILE[1] // 2
        rows += [below, below + MOUTH_TILE[1] + GAP]
        for row, gray in zip(rows, (10 * i, 255 - 10 * i) * 2, strict=True):
            assert picture[row, x].tolist() == [gray] * 3


def test_groups_and_further_columns_stand_in_bands_of_their_own() -> None:
    moments = [Moment(i, "open") for i in range(BAND + 1)] + [Moment(20, "softest", "trial")]
    sheet = ContactSheet(moments, lambda i: i / 25)
    for one in moments:
        sheet.add(one.frame, _frame(10 + one.frame), _frame(0), TO_FRAME)
    picture = sheet.picture()
    assert picture.shape[:2] == (3 * BAND_HEIGHT, WIDTH)
    y, x = TOP + FACE_TILE[1] // 2, LEFT + TILE // 2
    assert [picture[y + k * BAND_HEIGHT, x, 0] for k in range(3)] == [10, 10 + BAND, 30]


def test_the_strip_shows_consecutive_mouths_of_the_result() -> None:
    sheet = _sheet(strip=range(4, 16), around=9)
    for i in range(20):
        sheet.add(i, _frame(0), _frame(10 * i), TO_FRAME)
    picture = sheet.picture()
    for k, i in enumerate(range(4, 16)):
        x = LEFT + k * (STRIP_TILE[0] + 4) + STRIP_TILE[0] // 2
        assert picture[TITLE + STRIP_TILE[1] // 2, x].tolist() == [10 * i] * 3
        marked = picture[TITLE + STRIP_TILE[1] + 1, x].tolist() == list(ACCENT)
        assert marked == (i == 9)
    assert LEFT + 11 * (STRIP_TILE[0] + 4) + STRIP_TILE[0] <= WIDTH


def test_only_wanted_frames_are_kept() -> None:
    sheet = _sheet(3, 50, strip=range(48, 60))
    assert sheet.wanted == {3, *range(48, 60)}


def test_the_mouth_tile_is_centered_on_the_mouth() -> None:
    frame = _frame(0)
    cv2.circle(frame, (120, 132), 3, (250, 0, 0), -1)
    sheet = _sheet(0)
    sheet.add(0, frame, frame, TO_FRAME)
    top = TOP + 2 * (FACE_TILE[1] + GAP)
    tile = sheet.picture()[top : top + MOUTH_TILE[1], LEFT : LEFT + MOUTH_TILE[0], 0]
    y, x = np.argwhere(tile > 125).mean(0)
    factor = MOUTH_TILE[0] / (0.85 * 60)
    assert x == pytest.approx((MOUTH_TILE[0] - 1) / 2, abs=0.5)
    assert y == pytest.approx((MOUTH_TILE[1] - 1) / 2 + factor * 0.4, abs=0.5)
    assert np.sqrt((tile > 125).sum() / np.pi) == pytest.approx(3.3 * factor, rel=0.1)


@pytest.mark.parametrize("noise", [1, 25])
def test_a_sheet_of_any_video_is_a_small_file(tmp_path: Path, noise: int) -> None:
    rng = np.random.default_rng(0)
    blobs = rng.integers(0, 255, (18, 32, 3), np.uint8)
    frame = cv2.resize(blobs, (640, 360), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, noise, frame.shape)  # as a camera adds it
    frame = np.clip(frame + grain, 0, 255).astype(np.uint8)
    sheet = _sheet(*range(12))
    place = np.array([[94, 0, 320], [0, 94, 130]], np.float32)
    for i in range(12):
        sheet.add(i, frame, frame, place)
    path = sheet.save(tmp_path / "sheet.png", heading=HEAD, texts={"note": "made"})
    assert path.stat().st_size < BYTES_MOST + 1000
    assert list(tmp_path.iterdir()) == [path]
    back = cv2.imread(str(path))
    assert back.shape[1] == WIDTH or noise > 1
    assert back.shape[1] > 900, "words can be read"
    assert read_png_texts(path) == {"note": "made"}


def test_the_heading_says_that_the_mouth_was_generated(tmp_path: Path) -> None:
    sheet = _sheet(0)
    sheet.add(0, _frame(0), _frame(0), TO_FRAME)
    path = sheet.save(tmp_path / "sheet.png", sheet, heading=HEAD)
    back = cv2.imread(str(path))[..., ::-1]
    accent = (back[:HEADING] == ACCENT).all(-1)
    assert accent[:, WIDTH // 2 :].sum() > 1000
    assert np.array_equal(back[HEADING : HEADING + BAND_HEIGHT], sheet.picture())
    assert np.array_equal(back[HEADING + BAND_HEIGHT :][:BAND_HEIGHT], sheet.picture())


def test_a_face_at_the_border_is_shown_on_grey() -> None:
    place = np.array([[60, 0, 2], [0, 60, 2]], np.float32)
    sheet = _sheet(0)
    sheet.add(0, _frame(0), _frame(0), place)
    assert sheet.picture()[TOP + 1, LEFT + 1].tolist() == list(OUTSIDE)


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    sheet = _sheet(0)
    sheet.add(0, _frame(0), _frame(0), TO_FRAME)
    with pytest.raises(OutputError, match=r"gone/sheet.png: cannot be written"):
        sheet.save(tmp_path / "gone" / "sheet.png")


def test_an_empty_sheet_is_a_bug() -> None:
    with pytest.raises(ValueError, match="none of the wanted"):
        _sheet(0, 1).picture()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("sheet.jpg", "only .png"),
        ("gone/sheet.png", "there is no folder"),
        ("face.png", "is one of the other files"),
        ("folder.png", "is a folder"),
    ],
)
def test_a_sheet_that_cannot_be_written_is_found_out_early(
    tmp_path: Path, name: str, line: str
) -> None:
    (tmp_path / "face.png").write_bytes(b"the target")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match=line):
        check_sheet_path(tmp_path / name, [tmp_path / "face.png"])


def test_no_sheet_and_a_new_sheet_are_fine(tmp_path: Path) -> None:
    check_sheet_path(None, [])
    check_sheet_path(tmp_path / "new.png", [tmp_path / "face.png"])
    assert not list(tmp_path.iterdir())
