"""What is planted in new mouths is scored: blur, flicker, a step of the color, teeth."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest

from lipsync.face.tracked_face import SampledFace
from lipsync.mouth.finish.blend import Composited
from lipsync.mouth.finish.mouth_scores import SCORES, MouthScorer
from lipsync.types import F32, U8

N, SKIN = 8, (190, 140, 120)
BLUR, FLICKER, TONE, TEETH = range(len(SCORES))


def _face(scale: float) -> SampledFace:
    to_frame = np.array([[scale, 0, scale], [0, scale, 0.1 * scale]], np.float32)
    return cast(SampledFace, SimpleNamespace(to_frame=np.repeat(to_frame[None], N, 0)))


def _skin(scale: float) -> U8:
    side = round(2 * scale)
    noise = np.random.default_rng(0).normal(0, 4, (side, side, 1))
    return np.clip(np.array(SKIN) + noise, 0, 255).astype(np.uint8)


def _alpha(scale: float) -> F32:
    alpha = np.zeros((round(2 * scale),) * 2, np.float32)
    center = (round(scale), round(0.96 * scale))
    cv2.ellipse(alpha, center, (round(0.42 * scale), round(0.34 * scale)), 0, 0, 360, 1, -1)
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), 0.04 * scale))


def _lips(gap: float = 0.1) -> F32:
    """Outer and inner lips around (0, 0.86)."""
    around = np.linspace(np.pi, -np.pi, 12, endpoint=False)
    outer = np.stack([0.3 * np.cos(around), -0.12 * np.sin(around)], -1)
    inner = [(-0.15, -gap / 2), (0, -gap / 2), (0.15, -gap / 2)]
    inner += [(0.15, gap / 2), (0, gap / 2), (-0.15, gap / 2)]
    return (np.concatenate([outer, inner]) + np.array([0, 0.86])).astype(np.float32)


def _score(changes: list[Any], scale: float = 60, lips: F32 | None = None) -> F32:
    """The scores of frames, of which each is changed before its alpha is applied."""
    scorer = MouthScorer(_face(scale), np.full((N, 3), SKIN, np.float32))
    own, alpha = _skin(scale), _alpha(scale)
    rows = []
    for i, change in enumerate(changes):
        new = change(own.astype(np.float32)) if change else own.astype(np.float32)
        mixed = own + alpha[..., None] * (new - own)
        made = Composited(own, np.clip(np.rint(mixed), 0, 255).astype(np.uint8), alpha, (0, 0))
        rows.append(scorer.score(i, made, _lips() if lips is None else lips))
    return np.stack(rows)


@pytest.mark.parametrize("scale", [40, 60, 210])
def test_the_same_picture_scores_nothing(scale: float) -> None:
    scores = _score([None] * 4, scale)
    assert np.abs(scores[:, [BLUR, TONE]]).max() < 1e-5
    assert np.abs(scores[2:, FLICKER]).max() < 1e-5
    assert np.isnan(scores[:2, FLICKER]).all(), "three frames are needed"


@pytest.mark.parametrize("scale", [40, 210])
def test_a_blurred_mouth_is_soft_and_a_sharpened_one_is_not(scale: float) -> None:
    def soften(picture: F32) -> F32:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.5))

    def sharpen(picture: F32) -> F32:
        return 2 * picture - soften(picture)

    scores = _score([None, soften, sharpen], scale)
    assert scores[1, BLUR] > 0.5
    assert scores[2, BLUR] < -0.2


def test_a_step_of_the_color_is_measured_in_levels() -> None:
    scores = _score([None, lambda picture: picture + np.array([12, 0, 0])])
    assert scores[1, TONE] == pytest.approx(12, rel=0.15)


def test_skin_that_jumps_to_and_fro_flickers_and_a_slow_change_does_not() -> None:
    shifts = [0, 0, 0, 8, 0, 2, 4, 6]
    scores = _score([lambda picture, by=by: picture + by for by in shifts])[:, FLICKER]
    assert scores[4] == np.nanmax(scores)
    # The second difference of 0, 8, 0 is 16, of which the soft border shows a part.
    assert 12 < scores[4] < 16.5
    assert scores[2] == pytest.approx(0, abs=1e-5)
    assert scores[7] < 1, "what rounding gives"


def test_white_between_the_lips_is_teeth() -> None:
    def grin(picture: F32) -> F32:
        made = picture.copy()
        cv2.rectangle(made, (52, 55), (68, 60), (225, 222, 210), -1)
        return made

    shown, none = _score([grin])[0, TEETH], _score([None])[0, TEETH]
    assert none < 0.002
    assert shown == pytest.approx(0.1 * 0.3, rel=0.5)  # the gap between the inner lips
    assert _score([grin], lips=_lips(0.0))[0, TEETH] < shown / 3, "lips before them"


def test_a_gap_between_frames_gives_no_flicker() -> None:
    scorer = MouthScorer(_face(60), None)
    own, alpha = _skin(60), _alpha(60)
    made = Composited(own, own, alpha, (0, 0))
    scores = [scorer.score(i, made, _lips())[FLICKER] for i in (0, 1, 2, 4, 5, 6)]
    assert np.isfinite(scores).tolist() == [False, False, True, False, False, True]


def test_an_unchanged_frame_has_no_scores() -> None:
    own = _skin(60)
    scorer = MouthScorer(_face(60), None)
    assert np.isnan(scorer.score(0, Composited(own, own, None, (0, 0)), _lips())).all()
