"""How strongly edges are raised: steady within a shot, and at once where a mouth appears."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from lipsync.face.lip_mask import mask_opening
from lipsync.face.tracked_face import TrackedFace
from lipsync.mouth.finish.sharpen import Sharpness, measure_edges
from lipsync.mouth.finish.teeth import TeethOptions, finish_teeth
from lipsync.mouth.finish.teeth_relief import NO_TEETH
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.types import Patch
from tests.support.faces import similarity, track_of

N, SIZE, SCALE = 24, 160, 60.0
PLACE = similarity(SCALE, 0, 80, 30)
RNG = np.random.default_rng(5)


def soft_patch() -> Patch:
    """A textured picture without its finest edges."""
    noise = RNG.integers(60, 190, (SIZE, SIZE, 3)).astype(np.uint8)
    rgb = cv2.GaussianBlur(noise, (0, 0), 1.5)
    alpha = np.ones((SIZE, SIZE), np.float32)
    return Patch(rgb, alpha, np.eye(2, 3, dtype=np.float32))


PATCH = soft_patch()


def edges_over_time(
    visible: list[bool], wanted_edges: list[float], cuts: list[int] | None = None, fps: int = 25
) -> list[float | None]:
    """Edges of each finished mouth; the same soft picture is given wherever one is visible.

    Args:
        wanted_edges: of the person's own mouth in each frame, as multiples of the soft one's.
    """
    # The lips' opening tells the frames apart, so that each can be asked for its own sharpness.
    openings = [0.05 + 0.2 * edge for edge in wanted_edges]
    track = track_of([PLACE] * N, openings)
    track = replace(track, cuts=np.array(cuts or [], np.int64), fps=Fraction(fps))
    face = TrackedFace.of(track)
    wanted = WantedMouths(face.lips, face, np.arange(N))
    lips = track.xy[:, list(track.scheme.lips)]
    own, _ = measure_edges(PATCH.rgb, lips[0], SCALE)
    # Eight entries of each kind: the expected sharpness is the mean of the eight nearest.
    edges = np.full((8 * N, 2), np.nan, np.float32)  # of the whole mouth alone
    edges[:, 0] = np.repeat(np.array(wanted_edges, np.float32) * own, 8)
    sharpness = Sharpness(np.repeat(face.lips.points, 8, axis=0), edges)
    patches = [PATCH if one else None for one in visible]
    made = finish_teeth(patches, wanted, NO_TEETH, sharpness, TeethOptions(teeth_strength=0))
    return [
        None if patch is None else measure_edges(patch.rgb, lips[0], SCALE)[0] / own
        for patch in made
    ]


def test_a_mouth_that_appears_late_is_as_sharp_as_it_will_be() -> None:
    """Spans that do not begin at 0, a face that comes in late."""
    edges = edges_over_time([False] * 8 + [True] * 16, [1.3] * N)
    assert edges[7] is None
    assert edges[8] == pytest.approx(edges[-1], rel=0.01)


def test_a_mouth_that_returns_is_as_sharp_as_it_will_be() -> None:
    edges = edges_over_time([True] * 8 + [False] * 4 + [True] * 12, [1.0] * 8 + [1.3] * 16)
    assert edges[12] == pytest.approx(edges[-1], rel=0.01)


def test_a_cut_does_not_carry_the_sharpness_of_the_shot_before() -> None:
    levels = [1.0] * 12 + [1.3] * 12
    cut = edges_over_time([True] * N, levels, cuts=[12])
    through = edges_over_time([True] * N, levels)
    assert cut[12] == pytest.approx(cut[-1], rel=0.01)
    assert through[12] is not None and cut[12] is not None
    assert through[12] < cut[12] - 0.05, "within a shot it rises slowly: it must not flicker"


def test_sharpness_rises_over_the_same_time_at_any_rate() -> None:
    """After 0.2 s: five frames at 25 a second, ten at 50."""
    slow = edges_over_time([True] * N, [1.0] * 6 + [1.3] * 18, fps=25)
    quick = edges_over_time([True] * N, [1.0] * 6 + [1.3] * 18, fps=50)
    assert slow[10] == pytest.approx(quick[15], rel=0.01)
    assert slow[7] > quick[7]  # type: ignore[operator]


def test_teeth_are_sharpened_apart_from_the_lips() -> None:
    """Their own edges are harder than a prediction's, the lips' are not."""
    track = track_of([PLACE] * 2, [0.3] * 2)
    face = TrackedFace.of(track)
    lips = track.xy[0, list(track.scheme.lips)]
    mouth, opening = measure_edges(PATCH.rgb, lips, SCALE)
    assert opening > 0
    wanted = WantedMouths(face.lips, face, np.arange(2))
    own = Sharpness(face.lips.points[:1], np.array([[0.5 * mouth, 1.5 * opening]], np.float32))
    options = TeethOptions(teeth_strength=0)
    made = list(finish_teeth([PATCH, PATCH], wanted, NO_TEETH, own, options))[1]
    assert made is not None
    assert 1.2 * opening < measure_edges(made.rgb, lips, SCALE)[1] < 1.6 * opening
    changed = (made.rgb != PATCH.rgb).any(-1)
    outside = mask_opening(lips, changed.shape, 0.01 * SCALE) == 0
    assert not changed[outside].any()
