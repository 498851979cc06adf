"""Flicker and shaking, on real faces that are made to flicker and shake."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lipsync.inspection.flicker import FlickerWatch
from lipsync.inspection.shared_work import SharedWork
from lipsync.types import U8
from tests.support.face_views import Clip, mix


def measure(clip: Clip) -> dict[str, float]:
    return clip.measured(FlickerWatch(SharedWork()))


def pulsate(clip: Clip, i: int, frame: U8) -> U8:
    """Every second frame shows the lower face of three frames later."""
    if i % 2:
        return frame
    other = clip.frames[min(i + 3, len(clip.frames) - 1)]
    return mix(frame, other, clip.lower(i))


def shake(clip: Clip, i: int, frame: U8) -> U8:
    """The face moved by a pixel or so, anywhere."""
    angle = np.random.default_rng(i).uniform(0, 2 * np.pi)
    matrix = np.array([[1, 0, 1.3 * np.cos(angle)], [0, 1, 1.3 * np.sin(angle)]], np.float32)
    moved = cv2.warpAffine(frame, matrix, frame.shape[1::-1], flags=cv2.INTER_CUBIC)
    return mix(frame, np.asarray(moved), clip.whole(i))


def freeze(clip: Clip, i: int, frame: U8) -> U8:
    """The lower face of the first frame in all, carried along with the head."""
    at = clip.face.alignment
    whole = np.vstack([at.to_frame[i], [0, 0, 1]]) @ np.vstack([at.to_canonical[0], [0, 0, 1]])
    still = cv2.warpAffine(clip.frames[0], whole[:2], frame.shape[1::-1], flags=cv2.INTER_CUBIC)
    return mix(frame, np.asarray(still), clip.lower(i))


@pytest.mark.real
def test_a_pulsating_lower_face_flickers(people: list[Clip]) -> None:
    for clip in people:
        own, made = measure(clip), measure(clip.edited(pulsate))
        assert made["flicker.pulse"] > own["flicker.pulse"] + 0.3


@pytest.mark.real
def test_a_shaking_face_shakes_more_than_any_real_one(people: list[Clip]) -> None:
    real = [measure(clip)["flicker.face_shake"] for clip in people]
    for clip in people:
        assert measure(clip.edited(shake))["flicker.face_shake"] > max(real) + 0.3


@pytest.mark.real
def test_a_frozen_mouth_is_stiller_than_a_talking_one(people: list[Clip]) -> None:
    for clip in people:
        own, made = measure(clip), measure(clip.edited(freeze))
        assert made["flicker.still"] < own["flicker.still"]


@pytest.mark.real
def test_the_first_frame_of_a_shot_has_no_flicker(man: Clip) -> None:
    watch = FlickerWatch(SharedWork())
    views = man.views()[:4]
    assert watch.see(views[0], None) == {}
    assert np.isfinite(watch.see(views[1], views[0])["flicker.lower"])
    assert watch.see(views[2], None) == {}
    assert np.isnan(watch.see(views[3], views[2])["flicker.pulse"])
