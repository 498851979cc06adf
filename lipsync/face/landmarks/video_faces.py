"""All faces of a file, detected once and cached."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lipsync.face.landmarks.detections import Faces
from lipsync.face.landmarks.registry import (
    LandmarkOptions,
    detector_class,
    flips,
)
from lipsync.face.landmarks.selection import choose
from lipsync.face.landmarks.tracking import look
from lipsync.media import read_frames
from lipsync.runtime.cache import Cache
from lipsync.runtime.hashing import sha256
from lipsync.types import U8, FaceTrack, Progress, VideoInfo

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
