"""A piece opened for editing: its face, its sound, soft regions of its frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from lipsync import media
from lipsync.face.landmarks import LandmarkOptions, track_video
from lipsync.face.similarity import compose_affine
from lipsync.face.tracked_face import TrackedFace
from lipsync.media.encode import EncodeOptions, encode_video
from lipsync.media.pixels import fill_polygon
from lipsync.runtime.cache import Cache
from lipsync.types import F32, U8, VideoInfo

LANDMARKS = LandmarkOptions(landmark_threads=1)
FORM = media.FORMATS[".mp4"]
SOFT_REACH = 3.0  # σ of a soft border that a region's box contains


@dataclass(frozen=True, eq=False)
class EditTarget:
    """A clip to be edited, f frames."""

    path: Path

    @cached_property
    def info(self) -> VideoInfo:
        """Its picture, with its own frame times."""
        return media.probe_target(self.path, media.ReadOptions(), None, FORM)

    @cached_property
    def face(self) -> TrackedFace:
        """The most prominent face.

        Raises:
            NoFaceError: there is none.
        """
        with Cache(Cache.default_root()) as cache:
            return TrackedFace.of(track_video(self.info, LANDMARKS, cache))

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[U8]:
        """Frames start … stop - 1, each (h, w, 3)."""
        return media.read_frames(self.info, start, stop)

    def write(self, frames: Iterable[U8], output: Path) -> None:
        """Encode frames as a render is encoded, with the clip's own sound.

        Raises:
            OutputError: it cannot be written.
        """
        sound = None
        if self.info.has_audio:
            sound = media.Soundtrack(self.path, start_offset=media.sound_start_offset(self.info))
        encode_video(frames, self.info, sound, output, EncodeOptions())

    def between(self, i: int, k: int) -> F32:
        """(2, 3), frame k's pixels → where the same place of the face is in frame i."""
        at = self.face.alignment
        return compose_affine(at.to_frame[i], at.to_canonical[k])

    def mouth_region(self, i: int, feather: float) -> Region:
        """Mouth and chin of frame i; softness of the border in outer-eye distances."""
        scale = float(self.face.alignment.scale[i])
        return Region.of(self._mouths[i], self.info, feather * scale)

    def face_region(self, i: int, feather: float) -> Region:
        """The face of frame i, as far as it has landmarks."""
        hull = cv2.convexHull(np.ascontiguousarray(self.face.track.xy[i]))[:, 0]
        return Region.of(hull, self.info, feather * float(self.face.alignment.scale[i]))

    @cached_property
    def _mouths(self) -> F32:
        return self.face.outlines()


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a frame with a soft border: a box (h, w) and what of it belongs to the part."""

    x: int
    y: int
    mask: F32  # (h, w, 1), 0..1

    @staticmethod
    def of(polygon: F32, info: VideoInfo, feather: float) -> Region:
        """Inside a polygon (k, 2), pixels; `feather`: σ of the border, pixels."""
        reach = SOFT_REACH * feather + 1
        low = np.floor(polygon.min(0) - reach).astype(int)
        high = np.ceil(polygon.max(0) + reach).astype(int) + 1
        x, y = (int(v) for v in np.clip(low, 0, [info.width - 1, info.height - 1]))
        right, bottom = (int(v) for v in np.clip(high, [x + 1, y + 1], [info.width, info.height]))
        mask = np.zeros((bottom - y, right - x), np.uint8)
        fill_polygon(mask, polygon - np.array([x, y], np.float32))
        soft = mask.astype(np.float32) / 255
        if feather > 0:
            soft = np.asarray(cv2.GaussianBlur(soft, (0, 0), feather), np.float32)
        return Region(x, y, np.asarray(soft[..., None], np.float32))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.mask.shape[1], self.mask.shape[0]

    def scaled(self, share: F32 | float) -> Region:
        """The same part, covered by a share of itself, a number or (h, w, 1)."""
        return Region(self.x, self.y, np.asarray(self.mask * share, np.float32))

    def cut(self, frame: U8) -> U8:
        """The box of a frame, (h, w, 3)."""
        width, height = self.size
        return frame[self.y : self.y + height, self.x : self.x + width]

    def warp(self, frame: U8, matrix: F32) -> U8:
        """The box of a frame that is warped by `matrix` (2, 3), pixels → pixels."""
        inside = matrix.copy()
        inside[:, 2] -= (self.x, self.y)
        how = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}
        return np.asarray(cv2.warpAffine(frame, inside, self.size, **how))

    def paste(self, frame: U8, changed: U8 | F32) -> U8:
        """A frame whose part shows `changed` (h, w, 3), a picture of the box."""
        box = self.cut(frame).astype(np.float32)
        mixed = box + self.mask * (changed.astype(np.float32) - box)
        out = frame.copy()
        width, height = self.size
        out[self.y : self.y + height, self.x : self.x + width] = np.clip(np.rint(mixed), 0, 255)
        return out
