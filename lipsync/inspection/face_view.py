"""The face in one frame, resampled upright, with its regions.

Every frame is resampled once, at the face's own resolution or a little below, so that all picture
measures look at the same pixels. Symbols: h × w pixels of the view, k landmarks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from lipsync.face.similarity import apply_affine, compose_affine
from lipsync.face.tracked_face import TrackedFace
from lipsync.media.pixels import fill_polygon
from lipsync.types import F32, N_LIPS, U8, Bools

VIEW = (-1.15, -0.75, 1.15, 1.8)  # canonical: left, top, right, bottom
MAX_SCALE = 110.0  # pixels per outer-eye distance; larger faces are looked at reduced
MIN_SCALE = 24.0  # smaller faces have too few pixels for any picture measure
# Distances from the border of the lower face, outer-eye distances: METHOD's 2–6 % of the face width
# (1.6 outer-eye distances).
RING_NEAR, RING_FAR = 0.035, 0.1
LIPS_MARGIN = 0.07  # outer-eye distances by which the mouth is larger than the lips
SURROUND_MARGIN = 0.12  # from the face's outline: what is farther away is no face


@dataclass(frozen=True, eq=False)
class FaceView:
    """One frame of one face. Regions are boolean (h, w), computed on first use."""

    index: int  # of the frame
    frame: U8  # (H, W, 3), the whole picture
    picture: U8  # (h, w, 3), the upright face
    to_view: F32  # (2, 3), frame pixels → view pixels
    to_frame: F32  # (2, 3), canonical → frame pixels
    scale: float  # view pixels per outer-eye distance
    points: F32  # (k, 2), landmarks, view pixels
    lips: F32  # (18, 2), view pixels
    outline: F32  # (j + 1, 2), closed outline of the lower face, view pixels
    inside: Bools  # which pixels of the view lie in the frame

    @cached_property
    def luma(self) -> F32:
        """(h, w), levels."""
        return np.asarray(cv2.cvtColor(self.picture, cv2.COLOR_RGB2GRAY), np.float32)

    @cached_property
    def mouth(self) -> Bools:
        """The lips, what is between them, and a margin."""
        return grow(self._draw(self.lips[:12]), LIPS_MARGIN * self.scale) & self.inside

    @cached_property
    def lower(self) -> Bools:
        """Mouth and chin: what a lip sync replaces."""
        return self._draw(self.outline) & self.inside

    @cached_property
    def face(self) -> Bools:
        """All of the face, by the hull of its landmarks: what a face swap replaces."""
        return self._draw(cv2.convexHull(self.points)[:, 0]) & self.inside

    @cached_property
    def upper(self) -> Bools:
        """Eyes, brows, nose and upper cheeks: the face without the lower face and its border."""
        return self.face & (self.distance_outside > RING_FAR * self.scale)

    @cached_property
    def surround(self) -> Bools:
        """What the view shows beside the face: hair, neck, background."""
        return ~grow(self.face, SURROUND_MARGIN * self.scale) & self.inside

    @cached_property
    def distance_outside(self) -> F32:
        """(h, w), pixels from the lower face; 0 inside it."""
        return _distance(~self.lower)

    @cached_property
    def distance_inside(self) -> F32:
        """(h, w), pixels from the lower face's border, inside it; 0 outside."""
        return _distance(self.lower)

    @cached_property
    def ring_inside(self) -> Bools:
        """A ring just inside the lower face's border."""
        return self._ring(self.distance_inside)

    @cached_property
    def ring_outside(self) -> Bools:
        """A ring just outside the lower face's border, on the face."""
        return self._ring(self.distance_outside) & self.face

    def _ring(self, distance: F32) -> Bools:
        far = distance <= RING_FAR * self.scale
        return np.asarray((distance >= RING_NEAR * self.scale) & far & self.inside)

    def _draw(self, polygon: F32) -> Bools:
        mask = np.zeros(self.picture.shape[:2], np.uint8)
        fill_polygon(mask, polygon)
        return np.asarray(mask > 127)


def grow(mask: Bools, pixels: float) -> Bools:
    """A mask and all that is nearer to it than so many pixels."""
    return np.asarray(_distance(~mask) <= pixels)


def _distance(mask: Bools) -> F32:
    """(h, w), pixels to the nearest pixel outside of the mask; 0 there."""
    return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3), np.float32)


def view_scale(face: TrackedFace) -> float:
    """Pixels per outer-eye distance at which all views of a face are taken."""
    return min(float(np.nanmedian(face.alignment.scale[face.found])), MAX_SCALE)


def view_faces(frames: Iterable[U8], face: TrackedFace) -> Iterator[FaceView | None]:
    """A view per frame (H, W, 3); None where the face is not found."""
    scale = view_scale(face)
    left, top, right, bottom = VIEW
    size = round((right - left) * scale), round((bottom - top) * scale)
    grid = np.array([[1 / scale, 0, left], [0, 1 / scale, top]], np.float32)
    outlines = face.outlines()
    lips = list(face.scheme.lips)
    for i, frame in enumerate(frames):
        if i >= len(face) or not face.found[i]:
            yield None
            continue
        to_frame = face.alignment.to_frame[i]
        from_view = compose_affine(to_frame, grid)
        to_view = cv2.invertAffineTransform(from_view).astype(np.float32)
        flags = cv2.INTER_AREA if face.alignment.scale[i] > 2 * scale else cv2.INTER_CUBIC
        picture, inside = _warp(frame, from_view, size, flags)
        points = apply_affine(to_view, face.track.xy[i])
        yield FaceView(
            index=i,
            frame=frame,
            picture=picture,
            to_view=to_view,
            to_frame=to_frame,
            scale=scale,
            points=points,
            lips=points[lips[:N_LIPS]],
            outline=apply_affine(to_view, outlines[i]),
            inside=inside,
        )


def _warp(frame: U8, from_view: F32, size: tuple[int, int], flags: int) -> tuple[U8, Bools]:
    """The view's pixels, and which of them the frame has."""
    corners = np.array([(0, 0), (size[0], 0), (0, size[1]), size], np.float32)
    corners = corners @ from_view[:, :2].T + from_view[:, 2]
    shape = np.array(frame.shape[1::-1])
    low = np.clip(np.floor(corners.min(0)).astype(int) - 2, 0, shape - 1)
    high = np.clip(np.ceil(corners.max(0)).astype(int) + 3, low + 1, shape)
    part = frame[low[1] : high[1], low[0] : high[0]]
    matrix = from_view.copy()
    matrix[:, 2] -= low
    if flags == cv2.INTER_AREA:  # warpAffine does not average: reduce the part first
        shrink = 1 / float(np.sqrt(abs(np.linalg.det(from_view[:, :2]))))
        part = cv2.resize(part, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        matrix *= shrink
    picture = cv2.warpAffine(
        part,
        matrix,
        size,
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    known = np.full(part.shape[:2], 255, np.uint8)
    inside = cv2.warpAffine(known, matrix, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    return np.asarray(picture), np.asarray(inside > 0)
