"""The moments that a sheet shows are those that were planted in the tracks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lipsync.mouth.finish.mouth_scores import SCORES
from lipsync.report.mouth_course import MouthCourse, find_closures
from lipsync.report.telling_moments import (
    APART_S,
    Moment,
    choose_moments,
    choose_strip,
)

N, RATE = 500, 25.0


def _bump(at: int, height: float, reach: int = 3) -> np.ndarray:
    """A smooth peak over the clip."""
    return (height * np.exp(-0.5 * ((np.arange(N) - at) / reach) ** 2)).astype(np.float32)


def _course(**known: object) -> MouthCourse:
    """A mouth that babbles between 0.05 and 0.15, with what is planted in it."""
    opening = 0.1 + 0.05 * np.sin(np.arange(N) / 4)
    tracks: dict[str, object] = {
        "times": np.arange(N) / RATE,
        "opening": opening.astype(np.float32),
        "width": np.full(N, 0.6, np.float32),
        "visible": np.ones(N, np.float32),
    }
    return MouthCourse(**{**tracks, **known})  # type: ignore[arg-type]


def _frames(moments: list[Moment], words: str) -> list[int]:
    return [one.frame for one in moments if words in one.words]


def _planted() -> MouthCourse:
    """Every kind of moment once, far from the others."""
    course = _course()
    opening = course.opening + _bump(60, 0.3)
    opening[118:123] = 0.0  # lips meet for a sure b
    opening[398:403] = 0.14  # and stay open at a sure m
    width = course.width - _bump(160, 0.3)
    opening[155:166] = 0.12
    scores = {
        "blur": _bump(220, 1), "flicker": _bump(260, 2), "tone": _bump(300, 9),
        "teeth": _bump(340, 0.02),
    }  # fmt: skip
    bilabials = {"p": np.zeros(N, np.float32), "b": _bump(120, 0.8, 2), "m": _bump(400, 0.7, 2)}
    return replace(
        course, opening=opening.astype(np.float32), width=width, scores=scores,
        bilabials=bilabials, turn=_bump(440, 25), covered=_bump(470, 0.4), distances=_bump(30, 0.1),
    )  # fmt: skip


def test_planted_moments_are_found() -> None:
    moments = choose_moments(_planted(), 6)
    where = {
        "closure (b)": 120, "widest": 60, "most rounded": 160, "most teeth": 340, "open at m": 400,
        "softest": 220, "most flicker": 260, "skin tone": 300, "head turned 25°": 440,
        "something before it": 470, "rarest mouth": 30,
    }  # fmt: skip
    for words, frame in where.items():
        found = [one for one in moments if words in one.words and "also" not in one.words]
        assert len(found) == 1, words
        assert abs(found[0].frame - frame) <= 2, words
    assert set(scores := ("blur", "flicker", "tone", "teeth")) == set(SCORES), scores


def test_groups_are_full_and_in_time() -> None:
    moments = choose_moments(_planted(), 6)
    for group in ("speech", "trial"):
        frames = [one.frame for one in moments if one.group == group]
        assert len(frames) == 6
        assert frames == sorted(set(frames))
    assert len(choose_moments(_planted(), 3)) == 6


def test_moments_of_a_kind_are_apart() -> None:
    """Two neighboring peaks of one score give one column, and the second best elsewhere."""
    flicker = _bump(100, 5, 1) + _bump(103, 4.9, 1) + _bump(300, 2, 1)
    course = _course(scores={"flicker": flicker})
    moments = choose_moments(course, 6)
    assert _frames(moments, "most flicker") == [100]
    assert _frames(moments, "also flickers") == [300]
    every = choose_moments(_planted(), 6)
    for one in every:
        for other in every:
            apart = abs(one.frame - other.frame) / RATE
            first, second = one.words.split(",")[0], other.words.split(",")[0]
            assert one is other or first != second or apart >= APART_S


def test_one_picture_with_two_reasons_is_one_column() -> None:
    course = _course(scores={"flicker": _bump(200, 5), "tone": _bump(200, 9)})
    trial = [one for one in choose_moments(course, 6) if one.group == "trial"]
    assert [one.words for one in trial if one.frame == 200] == ["most flicker, skin tone"]


def test_the_choice_is_the_same_every_time() -> None:
    assert choose_moments(_planted(), 6) == choose_moments(_planted(), 6)


def test_only_new_mouths_are_looked_at() -> None:
    """Outside the spans the target's own mouth is shown, whatever scores say there."""
    planted = _planted()
    visible = np.ones(N, np.float32)
    visible[:250] = 0
    opening = planted.opening.copy()
    opening[:250] = np.nan
    moments = choose_moments(replace(planted, visible=visible, opening=opening), 6)
    assert moments
    assert all(one.frame >= 250 for one in moments)


def test_the_seam_of_a_span_is_shown_where_mouths_differ_most() -> None:
    fading = np.zeros(N, np.float32)
    for first in (100, 300):
        fading[first : first + 3] = (0.2, 0.5, 0.8)
        fading[first + 3 : first + 80] = 1
    own = _course().opening.copy()
    own[300:304] += 0.4
    course = _course(fading=fading, visible=np.minimum(4 * fading, 1), own_opening=own)
    assert _frames(choose_moments(course, 6), "fades in")[0] in range(300, 303)
    kept = replace(course, visible=np.where(np.arange(N) >= 250, 0, course.visible))
    assert _frames(choose_moments(kept, 6), "fades in")[0] in range(100, 103)


def test_a_mouth_that_is_hidden_is_said_to_be_the_targets_own() -> None:
    covered = _bump(200, 0.5)
    covered[covered < 0.01] = 0
    visible = np.where(covered > 0, 0, 1).astype(np.float32)
    moments = choose_moments(_course(covered=covered, visible=visible), 6)
    assert _frames(moments, "covered: own mouth") == [200]


@pytest.mark.parametrize("middle", [0, 2, 250, N - 1])
def test_the_strip_holds_the_closure(middle: int) -> None:
    opening = _course().opening + _bump(min(middle + 6, N - 1), 0.3, 2)
    opening[middle] = 0.0
    sound = {"p": _bump(middle, 0.9, 2)}
    course = _course(opening=opening.astype(np.float32), bilabials=sound)
    strip, closure = choose_strip(course, 12)
    assert len(strip) == 12
    assert closure is not None
    assert (closure.frame, closure.letter) == (middle, "p")
    assert middle in strip


def test_without_known_sounds_the_lips_that_shut_count() -> None:
    opening = np.full(N, 0.12, np.float32)
    opening[200] = opening[205] = 0.3
    opening[202] = 0.0
    closures = find_closures(_course(opening=opening))
    assert [(one.frame, one.letter) for one in closures] == [(202, "")]
    assert _frames(choose_moments(_course(opening=opening), 6), "closure") == [202]


def test_a_clip_without_any_mouth_has_no_moments() -> None:
    course = _course(visible=np.zeros(N, np.float32), opening=np.full(N, np.nan, np.float32))
    assert choose_moments(course, 6) == []
    strip, closure = choose_strip(course, 12)
    assert (len(strip), closure) == (12, None)


def test_very_short_clips() -> None:
    for n in (1, 2, 5):
        course = MouthCourse(
            np.arange(n) / RATE, np.full(n, 0.1, np.float32), np.full(n, 0.6, np.float32),
            np.ones(n, np.float32),
        )  # fmt: skip
        strip, _ = choose_strip(course, 12)
        assert strip == range(n)
        assert all(0 <= one.frame < n for one in choose_moments(course, 6))
