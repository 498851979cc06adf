"""Faces: landmarks through a video, their alignment, lips."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from lipsync.types.arrays import F32, F64, I64, Bools, require_array

N_LIPS = 18


@dataclass(frozen=True, eq=False)
class LipTrack:
    """18 lip points per frame in the canonical mouth space (iBUG order: 12 outer, 6 inner).

    The first outer and inner points are the corners on the image's left. Sample i belongs to
    i / rate seconds.
    """

    points: F32  # (n, 18, 2), outer-eye distances
    rate: Fraction  # per second

    def __post_init__(self) -> None:
        require_array("LipTrack.points", self.points, np.float32, (None, N_LIPS, 2))

    def __len__(self) -> int:
        return len(self.points)

    @property
    def opening(self) -> F32:
        """Inner-lip gap, (n,): the distance of the two mid points of the inner lips.

        Negative where the upper one is below the lower one: predicted lips may cross.
        """
        apart = self.points[:, 16] - self.points[:, 13]
        return np.asarray(np.copysign(np.linalg.norm(apart, axis=-1), apart[:, 1]))

    @property
    def width(self) -> F32:
        """Mouth width, (n,): the distance of the two outer corners."""
        return np.asarray(np.linalg.norm(self.points[:, 0] - self.points[:, 6], axis=-1))


@dataclass(frozen=True, eq=False)
class LandmarkScheme:
    """Which of a detector's k points are which parts of the face, as indices."""

    name: str
    count: int
    lips: tuple[int, ...]  # 18: iBUG order without the two inner corners
    rigid: tuple[int, ...]  # points that speech does not move
    jaw: tuple[int, ...]  # the jaw line from the image's left ear over the chin to the right
    nose: tuple[int, ...]  # three nose points, whose canonical coordinates indicate the pose
    anchors: tuple[int, ...]  # around the mouth, hardly moved by speech: they fix a warp
    outer_eyes: tuple[int, int]  # image's left, image's right
    lids: tuple[tuple[int, int], ...] = ()  # middle of the upper and of the lower lid, per eye
    mirror: tuple[int, ...] = ()  # index of each point's mirror counterpart; empty: unknown

    def __post_init__(self) -> None:
        if len(self.lips) != N_LIPS:
            raise ValueError(f"LandmarkScheme.lips: wanted {N_LIPS} indices, got {len(self.lips)}")

    @property
    def warp(self) -> tuple[int, ...]:
        """Control points of a mouth's warp: lips, jaw line, anchors, in this order."""
        return self.lips + self.jaw + self.anchors


@dataclass(frozen=True, eq=False)
class FaceTrack:
    """One face through a video. Rows of frames without a face are NaN."""

    points: F32  # (n, k, 2 or 3), frame pixels; z, where there is one, in the same unit
    found: Bools  # (n,)
    confidence: F32  # (n,), 0..1
    cuts: I64  # first frame of every shot except the first, ascending
    fps: Fraction
    scheme: LandmarkScheme
    # (n,) frames per second around each frame, of footage joined from videos of several rates;
    # None: `fps` throughout.
    mixed_rates: F64 | None = None

    def __post_init__(self) -> None:
        n = len(self.found)
        if self.mixed_rates is not None:
            require_array("FaceTrack.mixed_rates", self.mixed_rates, np.float64, (n,))
        require_array("FaceTrack.points", self.points, np.float32, (n, self.scheme.count, None))
        require_array("FaceTrack.found", self.found, np.bool_, (n,))
        require_array("FaceTrack.confidence", self.confidence, np.float32, (n,))
        require_array("FaceTrack.cuts", self.cuts, np.int64, (None,))

    def __len__(self) -> int:
        return len(self.found)

    @property
    def xy(self) -> F32:
        """(n, k, 2), frame pixels."""
        return np.asarray(self.points[..., :2])

    @property
    def rates(self) -> F64:
        """Frames per second around each frame, (n,); the same throughout a shot."""
        if self.mixed_rates is None:
            return np.full(len(self), float(self.fps))
        return self.mixed_rates

    def shots(self) -> list[tuple[int, int]]:
        """(first, end) of every shot: the track cut at `cuts`."""
        edges = [0, *self.cuts.tolist(), len(self)]
        return [(a, b) for a, b in pairwise(edges) if b > a]


@dataclass(frozen=True, eq=False)
class Alignment:
    """Similarity from the canonical mouth space to every frame, and back."""

    to_frame: F32  # (n, 2, 3): frame = A[:, :2] @ canonical + A[:, 2]

    def __post_init__(self) -> None:
        require_array("Alignment.to_frame", self.to_frame, np.float32, (None, 2, 3))

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
