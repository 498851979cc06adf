"""Footage of several videos: each keeps its own frame rate and its own alignment."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync.face.alignment import align
from lipsync.face.smoothing import smooth_points
from lipsync.face.tracked_face import TrackedFace
from lipsync.mouth.bank.footage import join_tracks
from lipsync.mouth.bank.mouth_bank import BankOptions, build
from lipsync.runtime.cache import Cache
from lipsync.types import Alignment, FaceTrack
from tests.support.faces import similarity, track_of

RNG = np.random.default_rng(3)


def shaken(n: int, fps: int) -> FaceTrack:
    """A face that trembles, at this rate."""
    track = track_of([similarity(60, 0, 100 + x, 70) for x in RNG.normal(0, 1, n)])
    return replace(track, fps=Fraction(fps))


def test_joined_videos_are_smoothed_at_their_own_rates() -> None:
    slow, quick = shaken(40, 25), shaken(60, 60)
    joined = join_tracks([slow, quick])
    assert np.array_equal(joined.rates, np.repeat([25.0, 60.0], [40, 60]))
    jaw = slow.scheme.jaw
    together = smooth_points(joined, jaw)
    assert np.array_equal(together[:40], smooth_points(slow, jaw))
    assert np.array_equal(together[40:], smooth_points(quick, jaw))
    assert not np.array_equal(together[40:], smooth_points(replace(quick, fps=slow.fps), jaw))


def test_videos_of_one_rate_need_no_rate_of_their_own() -> None:
    joined = join_tracks([shaken(30, 25), shaken(30, 25)])
    assert joined.mixed_rates is None and (joined.rates == 25).all()


def test_entries_know_the_rate_of_their_video(tmp_path: Path) -> None:
    joined = join_tracks([shaken(40, 25), shaken(60, 60)])
    face = TrackedFace.of(joined)
    frames = [np.full((160, 200, 3), 120, np.uint8)] * len(joined)
    bank, _ = build(frames, face, BankOptions(bank_sharpness=0), Cache(tmp_path), "footage")
    assert set(bank.entry_rates[bank.frames < 40]) == {25.0}
    assert set(bank.entry_rates[bank.frames >= 40]) == {60.0}


def test_a_bank_of_another_alignment_is_another_bank(tmp_path: Path) -> None:
    """The same file and track, aligned to the template of another target: nothing may be reused."""
    track = shaken(40, 25)
    frames = [RNG.integers(0, 255, (160, 200, 3), np.uint8) for _ in range(40)]
    own = align(track)
    moved = own.to_frame.copy()
    moved[:, :, 2] += 5
    banks = [
        build(frames, TrackedFace(track, one), BankOptions(), Cache(tmp_path), "teeth.png")[0]
        for one in (own, Alignment(moved))
    ]
    assert not np.array_equal(banks[0].lips, banks[1].lips)
    again = build([], TrackedFace(track, own), BankOptions(), Cache(tmp_path), "teeth.png")[0]
    assert np.array_equal(again.lips, banks[0].lips), "read from the cache, without frames"


def test_footage_without_a_face_is_refused(tmp_path: Path) -> None:
    from lipsync.errors import NoFaceError

    track = shaken(5, 25)
    blank = replace(track, found=np.zeros(5, bool))
    face = TrackedFace(blank, align(track))
    with pytest.raises(NoFaceError, match="no frame shows a face"):
        build([], face, BankOptions(), Cache(tmp_path), "nobody")
