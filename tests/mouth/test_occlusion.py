"""Things before the face: found where they are, nowhere else, and kept before the new mouth."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from lipsync import media
from lipsync.face import landmarks
from lipsync.face.tracked_face import TrackedFace
from lipsync.media.pixels import fill_polygon
from lipsync.mouth.bank.mouth_bank import BankOptions, build
from lipsync.mouth.finish.composite import CompositeOptions, Compositor, composite_frames
from lipsync.mouth.occlusion.before_face import _is_near, find_valid
from lipsync.mouth.occlusion.hand_masks import _interpolate
from lipsync.mouth.occlusion.looks import UNSEEN, Looks
from lipsync.mouth.occlusion.mask_space import CELLS, SIZE, draw_in_frame, fill, grow
from lipsync.mouth.occlusion.odd_looks import LIPS_MARGIN, find_odd_looks
from lipsync.runtime.cache import Cache
from lipsync.types import FootageAppearance, MouthBank, Occluders, Patch
from tests.support.faces import SCHEME, canonical_face, similarity, track_of

N = 60
SKIN = 150
SHAPE = canonical_face()[list(SCHEME.warp)]
CHIN = np.array([(-0.3, 1.2), (0.3, 1.2), (0.3, 1.4), (-0.3, 1.4)], np.float32)


def looks() -> Looks:
    """A plain face in slowly changing light."""
    luma = np.full((N, SIZE, SIZE), SKIN, np.float32)
    luma *= np.linspace(0.7, 1.2, N)[:, None, None]
    luma += np.random.default_rng(3).normal(0, 3, luma.shape)
    chroma = np.full((N, SIZE // 2, SIZE // 2, 2), (148, 112), np.uint8)
    return Looks(luma.astype(np.uint8), chroma)


def find(one: Looks) -> tuple[dict[int, np.ndarray], np.ndarray]:
    return find_odd_looks(one, SHAPE, len(SCHEME.lips), len(SCHEME.jaw))


def test_light_and_a_side_in_shadow_are_nothing_before_a_face() -> None:
    one = looks()
    one.luma[20:40] = one.luma[20:40] * np.linspace(0.5, 1, SIZE)
    odd, hidden = find(one)
    assert not odd
    assert not hidden.any()


@pytest.mark.parametrize("frames", [range(20, 30), range(10, 50)])
def test_letters_at_a_chin_are_found_though_most_frames_have_them(frames: range) -> None:
    one = looks()
    letters = fill(CHIN) > 0
    letters[:, ::7] = False  # gaps between them
    for i in frames:
        one.luma[i][letters] = 250
        one.chroma[i][letters[::2, ::2]] = 128
    odd, _ = find(one)
    assert sorted(odd) == list(frames)
    inside = letters & (fill(canonical_face()[list(SCHEME.jaw)] * [0.8, 0.9]) > 0)
    assert all((mask[inside] > 0).mean() > 0.98 for mask in odd.values())
    assert max(int(mask.sum()) for mask in odd.values()) <= fill(CHIN).sum() * 1.1


def test_a_beard_is_the_persons_own() -> None:
    one = looks()
    beard = grow(fill(CHIN), 0.1) > 0
    one.luma[:, beard] = one.luma[:, beard] // 3
    assert not find(one)[0]


def test_what_the_frame_does_not_show_is_not_before_the_face() -> None:
    one = looks()
    one.luma[:, 70:] = UNSEEN
    assert not find(one)[0]


def test_a_lower_face_of_another_color_without_lips_is_hidden() -> None:
    one = looks()
    low = CELLS.to_cells(np.array([0, 0.45], np.float32))[1] / 2
    one.chroma[:, int(low) :] = (120, 140)
    assert find(one)[1].all()
    shown = looks()
    shown.chroma[:, int(low) :] = (130, 126)  # a beard …
    lips = fill(SHAPE[:12])[::2, ::2] > 0
    shown.chroma[:, lips] = (160, 112)  # … with lips
    assert not find(shown)[1].any()


def test_a_hand_between_two_looks_is_where_it_passes() -> None:
    here = np.zeros((1, 21, 2), np.float32)
    there = here + np.array([0.4, 0], np.float32)
    assert _interpolate(here, there, 0.25)[:, :, 0] == pytest.approx(0.1)
    assert len(_interpolate(here, here + 3, 0.5)) == 2, "another hand: both are held"
    assert len(_interpolate(here[:0], there, 0.5)) == 1
    assert len(_interpolate(here, there[:0], 0.0)) == 1


def test_what_is_before_the_face_stays_before_the_new_mouth() -> None:
    """A bar across the chin: kept bit for bit, and its color not continued in the new mouth."""
    poses = [similarity(90, 0, 160 + i, 70) for i in range(3)]
    face = TrackedFace.of(track_of(poses))
    mask = grow(fill(CHIN), 0.05) * np.uint8(255)
    occluders = Occluders(np.zeros(3, np.int64), mask[None], np.zeros(3, bool))
    frames, patches, bars = [], [], []
    for pose in poses:
        frame = np.full((260, 320, 3), (150, 120, 100), np.uint8)
        bars.append(draw_in_frame(fill(CHIN) * np.uint8(255), pose, (0, 0, 320, 260)) > 0.99)
        frame[bars[-1]] = (250, 250, 250)
        frames.append(frame)
        new = np.full((260, 320, 3), (140, 115, 95), np.uint8)  # a little darker than the frame
        shift = np.eye(2, 3, dtype=np.float32)
        patches.append(Patch(new, np.ones((260, 320), np.float32), shift))
    options = CompositeOptions(grain=False)
    target = face.at(np.arange(3))
    done = list(composite_frames(frames, patches, Compositor(target, options, occluders=occluders)))
    for frame, bar, made in zip(frames, bars, done, strict=True):
        assert np.array_equal(made.frame[bar], frame[bar])
        assert np.abs(made.frame[~bar].astype(int) - frame[~bar]).max() <= 3
    bare = list(composite_frames(frames, patches, Compositor(target, options)))
    assert np.abs(bare[0].frame[bars[0]].astype(int) - 250).max() > 50


def test_only_what_surrounds_the_lips_hides_them() -> None:
    lips = fill(SHAPE[:12])
    cup = fill(np.array([(-0.3, 0.85), (0.3, 0.85), (0.3, 1.6), (-0.3, 1.6)], np.float32))
    unseen = grow(lips, LIPS_MARGIN)  # looks tell nothing there
    assert _is_near(cup * (1 - unseen), lips)
    assert not _is_near(fill(CHIN), lips)
    assert _is_near(grow(lips, 0.02) & cup, lips), "a finger that touches them"


def test_the_bank_knows_which_cells_show_the_person() -> None:
    track = track_of([similarity(60, 0, 110, 60)] * 4)
    face = TrackedFace.of(track)
    mask = fill(CHIN) * np.uint8(255)
    rows = np.array([-1, 0, -1, -1], np.int64)
    occluders = Occluders(rows, mask[None], np.zeros(4, bool))
    control = track.xy[:, list(SCHEME.warp)]
    valid = find_valid(occluders, np.arange(4), control, face.alignment.to_frame)
    assert valid is not None
    assert valid[[0, 2, 3]].all()
    assert (~valid[1]).mean() == pytest.approx(fill(CHIN).mean(), rel=0.3)
    free = replace(occluders, rows=np.full(4, -1, np.int64))
    assert find_valid(free, np.arange(4), control, face.alignment.to_frame) is None


@cache
def watched(path: Path, first: int, end: int) -> tuple[TrackedFace, MouthBank, FootageAppearance]:
    """A piece of real footage, tracked, and its bank; plain arrays, the cache is gone."""
    info = media.probe(path)
    frames = list(media.read_frames(info, first, end))
    track = landmarks.track_face(frames, info.fps, landmarks.LandmarkOptions())
    face = TrackedFace.of(track)
    with Cache(None) as folder:
        bank, appearance = build(frames, face, BankOptions(), folder, "piece")
        return face, bank, appearance


def occluders_of(path: Path, first: int, end: int) -> Occluders:
    found = watched(path, first, end)[2].occluders
    assert found is not None
    return found


@pytest.mark.real
@pytest.mark.slow
def test_a_hand_is_masked_from_its_first_frame_to_its_last(shared: Path) -> None:
    path = shared / "data" / "wild" / "hand_over_face.mp4"
    first = 40
    face, bank, appearance = watched(path, first, 130)
    occluders = appearance.occluders
    assert occluders is not None
    assert not occluders.near_lips[: 55 - first].any(), "no hand yet"
    assert occluders.near_lips[60 - first :].all()
    # Places on its fingers, pixels of the whole frame; and others on her face.
    for i, on, off in ((66, (320, 300), (440, 210)), (110, (370, 300), (490, 230))):
        mask = occluders.mask(i - first)
        assert mask is not None
        drawn = draw_in_frame(mask, face.alignment.to_frame[i - first], (0, 0, 640, 360))
        assert drawn[on[1], on[0]] > 0.9, (i, on)
        assert drawn[off[1], off[0]] < 0.1, (i, off)
    assert (bank.quality[occluders.near_lips[bank.frames]] == 0).all()
    assert (bank.quality > 0).any()


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(
    ("clip", "end"),
    [
        ("wild/turning_small_face.mp4", 150),
        ("wild/room_light_1080p.mp4", 81),
        ("wild/vfr_22fps.mp4", 90),
        ("cases/vs.mp4", 75),
        ("grid_s1/bbaf2n.mkv", 75),
    ],
)
def test_nothing_is_before_a_bare_face(shared: Path, clip: str, end: int) -> None:
    occluders = occluders_of(shared / "data" / clip, 0, end)
    assert (occluders.rows < 0).all()
    assert not occluders.near_lips.any()


@pytest.mark.real
@pytest.mark.slow
def test_a_caption_stays_whole(shared: Path) -> None:
    """Under a grey mouth: the letters inside its outline are the frame's own."""
    path = shared / "data" / "cases" / "captions_chin.mp4"
    face, _, appearance = watched(path, 0, 75)
    frames = list(media.read_frames(media.probe(path)))
    grey = Patch(
        np.full(frames[0].shape, 128, np.uint8),
        np.ones(frames[0].shape[:2], np.float32),
        np.eye(2, 3, dtype=np.float32),
    )
    options = CompositeOptions(grain=False, color_match=False)
    target = face.at(np.arange(75))
    grays = [grey] * 75
    for occluders, whole in ((appearance.occluders, True), (None, False)):
        kept = letters = 0
        done = composite_frames(frames, grays, Compositor(target, options, occluders=occluders))
        for frame, made in zip(frames, done, strict=True):
            ink = (frame.min(-1) > 225) | (frame.max(-1) < 30)
            ink[:310] = False  # hair and eyes
            outline = np.zeros(ink.shape, np.uint8)
            fill_polygon(outline, face.outlines(0.13)[0])
            ink &= outline > 0
            kept += int((np.abs(made.frame.astype(int) - frame).max(-1) <= 8)[ink].sum())
            letters += int(ink.sum())
        assert letters > 1000
        assert (kept / letters > 0.98) == whole, kept / letters


@pytest.mark.real
@pytest.mark.slow
def test_a_face_mask_hides_the_mouth(shared: Path) -> None:
    assert occluders_of(shared / "data" / "cases" / "mask.mp4", 0, 75).near_lips.all()
