"""The contact sheet shows the right frames at the right place, and nothing half-written."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync.errors import OutputError
from lipsync.report.contact_sheet import (
    BAND,
    COLUMNS,
    FACE_TILE,
    GAP,
    HEADER,
    LABELS,
    MOUTH_TILE,
    ContactSheet,
    check_sheet_path,
    select_sheet_frames,
)
from lipsync.types import LipTrack

FPS = Fraction(25)
# An eye distance of 60 px, the eyes' middle at (120, 80): the mouth is at (120, 131.6).
TO_FRAME = np.array([[60, 0, 120], [0, 60, 80]], np.float32)


def _lips(gaps: list[float]) -> LipTrack:
    points = np.zeros((len(gaps), 18, 2), np.float32)
    points[:, 16, 1] = gaps
    return LipTrack(points, FPS)


def _frame(gray: int) -> np.ndarray:
    return np.full((240, 240, 3), gray, np.uint8)


def test_the_telling_frames_hold_the_opening_and_the_closure() -> None:
    gaps = [0.05] * 200
    gaps[60] = 0.3  # wide, but nowhere near a closure
    gaps[130], gaps[136] = 0.28, 0.0
    frames = select_sheet_frames(_lips(gaps))
    assert len(frames) == COLUMNS
    assert {130, 136} <= set(frames)
    assert frames.start < 130
    assert frames[-1] > 136


def test_short_clips_show_every_frame() -> None:
    assert select_sheet_frames(_lips([0.1, 0.2, 0.0])) == range(3)


def test_frames_without_lips_are_not_chosen() -> None:
    gaps = [float("nan")] * 100 + [0.0, 0.1] * 20
    assert select_sheet_frames(_lips(gaps)).start >= 100


def test_tiles_stand_where_the_labels_say() -> None:
    sheet = ContactSheet(range(10, 13), FPS)
    for i in range(20):
        sheet.add(i, _frame(10 * i), _frame(255 - 10 * i), TO_FRAME)
    picture = sheet.picture()
    assert picture.shape[1] == LABELS + 3 * (FACE_TILE[0] + GAP)
    for column, i in enumerate((10, 11, 12)):
        x = LABELS + column * (FACE_TILE[0] + GAP) + FACE_TILE[0] // 2
        rows = [HEADER + FACE_TILE[1] // 2, HEADER + FACE_TILE[1] + GAP + FACE_TILE[1] // 2]
        below = HEADER + 2 * (FACE_TILE[1] + GAP) + MOUTH_TILE[1] // 2
        rows += [below, below + MOUTH_TILE[1] + GAP]
        for row, gray in zip(rows, (10 * i, 255 - 10 * i) * 2, strict=True):
            assert picture[row, x].tolist() == [gray] * 3


def test_later_columns_stand_in_a_second_band() -> None:
    sheet = ContactSheet(range(BAND + 1), FPS)
    for i in range(BAND + 1):
        sheet.add(i, _frame(10 + i), _frame(0), TO_FRAME)
    picture = sheet.picture()
    height = HEADER + 2 * (FACE_TILE[1] + MOUTH_TILE[1] + 2 * GAP)
    assert picture.shape[:2] == (2 * height, LABELS + BAND * (FACE_TILE[0] + GAP))
    y, x = HEADER + FACE_TILE[1] // 2, LABELS + FACE_TILE[0] // 2
    assert picture[y, x, 0] == 10
    assert picture[height + y, x, 0] == 10 + BAND
    assert picture[height + y, x + FACE_TILE[0] + GAP, 0] == 255


def test_the_mouth_tile_is_centered_on_the_mouth() -> None:
    frame = _frame(0)
    cv2.circle(frame, (120, 132), 3, (250, 0, 0), -1)
    sheet = ContactSheet(range(1), FPS)
    sheet.add(0, frame, frame, TO_FRAME)
    top = HEADER + 2 * (FACE_TILE[1] + GAP)
    tile = sheet.picture()[top : top + MOUTH_TILE[1], LABELS : LABELS + MOUTH_TILE[0], 0]
    y, x = np.argwhere(tile > 125).mean(0)
    factor = MOUTH_TILE[0] / (0.85 * 60)
    assert x == pytest.approx((MOUTH_TILE[0] - 1) / 2, abs=0.5)
    assert y == pytest.approx((MOUTH_TILE[1] - 1) / 2 + factor * 0.4, abs=0.5)
    assert np.sqrt((tile > 125).sum() / np.pi) == pytest.approx(3.3 * factor, rel=0.1)


def test_a_large_video_gives_a_small_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    blobs = rng.integers(0, 255, (18, 32, 3), np.uint8)
    frame = cv2.resize(blobs, (1920, 1080), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 2, frame.shape)  # as a camera adds it
    frame = np.clip(frame + grain, 0, 255).astype(np.uint8)
    sheet = ContactSheet(range(12), FPS)
    place = np.array([[300, 0, 960], [0, 300, 400]], np.float32)
    for i in range(12):
        sheet.add(i, frame, frame, place)
    path = sheet.save(tmp_path / "sheet.png")
    assert path.stat().st_size < 3_000_000
    back = cv2.imread(str(path))
    assert np.array_equal(back[..., ::-1], sheet.picture())
    assert list(tmp_path.iterdir()) == [path]


def test_a_face_at_the_border_is_shown_on_grey() -> None:
    place = np.array([[60, 0, 2], [0, 60, 2]], np.float32)
    sheet = ContactSheet(range(1), FPS)
    sheet.add(0, _frame(0), _frame(0), place)
    assert sheet.picture()[HEADER + 1, LABELS + 1].tolist() == [128, 128, 128]


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    sheet = ContactSheet(range(1), FPS)
    sheet.add(0, _frame(0), _frame(0), TO_FRAME)
    with pytest.raises(OutputError, match=r"gone/sheet.png: cannot be written"):
        sheet.save(tmp_path / "gone" / "sheet.png")


def test_an_empty_sheet_is_a_bug() -> None:
    with pytest.raises(ValueError, match="none of the wanted"):
        ContactSheet(range(3), FPS).picture()


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
