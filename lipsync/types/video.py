"""Videos: what is known of a file, and which of its frames are shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipsync.types.arrays import F32, I64, require_array

HDR_TRANSFERS = ("smpte2084", "arib-std-b67")  # PQ, HLG (ITU-R BT.2100)


@dataclass(frozen=True)
class ColorTags:
    """Colour description of a video stream in ffmpeg's names; None where the file is silent."""

    primaries: str | None = None
    transfer: str | None = None
    space: str | None = None
    range: str | None = None  # "tv" or "pc"


@dataclass(eq=False)
class Damage:
    """What reading a video has met that was not intact; filled while its frames are read."""

    replaced: set[int] = field(default_factory=set)  # frames that show the picture before them
    partly_decoded: int = 0  # pictures


@dataclass(frozen=True)
class VideoInfo:
    """What there is to know about a video (or a still image) without decoding it all."""

    path: Path
    width: int  # of the upright picture, square pixels
    height: int
    fps: Fraction
    frame_count: int  # as decoded at the constant rate `fps`
    rotation: int = 0  # degrees clockwise that the stored picture needs; frames come upright
    color: ColorTags = field(default_factory=ColorTags)
    start: Fraction = Fraction(0)  # first picture's time stamp in the container
    has_audio: bool = False
    still: bool = False  # an image: one frame, shown as long as needed
    depth: int = 8  # bits per component of the target's own pixels; frames always come in 8
    tonemapped: bool = False  # an HDR target whose frames come as BT.709
    # A rate that varies and is kept: when each frame is shown, seconds from the first, ascending.
    # None: frame i is shown at i / fps. `fps` is then the usual rate.
    stamps: tuple[Fraction, ...] | None = None
    remarks: tuple[str, ...] = ()  # what reading the file changes in it, a line each
    # Every `probe` gives a log of its own: what one run reads is not told of another.
    damage: Damage = field(default_factory=Damage, compare=False, repr=False)

    @property
    def duration(self) -> Fraction:
        """Seconds."""
        if self.stamps is not None:
            return self.stamps[-1] + 1 / self.fps
        return self.frame_count / self.fps

    @property
    def hdr(self) -> bool:
        """Frames are coded for a screen of high dynamic range (PQ or HLG)."""
        return self.color.transfer in HDR_TRANSFERS


@dataclass(frozen=True, eq=False)
class Timing:
    """Which target frame every output frame shows.

    `blend[i]` > 0: a picture that far on the way from frame `source[i]` to the one after it.
    """

    source: I64  # (n,)
    blend: F32  # (n,), 0..1

    def __post_init__(self) -> None:
        n = len(self.source)
        require_array("Timing.source", self.source, np.int64, (n,))
        require_array("Timing.blend", self.blend, np.float32, (n,))

    def __len__(self) -> int:
        return len(self.source)

    @property
    def position(self) -> NDArray[np.float64]:
        """(n,), target frames: source + blend, what `geometry.at` reads tracks by."""
        return np.asarray(self.source + self.blend, np.float64)

    @staticmethod
    def at(position: NDArray[np.float64]) -> Timing:
        """From positions (n,), e.g. 6.5 half-way between the frames 6 and 7."""
        whole = np.floor(position)
        return Timing(whole.astype(np.int64), (position - whole).astype(np.float32))
