"""Pictures between two frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lipsync import media
from lipsync.media.frame_interpolation import interpolate_frames

SAMPLE = Path(__file__).resolve().parents[2] / "assets" / "sample" / "target.mp4"


def frame() -> np.ndarray:
    return next(iter(media.read_frames(media.probe(SAMPLE))))


def shifted(picture: np.ndarray, x: float, y: float) -> np.ndarray:
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = picture.shape[1::-1]
    return cv2.warpAffine(
        picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )


def place(picture: np.ndarray, of: np.ndarray) -> np.ndarray:
    """By how much (x, y) a picture is shifted against another, pixels: by their correlation."""
    gray = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)[16:-16, 16:-16] for p in (of, picture)]
    _, warp = cv2.findTransformECC(*gray, np.eye(2, 3, dtype=np.float32), cv2.MOTION_TRANSLATION)
    return np.asarray(warp[:, 2])


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_shifted_copy_lies_on_its_way(share: float) -> None:
    one = frame()
    shift = np.array([3.0, -2.0])
    middle = interpolate_frames(one, shifted(one, *shift), share)
    np.testing.assert_allclose(place(middle, one), share * shift, atol=0.05)
    off = np.abs(middle.astype(float) - shifted(one, *(share * shift)))
    assert off[16:-16, 16:-16].mean() < 1.5  # levels


def test_it_is_the_same_from_either_side() -> None:
    one = frame()
    other = shifted(one, 2, 1)
    a, b = (
        interpolate_frames(one, other, 0.3).astype(int),
        interpolate_frames(other, one, 0.7).astype(int),
    )
    assert np.abs(a - b).max() <= 1


def test_equal_frames_give_that_frame() -> None:
    one = frame()
    assert np.abs(interpolate_frames(one, one.copy(), 0.5).astype(int) - one).max() <= 1


def test_what_appears_is_no_ghost() -> None:
    """A disc that is in one frame only is there or not, nowhere half transparent."""
    one = frame()
    other = one.copy()
    center = (one.shape[1] // 2, one.shape[0] // 2)
    cv2.circle(other, center, 14, (20, 20, 230), -1)
    middle = interpolate_frames(one, other, 0.5)[..., 2].astype(int)
    inner = np.zeros(one.shape[:2], np.uint8)
    cv2.circle(inner, center, 8, 1, -1)
    there, absent = other[..., 2].astype(int), one[..., 2].astype(int)
    share = ((middle - absent) / np.maximum(np.abs(there - absent), 1))[inner > 0]
    assert min(np.abs(np.median(share)), np.abs(1 - np.median(share))) < 0.1


def test_its_grain_is_that_of_one_frame() -> None:
    """The mean of two noisy frames would have seven tenths of their noise."""
    rng = np.random.default_rng(0)
    smooth = gaussian_filter(rng.uniform(0, 255, (160, 200, 3)), (6, 6, 0)) * 3 - 255
    noisy = [
        np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8) for _ in "ab"
    ]
    fine = [
        (p - cv2.GaussianBlur(p.astype(np.float32), (0, 0), 1.5)).std()
        for p in (noisy[0], interpolate_frames(noisy[0], noisy[1], 0.5))
    ]
    assert fine[1] > 0.85 * fine[0]


@pytest.mark.real
@pytest.mark.parametrize("name", ["grid_s1_120s", "englishvideo"])
def test_real_frames_are_nearer_than_either_neighbor(shared: Path, name: str) -> None:
    """Every second frame left out and made again."""
    info = media.probe(shared / "data" / "targets" / f"{name}.mp4")
    frames = list(media.read_frames(info, 20, 41))
    gain = []
    for i in range(1, 20, 4):
        made = interpolate_frames(frames[i - 1], frames[i + 1], 0.5).astype(float)
        errors = [np.square(p - frames[i].astype(float)).mean() for p in (made, frames[i - 1])]
        gain.append(10 * np.log10(errors[1] / errors[0]))
    assert np.mean(gain) > 1.5  # dB
