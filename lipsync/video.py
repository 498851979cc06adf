"""The target's frames in the order in which the output shows them."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from lipsync.media import read_frames
from lipsync.types import U8, Timing, VideoInfo

MEMORY_BYTES = 256 << 20  # of decoded frames kept at a time


def frames_in_order(info: VideoInfo, timing: Timing) -> Generator[U8, None, None]:
    """Frames `timing.source` of the target, streamed; each is the caller's own to write on.

    Forward runs are decoded as they come. A file cannot be decoded backwards, so a backward run
    is cut into pieces that fit in MEMORY_BYTES. Frames that all fit are decoded only once.

    Raises:
        MediaError: the target cannot be decoded.
    """
    if timing.blend.any():
        raise ValueError("frames_in_order: wanted an unblended Timing")
    order = timing.source.tolist()
    if not order:
        return
    low, high = min(order), max(order)
    if low < 0 or high >= info.frame_count:
        raise ValueError(f"frames_in_order: wanted 0..{info.frame_count - 1}, got {low}..{high}")
    room = max(1, MEMORY_BYTES // (info.width * info.height * 3))
    runs = list(_runs(order, room))
    if len(runs) > 1 and high - low < room:
        kept = list(read_frames(info, low, high + 1))
        for index in order:
            yield kept[index - low].copy()
        return
    for run in runs:
        yield from _forward(info, run) if run[0] <= run[-1] else _backward(info, run)


def _runs(order: list[int], room: int) -> Iterator[list[int]]:
    """Cut an order into forward runs and into backward runs that span at most `room` frames.

    A jump ahead by more than a second or so starts a new run: seeking beats decoding through it.
    """
    run = [order[0]]
    for index in order[1:]:
        step, direction = index - run[-1], run[-1] - run[0]
        ahead = direction >= 0 and 0 <= step <= 30
        back = direction <= 0 and step <= 0 and run[0] - index < room
        if ahead or back:
            run.append(index)
        else:
            yield run
            run = [index]
    yield run


def _forward(info: VideoInfo, run: list[int]) -> Iterator[U8]:
    """An ascending run, decoded as it goes."""
    frames = read_frames(info, run[0], run[-1] + 1)
    try:
        at, frame = run[0], next(frames)
        for shown, index in enumerate(run):
            while at < index:
                at, frame = at + 1, next(frames)
            again = run[shown + 1 : shown + 2] == [index]
            yield frame.copy() if again else frame
    finally:
        frames.close()


def _backward(info: VideoInfo, run: list[int]) -> Iterator[U8]:
    """A descending run that fits in memory."""
    kept = list(read_frames(info, run[-1], run[0] + 1))
    for shown, index in enumerate(run):
        frame = kept[index - run[-1]]
        again = run[shown + 1 : shown + 2] == [index]
        yield frame.copy() if again else frame
