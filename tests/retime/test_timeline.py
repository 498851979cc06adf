"""How long the output is, how much of the target it reads, and when its frames are shown."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync.retime import TimingOptions, keep_timing
from lipsync.retime.timeline import OutputLength, OutputTimeline, TargetSpan
from lipsync.types import LipTrack, VideoInfo

FPS = Fraction(25)


def target(frames: int, stamps: tuple[Fraction, ...] | None = None) -> VideoInfo:
    """A target of so many frames."""
    return VideoInfo(Path("target.mp4"), 64, 48, FPS, frames, stamps=stamps)


def timing(how: str) -> TimingOptions:
    return TimingOptions(timing=how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("how", "speech", "frames", "speech_frames", "duration"),
    [
        ("auto", Fraction(2), 50, 50, Fraction(2)),
        ("auto", Fraction(6), 150, 150, Fraction(6)),  # the target is repeated
        ("cut", Fraction(6), 100, 150, Fraction(4)),  # the output ends with the target
        ("cut", Fraction(2), 50, 50, Fraction(2)),
    ],
)
def test_the_output_lasts_as_long_as_the_speech_or_the_target(
    how: str, speech: Fraction, frames: int, speech_frames: int, duration: Fraction
) -> None:
    length = OutputLength.of(target(100), speech, timing(how))
    assert (length.frames, length.speech_frames, length.duration) == (
        frames,
        speech_frames,
        duration,
    )


def test_the_sound_is_never_shorter_than_the_last_frame() -> None:
    """1.99 s of speech round up to 50 frames, which take 2 s."""
    length = OutputLength.of(target(100), Fraction(199, 100), timing("auto"))
    assert length.frames == 50
    assert length.sound == 2


@pytest.mark.parametrize(
    ("how", "speech", "keeps_time", "expected"),
    [
        ("auto", 2, False, (False, Fraction(2))),  # retimed: the part that fits the pauses
        ("auto", 6, False, (True, Fraction(6))),  # played forth and back, from the beginning
        ("retime", 6, False, (False, Fraction(6))),
        ("cut", 6, False, (True, None)),
        ("cut", 2, False, (True, Fraction(2))),
        ("retime", 4, True, (True, None)),  # spans lie on the target's own time line
    ],
)
def test_how_much_of_the_target_is_read(
    how: str, speech: int, keeps_time: bool, expected: tuple[bool, Fraction | None]
) -> None:
    span = TargetSpan.of(Fraction(4), Fraction(speech), timing(how), keeps_time)
    assert (span.keeps_order, span.seconds) == expected


def test_regular_frames_are_their_own_steps() -> None:
    line = OutputTimeline.of(target(20), keep_timing(20, 25.0), np.ones(20, bool))
    assert line.regular and line.end == pytest.approx(0.8)
    values = np.arange(20, dtype=np.float32)
    assert line.sample(values) is values


def test_irregular_frames_take_what_is_due_at_their_time() -> None:
    """Values that are the time itself: each frame must get its own time back."""
    stamps = tuple(Fraction(i, 25) + Fraction(i % 3, 100) for i in range(20))
    info = target(20, stamps)
    line = OutputTimeline.of(info, keep_timing(20, 25.0), np.ones(20, bool))
    assert not line.regular and line.rate == 50
    steps = np.arange(len(line.steps), dtype=np.float32) / float(line.rate)
    assert line.sample(steps) == pytest.approx([float(s) for s in stamps], abs=1e-5)
    points = np.repeat(steps[:, None, None], 18, axis=1).repeat(2, axis=2)
    lips = line.sample_lips(LipTrack(points, line.rate), FPS)
    assert len(lips) == 20 and lips.rate == FPS
