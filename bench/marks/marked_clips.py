"""Clips with a mark where a render would draw, encoded as a render does, and read again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import NoFaceError
from lipsync.face.landmarks import LandmarkOptions, track_video
from lipsync.face.tracked_face import TrackedFace
from lipsync.marks.watermark import Watermark
from lipsync.marks.watermark_reader import WatermarkReading, read_watermark
from lipsync.media import encode
from lipsync.media.encode import EncodeOptions
from lipsync.media.frame_times import display_times
from lipsync.media.pixels import fill_polygon
from lipsync.runtime.cache import Cache
from lipsync.types import F32, F64, U8, VideoInfo

INSET = 0.13  # of the region's outline, as renders draw it
SECONDS, MOST_FRAMES = 10.0, 300  # of a clip


@dataclass(frozen=True, eq=False)
class Clip:
    """The beginning of a video and the face in it."""

    info: VideoInfo
    face: TrackedFace  # of the whole video
    times: F64  # (n,), of the clip's frames

    @staticmethod
    def load(path: Path, cache: Cache) -> Clip:
        """The first SECONDS of a video, at most MOST_FRAMES.

        Raises:
            LipsyncError: it cannot be read or shows no face.
        """
        info = media.probe(path)
        face = TrackedFace.of(track_video(info, LandmarkOptions(), cache))
        times = display_times(info, len(face))
        return Clip(info, face, times[: min(int(np.searchsorted(times, SECONDS)), MOST_FRAMES)])

    @property
    def name(self) -> str:
        """Of its file."""
        return self.info.path.stem

    def frames(self) -> Iterator[U8]:
        """The clip's frames (h, w, 3), unmarked."""
        return media.read_frames(self.info, 0, len(self.times))

    def masks(self) -> Iterator[F32]:
        """Mouth and chin of every frame, as a render replaces them, (h, w), 0 or 1."""
        for outline in self.face.outlines(INSET)[: len(self.times)]:
            mask = np.zeros((self.info.height, self.info.width), np.uint8)
            if np.isfinite(outline).all():
                fill_polygon(mask, outline)
            yield (mask > 127).astype(np.float32)

    def marked(self, payload: int, errors: list[float] | None = None) -> Iterator[U8]:
        """The frames with a mark; `errors` is filled with the region's mean square errors."""
        mark, to_frame = Watermark(payload), self.face.alignment.to_frame
        for i, (frame, mask) in enumerate(zip(self.frames(), self.masks(), strict=True)):
            made = frame.copy()
            mark.embed(made, to_frame[i], self.times[i], mask)
            if errors is not None and self.face.found[i] and mask.any():
                inside = mask > 0
                change = made[inside].astype(np.float32) - frame[inside]
                errors.append(float((change**2).mean()))
            yield made

    def deliver(self, payload: int, place: Path, errors: list[float] | None = None) -> None:
        """Write the marked clip as a render would."""
        encode.encode_video(self.marked(payload, errors), self.info, None, place, EncodeOptions())


@dataclass(eq=False)
class Reader:
    """Reads attacked videos; landmarks are found in them and kept under a name."""

    cache: Cache
    known: dict[str, F32] = field(default_factory=dict)  # canonical → frame, by the attack's name

    def read(self, video: Path, name: str) -> WatermarkReading | None:
        """The mark of a video, with the landmarks of this name; None: there is no face."""
        info = media.probe(video)
        if name not in self.known:
            try:
                track = track_video(info, LandmarkOptions(), self.cache)
            except NoFaceError:
                return None
            self.known[name] = TrackedFace.of(track).alignment.to_frame
        to_frame = self.known[name]
        times = display_times(info, len(to_frame))
        return read_watermark(media.read_frames(info), to_frame, times)
