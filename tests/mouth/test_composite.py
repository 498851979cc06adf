from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lipsync.face.similarity import affine_scale, apply_affine
from lipsync.face.tracked_face import TrackedFace
from lipsync.mouth.finish.blend import blend_patch, laplacian_blend, match_colors, soft_mask
from lipsync.mouth.finish.composite import (
    CompositeOptions,
    Compositor,
    composite_frames,
    find_boxes,
)
from lipsync.mouth.finish.foreign import MouthZone
from lipsync.mouth.finish.grain import CORRELATION, STRENGTH, Grain
from lipsync.mouth.texture.mouth_targets import bounding_box
from lipsync.types import Patch
from tests.support.faces import similarity, track_of

RNG = np.random.default_rng(7)
N = 6
CORNERS = np.array([[-0.8, 0.3], [0.8, 0.3], [0.8, 1.6], [-0.8, 1.6]], np.float32)
POSES = [similarity(90, 0.05 * i, 160 + 2 * i, 70) for i in range(N)]


def noise(h: int = 260, w: int = 320) -> np.ndarray:
    return RNG.integers(0, 256, (h, w, 3)).astype(np.uint8)


def patch_for(to_frame: np.ndarray, color: tuple[int, int, int] | np.ndarray) -> Patch:
    corner, width, height = bounding_box(apply_affine(to_frame, CORNERS))
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[:] = color
    shift = np.array([[1, 0, -corner[0]], [0, 1, -corner[1]]], np.float32)
    return Patch(rgb, np.ones((height, width), np.float32), shift)


@pytest.fixture
def scene() -> TrackedFace:
    return TrackedFace.of(track_of(POSES))


def run(scene, frames, patches, options=None) -> list:  # type: ignore[no-untyped-def]
    target = scene.at(np.arange(N))
    return list(
        composite_frames(frames, patches, Compositor(target, options or CompositeOptions()))
    )


def test_pixels_outside_the_mask_are_the_targets_bit_for_bit(scene) -> None:
    frames = [noise() for _ in range(N)]
    originals = [f.copy() for f in frames]
    patches = [patch_for(pose, noise()[0, 0]) for pose in POSES]
    for original, done in zip(originals, run(scene, frames, patches), strict=True):
        x, y = done.corner
        outside = np.ones(original.shape[:2], bool)
        h, w = done.alpha.shape
        outside[y : y + h, x : x + w] = done.alpha == 0
        assert np.array_equal(done.frame[outside], original[outside])
        assert not np.array_equal(done.frame, original)
        # Neck, background and the upper face are most of a frame.
        assert outside.mean() > 0.8


def test_a_frame_composited_with_itself_does_not_change(scene) -> None:
    frames = [noise() for _ in range(N)]
    whole = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    patches = [Patch(f, np.ones(f.shape[:2], np.float32), whole) for f in frames]
    for frame, done in zip(frames, run(scene, frames, patches), strict=True):
        assert np.abs(done.frame.astype(int) - frame).max() <= 1  # rounding of the pyramid


def test_without_a_patch_the_frame_passes_untouched(scene) -> None:
    frames = [noise() for _ in range(N)]
    for frame, done in zip(frames, run(scene, frames, [None] * N), strict=True):
        assert done.frame is frame
        assert done.alpha is None


def test_a_cast_over_the_new_mouth_is_matched_away(scene) -> None:
    """A patch that is the frame itself but for a color cast comes out nearly as the frame."""
    frame = np.empty((260, 320, 3), np.uint8)
    frame[:] = (180, 140, 120)
    cast = [patch_for(pose, (200, 150, 110)) for pose in POSES]
    matched = run(scene, [frame] * N, cast)
    plain = run(scene, [frame] * N, cast, CompositeOptions(color_match=False))
    off = [np.abs(d.frame.astype(int) - frame).max() for d in matched]
    assert max(off) <= 3
    assert min(np.abs(d.frame.astype(int) - frame).max() for d in plain) >= 15


def test_the_mask_holds_the_lips_and_stays_inside_the_jaw(scene) -> None:
    track, outlines = scene.track, scene.outlines(0.13)
    for i in range(N):
        mask = soft_mask(outlines[i], 0.05 * 90, (260, 320))
        at = np.round(track.xy[i, list(track.scheme.lips)]).astype(int)
        assert (mask[at[:, 1], at[:, 0]] > 0.98).all()
        jaw = np.round(track.xy[i, list(track.scheme.jaw)]).astype(int)
        assert (mask[jaw[:, 1], jaw[:, 0]] == 0).all()
        eyes = np.round(track.xy[i, list(track.scheme.outer_eyes)]).astype(int)
        assert (mask[eyes[:, 1], eyes[:, 0]] == 0).all()


@pytest.mark.parametrize(
    ("x", "y", "drawn"),
    [
        (0, 70, True),
        (319, 70, True),
        (160, 150, True),
        (160, -60, True),
        (160, -120, True),  # the lips lie above the frame, the chin in it
        (160, 200, False),
        (900, 900, False),
    ],
)
def test_a_face_half_outside_the_frame_is_no_accident(x: int, y: int, drawn: bool) -> None:
    """What of the mask lies in the frame is drawn, and nothing else changes."""
    pose = similarity(90, 0, x, y)
    face = TrackedFace.of(track_of([pose] * N))
    frames = [noise() for _ in range(N)]
    patches = [patch_for(pose, (0, 0, 0))] * N
    options = CompositeOptions(color_match=False, grain=False)
    for original, done in zip(frames, run(face, frames, patches, options), strict=True):
        assert done.frame.shape == original.shape
        mask = soft_mask(face.outlines(options.mask_inset)[0], 0.05 * 90, (260, 320))
        changed = (done.frame != original).any(-1)
        assert not changed[mask == 0].any(), "outside the mask nothing changes"
        assert changed.any() == (mask > 0.05).any() == drawn
        if drawn:
            assert changed[mask > 0.05].mean() > 0.9, "noise is hardly ever black already"


def test_the_pyramid_of_the_difference_is_burt_and_adelsons_blend() -> None:
    """Blending each band of both pictures gives the same as blending the difference's bands."""
    import cv2

    own, new = (RNG.uniform(0, 255, (64, 80, 3)).astype(np.float32) for _ in range(2))
    mask = np.zeros((64, 80), np.float32)
    mask[20:50, 30:60] = 1

    def bands(image: np.ndarray) -> list[np.ndarray]:
        out = []
        for _ in range(3):
            smaller = cv2.pyrDown(image)
            out.append(image - cv2.pyrUp(smaller, dstsize=image.shape[1::-1]))
            image = smaller
        return [*out, image]

    masks = [mask]
    for _ in range(3):
        masks.append(cv2.pyrDown(masks[-1]))
    mixed = [
        a * (1 - m[..., None]) + b * m[..., None]
        for a, b, m in zip(bands(own), bands(new), masks, strict=True)
    ]
    image = mixed[-1]
    for band in reversed(mixed[:-1]):
        image = cv2.pyrUp(image, dstsize=band.shape[1::-1]) + band
    assert np.abs(own + laplacian_blend(new - own, mask) - image).max() < 0.01


def test_the_membrane_meets_the_border_and_is_smooth_inside() -> None:
    alpha = soft_mask(
        np.array([[20, 20], [100, 20], [100, 80], [20, 80]], np.float32), 3.0, (100, 120)
    )
    slope = np.linspace(-20, 20, 120, dtype=np.float32)
    difference = np.broadcast_to(slope[None, :, None], (100, 120, 3)).astype(np.float32)
    field = match_colors(difference, alpha, None)
    inside = alpha > 0.2
    assert np.abs(field - difference)[inside].max() < 4  # of ±20: a linear border stays linear
    assert np.abs(np.diff(field, axis=1))[inside[:, 1:]].max() < 2


def border_of(side: int) -> np.ndarray:
    """Mask of a square inside a picture of `side` pixels."""
    low, high = side * 0.15, side * 0.85
    corners = np.array([[low, low], [high, low], [high, high], [low, high]], np.float32)
    return soft_mask(corners, 3.0, (side, side))


def zone_of(side: int) -> MouthZone:
    """A mouth in the middle of a picture of `side` pixels, on a face three times as wide."""
    lips = side / 2 + side / 20 * np.stack([np.cos(np.arange(18)), np.sin(np.arange(18))], -1)
    return MouthZone(lips[None].astype(np.float32), side / 3)


@pytest.mark.parametrize("side", [80, 200])
def test_the_match_of_colors_falls_from_the_border_inwards(side: int) -> None:
    """The middle has the light of the face: what differs at one side need not differ there."""
    difference = np.zeros((side, side, 3), np.float32)
    difference[:, : side // 3] = -12
    field = match_colors(difference, border_of(side), zone_of(side))
    middle = side // 2
    assert field[middle, int(side * 0.16)].mean() == pytest.approx(-12, abs=2)
    assert -1.5 < field[middle, middle].mean() < 0
    anywhere = match_colors(difference, border_of(side), None)
    assert anywhere[middle, middle].mean() < 2 * field[middle, middle].mean()


@pytest.mark.parametrize("side", [80, 200])
def test_a_cast_is_matched_all_over(side: int) -> None:
    difference = np.full((side, side, 3), (20, -9, 0), np.float32)
    field = match_colors(difference, border_of(side), zone_of(side))
    assert np.abs(field - difference).max() < 0.5


def test_hair_at_the_border_leads_no_colors() -> None:
    """A quarter of the border is hair in the one picture and skin in the other."""
    difference = np.full((160, 160, 3), 4, np.float32)
    difference[:40] = -90
    field = match_colors(difference, border_of(160), zone_of(160))
    assert np.abs(field[60:130, 40:120] - 4).max() < 4
    assert match_colors(difference, border_of(160), None)[60:130, 40:120].min() < -8


def test_what_is_not_skin_stays_away_from_the_mouth_and_nowhere_else(scene) -> None:
    """Black hair in the frame, where the patch has skin: on the cheek it stays, on the lips not."""
    skin = (200, 150, 130)
    frame = np.full((260, 320, 3), skin, np.uint8)
    spots = {"cheek": (-0.42, 0.75), "lips": (0.0, 0.85)}
    at = {
        name: apply_affine(POSES[0], np.array([place], np.float32))[0].round().astype(int)
        for name, place in spots.items()
    }
    for x, y in at.values():
        cv2.circle(frame, (int(x), int(y)), 9, (20, 20, 20), -1)
    patch, outline = patch_for(POSES[0], skin), scene.outlines(0.0)[0]
    lips = scene.track.xy[0, list(scene.scheme.lips)]
    zone = MouthZone(lips[None], affine_scale(POSES[0]))
    kept = blend_patch(frame, patch, outline, 2.0, False, zone=zone).frame
    drawn = blend_patch(frame, patch, outline, 2.0, False).frame
    (x, y), (u, v) = at["cheek"], at["lips"]
    assert kept[y, x].max() < 100
    assert kept[v, u].min() > 120
    assert drawn[y, x].min() > kept[y, x].max() + 10, "it is inside the outline"


def test_an_offset_patch_is_resampled_into_place() -> None:
    """A patch in another space (here half the size) lands where its matrix says."""
    frame = np.zeros((100, 100, 3), np.uint8)
    small = np.full((50, 50, 3), 50, np.uint8)
    small[25:, :] = 200
    half = np.array([[0.5, 0, 0], [0, 0.5, 0]], np.float32)
    outline = np.array([[10, 10], [90, 10], [90, 90], [10, 90]], np.float32)
    done = blend_patch(
        frame, Patch(small, np.ones((50, 50), np.float32), half), outline, 2.0, False
    )
    assert done.frame[30, 50, 0] == pytest.approx(50, abs=3)
    assert done.frame[70, 50, 0] == pytest.approx(200, abs=3)


def test_a_patch_vouches_only_for_its_own_pixels(scene) -> None:
    whole = patch_for(POSES[0], (255, 0, 0))
    half = whole.alpha.copy()
    half[:, : half.shape[1] // 2] = 0
    frame = np.full((260, 320, 3), 128, np.uint8)
    outline = scene.outlines(0.13)[0]
    done = blend_patch(frame, replace(whole, alpha=half), outline, 4.0, False)
    x = int(apply_affine(POSES[0], np.array([[-0.3, 0.9]], np.float32))[0, 0])
    y = int(apply_affine(POSES[0], np.array([[-0.3, 0.9]], np.float32))[0, 1])
    assert (done.frame[y, x - 10] == 128).all()


def test_grain_goes_on_from_frame_to_frame_and_is_the_same_every_time() -> None:
    flat = np.full((80, 80, 3), 128, np.uint8)
    noisy = np.random.default_rng(0).normal(128, 6, (80, 80, 1)).repeat(3, -1).astype(np.uint8)
    made = []
    for _ in range(2):
        grain, frames = Grain(25.0), [flat.copy() for _ in range(40)]
        for frame in frames:
            grain.add(frame, noisy, np.ones((60, 60), np.float32), (10, 10))
        made.append(np.stack(frames)[..., 0].astype(float) - 128)
    assert np.array_equal(*made)
    assert not made[0][:, :10].any(), "outside the box nothing changes"
    inside = made[0][:, 10:70, 10:70]
    goes_on = (inside[1:] * inside[:-1]).mean() / (inside**2).mean()
    assert goes_on == pytest.approx(CORRELATION, abs=0.02)


def test_a_clean_mouth_gets_the_frames_noise_and_no_more(scene) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(4)
    frame = np.clip(128 + rng.normal(0, 5, (260, 320, 3)).mean(-1, keepdims=True), 0, 255)
    frame = np.repeat(np.rint(frame), 3, -1).astype(np.uint8)
    frames = [frame] * N
    clean = [patch_for(pose, (128, 128, 128)) for pose in POSES]
    noisy = [replace(p, rgb=rng.normal(128, 20, p.rgb.shape).astype(np.uint8)) for p in clean]

    grained = run(scene, frames, clean)[0]
    again = run(scene, frames, clean)[0]
    plain = run(scene, frames, clean, CompositeOptions(grain=False))[0]
    left = run(scene, frames, noisy)[0]
    same = run(scene, frames, noisy, CompositeOptions(grain=False))[0]

    assert grained.alpha is not None
    h, w = grained.alpha.shape
    x, y = grained.corner
    inside = grained.alpha > 0.95
    std = {
        name: made.frame[y : y + h, x : x + w][inside].std()
        for name, made in (("grained", grained), ("plain", plain))
    }
    assert std["plain"] < 0.6
    assert std["grained"] == pytest.approx(STRENGTH * frame.std(), rel=0.1)
    assert np.array_equal(grained.frame, again.frame), "identical input, identical output"
    assert np.array_equal(left.frame, same.frame), "what is noisier than the frame gets nothing"


def test_the_box_of_a_frame_is_enough(scene) -> None:
    """With a moved jaw and grain: all that changes lies in the box, and comes out the same."""
    smooth = [cv2.GaussianBlur(noise(420, 520), (0, 0), 3) for _ in range(N)]
    target, options = scene.at(np.arange(N)), CompositeOptions()
    jaw = np.zeros(target.jaw.shape, np.float32)
    jaw[..., 1] = 6
    patches = [patch_for(pose, (150, 110, 90)) for pose in POSES]
    whole = Compositor(target, options, jaw)
    made = [whole.composite(i, smooth[i], patch).frame for i, patch in enumerate(patches)]
    corners, sizes = find_boxes(target, 520, 420, options)
    boxed = Compositor(target.within(corners), options, jaw, frame_shape=(420, 520))
    for i, patch in enumerate(patches):
        (x, y), (width, height) = corners[i], sizes[i]
        assert width * height < 0.7 * 420 * 520
        box = np.s_[y : y + height, x : x + width]
        part = boxed.composite(i, smooth[i][box].copy(), patch.within(corners[i])).frame
        assert np.abs(part.astype(int) - made[i][box]).max() <= 1
        outside = np.ones((420, 520), bool)
        outside[box] = False
        assert np.array_equal(made[i][outside], smooth[i][outside])
