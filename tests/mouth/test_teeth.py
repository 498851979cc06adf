"""Teeth are told by color, their row by what it moves with; edges end at the person's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import lipsync
from lipsync import media
from lipsync.errors import MediaError
from lipsync.face import landmarks, similarity
from lipsync.face.alignment import rigid_template
from lipsync.face.tracked_face import TrackedFace
from lipsync.mouth.bank import mouth_bank
from lipsync.mouth.finish import teeth_relief
from lipsync.mouth.finish.sharpen import Sharpness, learn_sharpness, measure_edges
from lipsync.mouth.finish.teeth import TeethOptions, finish_teeth
from lipsync.mouth.finish.teeth_relief import NO_TEETH, TeethRow, find_teeth, tooth_mask
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.cache import Cache
from lipsync.types import Alignment, LipTrack, Patch
from tests.support.clips import run

SKIN = np.array([200, 150, 130], np.float32)


@pytest.mark.parametrize("light", [(1, 1, 1), (1, 0.75, 0.45), (0.4, 0.4, 0.5)])
def test_teeth_are_told_from_lips_and_from_the_dark_in_any_light(light: tuple) -> None:
    colors = np.array([(190, 170, 150), (180, 90, 90), (40, 25, 25), (205, 152, 133)], np.float32)
    picture = (colors * light)[None].round().astype(np.uint8)
    seen = tooth_mask(picture, SKIN * np.array(light, np.float32))[0]
    assert seen[0] > 0.6  # a tooth
    assert seen[1:].max() < 0.1  # a lip, the dark between, skin


class Footage:
    """Real footage with its bank."""

    def __init__(self, path: Path, cache: Path, template: np.ndarray | None = None) -> None:
        self.info = media.probe(path)
        with Cache(cache) as kept:
            track = landmarks.track_video(self.info, landmarks.LandmarkOptions(), kept)
            self.face = TrackedFace.of(track, template)
            frames, options = media.read_frames(self.info), mouth_bank.BankOptions()
            self.bank, _ = mouth_bank.build(frames, self.face, options, kept, path.name)

    def patch(self, entry: int, blur: float) -> Patch:
        """A whole crop of the bank, with everything in it blurred by so many pixels."""
        crop = np.asarray(self.bank.crops[entry])
        made = cv2.GaussianBlur(crop, (0, 0), blur) if blur else crop.copy()
        frame = int(self.bank.frames[entry])
        corner = self.face.alignment.to_frame[frame][:, 2] - self.bank.to_crop[entry][:, 2]
        shift = np.array([[1, 0, -corner[0]], [0, 1, -corner[1]]], np.float32)
        return Patch(made, np.ones(made.shape[:2], np.float32), shift)

    def finished(self, entries: list[int], blur: float, **options: object) -> list[Patch]:
        frames = self.bank.frames[entries]
        lips = LipTrack(self.face.lips.points[frames], self.face.fps)
        wanted = WantedMouths(lips, self.face, frames)
        patches = [self.patch(entry, blur) for entry in entries]
        finish = TeethOptions(**options)  # type: ignore[arg-type]
        found, sharp = find_teeth(self.bank), learn_sharpness(self.bank)
        made = finish_teeth(iter(patches), wanted, found, sharp, finish)
        return [patch for patch in made if patch is not None]


@pytest.fixture(scope="module")
def woman(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Footage:
    folder = tmp_path_factory.mktemp("teeth")
    target, piece = shared / "data/targets/grid_s4_60s.mp4", folder / "s4.mp4"
    run("-i", str(target), "-t", "12", "-an", "-c", "copy", str(piece))
    return Footage(piece, folder / "cache")


def open_mouths(footage: Footage) -> list[int]:
    shown = [
        round(row.time * float(footage.face.fps)) for row in teeth_relief._find_rows(footage.bank)
    ]
    return [int(np.flatnonzero(footage.bank.frames == frame)[0]) for frame in shown][:6]


@pytest.mark.real
def test_a_row_that_was_found_fits_the_teeth_of_the_rest_of_the_footage(woman: Footage) -> None:
    found = find_teeth(woman.bank)
    assert found.rows
    for row in found.rows:
        assert row.score > 0.2  # correlation
        assert row.mask.max() <= 1
        assert row.area > 0.0012


@pytest.mark.real
def test_blurred_teeth_become_more_like_they_were_and_only_within_the_lips(woman: Footage) -> None:
    entries = open_mouths(woman)
    assert len(entries) >= 3
    scale = float(np.median(woman.face.alignment.scale))
    blurred = [woman.patch(e, 0.012 * scale) for e in entries]
    made = woman.finished(entries, 0.012 * scale, sharpen=0, teeth_strength=1)
    before, after = [], []
    for entry, one, other in zip(entries, blurred, made, strict=True):
        lips = woman.bank.control[entry, :18]
        box = np.zeros(one.rgb.shape[:2], bool)
        low, high = np.floor(lips.min(0)).astype(int) - 1, np.ceil(lips.max(0)).astype(int) + 2
        box[low[1] : high[1], low[0] : high[0]] = True
        assert np.array_equal(one.rgb[~box], other.rgb[~box])
        true = np.asarray(woman.bank.crops[entry], np.float64)
        changed = (one.rgb != other.rgb).any(-1)
        assert changed.any()
        before.append(np.square(true - one.rgb)[changed].mean())
        after.append(np.square(true - other.rgb)[changed].mean())
    assert np.mean(after) < 0.97 * np.mean(before)  # squared levels


@pytest.mark.real
def test_edges_are_raised_toward_the_persons_own_and_never_beyond(woman: Footage) -> None:
    entries = list(range(0, len(woman.bank), 9))
    sharp = learn_sharpness(woman.bank)
    soft = woman.finished(entries, 2.0, teeth_strength=0)
    plain = [woman.patch(entry, 2.0) for entry in entries]
    was, made = [], []
    for entry, one, other in zip(entries, plain, soft, strict=True):
        lips, scale = (
            woman.bank.control[entry, :18],
            similarity.affine_scale(woman.bank.to_crop[entry]),
        )
        before, after = (measure_edges(p.rgb, lips, scale)[0] for p in (one, other))
        expected = sharp.expected(woman.bank.lips[entry])[0]
        # The opening has a measure of its own.
        assert before - 0.05 <= after <= max(expected, before) * 1.05  # levels
        was.append(before)
        made.append(after)
    assert np.mean(made) > 1.1 * np.mean(was)


def test_nothing_is_touched_where_nothing_is_asked_for() -> None:
    from tests.support.faces import similarity, track_of

    track = track_of([similarity(60, 0, 110, 60)] * 3, [0.1] * 3)
    face = TrackedFace.of(track)
    rgb = np.random.default_rng(2).integers(0, 256, (200, 220, 3)).astype(np.uint8)
    patch = Patch(rgb, np.ones((200, 220), np.float32), np.eye(2, 3, dtype=np.float32))
    sharp = Sharpness(np.zeros((1, 18, 2), np.float32), np.full((1, 2), 1e6, np.float32))
    wanted = WantedMouths(face.lips, face, np.arange(3))
    patches = iter([patch, None, patch])
    made = list(finish_teeth(patches, wanted, NO_TEETH, sharp, TeethOptions(sharpen=0)))
    assert made[1] is None
    assert np.array_equal(made[0].rgb, rgb)  # type: ignore[union-attr]


def test_the_lower_row_goes_with_the_jaw() -> None:
    relief = np.zeros((20, 30), np.float32)
    relief[8:12, 10:20] = 0.2
    to_crop = np.array([[100, 0, 15], [0, 100, -80]], np.float32)
    chin = np.array([0, 1.3], np.float32)
    row = TeethRow(relief, (relief > 0).astype(np.float32), to_crop, chin, 0, 0.5)
    inverse = np.array([[0.01, 0, -0.15], [0, 0.01, 0.8]], np.float32)
    with_skull, _ = row.warp_to(inverse, None, relief.shape)
    assert np.abs(with_skull - relief).max() < 1e-5
    with_jaw, where = row.warp_to(inverse, np.array([0, 1.33], np.float32), relief.shape)
    assert np.abs(with_jaw[3:] - relief[:-3]).max() < 1e-3  # 0.03 of 100 pixels lower
    assert where[11:15, 10:20].min() > 0.99


@pytest.mark.real
def test_a_large_dark_photograph_lends_the_same_relief(woman: Footage, tmp_path: Path) -> None:
    """Its teeth are brought to the size and the light of the footage's own."""
    seen = max(teeth_relief._find_rows(woman.bank), key=lambda row: row.area)
    picture, entry = (
        tmp_path / "photo.png",
        np.flatnonzero(woman.bank.frames == round(25 * seen.time)),
    )
    run(
        "-ss", str(seen.time), "-i", str(woman.info.path), "-frames:v", "1",
        "-vf", "scale=iw*3:ih*3:flags=lanczos,lutrgb=r=val*0.6:g=val*0.6:b=val*0.6", str(picture),
    )  # fmt: skip
    photo = Footage(picture, tmp_path / "cache", rigid_template(woman.face.track))
    (large,) = teeth_relief._find_rows(photo.bank)
    (lent,) = teeth_relief._adapt_rows([large], woman.bank, [seen])
    to_canonical = Alignment(woman.bank.to_crop[entry]).to_canonical[0]
    shape = woman.bank.crops.shape[1:3]
    before, there = seen.warp_to(to_canonical, None, shape)
    after, too = lent.warp_to(to_canonical, None, shape)
    both = (there > 0.5) & (too > 0.5)
    assert both.sum() > 0.7 * (there > 0.5).sum()
    assert large.light < 0.7 * seen.light
    assert np.corrcoef(before[both], after[both])[0, 1] > 0.8
    assert after[both].std() == pytest.approx(before[both].std(), rel=0.25)


@pytest.mark.real
def test_teeth_may_come_from_another_picture(woman: Footage) -> None:
    entries = open_mouths(woman)
    given = replace(
        woman.bank, quality=np.isin(np.arange(len(woman.bank)), entries[:1]) * np.float32(1)
    )
    found = find_teeth(woman.bank, given)
    assert found.rows
    closed = replace(woman.bank, lips=woman.bank.lips * np.float32(0))  # no open mouth to judge by
    alone = find_teeth(closed, given)
    assert alone.upper is not None
    assert alone.lower is None


@pytest.mark.real
def test_a_render_takes_the_teeth_of_a_picture_and_says_what_is_wrong_with_it(
    woman: Footage, shared: Path, tmp_path: Path
) -> None:
    target, speech, picture = woman.info.path, tmp_path / "speech.wav", tmp_path / "teeth.png"
    run("-i", str(shared / "data/speech/LJ001-0001.wav"), "-t", "2", str(speech))
    clear = max(teeth_relief._find_rows(woman.bank), key=lambda row: row.area)
    run("-ss", str(clear.time), "-i", str(target), "-frames:v", "1", str(picture))
    shut = tmp_path / "shut.png"
    closed = int(np.nanargmin(woman.face.lips.opening))
    run("-ss", str(closed / 25), "-i", str(target), "-frames:v", "1", str(shut))

    said: dict[str, tuple[str, ...]] = {}

    def rendered(name: str, **options: object) -> np.ndarray:
        quiet = {"adapt": "never", "sharpen": 0, "timing": "cut", "grain": False, "crf": 0}
        quiet["watermark"] = False  # the id of a record differs from render to render
        given = lipsync.RenderOptions.of(**quiet, **options)
        result = lipsync.render(speech, target, tmp_path / name, options=given)
        said[name] = result.warnings
        return np.stack(list(media.read_frames(media.probe(result.output))))

    plain = rendered("off.mp4", teeth="off")
    changed = rendered("given.mp4", teeth=str(picture), teeth_strength=1.0)
    assert plain.shape == changed.shape
    off = np.abs(plain.astype(int) - changed)
    assert off.max() >= 3  # levels; lossless and without grain, so that nothing else differs
    assert off[:, :400].max() == 0  # above the mouth
    assert not any("no teeth" in warning for name in said for warning in said[name])
    assert np.array_equal(rendered("shut.mp4", teeth=str(shut)), plain)
    assert any("shut.png: shows no teeth" in warning for warning in said["shut.mp4"])
    for wrong in ("nothing.png", str(speech)):
        with pytest.raises(MediaError):
            rendered("wrong.mp4", teeth=wrong)
    assert not list(tmp_path.glob("*wrong*"))
