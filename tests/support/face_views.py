"""Faces of real clips as the picture measures see them, and what they measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from lipsync import media
from lipsync.face.landmarks import LandmarkOptions, track_face
from lipsync.face.tracked_face import TrackedFace
from lipsync.inspection.face_view import FaceView, view_faces
from lipsync.inspection.measures import PictureWatch, reduce_frames
from lipsync.inspection.picture_pass import Values, measure_frames
from lipsync.media.pixels import fill_polygon
from lipsync.types import F32, U8

Edit = Callable[["Clip", int, U8], U8]


@dataclass(frozen=True, eq=False)
class Clip:
    """Some frames of a real clip, with the face in them."""

    frames: tuple[U8, ...]
    face: TrackedFace

    def views(self) -> list[FaceView]:
        """The views of all frames, all of which show the face."""
        found = [view for view in view_faces(self.frames, self.face) if view is not None]
        assert len(found) == len(self.frames)
        return found

    def edited(self, edit: Edit) -> Clip:
        """The clip with every frame edited."""
        return Clip(tuple(edit(self, i, frame) for i, frame in enumerate(self.frames)), self.face)

    def measured(self, watch: PictureWatch) -> dict[str, float]:
        """Values of the clip by the name of the measure."""
        values = self.measured_frames(watch)
        return {
            one.name: reduce_frames(values[one.name], one.quantile or 0.5, 1)
            for one in watch.measures
        }

    def measured_frames(self, watch: PictureWatch) -> Values:
        """Values of every frame by the name of the measure."""
        return measure_frames(self.frames, self.face, [watch])

    def mask(self, polygon: F32, feather: float = 0.05) -> F32:
        """(H, W, 1), 0..1: a polygon in frame pixels; softness in outer-eye distances."""
        mask = np.zeros(self.frames[0].shape[:2], np.uint8)
        fill_polygon(mask, polygon)
        sigma = feather * float(np.median(self.face.alignment.scale))
        return np.asarray(cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), sigma)[..., None])

    def lower(self, i: int) -> F32:
        """(H, W, 1), 0..1: mouth and chin of frame i."""
        return self.mask(self.face.outlines()[i])

    def whole(self, i: int, feather: float = 0.05) -> F32:
        """(H, W, 1), 0..1: the face of frame i."""
        return self.mask(cv2.convexHull(np.ascontiguousarray(self.face.track.xy[i]))[:, 0], feather)

    @property
    def scale(self) -> float:
        """Pixels per outer-eye distance."""
        return float(np.median(self.face.alignment.scale))


@cache
def clip(path: Path, count: int = 20, start: int = 0) -> Clip:
    """Some frames of a clip, all of which show the face."""
    info = media.probe(path)
    frames = tuple(media.read_frames(info, start, start + count))
    return Clip(frames, TrackedFace.of(track_face(frames, info.fps, LandmarkOptions())))


def mix(one: U8, other: U8 | F32, share: F32) -> U8:
    """Two pictures (h, w, 3) mixed, `share` (h, w, 1) of the second."""
    mixed = one + share * (np.asarray(other, np.float32) - one)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
