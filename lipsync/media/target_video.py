"""How a target is read: frame times, dynamic range."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Literal

from lipsync.media.formats import Format
from lipsync.media.video_info import probe
from lipsync.runtime.option_spec import option_group
from lipsync.types import VideoInfo

# A speaking mouth must keep moving: no picture may stay longer than this.
MAX_HOLD_S = Fraction(3, 20)
_SCREENS = {"smpte2084": "PQ", "arib-std-b67": "HLG"}


@option_group
class ReadOptions:
    """What happens to the target's frame times and dynamic range."""

    frame_rate: Literal["auto", "keep", "constant"] = "auto"
    """For targets with a variable frame rate. keep: output frames are the target's, at their own
    times; constant: the nominal rate, with pictures repeated or dropped; auto: keep, unless a
    picture stays so long (0.15 s) that the mouth would visibly stop, or the head motion is retimed
    to the speech. An output longer than its target is constant."""
    hdr: Literal["keep", "tonemap"] = "keep"
    """For HDR targets (PQ, HLG). keep: 10-bit HEVC, or 10-bit VP9 in a .webm; tonemap: BT.709, for
    every screen."""


def probe_target(
    path: Path,
    options: ReadOptions,
    length: Fraction | None,
    form: Format,
    straight: bool = True,
) -> VideoInfo:
    """Inspect the target of an output; read it as the options ask.

    Args:
        length: seconds of the output; None: as long as the video.
        form: of the output; a folder of frames has a constant rate and no HDR.
        straight: the output shows the video's pictures in order, and none between two.

    Raises:
        MediaError: missing, unreadable, not media, or without a picture.
    """
    tonemap = options.hdr == "tonemap" or form.frames
    info = probe(path, tonemap=tonemap)
    kept = info
    if options.frame_rate != "constant" and not info.still and not form.frames:
        kept = probe(path, keep_stamps=True, tonemap=tonemap)
    notes: tuple[str, ...] = ()
    if kept.stamps is not None:
        why = _reason_against_times(kept, options, length, straight)
        if why is None:
            info = kept
            if not straight:
                notes = (
                    f"{path}: its frame times are kept, and the head is not timed to the speech",
                )
        else:
            notes = (f"{path}: its frame times are not kept: {why}",)
    return replace(info, remarks=(*info.remarks, *notes, *_hdr_remarks(info, path)))


def _reason_against_times(
    kept: VideoInfo, options: ReadOptions, length: Fraction | None, straight: bool
) -> str | None:
    """Why the target's frame times cannot be kept; None: they can."""
    stamps = kept.stamps or ()
    if not straight and options.frame_rate == "auto":
        return "the head is timed to the speech (--timing cut leaves it as it is)"
    if length is not None and length > kept.duration + 1 / kept.fps / 2:
        return "the output is longer than the target"
    longest = max((b - a for a, b in pairwise(stamps)), default=Fraction(0))
    if options.frame_rate == "auto" and longest > MAX_HOLD_S:
        return f"a picture stays for {float(longest):.2f} s, and the mouth would stop with it"
    return None


def _hdr_remarks(info: VideoInfo, path: Path) -> tuple[str, ...]:
    source = probe(path)
    screen = _SCREENS.get(source.color.transfer or "")
    if screen is None:
        return ()
    if info.tonemapped:
        return (f"{path}: {screen} was tone-mapped to BT.709; colors beyond it are lost",)
    return (
        f"{path}: {screen} is kept, worked on in 8 bits with dither; mastering levels are left out "
        "(--hdr tonemap makes it fit for every screen)",
    )
