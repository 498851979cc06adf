from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import NoFaceError
from lipsync.face.alignment import align
from lipsync.face.tracked_face import TrackedFace
from lipsync.media.pixels import crop_replicated
from lipsync.mouth.bank.frame_selection import find_usable_frames, thin_out
from lipsync.mouth.bank.mouth_bank import BankOptions, build
from lipsync.runtime.cache import Cache
from tests.support.faces import similarity, track_of

RNG = np.random.default_rng(11)
N = 60


def scene(**changes):  # type: ignore[no-untyped-def]
    openings = list(0.08 + 0.05 * np.sin(np.arange(N)))
    track = track_of([similarity(60, 0.01 * i, 110 + i / 2, 60) for i in range(N)], openings)
    return replace(track, **changes)


def frames() -> list[np.ndarray]:
    return [RNG.integers(0, 256, (200, 260, 3)).astype(np.uint8) for _ in range(N)]


def test_crops_hold_the_footages_own_pixels_where_the_points_say(tmp_path: Path) -> None:
    track, shown = scene(), frames()
    with Cache(tmp_path) as cache:
        bank, appearance = build(shown, TrackedFace.of(track), BankOptions(), cache, "footage")
        assert len(bank) == len(appearance) == N
        assert isinstance(bank.crops, np.memmap)
        for entry in (0, 17, 59):
            frame, crop = shown[bank.frames[entry]], bank.crops[entry]
            shift = track.xy[bank.frames[entry], track.scheme.lips[0]] - bank.control[entry, 0]
            x, y = np.round(shift).astype(int)
            assert np.abs(shift - [x, y]).max() < 1e-3, "crops are cut at whole pixels"
            inside = frame[y : y + crop.shape[0], x : x + crop.shape[1]]
            assert np.array_equal(crop[: inside.shape[0]], inside)


def test_a_second_build_reads_no_frame(tmp_path: Path) -> None:
    face = TrackedFace.of(scene())

    def forbidden():  # type: ignore[no-untyped-def]
        pytest.fail("the footage was read again")
        yield

    with Cache(tmp_path) as cache:
        first, seen = build(frames(), face, BankOptions(), cache, "footage")
        again, as_before = build(forbidden(), face, BankOptions(), cache, "footage")
        assert np.array_equal(first.crops, again.crops)
        assert np.array_equal(first.lips, again.lips)
        assert np.array_equal(seen.skin_color, as_before.skin_color)
        other, _ = build(frames(), face, BankOptions(), cache, "other footage")
        assert not np.array_equal(first.crops, other.crops)


def test_blurry_frames_get_no_quality(tmp_path: Path) -> None:
    import cv2

    track, shown = scene(), frames()
    for i in range(10, 15):
        shown[i] = cv2.GaussianBlur(shown[i], (0, 0), 4)
    with Cache(tmp_path) as cache:
        bank, _ = build(shown, TrackedFace.of(track), BankOptions(), cache, "footage")
        assert (bank.quality[10:15] == 0).all()
        assert (np.delete(bank.quality, range(10, 15)) > 0.5).all()


def test_frames_without_a_face_in_jerks_or_odd_shapes_stay_out() -> None:
    track = scene()
    points, found = track.points.copy(), track.found.copy()
    points[5], found[5] = np.nan, False
    points[20] += 8.0  # a jerk of the whole head, pixels
    points[40, track.scheme.lips] += 25.0  # lips that are not where lips are
    broken = replace(track, points=points, found=found)
    ok = find_usable_frames(TrackedFace.of(broken))
    assert not ok[[5, 20, 40]].any()
    assert ok.sum() >= N - 6


def test_a_still_picture_is_a_bank_of_one(tmp_path: Path) -> None:
    track = track_of([similarity(60, 0, 110, 60)])
    with Cache(tmp_path) as cache:
        bank, _ = build(frames()[:1], TrackedFace.of(track), BankOptions(), cache, "still")
        assert len(bank) == 1
        assert bank.quality[0] > 0


def test_more_footage_than_room_is_thinned_evenly(tmp_path: Path) -> None:
    face, options = TrackedFace.of(scene()), BankOptions(bank_frames=10)
    with Cache(tmp_path) as cache:
        bank, _ = build(frames(), face, options, cache, "footage")
        assert len(bank) == 10
        assert np.ptp(np.diff(bank.frames)) <= 1


def test_frames_that_are_kept_of_too_many_follow_each_other() -> None:
    """A mouth is found by its motion: every other frame would have none of its own."""
    frames = np.arange(7, 10007)
    kept = thin_out(frames, 4000, 50)
    assert len(kept) == 4000
    assert len(np.unique(kept)) == 4000
    steps = np.diff(kept)
    assert (steps == 1).mean() == pytest.approx(49 / 50, abs=0.001)
    starts = kept[np.concatenate([[0], np.flatnonzero(steps > 1) + 1])]
    assert np.ptp(np.diff(starts)) <= 1
    assert kept[0] == 7
    assert kept[-1] == 10006
    assert np.array_equal(thin_out(frames, 10000, 50), frames)


def test_boxes_beyond_the_frame_repeat_its_edge() -> None:
    frame = frames()[0]
    box = crop_replicated(frame, np.array([-3, 195], np.float32), 8, 10)
    assert box.shape == (10, 8, 3)
    assert np.array_equal(box[:5, 3:], frame[195:200, 0:5])
    assert (box[:, 0] == box[:, 3]).all()
    assert (box[9] == box[4]).all()


def test_nobody_to_take_a_mouth_from(tmp_path: Path) -> None:
    nowhere = scene(points=scene().points * np.nan, found=np.zeros(N, bool))
    face = TrackedFace(nowhere, align(scene()))
    with Cache(tmp_path) as cache, pytest.raises(NoFaceError):
        build(frames(), face, BankOptions(), cache, "footage")
