"""The target's jaw goes where the new mouth has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipsync import media
from lipsync.face import landmarks, tracked_face
from lipsync.face.similarity import apply
from lipsync.face.tracked_face import align, lips
from lipsync.mouth.bank import mouth_bank
from lipsync.mouth.finish import jaw_warp
from lipsync.mouth.finish.jaw_warp import Bender, JawOptions, corrections
from lipsync.runtime.cache import Cache
from lipsync.types import Alignment, FaceTrack, LipTrack, MouthBank
from tests.support.faces import FPS, SCHEME, canonical_face, similarity

DROP = 0.6  # of the gap, by which the chin of this person drops
N = 80
POSE = similarity(80, 0.03, 130, 70)


def face(opening: float) -> np.ndarray:
    points = canonical_face(opening)
    points[list(SCHEME.jaw[4:-4])] += [0, DROP * opening]
    return points


@pytest.fixture(scope="module")
def person() -> tuple[FaceTrack, Alignment, MouthBank]:
    openings = 0.1 + 0.08 * np.sin(np.arange(N) * 0.9)
    points = np.stack([apply(POSE, face(o)) for o in openings])
    track = FaceTrack(
        points,
        np.ones(N, bool),
        np.ones(N, np.float32),
        np.zeros(0, np.int64),
        FPS,
        SCHEME,
    )
    alignment = align(track)
    bank = MouthBank(
        lips(track, alignment).points,
        tracked_face.nose(track, alignment),
        track.xy[:, list(SCHEME.warp)],
        alignment.to_frame,
        np.zeros((N, 4, 4, 3), np.uint8),
        np.zeros((N, 4), np.float32),
        np.ones(N, np.float32),
        np.arange(N),
        np.zeros(N, np.int64),
    )
    return track, alignment, bank


def test_the_chin_drops_as_far_as_this_persons_does(person) -> None:  # type: ignore[no-untyped-def]
    track, alignment, bank = person
    own = lips(track, alignment).points
    shut, wide = int(own[:, 16, 1].argmin()), int(own[:, 16, 1].argmax())
    order = np.full(20, shut)
    wanted = LipTrack(np.repeat(own[wide : wide + 1], 20, axis=0), FPS)

    moved = corrections(bank, wanted, own, track, alignment, order, JawOptions())
    half = corrections(bank, wanted, own, track, alignment, order, JawOptions(jaw=0.5))

    gaps = own[:, 16, 1] - own[:, 13, 1]
    scale = float(alignment.scale[shut])
    chin = len(SCHEME.jaw) // 2
    asked = DROP * (gaps[wide] - gaps[shut]) * scale
    assert moved[10, chin, 1] == pytest.approx(asked, rel=0.1)
    assert half[10, chin, 1] == pytest.approx(asked / 2, rel=0.1)
    assert np.abs(moved[10, 0]).max() < 0.1 * asked, "the jaw beside the ear stays"
    assert corrections(bank, wanted, own, track, alignment, order, JawOptions(jaw=0)) is None


def test_the_own_mouth_moves_no_jaw(person) -> None:  # type: ignore[no-untyped-def]
    track, alignment, bank = person
    own = lips(track, alignment)
    moved = corrections(bank, own, own.points, track, alignment, np.arange(N), JawOptions())
    assert np.abs(moved).max() < 1e-3


def test_unknown_lips_move_no_jaw(person) -> None:  # type: ignore[no-untyped-def]
    track, alignment, bank = person
    own = lips(track, alignment).points
    nowhere = LipTrack(np.full_like(own, np.nan), FPS)
    moved = corrections(bank, nowhere, own, track, alignment, np.arange(N), JawOptions())
    assert not moved.any()


def test_only_the_surroundings_of_the_jaw_line_are_bent(person) -> None:  # type: ignore[no-untyped-def]
    track, alignment, _ = person
    rng = np.random.default_rng(2)
    frame = rng.integers(0, 255, (260, 260, 3)).astype(np.uint8)
    line = track.xy[0, list(SCHEME.jaw)]
    moved = np.zeros((len(SCHEME.jaw), 2), np.float32)
    moved[4:-4, 1] = 8.0

    bent = Bender(track, alignment).bent(frame, 0, moved)

    x, y = np.meshgrid(np.arange(260), np.arange(260))
    off = np.linalg.norm(np.stack([x, y], -1)[:, :, None] - line, axis=-1).min(-1)
    changed = (bent != frame).any(-1)
    reach = jaw_warp.REACH * float(alignment.scale[0])
    assert not changed[off > reach + 16].any()  # and a cell of the grid
    chin = line[len(line) // 2].round().astype(int)
    here = bent[chin[1] + 8 - 3 : chin[1] + 8 + 3, chin[0] - 3 : chin[0] + 3]
    there = frame[chin[1] - 3 : chin[1] + 3, chin[0] - 3 : chin[0] + 3]
    assert np.abs(here.astype(int) - there).mean() < 40, "the chin is found 8 pixels further down"
    assert Bender(track, alignment).bent(frame, 0, 0.01 * moved) is frame


@pytest.mark.real
def test_a_real_jaw_is_found_lower_where_it_was_moved(shared: Path) -> None:
    """s4's shut mouth with the jaw of her widest opening: landmarks see the chin lower."""
    info = media.probe(shared / "data" / "targets" / "grid_s4_60s.mp4")
    info = replace(info, frame_count=300)
    shown = list(media.read_frames(info, 0, 300))
    track = landmarks.track(shown, info.fps, landmarks.LandmarkOptions())
    alignment = align(track)
    own = lips(track, alignment)
    with Cache(None) as cache:
        options = mouth_bank.BankOptions()
        bank = mouth_bank.build(shown, track, alignment, options, cache, "s4")
    shut, wide = int(own.opening.argmin()), int(own.opening.argmax())
    wanted = LipTrack(np.repeat(own.points[wide : wide + 1], 9, axis=0), own.rate)
    order = np.full(9, shut)
    moved = corrections(bank, wanted, own.points, track, alignment, order, JawOptions())[4]

    bent = Bender(track, alignment).bent(shown[shut], shut, moved)

    again = landmarks.track([bent], info.fps, landmarks.LandmarkOptions())
    chin = SCHEME.jaw[len(SCHEME.jaw) // 2]
    fell = again.xy[0, chin, 1] - track.xy[shut, chin, 1]
    asked = moved[len(SCHEME.jaw) // 2, 1]
    assert asked > 4  # pixels
    assert fell == pytest.approx(asked, rel=0.4)
