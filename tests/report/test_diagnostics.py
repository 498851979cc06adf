"""Warnings of a render: what they are told by."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.report.diagnostics import (
    UnchangedFrames,
    warn_of_coverage,
    warn_of_hard_target,
    warn_of_others,
)
from lipsync.types import Alignment, FootageAppearance

TARGET, REFERENCE = 20, 60  # frames
DARK, BRIGHT = 15.0, 120.0  # levels


def appearance(target: float, reference: float) -> FootageAppearance:
    """Footage whose target and reference have these skin colors."""
    levels = np.repeat([target, reference], [TARGET, REFERENCE]).astype(np.float32)
    return FootageAppearance(
        skin_color=np.repeat(levels[:, None], 3, axis=1),
        outlier_score=np.zeros(len(levels), np.float32),
        other_identity_shots=np.zeros(0, np.int64),
    )


def alignment(scale: float) -> Alignment:
    """A face of so many pixels between the outer eye corners."""
    matrix = np.array([[scale, 0, 0], [0, scale, 0]], np.float32)
    return Alignment(np.repeat(matrix[None], TARGET, axis=0))


@pytest.mark.parametrize(("target", "reference"), [(DARK, BRIGHT), (BRIGHT, DARK)])
def test_darkness_is_the_targets_whatever_the_references_are(
    target: float, reference: float
) -> None:
    """References are three quarters of this footage: its median would tell of them alone."""
    seen = appearance(target, reference).of_target(TARGET)
    dark = [line for line in warn_of_hard_target(alignment(80), seen) if "dark" in line]
    assert bool(dark) == (target == DARK)


def test_a_target_cannot_be_longer_than_its_footage() -> None:
    with pytest.raises(ValueError, match="wanted 100 frames or more, got 80"):
        appearance(DARK, BRIGHT).of_target(100)


def test_small_faces_are_told_with_their_size() -> None:
    seen = appearance(BRIGHT, BRIGHT).of_target(TARGET)
    assert "the face is small (31 pixels" in next(warn_of_hard_target(alignment(31), seen))
    assert not list(warn_of_hard_target(alignment(80), seen))


def test_footage_of_others_and_missing_mouths_are_named() -> None:
    seen = appearance(BRIGHT, BRIGHT)
    assert not list(warn_of_others(seen)) and not list(warn_of_coverage(0))
    assert "for 1.2 s the footage has no mouth" in next(warn_of_coverage(1.2))
    shots = np.array([1, 2])
    others = FootageAppearance(seen.skin_color, seen.outlier_score, shots)
    assert "2 shots of the footage show another person" in next(warn_of_others(others))


def test_a_mouth_that_is_hidden_throughout_is_said_in_one_line() -> None:
    hidden = UnchangedFrames(wanted=50, missing=0, elsewhere=0, turned=3, covered=50)
    assert [line.split(";")[0] for line in hidden.warnings()] == [
        "the mouth is hidden in all 50 frames"
    ]


def test_reasons_of_unchanged_frames_add_up() -> None:
    lines = list(UnchangedFrames(wanted=50, missing=9, elsewhere=4, turned=0, covered=2).warnings())
    assert [line.split(" and keep")[0] for line in lines] == [
        "5 of 50 frames show no face",
        "4 of 50 frames show only other faces",
        "2 of 50 frames show something before the mouth",
    ]
