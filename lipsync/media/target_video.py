"""How a target is read: at which times its frames are shown, and for which kind of screen."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Literal

from lipsync.media.formats import Format
from lipsync.media.video_info import probe
from lipsync.runtime.option_spec import options
from lipsync.types import VideoInfo

# A mouth that speaks must be seen to move: no picture may stay longer than this.
HOLD_MOST_S = Fraction(3, 20)
_SCREENS = {"smpte2084": "PQ", "arib-std-b67": "HLG"}


@options
class ReadOptions:
    """What becomes of the target's own times and colours."""

    frame_rate: Literal["auto", "keep", "constant"] = "auto"
    """Of a target whose frame rate varies. keep: every output frame is the target's next one, at
    its own time; constant: the usual rate, pictures repeated or left out; auto: keep, unless a
    picture stays so long (0.15 s) that the mouth would be seen to stop, or the head is timed to the
    speech. An output that outlasts its target is constant."""
    hdr: Literal["keep", "tonemap"] = "keep"
    """Of a target for screens of high dynamic range (PQ, HLG). keep: 10-bit HEVC, or 10-bit VP9 in
    a .webm; tonemap: BT.709 for every screen."""


def read_target(
    path: Path,
    options: ReadOptions,
    length: Fraction | None,
    form: Format,
    straight: bool = True,
) -> VideoInfo:
    """Inspect the video that an output is made of.

    Args:
        length: seconds of the output; None: as long as the video.
        form: of the output; a folder of frames has a constant rate and no high dynamic range.
        straight: the output shows the video's pictures one after the other, none between two.

    Raises:
        MediaError: missing, unreadable, not media, or without a picture.
    """
    tonemap = options.hdr == "tonemap" or form.frames
    info = probe(path, tonemap=tonemap)
    kept = info
    if options.frame_rate != "constant" and not info.still and not form.frames:
        kept = probe(path, keep_stamps=True, tonemap=tonemap)
    told: tuple[str, ...] = ()
    if kept.stamps is not None:
        why = _against(kept, options, length, straight)
        if why is None:
            info = kept
            if not straight:
                told = (
                    f"{path}: its frame times are kept, and the head is not timed to the speech",
                )
        else:
            told = (f"{path}: its frame times are not kept: {why}",)
    return replace(info, remarks=(*info.remarks, *told, *_screen(info, path)))


def _against(
    kept: VideoInfo, options: ReadOptions, length: Fraction | None, straight: bool
) -> str | None:
    """Why the target's own times will not do; None: they will."""
    stamps = kept.stamps or ()
    if not straight and options.frame_rate == "auto":
        return "the head is timed to the speech (--timing cut leaves it as it is)"
    if length is not None and length > kept.duration + 1 / kept.fps / 2:
        return "the output is longer than the target"
    longest = max((b - a for a, b in pairwise(stamps)), default=Fraction(0))
    if options.frame_rate == "auto" and longest > HOLD_MOST_S:
        return f"a picture stays for {float(longest):.2f} s, and the mouth would stop with it"
    return None


def _screen(info: VideoInfo, path: Path) -> tuple[str, ...]:
    source = probe(path)
    screen = _SCREENS.get(source.color.transfer or "")
    if screen is None:
        return ()
    if info.tonemapped:
        return (f"{path}: {screen} was tone-mapped to BT.709; colours beyond it are lost",)
    return (
        f"{path}: {screen} is kept, worked on in 8 bits with dither; mastering levels are left out "
        "(--hdr tonemap makes it fit for every screen)",
    )
