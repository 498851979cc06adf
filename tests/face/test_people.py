"""Whose face is whose, and which is wanted: crossings, gaps, cuts, small faces."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync import media
from lipsync.errors import LipsyncError, MediaError, NoFaceError, OptionsError
from lipsync.face import landmarks
from lipsync.face.landmarks import Face, Faces, FaceSelector, LandmarkOptions
from lipsync.face.landmarks.detections import FaceCollector
from lipsync.face.landmarks.small_faces import SmallFaceSearch
from lipsync.face.similarity import apply_affine
from lipsync.types import U8
from tests.support.clips import run
from tests.support.faces import FPS, SCHEME, canonical_face, similarity

OPTIONS = LandmarkOptions()
PEOPLE = ("grid_s1", "grid_s4", "grid_s26")
PIECE = "scale=540:432,crop=260:360:{x}:40"  # head and shoulders of a GRID speaker


def seen(places: list[list[float]], cuts: tuple[int, ...] = ()) -> Faces:
    """Faces at these places (x), frame by frame; every place looks different, in every shot."""
    collector = FaceCollector(FPS, SCHEME)
    rng = np.random.default_rng(0)
    for i, row in enumerate(places):
        if i == 0 or i in cuts:
            noise = rng.integers(0, 255, (120, 640, 3)).astype(np.uint8)
        pose = (similarity(40, 0, x, 60) for x in row)
        collector.add(noise, [Face(apply_affine(p, canonical_face()), 1.0) for p in pose])
    return collector.faces(np.array(cuts, np.int64))


def lines(faces: Faces) -> list[list[int]]:
    """Rounded x of everybody, by frame."""
    at = [faces.points[rows][:, list(SCHEME.outer_eyes), 0].mean(1) for rows in people(faces)]
    return [np.rint(x).astype(int).tolist() for x in at]


def people(faces: Faces) -> list[np.ndarray]:
    return landmarks.cluster_identities(faces)


def test_two_faces_are_two_people_whatever_order_they_come_in() -> None:
    faces = seen([[100 + i, 400 - i][:: 1 if i % 2 else -1] for i in range(10)])
    assert sorted(lines(faces)) == [
        [100 + i for i in range(10)],
        [400 - i for i in range(10)],
    ]
    assert landmarks.count_prominent(faces) == 2


def test_a_moment_between_two_cuts_is_who_is_in_the_same_place() -> None:
    """As a shaken camera makes them; looks are taken of every third frame, and miss it."""
    places = [[100.0 + 5 * (i % 2)] for i in range(16)]
    assert sorted(len(rows) for rows in people(seen(places, cuts=(7, 9)))) == [7, 9]
    far = [[400.0] if i in (7, 8) else at for i, at in enumerate(places)]
    assert sorted(len(rows) for rows in people(seen(far, cuts=(7, 9)))) == [2, 7, 7]


def test_one_who_is_lost_for_some_frames_is_not_replaced_by_the_other() -> None:
    faces = seen([[100.0, 400.0] if not 4 <= i < 9 else [400.0] for i in range(15)])
    assert sorted(lines(faces)) == [[100] * 10, [400] * 15]


def test_one_person_alone_stays_one_whatever_they_look_like() -> None:
    """A face that jumps within a shot that never shows two: as ever, one track."""
    faces = seen([[100.0] if i < 5 else [500.0] for i in range(10)])
    assert len(people(faces)) == 1


def test_the_faces_of_a_video_are_freed_with_their_last_user() -> None:
    """Ten minutes of one face are 86 MB: what was found out about them must not keep them."""
    faces = seen([[100.0, 400.0]] * 5)
    assert landmarks.cluster_identities(faces) is landmarks.cluster_identities(faces), (
        "clustered once"
    )
    alive = weakref.ref(faces)
    del faces
    gc.collect()
    assert alive() is None


def test_over_a_cut_looks_decide() -> None:
    faces = seen([[100.0]] * 5 + [[110.0]] * 5, cuts=(5,))
    assert len(people(faces)) == 2, "the same place, another look"
    assert len(people(seen([[100.0]] * 10))) == 1


def test_nobody_is_no_error_until_somebody_is_wanted() -> None:
    faces = seen([[], [], []])
    assert people(faces) == []
    assert landmarks.count_prominent(faces) == 0
    assert not landmarks.select_face(faces, "largest", OPTIONS).found.any()


def test_the_first_frame_that_shows_so_many_counts() -> None:
    faces = seen([[300.0]] * 6 + [[100.0, 300.0, 500.0]] * 6)

    def x(which: str) -> int:
        track = landmarks.select_face(faces, which, OPTIONS)
        return round(float(track.xy[8, list(SCHEME.outer_eyes), 0].mean()))

    assert [x(w) for w in ("1", "2", "3", "left", "largest")] == [300, 300, 500, 100, 300]
    assert x("500,60@0.32") == 500
    with pytest.raises(OptionsError, match="at most 3 faces"):
        x("4")
    with pytest.raises(OptionsError, match=r"no face there.*301,"):
        x("20,20")
    with pytest.raises(OptionsError, match=r"ends at 0\.48 s"):
        x("300,60@9")


@pytest.mark.parametrize("text", ["lefty", "0", "-1", "1,2,3", "", "10,20@x"])
def test_what_is_no_face_is_refused(text: str) -> None:
    with pytest.raises(OptionsError, match="largest, left, right"):
        FaceSelector.parse(text)


def test_a_number_in_a_yaml_file_is_a_face() -> None:
    from lipsync.options import RenderOptions

    assert RenderOptions.of(face=2).landmarks.face == "2"
    with pytest.raises(OptionsError, match="face"):
        RenderOptions.of(face="lefty")


class Nearsighted(landmarks.LandmarkDetector):
    """Sees the one face of a frame if its bright spot fills enough of what it is shown."""

    scheme = replace(SCHEME, mirror=())
    version = "nearsighted"
    misses_small_faces = True

    def __init__(self, device: str = "cpu") -> None:
        self.looks = 0

    def detect(self, frame: U8) -> list[Face]:
        self.looks += 1
        ys, xs = np.nonzero(frame[..., 0] > 250)
        if not len(xs) or np.ptp(xs) < 0.1 * max(frame.shape[:2]):
            return []
        pose = similarity(float(np.ptp(xs)) / 1.5, 0, float(xs.mean()), float(ys.mean()))
        return [Face(apply_affine(pose, canonical_face()), 1.0)]

    def __exit__(self, *exc: object) -> None: ...


def spot(x: int, size: int = 40) -> U8:
    frame = np.zeros((360, 640, 3), np.uint8)
    frame[180 : 180 + size, x : x + size] = 255
    return frame


def test_a_small_face_is_found_followed_and_given_up() -> None:
    detector = Nearsighted()
    small = SmallFaceSearch(detector, Fraction(25), all_faces=False)
    found = [small.complete(spot(200 + 2 * i), []) for i in range(20)]
    assert [len(faces) for faces in found] == [1] * 20
    centers = [faces[0].points[list(SCHEME.outer_eyes), 0].mean() for faces in found]
    assert np.diff(centers) == pytest.approx(2, abs=0.6)
    looks = detector.looks
    gone = [small.complete(np.zeros((360, 640, 3), np.uint8), []) for _ in range(25)]
    assert not any(gone)
    assert detector.looks - looks < 60, "it is not looked for in every part of every frame"


def test_a_face_of_ordinary_size_costs_no_look_at_parts() -> None:
    detector = Nearsighted()
    small = SmallFaceSearch(detector, Fraction(25), all_faces=False)
    large = Face(apply_affine(similarity(120, 0, 300, 150), canonical_face()), 1.0)
    for _ in range(50):
        assert small.complete(spot(200), [large]) == [large]
    assert detector.looks == 0


def first(shared: Path, name: str) -> Path:
    return sorted((shared / "data" / name).glob("*.m*"))[0]


@cache
def crossing(one: Path, other: Path, folder: Path) -> Path:
    """One goes from left to right, the other before them from right to left."""
    graph = (
        "color=c=0x6080a0:s=1280x480:r=25:d=3[room];"
        f"[0:v]{PIECE.format(x=150)}[a];[1:v]{PIECE.format(x=140)}[b];"
        "[room][a]overlay=x='40+310*t':y=60:shortest=1[c];"
        "[c][b]overlay=x='980-310*t':y=70:shortest=1[v]"
    )
    path = folder / "crossing.mp4"
    inputs = ("-i", str(one), "-i", str(other))
    run(*inputs, "-filter_complex", graph, "-map", "[v]", "-crf", "12", str(path))
    return path


@pytest.fixture(scope="module")
def crossed(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Faces:
    place = tmp_path_factory.mktemp("crossing")
    info = media.probe(crossing(first(shared, "grid_s1"), first(shared, "grid_s26"), place))
    return landmarks.detect_faces(media.read_frames(info), info.fps, OPTIONS)


@pytest.mark.real
def test_two_who_cross_are_not_swapped(crossed: Faces) -> None:
    behind, before = (landmarks.select_face(crossed, side, OPTIONS) for side in ("left", "right"))
    # 310 pixels per second, the one to the right, the other to the left.
    for track, speed in ((behind, 310), (before, -310)):
        at = np.flatnonzero(track.found)
        x = track.xy[at].mean(1)[:, 0]
        assert np.abs(x - x[0] - speed * (at - at[0]) / 25).max() < 30
    assert before.found.all()
    assert 45 <= behind.found.sum() < 75, "who is behind the other is not seen"


@pytest.mark.real
def test_a_picture_tells_who_is_meant(crossed: Faces, shared: Path, tmp_path: Path) -> None:
    pictures = {}
    for name in ("grid_s1", "grid_s26", "grid_s4"):
        info = media.probe(sorted((shared / "data" / name).glob("*.m*"))[3])
        frame = next(iter(media.read_frames(info, 40, 41)))
        pictures[name] = tmp_path / f"{name}.png"
        cv2.imwrite(str(pictures[name]), frame[..., ::-1])
    for name, side in (("grid_s1", "left"), ("grid_s26", "right")):
        chosen = landmarks.select_face(crossed, str(pictures[name]), OPTIONS)
        wanted = landmarks.select_face(crossed, side, OPTIONS)
        assert np.array_equal(chosen.points, wanted.points, equal_nan=True), name
    with pytest.raises(OptionsError, match="looks like nobody"):
        landmarks.select_face(crossed, str(pictures["grid_s4"]), OPTIONS)
    one, other = (cv2.imread(str(pictures[n])) for n in ("grid_s1", "grid_s26"))
    both, none, gone = (tmp_path / n for n in ("both.png", "none.png", "gone.png"))
    cv2.imwrite(str(both), np.concatenate([one, other], axis=1))
    cv2.imwrite(str(none), np.zeros_like(one))
    problems: tuple[tuple[Path, type[LipsyncError], str], ...] = (
        (both, MediaError, "shows 2 faces"),
        (none, NoFaceError, "no face"),
        (gone, MediaError, "gone.png"),
    )
    for path, kind, words in problems:
        with pytest.raises(kind, match=words):
            landmarks.select_face(crossed, str(path), OPTIONS)


@pytest.mark.real
def test_one_who_is_hidden_for_a_while_returns_as_the_same(shared: Path, tmp_path: Path) -> None:
    """Two side by side; the left one is covered for 0.6 s."""
    graph = (
        f"[0:v]{PIECE.format(x=150)}[a];[1:v]{PIECE.format(x=140)}[b];[a][b]hstack,"
        "drawbox=x=0:y=0:w=260:h=360:color=gray:t=fill:enable='between(t,1,1.6)'[v]"
    )
    path = tmp_path / "hidden.mp4"
    inputs = [word for n in ("grid_s1", "grid_s26") for word in ("-i", str(first(shared, n)))]
    run(*inputs, "-filter_complex", graph, "-map", "[v]", "-crf", "12", str(path))
    info = media.probe(path)
    faces = landmarks.detect_faces(media.read_frames(info), info.fps, OPTIONS)
    left, right = (landmarks.select_face(faces, side, OPTIONS) for side in ("left", "right"))
    assert np.flatnonzero(~left.found).tolist() == pytest.approx(list(range(25, 41)), abs=1)
    assert right.found.all()
    assert left.xy[left.found].mean(1)[:, 0].max() < 260 < right.xy.mean(1)[:, 0].min()
    assert np.flatnonzero(landmarks.shows_other_faces(faces, left)).size == (~left.found).sum()


@pytest.mark.real
@pytest.mark.parametrize("width", [100, 70])
def test_a_small_face_is_tracked_like_a_large_one(shared: Path, width: int, tmp_path: Path) -> None:
    """A whole clip reduced and put into a large frame: lost today, found in nearly every frame."""
    clip = first(shared, "grid_s26")
    once = replace(OPTIONS, landmark_flip=False)
    large, plain = (
        landmarks.track_face(media.read_frames(media.probe(clip), 0, 40), Fraction(25), options)
        for options in (OPTIONS, once)
    )
    # Reduced by another pixel the detector answers otherwise, mirrored or not: one size is kept.
    scale = width / float(np.median(np.ptp(plain.xy[..., 0], axis=1)))
    size = [round(side * scale / 2) * 2 for side in (360, 288)]
    path = tmp_path / "small.mkv"
    run(
        "-i", str(clip), "-vf", f"scale={size[0]}:{size[1]},pad=1280:720:300:200:gray",
        "-frames:v", "40", "-c:v", "ffv1", str(path),
    )  # fmt: skip
    info = media.probe(path)
    with landmarks.open_detector(OPTIONS) as detector:
        alone = [len(detector.detect(frame)) for frame in media.read_frames(info)]
    small = landmarks.track_face(media.read_frames(info), info.fps, OPTIONS)
    assert sum(alone) <= 4
    assert small.found.sum() >= 39
    there = large.xy[small.found] * np.array([size[0] / 360, size[1] / 288]) + [300, 200]
    off = np.linalg.norm(there - small.xy[small.found], axis=-1)
    assert np.median(off) < 0.02 * width  # of the face's width


@pytest.mark.real
@pytest.mark.parametrize("target", ["grid_s1_120s.mp4", "englishvideo.mp4"])
def test_footage_of_one_person_has_the_detectors_own_points(shared: Path, target: str) -> None:
    """Bit for bit, over the cut at frame 75 as well: linking chooses, it does not change."""
    info = media.probe(shared / "data" / "targets" / target)
    frames = list(media.read_frames(info, 60, 90))
    found = landmarks.track_face(frames, info.fps, OPTIONS)
    with landmarks.open_detector(OPTIONS) as detector:
        seen = [detector.detect(frame) for frame in frames]
    assert [len(faces) for faces in seen] == [1] * 30
    assert np.array_equal(found.points, np.stack([faces[0].points for faces in seen]))


@pytest.fixture(scope="module")
def takes(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Faces:
    """Shot and reverse shot: s1, s4, s1 again, and s26 before the same wall as s1; 1 s each."""
    path = tmp_path_factory.mktemp("takes") / "takes.mp4"
    folders = {name: sorted((shared / "data" / name).glob("*.m*")) for name in PEOPLE}
    wanted = (("grid_s1", 4), ("grid_s4", 4), ("grid_s1", 299), ("grid_s26", 4))
    clips = [folders[name][i] for name, i in wanted]
    scaled = "".join(f"[{i}:v]trim=end_frame=25,scale=480:384,setsar=1[c{i}];" for i in range(4))
    joined = "[c0][c1][c2][c3]concat=n=4[v]"
    inputs = [word for clip in clips for word in ("-i", str(clip))]
    run(*inputs, "-filter_complex", scaled + joined, "-map", "[v]", "-crf", "12", str(path))
    info = media.probe(path)
    return landmarks.detect_faces(media.read_frames(info), info.fps, OPTIONS)


@pytest.mark.real
def test_shot_and_reverse_shot_are_two_people(takes: Faces) -> None:
    """One of the cuts changes so little of the picture that only the jump of the head tells it."""
    assert 75 not in takes.cuts
    shots = [sorted(set((takes.frame[rows] // 25).tolist())) for rows in people(takes)]
    assert sorted(shots) == [[0, 2], [1], [3]]
    main = landmarks.select_face(takes, "largest", OPTIONS)
    elsewhere = np.flatnonzero(landmarks.shows_other_faces(takes, main))
    assert main.found.sum() == 50
    assert elsewhere.tolist() == [*range(25, 50), *range(75, 100)]


@pytest.mark.real
def test_of_further_footage_the_same_person_is_taken(takes: Faces, crossed: Faces) -> None:
    for side in ("left", "right"):
        person = landmarks.select_face(crossed, side, OPTIONS)
        found = landmarks.select_most_similar(takes, landmarks.track_thumbnails(crossed, person))
        shots = set((np.flatnonzero(found.found) // 25).tolist())
        assert shots == ({0, 2} if side == "left" else {3})
