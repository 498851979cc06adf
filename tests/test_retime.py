"""Forth and back."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.retime import bounce


def test_a_longer_output_turns_round_without_doubling_the_ends() -> None:
    assert bounce(4, 10).source.tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3]
    assert bounce(2, 5).source.tolist() == [0, 1, 0, 1, 0]


def test_a_shorter_or_equal_output_is_the_target_itself() -> None:
    for n in (0, 1, 7, 8):
        np.testing.assert_array_equal(bounce(8, n).source, np.arange(n))


def test_a_single_frame_is_held() -> None:
    assert bounce(1, 4).source.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("n_target", [2, 3, 50])
def test_every_step_is_one_frame(n_target: int) -> None:
    timing = bounce(n_target, 5 * n_target)
    assert set(np.abs(np.diff(timing.source)).tolist()) == {1}
    assert set(timing.source.tolist()) == set(range(n_target))
    assert not timing.blend.any()


def test_impossible_lengths() -> None:
    with pytest.raises(ValueError, match="n_target >= 1"):
        bounce(0, 3)
