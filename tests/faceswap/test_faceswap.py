from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from lipsync.errors import FacesError, OptionsError
from lipsync.face.alignment import align
from lipsync.face.schemes import IBUG_68, MEDIAPIPE_478
from lipsync.face.similarity import apply_affine, compose_affine
from lipsync.face.tracked_face import TrackedFace
from lipsync.faceswap import color, identity_check, maker, masks
from lipsync.faceswap.autoencoder import FaceAutoencoder, FaceDims, expression
from lipsync.faceswap.face_crop import INNER, canonical_to_crop, smooth_landmarks
from lipsync.faceswap.faceset import FaceSet
from lipsync.faceswap.maker import FaceMaker, FaceOptions
from lipsync.faceswap.visibility import compute_visibility
from lipsync.mouth.finish import blend, composite
from lipsync.options import SwapOptions
from lipsync.pipelines import swap_preview, swap_setup
from lipsync.types import FaceTrack
from tests.support import face_sets
from tests.support.faces import similarity, track_of

PLAIN = FaceOptions(color="none", sharpen=0, face_grain=False, face_occlusion=False, mask="hull")


class Copying(FaceAutoencoder):
    """A network that makes of each face the face itself: the rest is the swap's own doing."""

    def __init__(self, size: int = 64) -> None:
        super().__init__(FaceDims("light", size, 4, 8))
        self.encoder = nn.Identity()
        self.decoders = nn.ModuleDict({"a": nn.Identity(), "b": nn.Identity()})


def frame(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(0, 255, (240, 320, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 6)
    return cv2.normalize(soft, None, 30, 220, cv2.NORM_MINMAX).astype(np.uint8)


def still_track(n: int = 8) -> FaceTrack:
    return track_of([similarity(56, 0.05, 160, 90)] * n)


def still_face(n: int = 8) -> TrackedFace:
    return TrackedFace.of(still_track(n))


def swapped(network: FaceAutoencoder, how: FaceOptions, n: int = 8) -> list[blend.Composited]:
    face = still_face(n)
    frames = [frame(i) for i in range(n)]
    made = maker.make_patches(
        frames, FaceMaker(network, "a"), face, face.track.xy, np.ones(n, np.float32), how
    )
    options = swap_setup.composite_options(SwapOptions(faces=how))
    outlines = maker.mask_outlines(face, smooth_landmarks(face), how)
    compositor = composite.Compositor(face.at(np.arange(n)), options, outlines=outlines)
    return list(composite.composite_frames(frames, made, compositor))


@pytest.mark.parametrize("mask", ["hull", "learned", "both"])
def test_a_network_that_copies_changes_nothing(mask: str) -> None:
    """Cut, decoded, put back: only resampling errs, on smooth frames by 3 levels."""
    for picture in swapped(Copying(128), replace(PLAIN, mask=mask), 3):
        off = np.abs(picture.frame.astype(int) - picture.target)
        assert picture.alpha is not None
        assert picture.alpha.max() > 0.99
        assert off.max() <= 3


def test_what_is_outside_the_outline_stays_bit_for_bit() -> None:
    network = Copying()
    network.decoders["a"] = Inverting()
    picture = swapped(network, PLAIN, 1)[0]
    face = still_face(1)
    outline = maker.mask_outlines(face, smooth_landmarks(face), PLAIN)[0]
    inside = np.zeros(picture.frame.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, np.round(outline).astype(np.int32), 1)
    border = cv2.dilate(inside, np.ones((5, 5), np.uint8)) == 0
    assert np.array_equal(picture.frame[border], picture.target[border])
    middle = np.round(outline.mean(0)).astype(int)
    changed = picture.frame[middle[1], middle[0]].astype(int)
    assert changed == pytest.approx(255 - picture.target[middle[1], middle[0]].astype(int), abs=4)


class Inverting(nn.Module):
    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return 1 - faces


def test_the_source_decides_which_decoder_is_used() -> None:
    network = Copying()
    network.decoders["b"] = Inverting()
    track = still_track(1)
    place, back = align(track).to_frame[0], align(track).to_canonical[0]
    made = {
        side: FaceMaker(network, side).make(frame(), place, back, track.xy[0])
        for side in ("a", "b")
    }
    assert made["a"].new == pytest.approx(made["a"].face, abs=1e-6)
    assert made["b"].new == pytest.approx(1 - made["b"].face, abs=1e-6)
    assert made["b"].own == pytest.approx(made["b"].face, abs=1e-6)


def test_a_told_network_makes_the_others_face_do_what_the_target_does() -> None:
    """Marks in the target's units become the same expression, however far their mouths open."""
    torch.manual_seed(0)
    network = FaceAutoencoder(FaceDims("light", 64, 4, 8, expression.COUNT)).eval()
    network.meta = {"scheme": MEDIAPIPE_478.name}
    track = still_track(1)
    place, back, points = align(track).to_frame[0], align(track).to_canonical[0], track.xy[0]
    usual = expression.select_landmarks(
        MEDIAPIPE_478.name, apply_affine(compose_affine(canonical_to_crop(64, INNER), back), points)
    )
    few = np.stack([usual - 1, usual + 1])
    network.get_buffer("habits").copy_(torch.stack([expression.measure_statistics(few, 64)] * 2))
    told: list[torch.Tensor] = []
    network.encoder.register_forward_pre_hook(lambda _, given: told.append(given[1]))
    maker = FaceMaker(network, "a")
    still = maker.make(frame(), place, back, points)
    lower = points.copy()
    lower[17] += (0, 4)
    moved = maker.make(frame(), place, back, points, lower)
    assert told[0].abs().max() < 1e-3
    bottom = 2 * expression.landmark_indices(MEDIAPIPE_478).index(17) + 1
    assert told[1].abs().argmax() == bottom
    assert np.abs(moved.new - still.new).max() > 1e-4
    maker.check_scheme(MEDIAPIPE_478)
    with pytest.raises(OptionsError, match=r"--landmarks: the model was taught those of mediapipe"):
        maker.check_scheme(IBUG_68)


def test_the_new_face_fades_above_the_brows() -> None:
    """Nothing of it at the top of the hull, all of it from the brows down, no step between."""
    place = canonical_to_crop(96, INNER)
    crown = np.array([(0, -0.8), (0.5, 0.9), (-0.5, 0.9)], np.float32)
    rows = masks.forehead_fade(apply_affine(place, crown), 96)
    y = (np.arange(96) - place[1, 2]) / place[1, 1]
    assert (rows[y <= -0.8] == 0).all()
    assert (rows[y >= masks.BROWS] == 1).all()
    assert (np.diff(rows) >= 0).all()
    assert np.diff(rows).max() < 0.12
    # A detector whose landmarks end at the brows says nothing of a forehead.
    brows = np.array([(0, -0.25), (0.5, 0.9), (-0.5, 0.9)], np.float32)
    rows = masks.forehead_fade(apply_affine(place, brows), 96)
    assert (rows[y >= -0.25] == 1).all()


def test_short_gaps_are_bridged_and_long_ones_fade() -> None:
    track = track_of([similarity(50, 0, 100, 80)] * 60)
    found = np.ones(60, bool)
    found[10:14] = found[30:45] = False
    points = np.where(found[:, None, None], track.points, np.nan).astype(np.float32)
    track = replace(track, found=found, points=points)
    seen = compute_visibility(track, 0.2)
    assert np.flatnonzero(seen.bridged).tolist() == [10, 11, 12, 13]
    assert seen.share[:20] == pytest.approx(1)
    assert (seen.share[30:45] == 0).all()
    assert 0 < seen.share[29] < seen.share[27] < 1
    assert not compute_visibility(track, 0.0).bridged.any()


def test_bridged_frames_are_made_from_interpolated_places() -> None:
    poses = [similarity(56, 0, 120 + 4 * i, 90) for i in range(12)]
    track = track_of(poses)
    found = np.ones(12, bool)
    found[5:7] = False
    points = np.where(found[:, None, None], track.points, np.nan).astype(np.float32)
    gap = replace(track, found=found, points=points)
    whole, bridged = align(track), align(gap)
    assert bridged.to_frame[5:7] == pytest.approx(whole.to_frame[5:7], abs=0.05)


def test_lab_matching_gives_the_targets_mean_and_spread() -> None:
    rng = np.random.default_rng(0)
    new = rng.uniform(0.3, 0.6, (40, 40, 3)).astype(np.float32)
    target = (0.2 + 0.6 * rng.uniform(0.3, 0.9, (40, 40, 3)) * [1, 0.8, 0.7]).astype(np.float32)
    where = np.ones((40, 40), bool)
    found = color.match_color(new, target, where, "lab")
    one, other = (cv2.cvtColor(x, cv2.COLOR_RGB2LAB).reshape(-1, 3) for x in (found, target))
    assert one.mean(0) == pytest.approx(other.mean(0), abs=0.7)
    assert color.match_color(new, target, where, "none") is new


def test_histogram_matching_gives_the_targets_distribution() -> None:
    rng = np.random.default_rng(0)
    new = rng.uniform(0.3, 0.6, (40, 40, 3)).astype(np.float32)
    target = rng.beta(2, 5, (40, 40, 3)).astype(np.float32)
    where = np.ones((40, 40), bool)
    found = color.match_color(new, target, where, "histogram")
    for share in (5, 25, 50, 75, 95):
        assert np.percentile(found, share) == pytest.approx(np.percentile(target, share), abs=0.01)


def test_matching_looks_only_where_it_is_told() -> None:
    rng = np.random.default_rng(0)
    new = rng.uniform(0.3, 0.6, (40, 40, 3)).astype(np.float32)
    target = new.copy()
    where = np.zeros((40, 40), bool)
    where[10:30, 10:30] = True
    target[~where] = 0
    assert color.match_color(new, target, where, "lab") == pytest.approx(new, abs=0.01)


def test_a_thing_before_the_face_stays_in_front() -> None:
    rng = np.random.default_rng(0)
    own = cv2.GaussianBlur(rng.uniform(0.2, 0.8, (112, 112, 3)).astype(np.float32), (0, 0), 8)
    error = 0.03
    face = own + rng.normal(0, error, own.shape).astype(np.float32)
    inside = np.zeros((112, 112), np.float32)
    cv2.circle(inside, (56, 56), 45, 1.0, -1)
    assert masks.unoccluded_mask(face, own, error, inside).min() > 0.95
    # Other light is not a thing.
    assert masks.unoccluded_mask(face + 0.1, own, error, inside).min() > 0.95
    cv2.circle(face, (60, 70), 14, (0.9, 0.1, 0.1), -1)
    # Of a model that is bad at what surrounds faces as well.
    for said in (error, 2 * error):
        free = masks.unoccluded_mask(face, own, said, inside)
        y, x = np.mgrid[:112, :112]
        away = np.hypot(x - 60, y - 70)
        assert free[away < 11].max() < 0.15
        assert free[away > 24].min() > 0.9


def test_the_border_of_what_is_seen_is_never_shown() -> None:
    shown = masks.patch_alpha(112, None, np.ones((112, 112), np.float32), "both", 0, 0.1)
    assert shown[0].max() == 0
    assert shown[56, 56] == 1


def test_the_learned_mask_is_moved_and_softened() -> None:
    mask = np.zeros((112, 112), np.float32)
    cv2.circle(mask, (56, 56), 30, 1.0, -1)
    areas = [
        masks.patch_alpha(112, mask, None, "learned", by, 0.05).sum() for by in (-0.1, 0.0, 0.1)
    ]
    assert areas[0] < 0.9 * areas[1] < areas[1] < 0.9 * areas[2]
    hard, soft = (masks.patch_alpha(112, mask, None, "learned", 0, f)[56] for f in (0.02, 0.3))
    assert np.abs(np.diff(hard)).max() > 2 * np.abs(np.diff(soft)).max()


def test_a_face_is_bent_toward_the_targets_landmarks() -> None:
    size = 64
    marks = np.stack(np.meshgrid(np.linspace(12, 52, 8), np.linspace(12, 52, 8)), -1).reshape(-1, 2)
    marks = marks.astype(np.float32)
    maker = FaceMaker(Copying(size), "a", lambda _: marks)
    face = np.zeros((size, size, 3), np.float32)
    cv2.circle(face, (30, 30), 5, (1, 1, 1), -1)
    for amount in (0.0, 0.5, 1.0):
        bent = maker.warp_to_landmarks(face, marks + np.array([6, 0], np.float32), amount)
        at = (bent[..., 0] * np.arange(size)).sum() / bent[..., 0].sum()
        assert at == pytest.approx(30 + 6 * amount, abs=0.5)


@pytest.mark.parametrize("text", [None, "", "  ", "-"])
def test_without_consent_there_is_no_swap(text: str | None) -> None:
    with pytest.raises(OptionsError, match="--consent") as caught:
        swap_setup.require_consent(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "wanted"), [("12.4s", 12.4), ("3", 3.0), ("1:02.5", 62.5), ("0.s", 0.0)]
)
def test_times_are_read(text: str, wanted: float) -> None:
    assert swap_preview.parse_time(text) == pytest.approx(wanted)


@pytest.mark.parametrize("text", ["", "s", "-1s", "one", "1:2:3"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(OptionsError, match=r"12\.4s"):
        swap_preview.parse_time(text)


def test_a_network_knows_its_people(tmp_path: Path) -> None:
    a, b = face_sets.pair(tmp_path)
    network = Copying()
    with (
        FaceSet(a) as one,
        FaceSet(b) as other,
        FaceSet(face_sets.make(tmp_path / "c", 3)) as third,
    ):
        network.thumbnails = {
            "a": torch.from_numpy(np.stack(one.sample_thumbnails())),
            "b": torch.from_numpy(np.stack(other.sample_thumbnails())),
        }
        network.meta = {"people": {"a": "anna", "b": "bert"}}
        assert identity_check.identify_side(network, one, Path("m")) == "a"
        assert identity_check.identify_side(network, other, Path("m")) == "b"
        with pytest.raises(FacesError, match=r"neither of the two people .*anna and bert"):
            identity_check.identify_side(network, third, Path("m"))
        network.meta["sets"] = {"b": third.digest}
        assert identity_check.identify_side(network, third, Path("m")) == "b"


def test_swap_options_are_checked_by_name() -> None:
    options = SwapOptions.of(color="histogram", crf=20)
    assert options.faces.color == "histogram"
    assert SwapOptions.of(**options.flat()) == options
    with pytest.raises(OptionsError, match="did you mean 'sharpen'"):
        SwapOptions.of(sharpenn=1)
