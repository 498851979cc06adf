"""Real and fake clips: who is in which split, what an edit changes and what it leaves, resuming."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync import media
from lipsync.errors import MediaError, OptionsError
from lipsync.media.pixels import cell_means
from lipsync.types import F32, U8
from training.inspection import face_edits, real_clips, sound_edits
from training.inspection.corpus_manifest import ClipEntry, Manifest
from training.inspection.edit_target import EditTarget, Region
from training.inspection.fakes import KINDS, list_jobs, make_corpus
from training.inspection.jobs import Job, Workshop, make_all
from training.inspection.pieces import PIECE_S, Piece, find_pieces

FRAMES = 24  # of the clip that faces are edited in
RATE = 16000


# --- pieces and jobs -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pieces(shared: Path) -> list[Piece]:
    return find_pieces(shared / "data")


@pytest.mark.real
def test_only_people_whose_footage_may_train_are_in_the_training_split(pieces: list[Piece]) -> None:
    train = {piece.person for piece in pieces if piece.split == "train"}
    assert train == {"grid_s1", *(f"grid{letter}" for letter in "ABCDE")}
    assert not train & {piece.person for piece in pieces if piece.split == "held_out"}
    silent = {piece.person for piece in pieces if not piece.own_sound}
    assert silent == {"hand_over_face", "turning_small_face"}


@pytest.mark.real
def test_no_piece_is_longer_than_it_may_be_or_than_its_footage(pieces: list[Piece]) -> None:
    assert len({piece.name for piece in pieces}) == len(pieces)
    for piece in pieces:
        seconds = float(media.probe(piece.source).duration)
        if piece.start_s is None:
            assert seconds <= PIECE_S + 0.1, piece.name
        else:
            assert piece.start_s + PIECE_S <= seconds + 0.1, piece.name


@pytest.mark.real
def test_every_kind_is_made_and_no_two_clips_share_a_file(
    pieces: list[Piece], shared: Path, tmp_path: Path
) -> None:
    people = tuple(dict.fromkeys(piece.person for piece in pieces))
    jobs = list(list_jobs(pieces, Workshop(shared / "data", tmp_path, people)))
    assert {job.kind for job in jobs} == set(KINDS)
    assert max(Counter(job.path for job in jobs).values()) == 1
    fakes = [job for job in jobs if not job.kind.startswith("real")]
    assert "arabic" not in {job.piece.corpus for job in fakes}
    # A swap shows two people: it trains nothing that ships unless both may.
    assert {job.split for job in jobs if job.kind == "swap"} == {"held_out"}
    # No sound is edited where there is none of the person's own.
    edited = {"shifted", "stretched", "other_sound"}
    assert all(job.piece.own_sound for job in jobs if job.kind in edited)
    speeches = {job.params["speech"] for job in jobs if job.kind == "median"}
    assert speeches == set(sound_edits.SPEECH)


@pytest.mark.real
def test_a_name_that_nobody_has_is_an_error(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match="nobody is named nobody"):
        make_corpus(shared / "data", tmp_path / "out", KINDS, ["nobody"])
    assert not (tmp_path / "out").exists()


@pytest.mark.real
def test_only_what_is_asked_for_is_made(shared: Path, tmp_path: Path) -> None:
    assert make_corpus(shared / "data", tmp_path, ["real"], ["gridA", "gridB"]) == 0
    found = Manifest(tmp_path).made().values()
    assert [(e.person, e.kind) for e in found] == [("gridA", "real"), ("gridB", "real")]


# --- the manifest ----------------------------------------------------------------------------


def entry(path: str, failed: str | None = None) -> ClipEntry:
    return ClipEntry(path, "a.mp4", "anna", "grid", "train", "real", {"crf": 16}, 3.0, True, failed)


def test_a_clip_stands_once_in_the_manifest(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    (tmp_path / "b.mp4").touch()
    manifest.record(entry("a.mp4", failed="no face"))
    manifest.record(entry("b.mp4", failed="no face"))
    manifest.record(entry("b.mp4"))
    assert [(e.path, e.failed) for e in manifest.entries()] == [
        ("a.mp4", "no face"),
        ("b.mp4", None),
    ]
    assert list(manifest.made()) == ["b.mp4"]
    (tmp_path / "b.mp4").unlink()
    assert not manifest.made()


def test_a_damaged_manifest_says_where(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.record(entry("a.mp4"))
    with manifest.path.open("a") as file:
        file.write('{"path": 1}\n')
    with pytest.raises(MediaError, match=r"manifest\.jsonl:2: not an entry"):
        manifest.entries()


@pytest.mark.real
def test_a_clip_that_fails_stops_nothing_and_is_tried_again(
    pieces: list[Piece], shared: Path, tmp_path: Path
) -> None:
    piece, shop, manifest = pieces[0], Workshop(shared / "data", tmp_path), Manifest(tmp_path)
    calls: list[str] = []

    def fail(output: Path) -> None:
        calls.append(output.name)
        raise MediaError("no face was found")

    jobs = [Job(piece, "frozen", "x.mp4", {}, fail, True), shop.real_job(piece)]
    assert make_all(jobs, shop, manifest) == 1
    bad, good = manifest.entries()
    assert bad.failed == "MediaError: no face was found"
    assert (good.kind, good.seconds, good.sound) == ("real", 3.0, True)
    assert (tmp_path / good.path).read_bytes() == piece.source.read_bytes()
    before = (tmp_path / good.path).stat().st_mtime_ns
    assert make_all(jobs, shop, manifest) == 1
    assert calls == ["x.mp4"] * 2
    assert (tmp_path / good.path).stat().st_mtime_ns == before
    assert len(manifest.path.read_text().splitlines()) == 2
    assert json.loads(manifest.path.read_text().splitlines()[0])["person"] == "grid_s1"


# --- sound -----------------------------------------------------------------------------------


def samples(clip: Path) -> F32:
    return np.asarray(media.read_audio(clip, RATE).samples)


@pytest.mark.real
@pytest.mark.parametrize("shift_ms", [-200, 120])
def test_a_shifted_sound_is_the_same_sound_later(
    pieces: list[Piece], tmp_path: Path, shift_ms: int
) -> None:
    real = pieces[0].source
    shifted = tmp_path / "shifted.mkv"
    sound_edits.write_shifted(real, shifted, shift_ms)
    own, moved = samples(real), samples(shifted)
    by = shift_ms * RATE // 1000
    assert abs(len(own) - len(moved)) <= 2
    n = min(len(own), len(moved)) - abs(by)
    early, late = (own, moved) if by > 0 else (moved, own)
    np.testing.assert_allclose(late[abs(by) :][:n], early[:n], atol=1e-3)
    pictures = [list(media.read_frames(media.probe(clip))) for clip in (real, shifted)]
    assert np.array_equal(*pictures)


@pytest.mark.real
def test_a_stretched_sound_keeps_its_length(pieces: list[Piece], tmp_path: Path) -> None:
    real = next(piece.source for piece in pieces if piece.source.suffix == ".mpg")
    for tempo in sound_edits.TEMPOS:
        stretched = tmp_path / f"{tempo}.mkv"
        sound_edits.write_stretched(real, stretched, tempo)
        own, other = samples(real), samples(stretched)
        assert abs(len(own) - len(other)) <= 0.03 * RATE
        n = min(len(own), len(other))
        assert np.corrcoef(own[:n], other[:n])[0, 1] < 0.5
        assert media.probe(stretched).frame_count == media.probe(real).frame_count


@pytest.mark.real
def test_a_small_copy_is_no_higher_than_it_says(pieces: list[Piece], tmp_path: Path) -> None:
    by_person = {piece.person: piece.source for piece in pieces}
    assert real_clips.is_small(by_person["grid_s1"])
    real_clips.write_small(by_person["grid_s4"], tmp_path / "small.mp4")
    info = media.probe(tmp_path / "small.mp4")
    assert (info.width, info.height, info.frame_count) == (600, 480, 75)
    real_clips.write_screen(by_person["grid_s4"], tmp_path / "screen.mp4")
    info = media.probe(tmp_path / "screen.mp4")
    assert (info.width, info.height, info.fps) == (720, 576, 30)
    frame = next(iter(media.read_frames(info)))
    assert abs(frame[100, 10].astype(int) - [0x4A, 0x4D, 0x52]).max() < 8


# --- the face --------------------------------------------------------------------------------


def test_a_soft_region_changes_its_inside_and_nothing_else() -> None:
    frame = np.full((60, 80, 3), 50, np.uint8)
    info = media_info(80, 60)
    square = np.array([[20, 15], [50, 15], [50, 45], [20, 45]], np.float32)
    region = Region.of(square, info, 2.0)
    out = region.paste(frame, np.full_like(region.cut(frame), 90))
    assert out[30, 35, 0] == 90
    assert float(out[30, 20, 0]) == pytest.approx(70, abs=5)  # half, on the border
    assert (out[:6] == 50).all() and (out[:, 60:] == 50).all()
    assert (frame == 50).all()
    beyond = Region.of(square - 40, info, 2.0)  # cut off by the frame's corner
    assert beyond.paste(frame, np.zeros_like(beyond.cut(frame))).shape == frame.shape


def media_info(width: int, height: int):  # type: ignore[no-untyped-def]
    from fractions import Fraction

    from lipsync.types import VideoInfo

    return VideoInfo(Path("x.mp4"), width, height, Fraction(25), 1)


@pytest.fixture(scope="module")
def target(pieces: list[Piece], tmp_path_factory: pytest.TempPathFactory) -> EditTarget:
    """Nearly a second of a man who speaks, without loss."""
    clip = tmp_path_factory.mktemp("edits") / "clip.mkv"
    cut = ["-ss", "1", "-i", str(pieces[0].source), "-frames:v", str(FRAMES), "-t", "0.96"]
    real_clips.ffmpeg(clip, *cut, "-c:v", "libx264", "-crf", "1", "-c:a", "flac")
    opened = EditTarget(clip)
    assert opened.face.found.all()
    return opened


def mouths(target: EditTarget, frames: Iterator[U8]) -> list[U8]:
    """Pictures of the mouth (40, 60, 3), aligned to the face."""
    place = np.array([[60, 0, 30], [0, 60, 20 - 0.9 * 60]], np.float32)  # canonical → picture
    cut = []
    for i, frame in enumerate(frames):
        to = np.vstack([place, [0, 0, 1]]) @ np.vstack(
            [target.face.alignment.to_canonical[i], [0, 0, 1]]
        )
        cut.append(cv2.warpAffine(frame, to[:2], (60, 40), flags=cv2.INTER_AREA))
    return cut


def motion(pictures: list[U8]) -> float:
    """Mean spread over time of the cells of aligned pictures, levels."""
    return float(np.stack([cell_means(p, 4) for p in pictures]).astype(float).std(0).mean())


@pytest.mark.real
def test_a_frozen_mouth_no_longer_moves(target: EditTarget) -> None:
    assert motion(mouths(target, face_edits.frozen(target))) < 0.35 * motion(
        mouths(target, target.frames())
    )


@pytest.mark.real
def test_a_blurred_mouth_is_softer_and_more_so_with_a_larger_sigma(target: EditTarget) -> None:
    def detail(frames: Iterator[U8]) -> float:
        return float(np.mean([cv2.Laplacian(p, cv2.CV_32F).std() for p in mouths(target, frames)]))

    own = detail(target.frames())
    slightly = detail(face_edits.blurred(target, 0.02))
    assert detail(face_edits.blurred(target, 0.035)) < slightly < 0.9 * own


EDITS: dict[str, Callable[[EditTarget], Iterator[U8]]] = {
    "frozen": face_edits.frozen,
    "blurred": lambda t: face_edits.blurred(t, 0.035),
    "reencoded": lambda t: face_edits.reencoded(t, 33),
    "tinted": lambda t: face_edits.tinted(t, "cr", 8),
    "jittered": lambda t: face_edits.jittered(t, 1),
    "doubled_chin": face_edits.doubled_chin,
}


@pytest.mark.real
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_the_face_and_nothing_around_it(target: EditTarget, name: str) -> None:
    edited, count = EDITS[name](target), 0
    for i, (own, made) in enumerate(zip(target.frames(), edited, strict=True)):
        points = target.face.track.xy[i]
        margin = 0.65 * target.face.alignment.scale[i]
        low, high = (points.min(0) - margin).astype(int), (points.max(0) + margin).astype(int)
        changed = (own != made).any(-1)
        assert changed.any() or name == "frozen"
        changed[max(0, low[1]) : high[1], max(0, low[0]) : high[0]] = False
        assert not changed.any()
        count += 1
    assert count == FRAMES


@pytest.mark.real
@pytest.mark.parametrize("plane", ["cb", "cr"])
def test_a_tint_moves_one_chroma_by_what_it_says(target: EditTarget, plane: str) -> None:
    own, made = target.frames(), face_edits.tinted(target, plane, 8)
    for i, pair in enumerate(zip(own, made, strict=True)):
        x, y = target.face.track.xy[i, 1].astype(int)  # tip of the nose
        y_cr_cb = [cv2.cvtColor(f, cv2.COLOR_RGB2YCrCb)[y - 4 : y + 4, x - 4 : x + 4] for f in pair]
        shift = np.diff([p.reshape(-1, 3).mean(0) for p in y_cr_cb], axis=0)[0]
        wanted = [0, 0, 8] if plane == "cb" else [0, 8, 0]
        assert shift == pytest.approx(wanted, abs=1)


@pytest.mark.real
def test_a_jittered_face_is_moved_by_a_pixel_or_so(target: EditTarget) -> None:
    steps = []
    for i, (own, made) in enumerate(
        zip(target.frames(), face_edits.jittered(target, 3), strict=True)
    ):
        low, high = (target.face.track.xy[i, [70, 300]].min(0), target.face.track.xy[i].max(0))
        (x, y), (right, bottom) = low.astype(int) + 8, high.astype(int) - 30
        gray = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY)[y:bottom, x:right] for f in (own, made)]
        window = cv2.createHanningWindow(gray[0].shape[::-1], cv2.CV_32F)
        (dx, dy), _ = cv2.phaseCorrelate(*(g.astype(np.float32) for g in gray), window)
        steps.append((dx, dy))
    lengths = np.linalg.norm(steps, axis=1)
    assert lengths.min() > 0.8 and lengths.max() < 1.7
    assert np.abs(np.mean(steps, axis=0)).max() < 0.6


@pytest.mark.real
def test_an_edit_is_written_as_long_as_the_piece_and_with_its_sound(
    target: EditTarget, tmp_path: Path
) -> None:
    target.write(face_edits.unchanged(target), tmp_path / "same.mp4")
    info = media.probe(tmp_path / "same.mp4")
    assert (info.frame_count, info.fps) == (FRAMES, target.info.fps)
    own = np.stack(list(target.frames())).astype(float)
    made = np.stack(list(media.read_frames(info))).astype(float)
    assert 10 * np.log10(255**2 / ((own - made) ** 2).mean()) > 38  # dB
    assert samples(tmp_path / "same.mp4").std() == pytest.approx(samples(target.path).std(), 0.05)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.real
def test_without_hands_no_hand_flickers(target: EditTarget) -> None:
    with pytest.raises(MediaError, match="0 frames show a hand"):
        list(face_edits.flickering_hand(target))
