"""How mouths look: reduced crops, the light, and what is unlike the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lipsync.face import appearance, lip_mask
from lipsync.face.tracked_face import TrackedFace
from lipsync.media import pixels
from lipsync.types import F32, FaceTrack
from tests.support.faces import similarity, track_of

RNG = np.random.default_rng(21)
POSE = similarity(60, 0, 110, 60)


@pytest.mark.parametrize(("height", "width"), [(12, 9), (13, 10), (7, 21)])
def test_a_cell_is_the_mean_of_its_pixels(height: int, width: int) -> None:
    picture = RNG.integers(0, 256, (height, width, 3)).astype(np.uint8)
    small = pixels.cell_means(picture, 3)
    assert small.shape == (-(-height // 3), -(-width // 3), 3)
    assert np.abs(small[1, 2].astype(float) - picture[3:6, 6:9].mean((0, 1))).max() <= 0.51


def test_the_light_is_read_beside_the_mouth() -> None:
    frame = np.full((260, 240, 3), (180, 140, 120), np.uint8)
    frame[60 + 45 : 60 + 63, 90:130] = 20  # an open mouth, and darkness behind the head
    frame[:, :60] = 5
    assert appearance.measure_skin_color(frame, POSE) == pytest.approx([180, 140, 120], abs=1)


def test_the_light_follows_slowly_and_never_over_a_cut() -> None:
    track = replace(track_of([POSE] * 60), cuts=np.array([30]))
    light = np.full((60, 3), 100, np.float32)
    light[30:] = 50  # another lighting
    light[10] = 140  # a moment's mistake
    light[40] = np.nan
    steady = appearance.smooth_skin_color(light, track)
    assert np.abs(steady[:30] - 100).max() < 3
    assert np.abs(steady[30:] - 50).max() < 1e-3


def talking(seconds: int = 8) -> tuple[FaceTrack, F32, np.ndarray]:
    """A mouth that opens and shuts, and thumbnails that show how far."""
    n = 25 * seconds
    openings = 0.1 + 0.08 * np.sin(np.arange(n) * 0.5)
    track = track_of([POSE] * n, list(openings))
    points = TrackedFace.of(track).lips.points
    pictures = 0.5 + openings[:, None] * np.linspace(-1, 1, 320)
    pictures += RNG.normal(0, 0.002, pictures.shape)
    return track, points, (pictures / np.sqrt(320)).astype(np.float16)


def test_what_looks_like_no_mouth_of_its_shape_is_odd() -> None:
    track, points, pictures = talking()
    pictures[80:90] = pictures[80:90, ::-1]  # the same levels, in other places
    odd = appearance.score_appearance_outliers(pictures, points, track)
    others = np.delete(odd, range(80, 90))
    assert odd[80:90].min() > 5 * np.median(others)
    assert others.max() < 3 * np.median(others)


def test_what_is_as_light_as_a_mouth_but_has_no_lips_is_odd() -> None:
    track, points, pictures = talking()
    red = np.where(np.abs(np.arange(320) % 20 - 10) < 5, 0.55, 0.5)  # lips on skin
    tints = (red + RNG.normal(0, 0.004, (len(track), 320))) / np.sqrt(320)
    tints[80:90] = (0.5 + RNG.normal(0, 0.004, (10, 320))) / np.sqrt(320)
    by_luma = appearance.score_appearance_outliers(pictures, points, track)
    odd = appearance.score_appearance_outliers(pictures, points, track, tints.astype(np.float16))
    others = np.delete(odd, range(80, 90))
    assert by_luma[80:90].max() < 2 * np.median(by_luma), "nothing is to be seen in the luma"
    assert odd[80:90].min() > 2.5 * others.max()
    assert np.median(others) < 1.5 * max(np.median(by_luma), appearance.MIN_TYPICAL_SCORES[0])


def test_light_of_another_color_is_no_thing_before_the_mouth() -> None:
    track, points, pictures = talking()
    tints = 0.5 + 0.05 * np.sin(np.arange(320)) + RNG.normal(0, 0.004, (len(track), 320))
    tints[80:90] += 0.1
    scaled = (tints / np.sqrt(320)).astype(np.float16)
    odd = appearance.score_appearance_outliers(pictures, points, track, scaled)
    assert odd[80:90].max() < 2 * np.median(odd)


def test_too_little_footage_tells_nothing() -> None:
    track, points, pictures = talking(2)
    assert np.isnan(appearance.score_appearance_outliers(pictures, points, track)).all()


def test_frames_without_a_face_are_not_known() -> None:
    track, points, pictures = talking()
    found = track.found.copy()
    found[5] = False
    odd = appearance.score_appearance_outliers(pictures, points, replace(track, found=found))
    assert np.isnan(odd[5]) and np.isfinite(np.delete(odd, 5)).all()


def test_the_inside_of_the_lips_has_the_area_of_its_polygon() -> None:
    points = np.zeros((18, 2), np.float32)
    points[[12, 13, 14, 15, 16, 17]] = [
        (40, 60),
        (80, 40),
        (120, 60),
        (120, 100),
        (80, 120),
        (40, 100),
    ]
    inside = lip_mask.mask_inner_lips(points, (160, 160), 1.0)
    assert inside.shape == (160, 160)
    assert inside[80, 80] == pytest.approx(1, abs=1e-3)
    assert inside[20, 80] == inside[80, 20] == 0
    assert inside.sum() == pytest.approx(80 * 40 + 2 * 80 * 20 / 2, rel=0.05)  # px²
