"""Doubled edges, on real jaw lines that are doubled."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lipsync.inspection.double_edges import REACH, STEP, DoubleEdgesWatch, log_spectrum, ripple
from lipsync.types import F32, U8
from tests.support.face_views import Clip, mix

DROP = 0.055  # outer-eye distances


def measure(clip: Clip) -> dict[str, float]:
    return clip.measured(DoubleEdgesWatch())


def double_chin(clip: Clip, i: int, frame: U8) -> U8:
    """Half the picture below the mouth over itself, a little lower."""
    matrix = np.array([[1, 0, 0], [0, 1, DROP * clip.scale]], np.float32)
    lower = cv2.warpAffine(frame, matrix, frame.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    outer, inner = (clip.mask(clip.face.outlines(inset)[i]) for inset in (-0.15, 0.4))
    return mix(frame, np.asarray(lower), 0.5 * outer * (1 - inner))


def double_brows(clip: Clip, i: int, frame: U8) -> U8:
    """Half the face above the mouth over itself, a little lower."""
    matrix = np.array([[1, 0, 0], [0, 1, DROP * clip.scale]], np.float32)
    lower = cv2.warpAffine(frame, matrix, frame.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    return mix(frame, np.asarray(lower), 0.5 * clip.whole(i) * (1 - clip.lower(i)))


@pytest.mark.real
def test_a_doubled_chin_has_a_ripple(people: list[Clip]) -> None:
    for clip in people:
        own, made = measure(clip), measure(clip.edited(double_chin))
        assert made["double_edges.chin"] > own["double_edges.chin"] + 0.25


@pytest.mark.real
def test_doubled_brows_have_a_ripple(people: list[Clip]) -> None:
    for clip in people:
        own, made = measure(clip), measure(clip.edited(double_brows))
        assert made["double_edges.brows"] > own["double_edges.brows"] + 0.25


def edges(*at: float, soft: float) -> F32:
    """Profiles across edges at those places, outer-eye distances, (20, s)."""
    x = np.arange(-REACH, REACH, STEP)
    sum_of_edges = sum(1 / (1 + np.exp(-(x - place) / soft)) for place in at)
    return np.repeat(100 / len(at) * np.asarray(sum_of_edges)[None], 20, 0).astype(np.float32)


@pytest.mark.parametrize("soft", [0.005, 0.01])
@pytest.mark.parametrize("step", [0.05, 0.07])
def test_two_edges_make_a_ripple_and_one_does_not(soft: float, step: float) -> None:
    one, two = (log_spectrum(edges(*at, soft=soft)) for at in ((0,), (0, step)))
    assert ripple(two - one, scale=110) > 0.8
    assert ripple(one - one, scale=110) == pytest.approx(0, abs=1e-6)


def test_a_softer_edge_has_no_ripple() -> None:
    sharp, soft = (log_spectrum(edges(0, soft=soft)) for soft in (0.006, 0.009))
    assert ripple(soft - sharp, scale=110) < 0.4
