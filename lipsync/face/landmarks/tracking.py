"""The track of the selected face through frames or through a file."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from lipsync.face.landmarks.frame_detection import detect_faces
from lipsync.face.landmarks.registry import LandmarkOptions
from lipsync.face.landmarks.selection import select_face
from lipsync.face.landmarks.video_faces import detect_video_faces
from lipsync.runtime.cache import Cache
from lipsync.runtime.context import RunContext
from lipsync.types import U8, FaceTrack, Progress, VideoInfo


def track_face(
    frames: Iterable[U8], fps: Fraction, options: LandmarkOptions, device: str = "cpu"
) -> FaceTrack:
    """Follow the face that the options select through `frames` (each (h, w, 3) RGB).

    Returns:
        FaceTrack over all frames; rows without this face are NaN.

    Raises:
        MissingPackageError, WeightsError: from the detector.
        OptionsError, NoFaceError, MediaError: see `select_face`.
    """
    faces = detect_faces(frames, fps, options, device, _needs_all_faces(options))
    return select_face(faces, options.face, options, device)


def track_video(
    info: VideoInfo,
    options: LandmarkOptions,
    cache: Cache,
    device: str = "cpu",
    progress: Progress | None = None,
) -> FaceTrack:
    """The track of the selected face through a whole file.

    It raises what `detect_video_faces` and `select_face` do.
    """
    all_faces = _needs_all_faces(options)
    faces = detect_video_faces(info, options, RunContext(cache, device, progress), all_faces)
    return select_face(faces, options.face, options, device)


def _needs_all_faces(options: LandmarkOptions) -> bool:
    """Whether small faces matter as well; for the largest face they do not."""
    return options.face != "largest"
