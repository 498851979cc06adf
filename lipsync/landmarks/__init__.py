"""Landmarks: the faces in every frame, detected once and kept; whose they are; which is wanted.

detector        the seam, the table of implementations, the options
mediapipe       the default
mirrored        another detector, asked about the mirror image as well
face_alignment  2-D FAN (extra `fan`)
track           frames → Faces, and → one person's FaceTrack
small           faces that the detector misses in the whole frame
faces           Faces: all of them, nobody named yet
shots           cuts
people          whose is whose: across gaps, crossings and cuts
wanted          which face is wanted, as it is written
choice          the one that is wanted → FaceTrack
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lipsync.cache import Cache
from lipsync.digest import sha256
from lipsync.landmarks.choice import choose, looks_of, most_like, seen_elsewhere
from lipsync.landmarks.detector import (
    DETECTORS,
    Face,
    LandmarkDetector,
    LandmarkOptions,
    detector_class,
    flips,
    open_detector,
)
from lipsync.landmarks.faces import Faces
from lipsync.landmarks.people import people, rivals
from lipsync.landmarks.track import look, track
from lipsync.landmarks.wanted import WantedFace
from lipsync.media import read_frames
from lipsync.types import U8, FaceTrack, Progress, VideoInfo

__all__ = [
    "DETECTORS",
    "Face",
    "Faces",
    "LandmarkDetector",
    "LandmarkOptions",
    "WantedFace",
    "choose",
    "detector_class",
    "look",
    "look_at_video",
    "looks_of",
    "most_like",
    "open_detector",
    "people",
    "rivals",
    "seen_elsewhere",
    "track",
    "track_video",
]

LAYOUT = 1  # of the files in the cache, and of how small faces are searched for


def track_video(
    info: VideoInfo,
    options: LandmarkOptions,
    cache: Cache,
    device: str = "cpu",
    progress: Progress | None = None,
) -> FaceTrack:
    """The track of the wanted face through a whole file; see `look_at_video` and `choose`."""
    all_of_them = options.face != "largest"
    faces = look_at_video(info, options, cache, device, progress, all_of_them)
    return choose(faces, options.face, options, device)


def look_at_video(
    info: VideoInfo,
    options: LandmarkOptions,
    cache: Cache,
    device: str = "cpu",
    progress: Progress | None = None,
    all_of_them: bool = True,
) -> Faces:
    """All faces of a whole file: from the cache if it has been seen before.

    Args:
        all_of_them: look for small faces even in frames that show a face of ordinary size.

    Raises:
        MissingPackageError, WeightsError: from the detector.
    """
    detector = detector_class(options)
    key = {
        "file": sha256(info.path),
        "fps": info.fps,
        "frames": info.frame_count,
        "kept": info.stamps is not None,
        "tonemapped": info.tonemapped,
        "detector": detector.version,
        "layout": LAYOUT,
        "all": all_of_them and detector.short_sighted,
        "flip": flips(options),
    }

    def counted() -> Iterator[U8]:
        for i, frame in enumerate(read_frames(info)):
            yield frame
            if progress is not None:
                progress("landmarks", i + 1, info.frame_count)

    def make(folder: Path) -> None:
        look(counted(), info.fps, options, device, all_of_them).save(folder / "faces.npz")

    folder = cache.folder("faces", key, make)
    return Faces.load(folder / "faces.npz", info.frame_count, info.fps)
