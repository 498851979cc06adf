from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from lipsync.errors import OptionsError
from lipsync.face.similarity import apply_affine
from lipsync.face.thin_plate import CoarseGrid
from lipsync.face.tracked_face import TrackedFace
from lipsync.mouth.decoder.network import DecoderDims, MouthDecoder
from lipsync.mouth.texture import TEXTURES, TextureOptions, load_model, open_texture
from lipsync.mouth.texture.bank_model import find_successors
from lipsync.mouth.texture.candidates import (
    MASS,
    CandidateSearch,
    MouthSequence,
    compute_descriptors,
    weigh_nearest,
)
from lipsync.mouth.texture.continuity import CONTINUITY, find_smoothest_path
from lipsync.mouth.texture.detail import (
    AIM,
    DETAIL,
    DETAIL_WINDOW,
    MAX_CHANGE_INSIDE,
    SHARED_INSIDE,
    add_detail,
    raise_detail,
)
from lipsync.mouth.texture.merge import weighted_mean, weighted_median
from lipsync.mouth.texture.mouth_targets import bounding_box
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.types import Alignment, LipTrack, MouthBank, Patch
from tests.support.faces import FPS, mouth, similarity, track_of
from tests.support.mouths import bank_of_face, take_entries

RNG = np.random.default_rng(5)


def sorted_weighted_median(stack: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The textbook way: sort, add up, take the first that reaches one half."""
    order = np.argsort(stack, axis=0, kind="stable")
    held = np.cumsum(weights[order], axis=0)
    first = np.argmax(held >= 0.5 - 1e-9, axis=0)
    return np.take_along_axis(np.take_along_axis(stack, order, 0), first[None], 0)[0]


@pytest.mark.parametrize("n", [1, 2, 3, 30, 100])
def test_bisection_agrees_with_sorting(n: int) -> None:
    stack = RNG.integers(0, 256, (n, 9, 7, 3)).astype(np.uint8)
    # Weights that are whole 255ths (65535ths) survive the rounding, so that both must agree.
    parts = RNG.multinomial(255 if n <= 64 else 65535, np.ones(n) / n)
    weights = (parts / parts.sum()).astype(np.float32)
    if n == 2:
        weights = np.array([100 / 255, 155 / 255], np.float32)
    assert np.array_equal(
        weighted_median(stack, weights), sorted_weighted_median(stack, weights.astype(float))
    )


def test_the_median_ignores_a_light_outlier() -> None:
    stack = np.full((5, 4, 4, 3), 100, np.uint8)
    stack[0] = 255
    weights = np.array([0.4, 0.15, 0.15, 0.15, 0.15], np.float32)
    assert (weighted_median(stack, weights) == 100).all()


@pytest.mark.parametrize(("width", "height"), [(109, 244), (8, 9), (801, 30)])
def test_a_linear_map_is_refined_exactly(width: int, height: int) -> None:
    grid = CoarseGrid(width, height)
    fine = grid.upsample(2 * grid.points + 1)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    assert np.abs(fine - np.stack([2 * x + 1, 2 * y + 1], -1)).max() < 1e-2  # px


def test_the_best_n_hold_the_mass_and_fall_with_distance() -> None:
    distances = RNG.uniform(0.01, 1, 3000).astype(np.float32)
    nearest, weights = weigh_nearest(distances, 30)
    assert np.array_equal(np.sort(nearest), np.sort(np.argsort(distances)[:30]))
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    assert (np.diff(weights) <= 0).all()
    # With the σ that these weights imply, the rest of the bank holds 1 − MASS.
    scale = (distances[nearest[1]] - distances[nearest[0]]) / np.log(weights[0] / weights[1])
    everyone = np.exp(-(distances - distances.min()) / scale)
    assert everyone[nearest].sum() / everyone.sum() == pytest.approx(MASS, abs=0.01)


def test_weights_do_not_depend_on_the_unit_of_distance() -> None:
    distances = RNG.uniform(0.01, 1, 500).astype(np.float32)
    for unit in (1e-3, 1e3):
        assert np.allclose(
            weigh_nearest(distances * unit, 20)[1], weigh_nearest(distances, 20)[1], atol=1e-4
        )


def sequence_of(bank: MouthBank, scale: np.ndarray) -> MouthSequence:
    """A bank's mouths, with faces of these sizes."""
    rates = bank.entry_rates
    return MouthSequence(bank.lips, bank.pose, bank.shots, bank.frames, rates, scale=scale)


def test_the_window_of_motion_is_in_seconds() -> None:
    """The same movement sampled at 25 and at 50 frames a second has the same descriptors."""
    gap = 0.1 * np.sin(np.arange(41) / 6)
    shapes = np.stack([mouth(0.1 + o) for o in gap])
    pose = np.zeros((41, 3, 2), np.float32)

    def describe(step: int) -> np.ndarray:
        some = shapes[::step]
        n = len(some)
        one = np.zeros(n, np.int64)
        rates = np.full(n, 50.0 / step)
        return compute_descriptors(MouthSequence(some, pose[:n], one, np.arange(n), rates))

    assert np.allclose(describe(1)[8:-8:2], describe(2)[4:-4])


def test_equal_distances_share_equally() -> None:
    _, weights = weigh_nearest(np.full(50, 0.2, np.float32), 10)
    assert np.allclose(weights, 0.1)


def test_descriptors_measure_lips_and_do_not_look_across_cuts() -> None:
    shapes = np.stack([mouth(o) for o in (0, 0, 0, 0.3, 0.3, 0.3)])
    pose = np.zeros((6, 3, 2), np.float32)
    frames = np.arange(6)
    rates = np.full(6, 25.0)

    def describe(n: int, shots: list[int], by: float = 0.0) -> np.ndarray:
        sequence = MouthSequence(
            shapes[:n] + np.float32(by), pose[:n], np.array(shots), frames[:n], rates[:n]
        )
        return compute_descriptors(sequence)

    one_shot, two_shots = describe(6, [0] * 6), describe(6, [0, 0, 0, 1, 1, 1])
    still = describe(1, [0])
    assert np.allclose(two_shots[2], still[0])
    assert not np.allclose(one_shot[2], still[0])
    moved = describe(1, [0], by=0.1)
    rms = np.sqrt(0.1**2 + 0.1**2)
    assert np.linalg.norm(moved - still) == pytest.approx(rms, rel=1e-4)


def picture_of(opening: float, pose: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A drawn mouth: dark between the lips, red lips, skin elsewhere."""
    import cv2

    image = np.full((*size, 3), (200, 160, 140), np.uint8)
    points = apply_affine(pose, mouth(opening))
    cv2.fillPoly(image, [np.round(points[:12]).astype(np.int32)], (180, 60, 70))
    cv2.fillPoly(image, [np.round(points[12:]).astype(np.int32)], (30, 10, 10))
    return image


@pytest.fixture
def talking() -> tuple[TrackedFace, MouthBank]:
    """A face and a bank of drawn mouths, one per frame."""
    openings = list(0.1 + 0.1 * np.sin(np.arange(60) * 0.7))
    pose = similarity(100, 0.05, 150, 60)
    face = TrackedFace.of(track_of([pose] * 60, openings))
    crops = np.stack([picture_of(o, pose, (240, 300)) for o in openings])
    return face, bank_of_face(face, crops)


def wanted_mouths(face: TrackedFace, openings: list[float], order: list[int]) -> WantedMouths:
    lips = LipTrack(np.stack([mouth(opening) for opening in openings]), FPS)
    return WantedMouths(lips, face, np.array(order))


class OneColor:
    """The fake: a texture source of a single color."""

    def draw_patches(self, wanted: WantedMouths) -> Iterator[Patch | None]:
        for found, outline in zip(wanted.target.found, wanted.target.outlines(), strict=True):
            if not found:
                yield None
                continue
            corner, width, height = bounding_box(outline)
            shift = np.array([[1, 0, -corner[0]], [0, 1, -corner[1]]], np.float32)
            red = np.full((height, width, 3), (255, 0, 0), np.uint8)
            yield Patch(red, np.ones((height, width), np.float32), shift)


def open_source(name: str, bank: MouthBank, folder: Path) -> Any:
    """A texture source by its name; its weights, where it has any, are untrained."""
    if name == "one color":
        return OneColor()
    weights = folder / "untrained.safetensors"
    torch.manual_seed(0)
    MouthDecoder(DecoderDims(size=64, width=4)).save(weights)
    options = TextureOptions(texture=name, mouth_model=str(weights))  # type: ignore[arg-type]
    return open_texture(bank, options, load_model(options))


@pytest.mark.parametrize("name", [*TEXTURES, "one color"])
def test_contract_one_patch_per_frame_over_the_mouth_and_none_without_a_face(
    name: str, talking: tuple[TrackedFace, MouthBank], tmp_path: Path
) -> None:
    face, bank = talking
    found = face.track.found.copy()
    found[2] = False
    face = TrackedFace(replace(face.track, found=found), face.alignment)
    order = [0, 1, 2, 1, 0]
    wanted = wanted_mouths(face, [0.1] * 5, order)
    source = open_source(name, bank, tmp_path)
    patches = list(source.draw_patches(wanted))
    assert len(patches) == 5
    assert [p is None for p in patches] == [False, False, True, False, False]
    for i in (0, 1, 3, 4):
        h, w = patches[i].alpha.shape
        to_frame = face.alignment.to_frame[order[i]]
        placed = apply_affine(patches[i].from_frame, apply_affine(to_frame, mouth(0.1)))
        assert (placed > 0).all() and (placed < [w, h]).all()
    again = list(source.draw_patches(wanted))
    for one, other in zip(patches, again, strict=True):
        if one is not None:
            assert np.array_equal(one.rgb, other.rgb), "identical input, identical output"


def test_a_bank_that_knows_the_light_wants_to_know_the_targets(talking) -> None:
    face, bank = talking
    skin = np.full((len(bank), 3), 120, np.float32)
    lit = replace(bank, skin_color=skin, usual_skin_color=skin[0])
    source = open_texture(lit, TextureOptions(candidates=10))
    with pytest.raises(ValueError, match="skin_color: wanted by this bank, got None"):
        next(iter(source.draw_patches(wanted_mouths(face, [0.1], [0]))))


@pytest.mark.parametrize("opening", [0.02, 0.1, 0.18])
def test_the_mouth_that_was_wanted_is_drawn(talking, opening: float) -> None:
    face, bank = talking
    source = open_texture(bank, TextureOptions(candidates=10))
    patch = next(iter(source.draw_patches(wanted_mouths(face, [opening], [0]))))
    dark = (patch.rgb.max(-1) < 100).sum()
    truth = (picture_of(opening, face.alignment.to_frame[0], (240, 300)).max(-1) < 100).sum()
    assert dark == pytest.approx(truth, abs=max(60, 0.12 * truth))  # px of the opening


def test_a_bank_of_one_picture_still_opens_its_mouth(talking) -> None:
    """A still image as target: the only candidate is bent to the wanted shape."""
    face, bank = talking
    source = open_texture(take_entries(bank, slice(1)), TextureOptions())
    dark = []
    for opening in (0.06, 0.18):
        patch = next(iter(source.draw_patches(wanted_mouths(face, [opening], [0]))))
        dark.append((patch.rgb.max(-1) < 100).sum())
    assert dark[1] > 1.8 * dark[0]


def test_the_path_follows_the_footage_even_where_another_entry_is_a_little_nearer() -> None:
    """Two takes of one motion: changing from one to the other and back costs more than it gains."""
    looks = np.array([[0.0], [0.1], [0.2], [1.0], [1.1], [1.2]], np.float32)
    follow = np.array([1, 2, 2, 4, 5, 5])
    entries = np.array([[0, 3], [1, 4], [2, 5]])
    costs = CONTINUITY * np.array([[0.1, 0.2], [0.2, 0.1], [0.1, 0.2]], np.float32)
    path = find_smoothest_path(entries, costs, looks, looks[follow])
    assert entries[np.arange(3), path].tolist() == [0, 1, 2]
    cheap = find_smoothest_path(entries, 100 * costs, looks, looks[follow])
    assert entries[np.arange(3), cheap].tolist() == [0, 4, 2]


def test_the_path_is_the_best_of_all_paths() -> None:
    """Against trying every one of them."""
    from itertools import product

    n, k = 5, 4
    entries = RNG.integers(0, 20, (n, k))
    costs = RNG.uniform(0, 1, (n, k)).astype(np.float32)
    looks, after = (RNG.uniform(0, 1, (20, 3)).astype(np.float32) for _ in range(2))

    def total(path: tuple[int, ...]) -> float:
        chosen = entries[np.arange(n), list(path)]
        steps = np.linalg.norm(after[chosen[:-1]] - looks[chosen[1:]], axis=1).sum()
        return float(costs[np.arange(n), list(path)].sum() + CONTINUITY * steps)

    best = min(product(range(k), repeat=n), key=total)
    assert total(tuple(find_smoothest_path(entries, costs, looks, after))) == pytest.approx(
        total(best)
    )


def luma(pictures: np.ndarray) -> np.ndarray:
    """The mean of pictures (n, h, w, 3), as the candidates' mean is given."""
    return np.mean(lumas(pictures), axis=0, dtype=np.float32)


def lumas(pictures: np.ndarray) -> np.ndarray:
    return np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in pictures])


def entries_like(picture: np.ndarray) -> np.ndarray:
    """Single entries that all look like one picture."""
    rounded = np.rint(picture).clip(0, 255).astype(np.uint8)
    return np.repeat(rounded[None], len(DETAIL_WINDOW), axis=0)


def detailed(
    steady: np.ndarray,
    mean: np.ndarray,
    singles: np.ndarray,
    inside: np.ndarray,
    share: float = 1.0,
) -> np.ndarray:
    """`add_detail` for a face of 100 pixels, its entries given as pictures."""
    middle = singles[len(singles) // 2]
    return add_detail(steady, mean, lumas(singles), lambda box: middle[box], inside, 100.0, share)


def test_detail_is_exchanged_and_nothing_else() -> None:
    steady = np.full((40, 60, 3), 100, np.uint8)
    sharp = np.full((40, 60, 3), 130)  # another light …
    sharp[:, 30] = 180  # … and a fine line
    singles, inside = entries_like(sharp), np.zeros((40, 60), np.float32)
    out = detailed(steady, luma(singles), singles, inside, 0.7)
    assert np.abs(out[:, :10].astype(int) - 100).max() <= 1, "the light stays the median's"
    assert out[20, 30, 0] > 120
    none = detailed(steady, luma(singles), singles, inside, 0.0)
    assert np.array_equal(none, steady)


def test_what_the_mean_has_lost_of_shared_detail_is_raised_to_what_single_entries_have() -> None:
    """Entries laid a pixel beside one another: their mean is softer than any of them."""
    noise = cv2.GaussianBlur(RNG.normal(0, 30, (120, 160)).astype(np.float32), (0, 0), 1.2)
    sharp = np.repeat((128 + 2 * noise)[..., None], 3, axis=-1)
    moved = np.stack([entries_like(np.roll(sharp, k, axis=1))[0] for k in (-1, 0, 2)])
    mean, nothing = luma(moved), np.zeros((120, 160), np.float32)
    steady = np.repeat(np.rint(mean).astype(np.uint8)[..., None], 3, axis=-1)
    made = detailed(steady, mean, moved, nothing)

    def finest(picture: np.ndarray) -> float:
        gray = picture[..., 0].astype(np.float32)
        return float((gray - cv2.GaussianBlur(gray, (0, 0), DETAIL * 100))[20:-20, 20:-20].std())

    assert finest(steady) < 0.75 * finest(moved[1]), "something was lost"
    assert finest(steady) < 0.9 * finest(made)
    assert finest(made) < AIM[0] ** 0.5 * finest(moved[1])
    there = np.corrcoef(made[..., 0].ravel(), steady[..., 0].ravel())[0, 1]
    assert there > 0.95, "it is its own detail that is raised"


def test_noise_of_single_entries_is_not_made_up_for_in_a_still_mean() -> None:
    """Where entries share nothing but a plain color, nothing of it is to be seen."""
    plain = np.full((120, 160, 3), 128.0)
    noisy = plain + RNG.normal(0, 4, (len(DETAIL_WINDOW), *plain.shape))
    singles = noisy.round().astype(np.uint8)
    mean = np.full((120, 160), 128, np.float32)
    mean += RNG.normal(0, 0.5, mean.shape).astype(np.float32)  # what 64 of them leave of it
    none = np.zeros_like(mean)
    made = raise_detail(mean, none, luma(singles[:1]), 100.0)[0] + mean
    assert made.std() < 2 * mean.std() + 0.05


def test_lines_are_raised_and_the_flat_beside_them_is_not() -> None:
    """Where hardly anything but noise is left of the mean, raising it would only add noise."""
    mean = np.full((160, 160), 128, np.float32)
    mean += RNG.normal(0, 0.5, mean.shape).astype(np.float32)
    mean[:, 80] -= 20  # one line, half as dark as it is in a single entry
    sharp = np.repeat(mean[..., None], 3, axis=-1)
    sharp[:, 80] -= 20
    change = raise_detail(mean, np.zeros_like(mean), luma(entries_like(sharp)[:1]), 100.0)[0]
    line, flat = change[40:120, 80], change[40:120, 50:62]  # 18 pixels and more beside it
    assert line.mean() < -2
    assert flat.std() < 0.1 * mean[40:120, 50:62].std()


def test_no_speck_is_left_of_a_gap_between_teeth() -> None:
    """The single picture has a dark spot where the median shows a tooth."""
    steady = np.full((60, 60, 3), 190, np.uint8)
    sharp = np.full((60, 60, 3), 190)
    sharp[28:31, 28:32] = 60
    singles, inside = entries_like(sharp), np.ones((60, 60), np.float32)
    made = detailed(steady, luma(singles), singles, inside)
    assert 190 - int(made.min()) <= MAX_CHANGE_INSIDE


def test_where_the_mean_is_gray_single_entries_detail_is_taken() -> None:
    x = np.arange(200)
    waves = (40 * np.sin(2 * np.pi * x / 10)).astype(np.float32)  # between the two σ of 1.2 and 2
    sharp = np.full((80, 200, 3), 128, np.float32) + waves[None, :, None]
    singles, nothing = entries_like(sharp), np.zeros((80, 200), np.float32)
    gray = np.full((80, 200, 3), 128, np.uint8)
    flat = np.full((80, 200), 128, np.float32)
    lost = detailed(gray, flat, singles, nothing).astype(float).std()
    kept = detailed(singles[0], luma(singles), singles, nothing).astype(float)
    finest = (sharp - cv2.GaussianBlur(sharp, (0, 0), DETAIL * 100)).std()
    assert lost > 1.5 * finest, "more than the finest comes from the entry"
    assert kept.std() < 1.3 * sharp.std()


def test_what_nobody_sees_is_not_taken_from_a_single_entry() -> None:
    """On plain skin an entry's coarser detail is its noise: it would flicker for nothing."""
    x = np.arange(200)
    faint = np.full((80, 200, 3), 128, np.float32) + np.sin(2 * np.pi * x / 10)[None, :, None]
    gray, flat = np.full((80, 200, 3), 128, np.uint8), np.full((80, 200), 128, np.float32)
    nothing = np.zeros((80, 200), np.float32)
    assert np.array_equal(detailed(gray, flat, entries_like(faint), nothing), gray)
    strong = detailed(gray, flat, entries_like(128 + 5 * (faint - 128)), nothing)
    assert np.ptp(strong.astype(int)) >= 4


def test_the_mean_is_the_weighted_one() -> None:
    pictures = RNG.integers(0, 256, (5, 8, 9)).astype(np.uint8)
    weights = np.array([0.4, 0.0, 0.3, 0.2, 0.1], np.float32)
    made = weighted_mean(pictures, weights)
    assert np.allclose(made, np.tensordot(weights, pictures, 1), atol=0.01)


def test_noise_that_neighbors_do_not_share_is_averaged_but_teeth_stay_one_frames() -> None:
    """Two places where the candidates' mean tells nothing: a beard, and teeth inside the lips."""
    n = len(DETAIL_WINDOW)
    x = np.arange(160)
    waves = 40 * np.sin(2 * np.pi * x / 10)  # between the two σ: what a gray mean lacks
    shared = np.full((120, 160, 1), 128.0) + waves[None, :, None]
    noise = np.repeat(RNG.normal(0, 8, (n, 120, 160, 1)), 3, axis=-1)
    singles = np.rint(shared + noise).clip(0, 255).astype(np.uint8)
    gray, flat = np.full((120, 160, 3), 128, np.uint8), np.full((120, 160), 128, np.float32)
    inside = np.zeros((120, 160), np.float32)
    beard = detailed(gray, flat, singles, inside)
    inside[20:100, 20:140] = 1
    middle = singles[n // 2].astype(float)

    def like(made: np.ndarray, noise: np.ndarray) -> float:
        """How much of the noise is in what was made."""
        here = np.s_[30:90, 30:130, 0]
        off, known = made[here] - shared[30:90, 30:130, 0], noise[here]
        return float((off * known).sum() / (known**2).sum())

    teeth = detailed(np.rint(shared + 0 * middle).astype(np.uint8), flat, singles, inside)
    weights = np.array(DETAIL_WINDOW) / sum(DETAIL_WINDOW)
    assert like(beard, noise[n // 2]) == pytest.approx(weights[n // 2], abs=0.1)
    assert like(beard, noise[0]) == pytest.approx(weights[0], abs=0.1)
    assert like(teeth, noise[n // 2]) > 0.85 * (1 - SHARED_INSIDE)
    assert like(teeth, noise[0]) < 0.1


def test_successors_stay_within_a_take(talking) -> None:
    _, bank = talking
    shots = np.r_[np.zeros(30, np.int64), np.ones(30, np.int64)]
    after = find_successors(replace(bank, shots=shots))
    assert after[10] == 11
    assert after[29] == 29
    assert after[59] == 59


def test_entries_without_quality_are_never_chosen(talking) -> None:
    _, bank = talking
    quality = bank.quality.copy()
    quality[::2] = 0
    search = CandidateSearch(replace(bank, quality=quality), 10)
    scale = Alignment(bank.to_crop).scale
    described = compute_descriptors(sequence_of(bank, scale))
    assert all((search.find_nearest(d)[0] % 2 == 1).all() for d in described)


def test_options_are_checked() -> None:
    from lipsync.options import RenderOptions

    with pytest.raises(OptionsError, match="candidates"):
        RenderOptions.of(candidates=0)


def test_of_two_sizes_of_a_face_the_target_s_own_is_preferred_and_none_is_refused(talking) -> None:
    """Pictures of a smaller face are blurred when they are enlarged."""
    _, bank = talking
    to_crop = bank.to_crop.copy()
    to_crop[::2, :, :2] *= 0.7  # every second entry shows the face smaller
    sizes = Alignment(to_crop).scale
    search = CandidateSearch(replace(bank, to_crop=to_crop), 10)

    def share_of_large(scale: float) -> float:
        size = search.nearest_scale(np.full(len(bank), scale, np.float32))
        wanted = compute_descriptors(sequence_of(bank, size))
        chosen = np.concatenate([search.find_nearest(d)[0] for d in wanted])
        return float((chosen % 2 == 1).mean())

    assert share_of_large(float(sizes[1])) > 0.55 > 0.45 > share_of_large(float(sizes[0]))
    # Larger than all: as if it were as large as the largest, so that no distance is blurred by it.
    far = search.nearest_scale(np.array([10 * sizes[1]], np.float32))
    assert far == pytest.approx(sizes.max())
