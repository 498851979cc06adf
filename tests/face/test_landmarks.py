from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from lipsync import media
from lipsync.errors import MissingPackageError
from lipsync.face.alignment import align
from lipsync.face.landmarks import (
    DETECTORS,
    Face,
    LandmarkDetector,
    LandmarkOptions,
    open_detector,
    track_face,
    track_video,
)
from lipsync.face.landmarks.shot_detection import head_jumps
from lipsync.face.similarity import apply_affine
from lipsync.face.tracked_face import TrackedFace
from lipsync.runtime.cache import Cache
from lipsync.types import U8
from tests.support.faces import FPS, SCHEME, canonical_face, similarity, track_of


class Scripted(LandmarkDetector):
    """The fake: the frame's first pixel says which of the given answers to return."""

    scheme = replace(SCHEME, mirror=())  # what it says is what was seen
    version = "scripted"
    answers: tuple[list[Face], ...] = ()

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self.closed = False

    def detect(self, frame: U8) -> list[Face]:
        return self.answers[int(frame[0, 0, 0])]

    def __exit__(self, *exc: object) -> None:
        self.closed = True


def face_at(x: float, scale: float = 40.0) -> Face:
    return Face(apply_affine(similarity(scale, 0, x, 60), canonical_face()), 0.9)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> type[Scripted]:
    monkeypatch.setitem(DETECTORS, "mediapipe", (__name__, "Scripted"))
    return Scripted


def frames(n: int) -> list[U8]:
    """Numbered frames; noise, so that no detector of cuts sees a change of scene."""
    noise = np.random.default_rng(0).integers(90, 110, (80, 120, 3)).astype(np.uint8)
    out = [noise.copy() for _ in range(n)]
    for i, frame in enumerate(out):
        frame[0, 0, 0] = i
    return out


def test_the_track_keeps_order_and_marks_what_is_missing(scripted: type[Scripted]) -> None:
    scripted.answers = tuple([face_at(50 + i)] if i != 3 else [] for i in range(20))
    found = track_face(frames(20), FPS, LandmarkOptions(landmark_threads=3))
    assert found.found.tolist() == [i != 3 for i in range(20)]
    assert np.isnan(found.points[3]).all()
    assert np.allclose(found.points[7], face_at(57).points)
    assert found.confidence[7] == pytest.approx(0.9)


def test_one_face_is_followed_through_a_crowd(scripted: type[Scripted]) -> None:
    """A larger face that comes in later does not steal the track; order within a frame is moot."""
    scripted.answers = tuple(
        [face_at(30 + i), face_at(300, 60)][:: 1 if i % 2 else -1] if i > 4 else [face_at(30 + i)]
        for i in range(12)
    )
    found = track_face(frames(12), FPS, LandmarkOptions())
    assert np.allclose(found.points[11], face_at(41).points)


def test_the_most_prominent_face_of_the_whole_target_is_taken(scripted: type[Scripted]) -> None:
    """By size and time together: not the one that happens to be larger in the first frame."""
    scripted.answers = tuple([face_at(30), face_at(300, 60)] for _ in range(12))
    assert np.allclose(
        track_face(frames(12), FPS, LandmarkOptions()).points[3], face_at(300, 60).points
    )
    scripted.answers = tuple(
        [face_at(30), face_at(300, 60)] if i < 6 else [face_at(30)] for i in range(12)
    )
    found = track_face(frames(12), FPS, LandmarkOptions())
    assert np.allclose(found.points[3], face_at(30).points)
    assert found.found.all()


def test_a_jump_of_the_head_is_a_cut_and_fast_motion_is_none() -> None:
    nod = [similarity(80, 0, 100, 100 + 12 * np.sin(i / 3)) for i in range(40)]
    cut = [similarity(80, 0, 107, 100) for _ in range(20)]
    still = [similarity(80, 0, 100, 100) for _ in range(20)]
    quiet, jump = track_of(nod), track_of(still + cut)
    assert len(head_jumps(quiet.points, quiet.found, SCHEME, FPS)) == 0
    assert head_jumps(jump.points, jump.found, SCHEME, FPS).tolist() == [20]


def test_a_jump_is_compared_with_the_motion_of_a_quarter_of_a_second() -> None:
    """Motion 7 to 12 frames away is near at 50 frames per second, and far at 25."""
    steps = [4.0] * 6 + [0.0] * 6 + [6.0] + [0.0] * 6 + [4.0] * 6
    moving = track_of([similarity(80, 0, x, 100) for x in 100 + np.cumsum([0.0, *steps])])
    found = {
        rate: head_jumps(moving.points, moving.found, SCHEME, Fraction(rate)).tolist()
        for rate in (25, 50)
    }
    assert found == {25: [13], 50: []}


def test_a_change_of_scene_is_a_cut(scripted: type[Scripted]) -> None:
    scripted.answers = tuple([face_at(50)] for _ in range(40))
    shown = frames(40)
    for i in range(20, 40):
        shown[i][1:] = 255 - shown[i][1:] * 2
    assert track_face(shown, FPS, LandmarkOptions()).cuts.tolist() == [20]


def test_a_missing_package_names_the_extra() -> None:
    message = str(MissingPackageError("face-alignment", "--landmarks face-alignment", "fan"))
    assert message.endswith("pip install 'lipsync-render[fan]'")


@pytest.fixture(scope="module")
def portrait() -> U8:
    """The bundled sample's first frame: a real photograph, animated."""
    sample = Path(__file__).resolve().parents[2] / "assets" / "sample" / "target.mp4"
    return next(iter(media.read_frames(media.probe(sample))))


def test_mediapipe_finds_the_face_and_nothing_else(
    portrait: U8, capfd: pytest.CaptureFixture[str]
) -> None:
    with open_detector(LandmarkOptions()) as detector:
        (face,) = detector.detect(portrait)
        # A view with gaps between its rows is the same picture.
        wide = np.concatenate([portrait, portrait], axis=1)[:, : portrait.shape[1]]
        (again,) = detector.detect(wide)
        assert detector.detect(np.zeros_like(portrait)) == []
    assert np.array_equal(face.points, again.points)
    assert face.points.shape == (478, 3)
    at = face.points[:, :2]
    assert (at > 0).all() and (at < portrait.shape[1::-1]).all()
    lip, eye = at[list(SCHEME.lips)].mean(0), at[list(SCHEME.outer_eyes)].mean(0)
    assert lip[1] > eye[1]
    assert at[list(SCHEME.jaw)][:, 1].max() > lip[1]
    assert capfd.readouterr().err == "", "its native chatter must not reach the user"


def test_contract_every_detector_that_can_run_here(portrait: U8) -> None:
    """One frame, the same frame again, an empty frame: as the protocol says."""
    ran = []
    for name in DETECTORS:
        try:
            detector = open_detector(LandmarkOptions(landmarks=name))  # type: ignore[arg-type]
        except Exception as error:
            from lipsync.errors import LipsyncError

            # Its package or its weights may be absent; then the error says so in one line.
            assert isinstance(error, LipsyncError), name
            assert "\n" not in str(error)
            continue
        with detector:
            once, twice = detector.detect(portrait), detector.detect(portrait)
            assert len(once) == len(twice)
            for a, b in zip(once, twice, strict=True):
                assert np.array_equal(a.points, b.points), "identical input, identical output"
                assert a.points.shape[0] == detector.scheme.count
                assert a.points.dtype == np.float32
                assert 0 <= a.confidence <= 1
            assert detector.detect(np.zeros((64, 64, 3), np.uint8)) == []
        ran.append(name)
    assert "mediapipe" in ran


def test_the_mirror_image_counts_as_much_as_the_frame(
    scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faces are matched by place; one that the mirror image does not show stays as it is."""
    opposite = (1, 0, *range(2, SCHEME.count))
    monkeypatch.setattr(scripted, "scheme", replace(SCHEME, mirror=opposite))
    seen, lost = face_at(30), face_at(90, 20)
    again = seen.points + np.float32(2)
    again[:, 0] = 120 - again[:, 0]
    scripted.answers = ([seen, lost], [Face(again[list(opposite)], 0.5)])
    frame = frames(1)[0]
    frame[0, -1, 0] = 1  # the first pixel of the mirror image
    with open_detector(LandmarkOptions()) as detector:
        both = detector.detect(frame)
    assert np.allclose(both[0].points, seen.points + 1)
    assert both[0].confidence == pytest.approx(0.7)
    assert np.array_equal(both[1].points, lost.points)
    with open_detector(LandmarkOptions(landmark_flip=False)) as detector:
        assert np.array_equal(detector.detect(frame)[0].points, seen.points)


def test_opposite_points_are_those_of_real_mirror_images(portrait: U8) -> None:
    with open_detector(LandmarkOptions(landmark_flip=False)) as detector:
        (face,) = detector.detect(portrait)
        (mirrored,) = detector.detect(np.ascontiguousarray(portrait[:, ::-1]))
    there = mirrored.points[:, :2] * (-1, 1) + (portrait.shape[1], 0)
    apart = np.linalg.norm(face.points[:, None, :2] - there[None], axis=-1)
    _, opposite = linear_sum_assignment(apart**2)
    known = np.array(SCHEME.mirror)
    assert np.array_equal(known[known], np.arange(len(known)))
    # One picture tells nearly all of them; iris points lie within a pixel of one another.
    assert (opposite == known).mean() > 0.97
    assert SCHEME.mirror[SCHEME.outer_eyes[0]] == SCHEME.outer_eyes[1]


def test_mirrored_tracks_are_kept_beside_the_others(tmp_path: Path) -> None:
    info = media.probe(Path(__file__).resolve().parents[2] / "assets" / "sample" / "target.mp4")
    with Cache(tmp_path) as cache:
        once = track_video(info, LandmarkOptions(landmark_flip=False), cache)
        both = track_video(info, LandmarkOptions(), cache)
    assert np.array_equal(once.found, both.found)
    eyes = np.linalg.norm(np.diff(both.xy[:, list(SCHEME.outer_eyes)], axis=1), axis=-1).mean()
    apart = np.linalg.norm(both.xy - once.xy, axis=-1).mean() / eyes
    assert 0.001 < apart < 0.02, "another answer, not another face"


def test_a_track_comes_from_the_cache_the_second_time(tmp_path: Path) -> None:
    sample = Path(__file__).resolve().parents[2] / "assets" / "sample" / "target.mp4"
    info = media.probe(sample)
    reports: list[int] = []
    with Cache(tmp_path) as cache:
        first = track_video(
            info, LandmarkOptions(), cache, progress=lambda _, done, __: reports.append(done)
        )
        assert reports == list(range(1, info.frame_count + 1))
        again = track_video(
            info, LandmarkOptions(), cache, progress=lambda *_: pytest.fail("detected again")
        )
    assert np.array_equal(first.points, again.points)
    assert first.fps == again.fps == info.fps
    assert np.array_equal(first.cuts, again.cuts)
    assert first.found.all()


@pytest.mark.real
def test_joined_takes_are_cut_where_they_were_joined(shared: Path) -> None:
    info = media.probe(shared / "data" / "targets" / "grid_s1_120s.mp4")
    with Cache(Cache.default_root()) as cache:
        found = track_video(info, LandmarkOptions(), cache)
    joins = set(range(75, 3000, 75))
    cuts = set(found.cuts.tolist())
    assert found.found.all()
    assert not cuts - joins, "no cut within a take"
    assert len(cuts & joins) >= 37  # of 39; in the others the head is where it was


@pytest.mark.real
def test_lips_of_real_speech_move_and_the_alignment_does_not_shake(shared: Path) -> None:
    info = media.probe(shared / "data" / "targets" / "englishvideo.mp4")
    with Cache(Cache.default_root()) as cache:
        found = track_video(info, LandmarkOptions(), cache)
    face = TrackedFace.of(found)
    alignment, own = face.alignment, face.lips
    assert info.fps == Fraction(30)
    assert own.opening.std() > 0.02
    # Second differences of the mouth's place: a hand-held camera drifts, it does not tremble.
    mouth = np.full((len(found), 1, 2), [0, 0.9], np.float32)
    place = apply_affine(alignment.to_frame, mouth)[:, 0]
    raw = apply_affine(align(found, 0).to_frame, mouth)[:, 0]
    tremble = [np.abs(np.diff(p, 2, axis=0)).mean() for p in (place, raw)]
    assert tremble[0] < 0.5 * tremble[1]
