"""The target's jaw goes where the new mouth has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipsync import media
from lipsync.face import landmarks
from lipsync.face.similarity import apply_affine
from lipsync.face.tracked_face import TrackedFace
from lipsync.mouth.bank import mouth_bank
from lipsync.mouth.finish import jaw_warp
from lipsync.mouth.finish.jaw_warp import JawOptions, JawWarper, predict_jaw_offsets
from lipsync.runtime.cache import Cache
from lipsync.types import FaceTrack, LipTrack, MouthBank
from tests.support.faces import FPS, SCHEME, canonical_face, similarity
from tests.support.mouths import bank_of_face

DROP = 0.6  # of the gap, by which the chin of this person drops
N = 80
POSE = similarity(80, 0.03, 130, 70)


def points_of(opening: float) -> np.ndarray:
    points = canonical_face(opening)
    points[list(SCHEME.jaw[4:-4])] += [0, DROP * opening]
    return points


@pytest.fixture(scope="module")
def person() -> tuple[TrackedFace, MouthBank]:
    openings = 0.1 + 0.08 * np.sin(np.arange(N) * 0.9)
    points = np.stack([apply_affine(POSE, points_of(o)) for o in openings])
    track = FaceTrack(
        points,
        np.ones(N, bool),
        np.ones(N, np.float32),
        np.zeros(0, np.int64),
        FPS,
        SCHEME,
    )
    face = TrackedFace.of(track)
    return face, bank_of_face(face)


def test_the_chin_drops_as_far_as_this_persons_does(person) -> None:  # type: ignore[no-untyped-def]
    face, bank = person
    own = face.lips.points
    shut, wide = int(own[:, 16, 1].argmin()), int(own[:, 16, 1].argmax())
    target = face.at(np.full(20, shut))
    wanted = LipTrack(np.repeat(own[wide : wide + 1], 20, axis=0), FPS)

    moved = predict_jaw_offsets(bank, wanted, target, JawOptions())
    half = predict_jaw_offsets(bank, wanted, target, JawOptions(jaw=0.5))

    gaps = own[:, 16, 1] - own[:, 13, 1]
    scale = float(face.alignment.scale[shut])
    chin = len(SCHEME.jaw) // 2
    asked = DROP * (gaps[wide] - gaps[shut]) * scale
    assert moved[10, chin, 1] == pytest.approx(asked, rel=0.1)
    assert half[10, chin, 1] == pytest.approx(asked / 2, rel=0.1)
    assert np.abs(moved[10, 0]).max() < 0.1 * asked, "the jaw beside the ear stays"
    assert predict_jaw_offsets(bank, wanted, target, JawOptions(jaw=0)) is None


def test_the_own_mouth_moves_no_jaw(person) -> None:  # type: ignore[no-untyped-def]
    face, bank = person
    moved = predict_jaw_offsets(bank, face.lips, face.at(np.arange(N)), JawOptions())
    assert np.abs(moved).max() < 1e-3


def test_unknown_lips_move_no_jaw(person) -> None:  # type: ignore[no-untyped-def]
    face, bank = person
    nowhere = LipTrack(np.full_like(face.lips.points, np.nan), FPS)
    moved = predict_jaw_offsets(bank, nowhere, face.at(np.arange(N)), JawOptions())
    assert not moved.any()


def test_only_the_surroundings_of_the_jaw_line_are_bent(person) -> None:  # type: ignore[no-untyped-def]
    face, _ = person
    rng = np.random.default_rng(2)
    frame = rng.integers(0, 255, (260, 260, 3)).astype(np.uint8)
    line = face.track.xy[0, list(SCHEME.jaw)]
    moved = np.zeros((len(SCHEME.jaw), 2), np.float32)
    moved[4:-4, 1] = 8.0

    warper = JawWarper(face.at(np.arange(N)))
    bent = warper.warp(frame, 0, moved)

    x, y = np.meshgrid(np.arange(260), np.arange(260))
    off = np.linalg.norm(np.stack([x, y], -1)[:, :, None] - line, axis=-1).min(-1)
    changed = (bent != frame).any(-1)
    reach = jaw_warp.REACH * float(face.alignment.scale[0])
    assert not changed[off > reach + 16].any()  # and a cell of the grid
    chin = line[len(line) // 2].round().astype(int)
    here = bent[chin[1] + 8 - 3 : chin[1] + 8 + 3, chin[0] - 3 : chin[0] + 3]
    there = frame[chin[1] - 3 : chin[1] + 3, chin[0] - 3 : chin[0] + 3]
    assert np.abs(here.astype(int) - there).mean() < 40, "the chin is found 8 pixels further down"
    assert warper.warp(frame, 0, 0.01 * moved) is frame


@pytest.mark.real
def test_a_real_jaw_is_found_lower_where_it_was_moved(shared: Path) -> None:
    """s4's shut mouth with the jaw of her widest opening: landmarks see the chin lower."""
    info = media.probe(shared / "data" / "targets" / "grid_s4_60s.mp4")
    info = replace(info, frame_count=300)
    shown = list(media.read_frames(info, 0, 300))
    track = landmarks.track_face(shown, info.fps, landmarks.LandmarkOptions())
    face = TrackedFace.of(track)
    own = face.lips
    with Cache(None) as cache:
        bank, _ = mouth_bank.build(shown, face, mouth_bank.BankOptions(), cache, "s4")
    shut, wide = int(own.opening.argmin()), int(own.opening.argmax())
    wanted = LipTrack(np.repeat(own.points[wide : wide + 1], 9, axis=0), own.rate)
    target = face.at(np.full(9, shut))
    moved = predict_jaw_offsets(bank, wanted, target, JawOptions())[4]

    bent = JawWarper(target).warp(shown[shut], 4, moved)

    again = landmarks.track_face([bent], info.fps, landmarks.LandmarkOptions())
    chin = SCHEME.jaw[len(SCHEME.jaw) // 2]
    fell = again.xy[0, chin, 1] - track.xy[shut, chin, 1]
    asked = moved[len(SCHEME.jaw) // 2, 1]
    assert asked > 4  # pixels
    assert fell == pytest.approx(asked, rel=0.4)
