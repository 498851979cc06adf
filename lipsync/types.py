"""The nouns that flow between the stages.

Symbols in the shapes: n frames or steps, m bank entries, k landmarks, d feature dimensions,
h × w pixels. Two spaces are used throughout:

* **frame**: pixels of the upright target frame, x to the right, y down; pixel (0, 0) has its
  centre at (0, 0).
* **canonical mouth space**: the speaker's face after a similarity fit of its rigid points.
  Unit: the outer-eye distance. Origin: half-way between the outer eye corners. x runs along the
  eye line to the image's right, y down, so that a mouth lies near (0, 0.9).

Times are seconds from the first frame or sample; frame i is shown at i / fps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]
Positions = NDArray[np.int64] | NDArray[np.float64]  # in the target, frames; may lie between two

N_LIPS = 18
HDR_TRANSFERS = ("smpte2084", "arib-std-b67")  # PQ, HLG (ITU-R BT.2100)


def _want(what: str, array: Any, dtype: DTypeLike, shape: tuple[int | None, ...]) -> None:
    """Raise ValueError unless `array` has this dtype and shape (None: any length)."""
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{what}: wanted an array, got {type(array).__name__}")
    fits = array.ndim == len(shape) and all(
        w in (None, g) for w, g in zip(shape, array.shape, strict=True)
    )
    if array.dtype != np.dtype(dtype) or not fits:
        wanted = "(" + ", ".join("any" if s is None else str(s) for s in shape) + ")"
        raise ValueError(
            f"{what}: wanted {np.dtype(dtype)} {wanted}, got {array.dtype} {array.shape}"
        )


@dataclass(frozen=True, eq=False)
class Waveform:
    """Mono sound."""

    samples: F32  # (n,), in [-1, 1]
    rate: int  # Hz

    def __post_init__(self) -> None:
        _want("Waveform.samples", self.samples, np.float32, (None,))
        if self.rate <= 0:
            raise ValueError(f"Waveform.rate: wanted > 0 Hz, got {self.rate}")

    @property
    def duration(self) -> Fraction:
        """Seconds, exactly."""
        return Fraction(len(self.samples), self.rate)


@dataclass(frozen=True, eq=False)
class AudioFeatures:
    """One feature vector per step; step i describes the sound around `start + i / rate`."""

    values: F32  # (n, d)
    rate: float = 100.0  # steps per second
    start: float = 0.0  # seconds, centre of the first window

    def __post_init__(self) -> None:
        _want("AudioFeatures.values", self.values, np.float32, (None, None))


PHONES, ENCODED = 42, 96  # values per step of `features.phones` and `features.encoder`


@dataclass(frozen=True)
class FeatureSpec:
    """How sound becomes features; a speech model carries the one that it was trained with."""

    # paper28: cepstra, energy and their difference. Else one or more, in this order, joined by +:
    # logmel: log mel bands; phones: how much each step sounds like each of 42 English phones;
    # encoder: what a speech recogniser's encoder makes of it.
    kind: str
    bands: int = 40  # of the mel scale
    per_clip: bool = False  # remove the clip's own mean over its audible steps
    floor_db: float = 60.0  # logmel: this far below the clip's loud steps nothing is told apart
    causal: bool = False  # level and colour are those of the sound so far, for live sound
    throat: bool = False  # but paper28: formants moved to where the usual throat has them

    def __post_init__(self) -> None:
        if self.kind != "paper28" and self.kind != "+".join(self.parts):
            raise ValueError(
                "FeatureSpec.kind: wanted paper28, or some of logmel+phones+encoder in this "
                f"order, got {self.kind!r}"
            )
        if self.throat and (self.causal or self.kind == "paper28"):
            raise ValueError("FeatureSpec.throat: wanted the bands of a whole clip")
        if self.causal and self.kind not in ("paper28", "logmel", "logmel+phones"):
            raise ValueError(f"FeatureSpec.causal: {self.kind} cannot be had from live sound")

    @property
    def parts(self) -> dict[str, slice]:
        """Where in a step's values each part of the kind stands; none of paper28."""
        sizes = {"logmel": self.bands, "phones": PHONES, "encoder": ENCODED}
        found, at = {}, 0
        for name, size in sizes.items():
            if name in self.kind.split("+"):
                found[name] = slice(at, at + size)
                at += size
        return found

    @property
    def size(self) -> int:
        """Values per step."""
        return 28 if self.kind == "paper28" else max(part.stop for part in self.parts.values())


@dataclass(frozen=True, eq=False)
class LipTrack:
    """18 lip points per frame in the canonical mouth space (iBUG order: 12 outer, 6 inner).

    The first outer and inner points are the corners on the image's left. Sample i belongs to
    i / rate seconds.
    """

    points: F32  # (n, 18, 2), outer-eye distances
    rate: Fraction  # per second

    def __post_init__(self) -> None:
        _want("LipTrack.points", self.points, np.float32, (None, N_LIPS, 2))

    def __len__(self) -> int:
        return len(self.points)

    @property
    def opening(self) -> F32:
        """Inner-lip gap, (n,): the distance of the two mid points of the inner lips."""
        return np.asarray(np.linalg.norm(self.points[:, 13] - self.points[:, 16], axis=-1))

    @property
    def width(self) -> F32:
        """Mouth width, (n,): the distance of the two outer corners."""
        return np.asarray(np.linalg.norm(self.points[:, 0] - self.points[:, 6], axis=-1))


@dataclass(frozen=True)
class ColorTags:
    """Colour description of a video stream in ffmpeg's names; None where the file is silent."""

    primaries: str | None = None
    transfer: str | None = None
    space: str | None = None
    range: str | None = None  # "tv" or "pc"


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


@dataclass(frozen=True)
class AudioInfo:
    """What there is to know about the first sound stream of a file."""

    codec: str  # ffmpeg's name
    rate: int  # Hz
    channels: int
    duration: Fraction  # seconds from the start of the file to the end of the decoded sound
    start: Fraction = Fraction(0)  # seconds of the file before the sound begins


@dataclass(frozen=True, eq=False)
class LandmarkScheme:
    """Which of a detector's points are which part of the face (indices into its k points)."""

    name: str
    count: int
    lips: tuple[int, ...]  # 18: iBUG order without the two inner corners
    rigid: tuple[int, ...]  # points that speech does not move
    jaw: tuple[int, ...]  # the jaw line from the image's left ear over the chin to the right
    nose: tuple[int, ...]  # three nose points whose place in the canonical space tells the pose
    anchors: tuple[int, ...]  # around the mouth, hardly moved by speech: they hold a warp in place
    outer_eyes: tuple[int, int]  # image's left, image's right
    lids: tuple[tuple[int, int], ...] = ()  # middle of the upper and of the lower lid, per eye
    mirror: tuple[int, ...] = ()  # for every point the one opposite; empty: not known

    def __post_init__(self) -> None:
        if len(self.lips) != N_LIPS:
            raise ValueError(f"LandmarkScheme.lips: wanted {N_LIPS} indices, got {len(self.lips)}")

    @property
    def warp(self) -> tuple[int, ...]:
        """The control points of a mouth's warp: lips, jaw line, anchors, in this order."""
        return self.lips + self.jaw + self.anchors


@dataclass(frozen=True, eq=False)
class FaceTrack:
    """One face through a video. Rows of frames without a face are NaN."""

    points: F32  # (n, k, 2 or 3), frame pixels; z, where there is one, in the same unit
    found: Bools  # (n,)
    confidence: F32  # (n,), 0..1
    cuts: I64  # first frame of every shot but the first, ascending
    fps: Fraction
    scheme: LandmarkScheme

    def __post_init__(self) -> None:
        n = len(self.found)
        _want("FaceTrack.points", self.points, np.float32, (n, self.scheme.count, None))
        _want("FaceTrack.found", self.found, np.bool_, (n,))
        _want("FaceTrack.confidence", self.confidence, np.float32, (n,))
        _want("FaceTrack.cuts", self.cuts, np.int64, (None,))

    def __len__(self) -> int:
        return len(self.found)

    @property
    def xy(self) -> F32:
        """(n, k, 2), frame pixels."""
        return np.asarray(self.points[..., :2])

    def shots(self) -> list[tuple[int, int]]:
        """(first, end) of every shot: the track cut at `cuts`."""
        edges = [0, *self.cuts.tolist(), len(self)]
        return [(a, b) for a, b in pairwise(edges) if b > a]


@dataclass(frozen=True, eq=False)
class Alignment:
    """Similarity from the canonical mouth space to every frame, and back."""

    to_frame: F32  # (n, 2, 3): frame = A[:, :2] @ canonical + A[:, 2]

    def __post_init__(self) -> None:
        _want("Alignment.to_frame", self.to_frame, np.float32, (None, 2, 3))

    def __len__(self) -> int:
        return len(self.to_frame)

    @property
    def to_canonical(self) -> F32:
        """(n, 2, 3), the inverse of `to_frame`."""
        linear = np.linalg.inv(self.to_frame[:, :, :2].astype(np.float64))
        shift = -linear @ self.to_frame[:, :, 2:].astype(np.float64)
        return np.concatenate([linear, shift], axis=2).astype(np.float32)

    @property
    def scale(self) -> F32:
        """Pixels per outer-eye distance, (n,)."""
        det = np.linalg.det(self.to_frame[:, :, :2].astype(np.float64))
        return np.asarray(np.sqrt(np.abs(det)), np.float32)


@dataclass(frozen=True, eq=False)
class CellMeans:
    """Pictures in square cells, each the mean of its pixels."""

    pictures: U8  # (m, ⌈h / across⌉, ⌈w / across⌉[, 3])
    across: int  # pixels

    def __post_init__(self) -> None:
        _want("CellMeans.pictures", self.pictures, np.uint8, (None,) * self.pictures.ndim)


@dataclass(frozen=True, eq=False)
class MouthBank:
    """Mouths of one person: shapes in memory, crops of the original pixels memory-mapped on disk.

    The crops are never resampled on the way in: a texture is made from them by a single
    interpolation, from the footage's own pixels to the target's.
    """

    lips: F32  # (m, 18, 2), canonical
    pose: F32  # (m, 3, 2), the scheme's nose points, canonical
    control: F32  # (m, k, 2), the scheme's warp points, pixels of the crop
    to_crop: F32  # (m, 2, 3), canonical → pixels of the crop
    crops: U8  # (m, h, w, 3), usually a memory map
    looks: F32  # (m, d), a thumbnail of each mouth, levels / 255, distances are RMS per pixel
    quality: F32  # (m,), 0..1
    frames: I64  # (m,), frame of the footage that each entry came from
    shots: I64  # (m,), shot of the footage that each entry came from
    said: F32 | None = None  # (m, p), what is heard at each entry (`features.said`); None: unknown
    small: CellMeans | None = None  # of the crops; None: they are small enough themselves
    luma: CellMeans | None = None  # of their luma; None: to be made
    light: F32 | None = None  # (f, 3), colour of the skin in every frame of the footage, levels
    # (f,), how unlike all mouths of its shape the mouth of every frame looks; NaN: not known
    oddness: F32 | None = None
    strange: I64 | None = None  # shots that show another person: their entries have no quality
    # (m, s, s, 3), coarse pictures of the entries bent to their usual shape (`shape_free`)
    shape_free: U8 | None = None

    def __post_init__(self) -> None:
        m = len(self.lips)
        _want("MouthBank.lips", self.lips, np.float32, (m, N_LIPS, 2))
        _want("MouthBank.pose", self.pose, np.float32, (m, 3, 2))
        _want("MouthBank.control", self.control, np.float32, (m, None, 2))
        _want("MouthBank.to_crop", self.to_crop, np.float32, (m, 2, 3))
        _want("MouthBank.crops", self.crops, np.uint8, (m, None, None, 3))
        _want("MouthBank.looks", self.looks, np.float32, (m, None))
        _want("MouthBank.quality", self.quality, np.float32, (m,))
        _want("MouthBank.frames", self.frames, np.int64, (m,))
        _want("MouthBank.shots", self.shots, np.int64, (m,))
        if self.said is not None:
            _want("MouthBank.said", self.said, np.float32, (m, None))
        if self.light is not None:
            _want("MouthBank.light", self.light, np.float32, (None, 3))
        for cells, name, colours in ((self.small, "small", (3,)), (self.luma, "luma", ())):
            if cells is not None:
                _want(f"MouthBank.{name}", cells.pictures, np.uint8, (m, None, None, *colours))
        if self.shape_free is not None:
            _want("MouthBank.shape_free", self.shape_free, np.uint8, (m, None, None, 3))

    def __len__(self) -> int:
        return len(self.lips)


@dataclass(frozen=True, eq=False)
class Patch:
    """A piece of new picture and how much of it to show.

    `from_frame` maps the target frame's pixels to the patch's. A whole shift (linear part the
    identity, integer offsets) means that the patch lies on the frame's own pixel grid and is
    pasted without any resampling.
    """

    rgb: U8  # (h, w, 3)
    alpha: F32  # (h, w), 0..1: where this source vouches for its pixels
    from_frame: F32  # (2, 3)
    # How far the nearest real mouth was from the wanted one: RMS, outer-eye distances.
    distance: float = 0.0

    def __post_init__(self) -> None:
        _want("Patch.rgb", self.rgb, np.uint8, (None, None, 3))
        _want("Patch.alpha", self.alpha, np.float32, self.rgb.shape[:2])
        _want("Patch.from_frame", self.from_frame, np.float32, (2, 3))


@dataclass(frozen=True, eq=False)
class Timing:
    """Which target frame every output frame shows.

    `blend[i]` > 0: a picture that far on the way from frame `source[i]` to the one after it.
    """

    source: I64  # (n,)
    blend: F32  # (n,), 0..1

    def __post_init__(self) -> None:
        n = len(self.source)
        _want("Timing.source", self.source, np.int64, (n,))
        _want("Timing.blend", self.blend, np.float32, (n,))

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


@dataclass(frozen=True)
class Speaker:
    """Somebody who speaks: what, and with which face of the target."""

    name: str  # as spans call them; "" where there is only one
    audio: Path | None = None  # the speech; with spans on the target's time line. None: `audio`'s
    face: str = "largest"  # see `LandmarkOptions.face`

    def __post_init__(self) -> None:
        if self.audio is not None:
            object.__setattr__(self, "audio", Path(self.audio))


# A stage reports (stage name, done, total); None total: unknown.
Progress = Callable[[str, int, int | None], None]
