"""The second of a speech that tells most."""

from __future__ import annotations

import numpy as np

from lipsync.speech.articulation import LOWER, UPPER
from lipsync.speech.telling_second import LEFT, RIGHT, find_telling_second
from lipsync.types import F32

RATE, SECONDS = 100, 6


def shapes_of(gap: F32, width: F32) -> F32:
    """Lips with these gaps and widths, (m, 18, 2)."""
    shapes = np.zeros((len(gap), 18, 2), np.float32)
    shapes[:, UPPER, 1], shapes[:, LOWER, 1] = -gap / 2, gap / 2
    shapes[:, LEFT, 0], shapes[:, RIGHT, 0] = -width / 2, width / 2
    return shapes


def speech(*, shut_at: tuple[float, ...] = (), wide_at: float | None = None) -> tuple[F32, F32]:
    """Shapes of lips that hang half open but at these times, and their times."""
    times = np.arange(RATE * SECONDS, dtype=np.float32) / RATE
    gap, width = np.full(len(times), 0.3, np.float32), np.ones(len(times), np.float32)
    for at in shut_at:
        gap[np.abs(times - at) < 0.06] = 0
    if wide_at is not None:
        gap[np.abs(times - wide_at) < 0.06] = 0.6
    return shapes_of(gap, width), times


def test_it_holds_the_shut_and_the_wide_mouth() -> None:
    start = find_telling_second(*speech(shut_at=(1.0, 4.2), wide_at=4.8))
    assert start <= 4.2 - 0.06 and start + 1 >= 4.8 + 0.06


def test_a_second_without_a_shut_mouth_tells_less() -> None:
    shapes, times = speech(shut_at=(1.5,), wide_at=4.5)
    start = find_telling_second(shapes, times)
    assert start < 1.5 < start + 1


def test_a_change_of_width_counts() -> None:
    shapes, times = speech()
    shapes[300:320, RIGHT, 0] += 0.4
    start = find_telling_second(shapes, times)
    assert start < 3.2 and start + 1 > 3.0


def test_short_speech_begins_at_its_beginning() -> None:
    shapes, times = speech(shut_at=(0.3,))
    assert find_telling_second(shapes[:60], times[:60]) == 0
