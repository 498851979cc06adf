"""What a hand before the face does to it, on real hands."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync.inspection.covered import CoveredWatch
from lipsync.inspection.shared_work import SharedWork
from lipsync.types import U8
from tests.support.face_views import Clip, clip, mix


@pytest.fixture(scope="module")
def hand(shared: Path) -> Clip:
    return clip(shared / "data/wild/hand_over_face.mp4", start=62)


def flicker(clip: Clip, i: int, frame: U8) -> U8:
    """Every second frame shows a blurred face, as of a program that does not expect a hand."""
    if i % 2:
        return frame
    return mix(frame, cv2.GaussianBlur(frame, (0, 0), 0.1 * clip.scale), 0.6 * clip.whole(i))


@pytest.mark.real
def test_a_hand_that_flickers_is_found(hand: Clip) -> None:
    real = hand.measured(CoveredWatch(SharedWork()))
    made = hand.edited(flicker).measured(CoveredWatch(SharedWork()))
    assert np.isfinite(real["covered.pulse"])
    assert made["covered.pulse"] > real["covered.pulse"] + 0.3


@pytest.mark.real
def test_a_hand_that_is_there_from_the_start_leaves_nothing_to_compare_with(hand: Clip) -> None:
    watch = CoveredWatch(SharedWork())
    assert np.isnan(hand.measured(watch)["covered.blur"])
    assert watch.reasons() == {"covered": "the face is covered from the start"}


@pytest.mark.real
def test_a_bare_face_has_no_value_but_a_reason(man: Clip) -> None:
    watch = CoveredWatch(SharedWork())
    assert all(np.isnan(value) for value in man.measured(watch).values())
    assert watch.reasons() == {"covered": "nothing covers the face"}
