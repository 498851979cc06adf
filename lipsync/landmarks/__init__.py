"""Landmarks: a face's points in every frame, detected once and kept.

detector        the seam, the table of implementations, the options
mediapipe       the default
face_alignment  2-D FAN (extra `fan`)
track           frames → FaceTrack, following one face
shots           cuts
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lipsync.cache import Cache
from lipsync.digest import sha256
from lipsync.geometry import SCHEMES
from lipsync.landmarks.detector import (
    DETECTORS,
    Face,
    LandmarkDetector,
    LandmarkOptions,
    detector_class,
    open_detector,
)
from lipsync.landmarks.track import follow, track
from lipsync.media import read_frames
from lipsync.types import U8, FaceTrack, Progress, VideoInfo

__all__ = [
    "DETECTORS",
    "Face",
    "LandmarkDetector",
    "LandmarkOptions",
    "detector_class",
    "follow",
    "open_detector",
    "track",
    "track_video",
]


def track_video(
    info: VideoInfo,
    options: LandmarkOptions,
    cache: Cache,
    device: str = "cpu",
    progress: Progress | None = None,
) -> FaceTrack:
    """The face's track through a whole file: from the cache if it has been seen before.

    Raises:
        MissingPackageError, WeightsError: from the detector.
    """
    key = {
        "file": sha256(info.path),
        "fps": info.fps,
        "frames": info.frame_count,
        "kept": info.stamps is not None,
        "tonemapped": info.tonemapped,
        "detector": detector_class(options).version,
    }

    def counted() -> Iterator[U8]:
        for i, frame in enumerate(read_frames(info)):
            yield frame
            if progress is not None:
                progress("landmarks", i + 1, info.frame_count)

    def make(folder: Path) -> None:
        found = track(counted(), info.fps, options, device)
        np.savez(
            folder / "track.npz",
            points=found.points,
            found=found.found,
            confidence=found.confidence,
            cuts=found.cuts,
            scheme=found.scheme.name,
        )

    with np.load(cache.folder("track", key, make) / "track.npz") as data:
        return FaceTrack(
            data["points"],
            data["found"],
            data["confidence"],
            data["cuts"],
            info.fps,
            SCHEMES[str(data["scheme"])],
        )
