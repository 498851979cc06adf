"""The target's frames in output order, and pictures between them."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

from lipsync.media.frame_coding import RGB, FrameCoding
from lipsync.media.frame_interpolation import interpolate_planes
from lipsync.media.frames import read_frames
from lipsync.types import U8, Timing, VideoInfo

MEMORY_BYTES = 256 << 20  # of decoded frames kept in memory
SEEK_S = 1.2  # a longer jump ahead seeks: that is faster than decoding all frames in between


def read_frames_in_order(
    info: VideoInfo, timing: Timing, coding: FrameCoding = RGB
) -> Generator[U8, None, None]:
    """Pictures at `timing.position` of the target, streamed; each is the caller's to modify.

    A picture between two frames is interpolated (`interpolate_frames`). Forward runs are decoded
    as they come. A file cannot be decoded backwards, so backward runs are cut into pieces that fit
    in MEMORY_BYTES. If all frames fit, they are decoded only once.

    Args:
        coding: of the pictures; see `read_frames`.

    Raises:
        MediaError: the target cannot be decoded.
    """
    shares = timing.blend.tolist()
    needed = _required_frames(timing.source.tolist(), shares)
    frames = _read_frames(info, [index for pair in needed for index in pair], coding)
    try:
        for (first, *rest), share in zip(needed, shares, strict=True):
            frame = next(frames)
            if rest:
                share = share if rest[0] > first else 1 - share
                frame = _between(frame, next(frames), share, coding)
            yield frame
    finally:
        frames.close()


def _between(one: U8, other: U8, share: float, coding: FrameCoding) -> U8:
    """The picture between two."""
    made = one.copy()
    new = interpolate_planes(coding.planes(one), coding.planes(other), share)
    for plane, picture in zip(coding.planes(made), new, strict=True):
        plane[:] = picture
    return made


def _required_frames(sources: list[int], shares: list[float]) -> list[tuple[int, ...]]:
    """The one or two frames of every picture, in the direction in which the order runs there."""
    needed: list[tuple[int, ...]] = []
    for source, share in zip(sources, shares, strict=True):
        if share == 0:
            needed.append((source,))
        elif needed and needed[-1][-1] > source:
            needed.append((source + 1, source))
        else:
            needed.append((source, source + 1))
    return needed


def _read_frames(
    info: VideoInfo, order: list[int], coding: FrameCoding
) -> Generator[U8, None, None]:
    """Frames of the target in any order."""
    if not order:
        return
    low, high = min(order), max(order)
    if low < 0 or high >= info.frame_count:
        raise ValueError(
            f"read_frames_in_order: wanted 0..{info.frame_count - 1}, got {low}..{high}"
        )
    room = max(1, MEMORY_BYTES // math.prod(coding.shape(info.width, info.height)))
    runs = list(_runs(order, room, round(SEEK_S * info.fps)))
    if len(runs) > 1 and high - low < room:
        kept = list(read_frames(info, low, high + 1, coding))
        for index in order:
            yield kept[index - low].copy()
        return
    for run in runs:
        yield from (_forward if run[0] <= run[-1] else _backward)(info, run, coding)


def _runs(order: list[int], room: int, longest_step: int) -> Iterator[list[int]]:
    """Cut an order into forward runs and into backward runs that span at most `room` frames.

    A jump ahead by more than `longest_step` frames starts a new run.
    """
    run = [order[0]]
    for index in order[1:]:
        step, direction = index - run[-1], run[-1] - run[0]
        ahead = direction >= 0 and 0 <= step <= longest_step
        back = direction <= 0 and step <= 0 and run[0] - index < room
        if ahead or back:
            run.append(index)
        else:
            yield run
            run = [index]
    yield run


def _forward(info: VideoInfo, run: list[int], coding: FrameCoding) -> Iterator[U8]:
    """An ascending run, decoded as it goes."""
    frames = read_frames(info, run[0], run[-1] + 1, coding)
    try:
        at, frame = run[0], next(frames)
        for shown, index in enumerate(run):
            while at < index:
                at, frame = at + 1, next(frames)
            again = run[shown + 1 : shown + 2] == [index]
            yield frame.copy() if again else frame
    finally:
        frames.close()


def _backward(info: VideoInfo, run: list[int], coding: FrameCoding) -> Iterator[U8]:
    """A descending run that fits in memory."""
    kept = list(read_frames(info, run[-1], run[0] + 1, coding))
    for shown, index in enumerate(run):
        frame = kept[index - run[-1]]
        again = run[shown + 1 : shown + 2] == [index]
        yield frame.copy() if again else frame
