"""Videos: properties of a file, and which of its frames are shown."""

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
    """Color tags of a video stream, in ffmpeg's names; None where the file has none."""

    primaries: str | None = None
    transfer: str | None = None
    space: str | None = None
    range: str | None = None  # "tv" or "pc"


@dataclass(eq=False)
class Damage:
    """Damage met in reading a video; filled while its frames are read."""

    replaced: set[int] = field(default_factory=set)  # frames replaced by the picture before them
    partly_decoded: int = 0  # pictures

    def copy(self) -> Damage:
        """What has been met so far."""
        return Damage(set(self.replaced), self.partly_decoded)

    def add(self, other: Damage) -> None:
        """Add what was met elsewhere in reading the same video."""
        self.replaced |= other.replaced
        self.partly_decoded = max(self.partly_decoded, other.partly_decoded)


@dataclass(frozen=True)
class VideoInfo:
    """Properties of a video or still image, known without decoding all of it."""

    path: Path
    width: int  # of the upright picture, square pixels
    height: int
    fps: Fraction
    frame_count: int  # as decoded at the constant rate `fps`
    rotation: int = 0  # clockwise degrees to turn the stored picture; frames come upright
    color: ColorTags = field(default_factory=ColorTags)
    start: Fraction = Fraction(0)  # time stamp of the first picture in the container
    has_audio: bool = False
    still: bool = False  # an image: one frame, shown as long as needed
    depth: int = 8  # bits per component of the target's own pixels; frames always come in 8
    tonemapped: bool = False  # an HDR target whose frames come as BT.709
    # Time of each frame, seconds from the first, ascending, if the rate varies and is kept; `fps`
    # is then the nominal rate. None: frame i is shown at i / fps.
    stamps: tuple[Fraction, ...] | None = None
    remarks: tuple[str, ...] = ()  # what reading the file changes, one line each
    # Every `probe` creates its own log: runs do not share it.
    damage: Damage = field(default_factory=Damage, compare=False, repr=False)

    @property
    def duration(self) -> Fraction:
        """Seconds."""
        if self.stamps is not None:
            return self.stamps[-1] + 1 / self.fps
        return self.frame_count / self.fps

    @property
    def hdr(self) -> bool:
        """Whether frames are encoded for high dynamic range (PQ or HLG)."""
        return self.color.transfer in HDR_TRANSFERS


@dataclass(frozen=True, eq=False)
class Timing:
    """Which target frame every output frame shows.

    `blend[i]` > 0: a picture interpolated that far from frame `source[i]` to the next one.
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
        """(n,), fractional target frames, source + blend, as `sample_at` takes them."""
        return np.asarray(self.source + self.blend, np.float64)

    def part(self, frames: range) -> Timing:
        """Of some output frames that follow one another."""
        here = slice(frames.start, frames.stop)
        return Timing(self.source[here], self.blend[here])

    @staticmethod
    def at(position: NDArray[np.float64]) -> Timing:
        """Timing from positions (n,), e.g. 6.5 for half-way between frames 6 and 7."""
        whole = np.floor(position)
        return Timing(whole.astype(np.int64), (position - whole).astype(np.float32))
