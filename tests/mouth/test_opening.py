"""What shows between the lips: edges of real mouths, the light that was predicted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lipsync.mouth.shape_free import Cells
from lipsync.mouth.texture.detail import DETAIL_WINDOW
from lipsync.mouth.texture.opening import Opening
from lipsync.mouth.texture.shape_space import ShapeSpace

ACROSS = 160
COUNT = 17


def mean_mouth() -> np.ndarray:
    """18 lip points, canonical: an open mouth 0.7 wide."""
    turn = np.linspace(np.pi, -np.pi, 12, endpoint=False)
    outer = np.stack([0.35 * np.cos(turn), 0.95 - 0.2 * np.sin(turn)], -1)
    inner = [(-0.3, 0.95), (0, 0.85), (0.3, 0.95), (0.3, 0.97), (0, 1.05), (-0.3, 0.97)]
    return np.concatenate([outer, inner]).astype(np.float32)


def paint(heights: np.ndarray, lights: np.ndarray) -> np.ndarray:
    """Shape-free pictures (n, s, s, 3): teeth down to a height (cells), light and dark."""
    pictures = np.full((len(heights), ACROSS, ACROSS, 3), 60, np.uint8)
    for picture, height, light in zip(pictures, heights, lights, strict=True):
        picture[70 : int(height), 50:110] = light
        picture[70 : int(height), 50:110:6] = light // 2  # gaps between teeth
    return pictures


@pytest.fixture(scope="module")
def mouths() -> np.ndarray:
    return paint(np.linspace(77, 93, COUNT), np.full(COUNT, 200))


@pytest.fixture(scope="module")
def opening(mouths: np.ndarray) -> Opening:
    space = ShapeSpace(mean_mouth(), Cells(ACROSS))
    following = np.minimum(np.arange(COUNT) + 1, COUNT - 1)
    return Opening.of(space, mouths, np.ones((COUNT, 3), np.float32), following)


def test_a_smear_gets_the_edges_of_the_mouth_that_it_is_the_smear_of(
    opening: Opening, mouths: np.ndarray
) -> None:
    true = mouths[8:9].astype(np.float32)
    smear = cv2.GaussianBlur(true[0], (0, 0), 3.0)[None]
    found = opening.choose(opening.look(smear))
    assert abs(int(found[0]) - 8) <= 1
    made = smear.copy()
    opening.add_structure(made, np.repeat(found[:, None], len(DETAIL_WINDOW), axis=1))
    rows, columns = slice(82, 87), slice(66, 94)  # well inside
    near, before = (np.square(x[0, rows, columns] - true[0, rows, columns]) for x in (made, smear))
    assert near.mean() < 0.5 * before.mean()
    edges = [np.abs(np.diff(x[0, 83, columns], axis=0)).mean() for x in (made, smear, true)]
    assert edges[1] < 0.5 * edges[2] < edges[0]


def test_its_light_stays_the_predicted_one(opening: Opening, mouths: np.ndarray) -> None:
    """Of a brighter mouth only the edges are taken."""
    smear = cv2.GaussianBlur(mouths[8].astype(np.float32), (0, 0), 3.0)[None] - 40
    made = smear.copy()
    opening.add_structure(made, np.full((1, len(DETAIL_WINDOW)), 8))
    inside = (slice(None), slice(72, 88), slice(55, 105))
    assert abs(made[inside].mean() - smear[inside].mean()) < 6
    assert np.abs(made[inside] - smear[inside]).mean() > 10


def test_nothing_changes_outside_of_the_lips(opening: Opening, mouths: np.ndarray) -> None:
    flat = np.full((1, ACROSS, ACROSS, 3), 90, np.float32)
    made = flat.copy()
    opening.add_structure(made, np.zeros((1, len(DETAIL_WINDOW)), np.int64))
    changed = np.abs(made - flat)[0].max(-1) > 1
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    lips = Cells(ACROSS).to_cells(mean_mouth()[:12])
    assert changed.any()
    assert lips[:, 1].min() < rows[0] < rows[-1] < lips[:, 1].max()
    assert lips[:, 0].min() - 6 < columns[0] < columns[-1] < lips[:, 0].max() + 6


def test_where_two_mouths_fit_as_well_none_is_left_for_the_other(
    opening: Opening, mouths: np.ndarray
) -> None:
    """Half one mouth, half another, and a little more of this or that from frame to frame."""
    one, other = mouths[[3, 12]].astype(np.float32)
    share = np.resize([0.48, 0.52], 12)[:, None, None, None]
    looks = opening.look((share * one + (1 - share) * other).astype(np.float32))
    nearest = np.square(looks[:, None] - opening.looks).sum(-1).argmin(1)
    assert np.abs(np.diff(nearest)).min() > 3
    chosen = opening.choose(looks)
    assert np.abs(np.diff(chosen)).max() <= 1, "it stays, or goes on as the footage did"
