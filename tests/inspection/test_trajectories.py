"""Trajectories at a common rate, of faces whose motion is known."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from lipsync.face.tracked_face import TrackedFace
from lipsync.inspection.trajectories import RATE, trace_face
from lipsync.types import FaceTrack
from tests.support.faces import similarity, track_of


def swaying(fps: int, seconds: float = 2.0) -> FaceTrack:
    """A head that sways while its mouth opens and shuts three times a second."""
    at = np.arange(round(fps * seconds)) / fps
    poses = [similarity(100, 0.1 * np.sin(t), 200 + 20 * np.sin(2 * t), 100) for t in at]
    openings = (0.1 + 0.08 * np.sin(2 * np.pi * 3 * at)).tolist()
    return replace(track_of(poses, openings), fps=Fraction(fps))


def test_the_rate_of_the_camera_does_not_matter() -> None:
    slow, fast = (trace_face(TrackedFace.of(swaying(fps))) for fps in (25, 50))
    assert len(slow.lips) == len(fast.lips) == 2 * RATE
    inner = slice(5, -5)  # the alignment is smoothed over a fixed time, except at the ends
    assert slow.lips[inner] == pytest.approx(fast.lips[inner], abs=0.01)
    assert slow.jaw[inner] == pytest.approx(fast.jaw[inner], abs=0.01)
    assert slow.head[inner] == pytest.approx(fast.head[inner], abs=0.02)
    assert slow.known.all()


def test_lips_do_not_see_the_head_move() -> None:
    moves = trace_face(TrackedFace.of(swaying(25)))
    still = np.ptp(moves.rigid, axis=0).max()
    assert still < 0.02
    assert np.ptp(moves.lips[:, 16, 1]) == pytest.approx(0.08, abs=0.02)  # of half the gap
    assert np.ptp(moves.head[:, 0]) == pytest.approx(0.4, abs=0.1)  # 40 pixels of 100


def test_frames_without_a_face_are_bridged_and_marked() -> None:
    track = swaying(25)
    found = track.found.copy()
    found[20:30] = False
    points = track.points.copy()
    points[20:30] = np.nan
    moves = trace_face(TrackedFace.of(replace(track, points=points, found=found)))
    assert np.isfinite(moves.lips).all()
    assert not moves.known[21:29].any()
    assert moves.known[:20].all() and moves.known[30:].all()


def test_shots_are_numbered() -> None:
    track = replace(swaying(50), cuts=np.array([40], np.int64))
    moves = trace_face(TrackedFace.of(track))
    assert (moves.shot[:20] == 0).all() and (moves.shot[20:] == 1).all()
