"""One face tracked through a video, with its alignment; derived values are computed once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from lipsync.face.alignment import align
from lipsync.face.similarity import Complexes, apply_affine
from lipsync.face.smoothing import smooth_points
from lipsync.runtime.positions import sample_at
from lipsync.types import (
    F32,
    I64,
    N_LIPS,
    Alignment,
    Bools,
    FaceTrack,
    LandmarkScheme,
    LipTrack,
    Positions,
)

OUTLINE_SMOOTHING_S = 0.4  # of the lips under the outline, which must not follow speech
# Where between upper lip (0) and nose (1) the outline's top lies, and how high a jaw point may be,
# as a share of the way from the lips' center to that top: higher points belong to the cheeks.
OUTLINE_TOP, OUTLINE_HEIGHT = 0.6, 0.7


@dataclass(frozen=True, eq=False)
class TrackedFace:
    """Landmarks of one face through a video and their alignment; f frames, j jaw points.

    Derived values are computed on first access and kept.
    """

    track: FaceTrack
    alignment: Alignment

    @staticmethod
    def of(track: FaceTrack, template: Complexes | None = None) -> TrackedFace:
        """Align a track; `template`: see `alignment.align`.

        Raises:
            NoFaceError: no frame has a face.
        """
        return TrackedFace(track, align(track, template=template))

    def __len__(self) -> int:
        return len(self.track)

    @property
    def scheme(self) -> LandmarkScheme:
        """Which landmarks are which parts of the face."""
        return self.track.scheme

    @property
    def fps(self) -> Fraction:
        """Frames per second."""
        return self.track.fps

    @property
    def found(self) -> Bools:
        """(f,), whether the frame shows the face."""
        return self.track.found

    @cached_property
    def lips(self) -> LipTrack:
        """Lips in the canonical space; NaN in frames without a face."""
        points = apply_affine(self.alignment.to_canonical, self.track.xy[:, self.scheme.lips])
        return LipTrack(points, self.fps)

    @cached_property
    def nose(self) -> F32:
        """Three nose points in the canonical space, (f, 3, 2); they indicate yaw and pitch."""
        return apply_affine(self.alignment.to_canonical, self.track.xy[:, self.scheme.nose])

    @cached_property
    def surround(self) -> F32:
        """Jaw line and anchors, smoothed, (f, j + a, 2) pixels: a warp's points but the lips."""
        return smooth_points(self.track, self.scheme.warp[N_LIPS:])

    @property
    def jaw(self) -> F32:
        """The jaw line, smoothed, (f, j, 2) pixels."""
        return np.asarray(self.surround[:, : len(self.scheme.jaw)])

    @property
    def anchors(self) -> F32:
        """Points around the mouth that speech hardly moves, smoothed, (f, a, 2) pixels."""
        return np.asarray(self.surround[:, len(self.scheme.jaw) :])

    @cached_property
    def nose_base(self) -> F32:
        """Mean of the smoothed nose points, (f, 1, 2) pixels."""
        return np.asarray(smooth_points(self.track, self.scheme.nose).mean(1, keepdims=True))

    def outlines(self, inset: float = 0.0) -> F32:
        """Closed outline of the mouth-and-chin region in every frame, (f, j + 1, 2) pixels.

        It runs along the jaw line from one side of the mouth over the chin to the other, pulled
        toward the mouth by the share `inset`, and back below the nose.
        """
        center, jaw, top = self._outline
        outline = np.concatenate([center + (jaw - center) * (1 - inset), top], axis=1)
        return np.asarray(outline, np.float32)

    @cached_property
    def _outline(self) -> tuple[F32, F32, F32]:
        """Center of the lips, the jaw line below the cheeks, the point below the nose."""
        lips = smooth_points(self.track, self.scheme.lips, OUTLINE_SMOOTHING_S)
        center = lips.mean(1, keepdims=True)
        upper = lips[:, 2:5].mean(1, keepdims=True)
        top = OUTLINE_TOP * self.nose_base + (1 - OUTLINE_TOP) * upper
        # Jaw points higher than the lips belong to the cheeks: bring them down to where the
        # outline turns toward the nose.
        up = (top - center) / np.linalg.norm(top - center, axis=-1, keepdims=True)
        height = ((self.jaw - center) * up).sum(-1, keepdims=True)
        limit = OUTLINE_HEIGHT * ((top - center) * up).sum(-1, keepdims=True)
        return center, self.jaw - up * np.maximum(height - limit, 0), top

    def reduced(self) -> TrackedFace:
        """The same with only those landmarks from which the values above are derived.

        A detector has some hundred points, with depth: megabytes for every minute.
        """
        scheme, track = self.scheme, self.track
        kept = sorted({*scheme.warp, *scheme.nose, *scheme.outer_eyes})
        place = {index: i for i, index in enumerate(kept)}

        def moved(indices: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(place[index] for index in indices)

        small = LandmarkScheme(
            name=scheme.name,
            count=len(kept),
            lips=moved(scheme.lips),
            rigid=(),
            jaw=moved(scheme.jaw),
            nose=moved(scheme.nose),
            anchors=moved(scheme.anchors),
            outer_eyes=(place[scheme.outer_eyes[0]], place[scheme.outer_eyes[1]]),
        )
        return TrackedFace(replace(track, points=track.xy[:, kept], scheme=small), self.alignment)

    def at(self, order: Positions) -> SampledFace:
        """Sample the face at positions of its video, which may lie between two frames."""
        return SampledFace(self, order)


@dataclass(frozen=True, eq=False)
class SampledFace:
    """A tracked face as n output frames show it: every value sampled at `order`."""

    face: TrackedFace
    order: Positions  # (n,), frames of the face's video
    corners: I64 | None = None  # (n, 2), x, y of the box whose pixels are meant; None: the frame's

    def within(self, corners: I64) -> SampledFace:
        """The same face, all places in pixels of a box per frame, with corners (n, 2)."""
        return replace(self, corners=corners)

    def __len__(self) -> int:
        return len(self.order)

    @cached_property
    def found(self) -> Bools:
        """(n,), whether the face is visible; between two frames: in both."""
        return np.asarray(sample_at(self.face.found, self.order))

    @cached_property
    def shots(self) -> I64:
        """(n,), the number of the shot that each frame belongs to."""
        return np.searchsorted(self.face.track.cuts, self.order, side="right").astype(np.int64)

    @cached_property
    def to_frame(self) -> F32:
        """(n, 2, 3), canonical → frame pixels."""
        to_frame = np.asarray(sample_at(self.face.alignment.to_frame, self.order))
        if self.corners is not None:
            to_frame = to_frame - np.pad(self.corners[:, :, None], ((0, 0), (0, 0), (2, 0)))
        return np.asarray(to_frame, np.float32)

    @cached_property
    def to_canonical(self) -> F32:
        """(n, 2, 3), frame pixels → canonical."""
        to_canonical = np.array(sample_at(self.face.alignment.to_canonical, self.order))
        if self.corners is not None:
            to_canonical[:, :, 2:] += to_canonical[:, :, :2] @ self.corners[:, :, None]
        return np.asarray(to_canonical, np.float32)

    @cached_property
    def scale(self) -> F32:
        """(n,), pixels per outer-eye distance."""
        return np.asarray(sample_at(self.face.alignment.scale, self.order))

    @cached_property
    def lips(self) -> F32:
        """(n, 18, 2), the target's own lips, canonical."""
        return np.asarray(sample_at(self.face.lips.points, self.order))

    @cached_property
    def nose(self) -> F32:
        """(n, 3, 2), canonical."""
        return np.asarray(sample_at(self.face.nose, self.order))

    @cached_property
    def surround(self) -> F32:
        """(n, j + a, 2), jaw line and anchors, pixels."""
        return self._in_box(np.asarray(sample_at(self.face.surround, self.order)))

    @property
    def jaw(self) -> F32:
        """(n, j, 2), the jaw line, pixels."""
        return np.asarray(self.surround[:, : len(self.face.scheme.jaw)])

    @property
    def anchors(self) -> F32:
        """(n, a, 2), the anchors, pixels."""
        return np.asarray(self.surround[:, len(self.face.scheme.jaw) :])

    @cached_property
    def nose_base(self) -> F32:
        """(n, 1, 2), pixels."""
        return self._in_box(np.asarray(sample_at(self.face.nose_base, self.order)))

    def outlines(self, inset: float = 0.0) -> F32:
        """(n, j + 1, 2), see `TrackedFace.outlines`."""
        return self._in_box(np.asarray(sample_at(self.face.outlines(inset), self.order)))

    def _in_box(self, points: F32) -> F32:
        """Points (n, k, 2) of the frames in pixels of the boxes."""
        if self.corners is None:
            return points
        return np.asarray(points - self.corners[:, None], np.float32)
