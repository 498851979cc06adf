"""Frames in any order are those of the file."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from lipsync import media
from lipsync.media import frame_order
from lipsync.media.frame_coding import RGB, FrameCoding
from lipsync.media.frame_interpolation import interpolate_frames
from lipsync.retime import Motion, loops
from lipsync.types import Timing, VideoInfo
from tests.support import clips

FRAME = 96 * 64 * 3


def _clip() -> VideoInfo:
    return media.probe(clips.video("video.mp4", "-c:v", "libx264", "-bf", "3", frames=70))


def _timing(order: list[int]) -> Timing:
    return Timing(np.array(order, np.int64), np.zeros(len(order), np.float32))


ORDERS = {
    "plain": list(range(70)),
    "bounce": loops.bounce(Motion.motionless(70, 25.0), 200).tolist(),
    "held": [5, 5, 5, 6, 6, 7, 7, 7, 6, 6, 5, 5],
    "jumps": [60, 61, 3, 4, 69, 0, 30, 29, 28, 50],
    "skips": list(range(0, 70, 3)),
    "late": list(range(40, 60)),
    "one": [13],
    "none": [],
}


@pytest.mark.parametrize("room", [8, 1000])
@pytest.mark.parametrize("name", ORDERS)
def test_order_equals_indexing(name: str, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_order, "MEMORY_BYTES", room * FRAME)
    info = _clip()
    frames = list(media.read_frames(info))
    got = list(frame_order.read_frames_in_order(info, _timing(ORDERS[name])))
    assert len(got) == len(ORDERS[name])
    for frame, index in zip(got, ORDERS[name], strict=True):
        np.testing.assert_array_equal(frame, frames[index])


@pytest.mark.parametrize("room", [8, 1000])
def test_each_frame_is_the_callers_own(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing on a frame must not show in the next that comes from the same picture."""
    monkeypatch.setattr(frame_order, "MEMORY_BYTES", room * FRAME)
    info = _clip()
    frames = list(media.read_frames(info))
    order = ORDERS["held"] + ORDERS["bounce"]
    for frame, index in zip(
        frame_order.read_frames_in_order(info, _timing(order)), order, strict=True
    ):
        np.testing.assert_array_equal(frame, frames[index])
        frame[:] = 0


@pytest.mark.parametrize(("rate", "reads"), [(25, 2), (240, 1)])
def test_a_jump_of_less_than_a_second_is_decoded_through(
    rate: int, reads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seeking pays after a second or so, however many frames that is: 31 are 1.24 s or 0.13 s."""
    starts: list[int] = []

    def counting(
        info: VideoInfo, start: int = 0, stop: int | None = None, coding: FrameCoding = RGB
    ) -> object:
        starts.append(start)
        return media.read_frames(info, start, stop, coding)

    info = media.probe(clips.video(f"rate{rate}.mp4", "-c:v", "libx264", rate=str(rate), frames=70))
    frames = list(media.read_frames(info))
    order = [2, 3, 34, 35]
    monkeypatch.setattr(frame_order, "MEMORY_BYTES", 8 * FRAME)
    monkeypatch.setattr(frame_order, "read_frames", counting)
    for frame, index in zip(
        frame_order.read_frames_in_order(info, _timing(order)), order, strict=True
    ):
        np.testing.assert_array_equal(frame, frames[index])
    assert len(starts) == reads


def test_a_still_is_shown_as_long_as_needed() -> None:
    source = "smptebars=size=96x64"
    info = media.probe(clips.make("bars.png", "-f", "lavfi", "-i", source, "-frames:v", "1"))
    frames = list(frame_order.read_frames_in_order(info, _timing([0] * 40)))
    assert len(frames) == 40
    assert all((f == frames[0]).all() for f in frames)


def test_a_backward_run_stays_within_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_order, "MEMORY_BYTES", 6 * FRAME)
    info = _clip()
    list(media.read_frames(info, 0, 1))  # imports and the inspection are not the frames'
    tracemalloc.start()
    try:
        for _ in frame_order.read_frames_in_order(info, _timing(list(range(69, -1, -1)))):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 9 * FRAME + 300_000


def test_wrong_orders() -> None:
    info = _clip()
    with pytest.raises(ValueError, match=r"0\.\.69"):
        list(frame_order.read_frames_in_order(info, _timing([0, 70])))
    with pytest.raises(ValueError, match=r"0\.\.69, got 69\.\.70"):  # nothing after the last
        list(frame_order.read_frames_in_order(info, Timing.at(np.array([69.5]))))


BETWEEN = {
    "slow": np.arange(0, 20, 0.5),
    "back": np.arange(60, 40, -0.5),
    "turn": np.array([3, 4, 4.5, 5, 4.5, 4, 3.5, 3, 3, 3.25]),
    "jump": np.array([60.5, 3, 3.5, 40.5, 40.5]),
}


@pytest.mark.parametrize("room", [8, 1000])
@pytest.mark.parametrize("name", BETWEEN)
def test_pictures_between_frames(name: str, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_order, "MEMORY_BYTES", room * FRAME)
    info = _clip()
    frames = list(media.read_frames(info))
    got = list(frame_order.read_frames_in_order(info, Timing.at(BETWEEN[name])))
    assert len(got) == len(BETWEEN[name])
    for frame, position in zip(got, BETWEEN[name], strict=True):
        first, share = int(position), position % 1
        if share == 0:
            np.testing.assert_array_equal(frame, frames[first])
        else:
            made = interpolate_frames(frames[first], frames[first + 1], share).astype(int)
            # Half-way, the nearer of the two frames is the one that came before.
            other = interpolate_frames(frames[first + 1], frames[first], 1 - share).astype(int)
            off = [np.abs(frame.astype(int) - one).max() for one in (made, other)]
            assert min(off) <= 1


@pytest.mark.real
def test_a_long_target_forth_and_back(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = media.probe(shared / "data/targets/grid_s1_120s.mp4")
    monkeypatch.setattr(frame_order, "MEMORY_BYTES", 100 * info.width * info.height * 3)
    order = [*range(2800, 3000), *range(2998, 2700, -1)]
    frames = list(media.read_frames(info, 2700, 3000))
    for frame, index in zip(
        frame_order.read_frames_in_order(info, _timing(order)), order, strict=True
    ):
        np.testing.assert_array_equal(frame, frames[index - 2700])
