"""All faces of a file, detected once and cached."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lipsync.errors import NoFaceError
from lipsync.face.landmarks.detections import Faces
from lipsync.face.landmarks.frame_detection import detect_faces
from lipsync.face.landmarks.orientation import OrientationProbe
from lipsync.face.landmarks.registry import LandmarkOptions, detector_class, uses_mirror
from lipsync.media import read_frames
from lipsync.runtime.code_digest import digest_code
from lipsync.runtime.context import RunContext
from lipsync.runtime.hashing import hash_file
from lipsync.types import U8, VideoInfo

UPSIDE_DOWN = "upside_down"  # a file that says so, beside the faces


def detection_code(options: LandmarkOptions) -> str:
    """Digest of the code that decodes frames and detects faces in them, for cache keys."""
    return digest_code(
        detect_faces.__module__,
        read_frames.__module__,
        detector_class(options).__module__,
        OrientationProbe.__module__,
    )


def detect_video_faces(
    info: VideoInfo, options: LandmarkOptions, run: RunContext, all_faces: bool = True
) -> Faces:
    """All faces of a whole file, from the cache if it has been analyzed before.

    Args:
        all_faces: search for small faces even in frames that show a face of ordinary size.

    Raises:
        MissingPackageError, WeightsError: from the detector.
        NoFaceError: the video is upside down.
    """
    detector = detector_class(options)
    key = {
        "file": hash_file(info.path),
        "fps": info.fps,
        "frames": info.frame_count,
        "kept": info.stamps is not None,
        "tonemapped": info.tonemapped,
        "detector": detector.version,
        "all": all_faces and detector.misses_small_faces,
        "flip": uses_mirror(options),
    }

    probe = OrientationProbe(info.frame_count)

    def frames() -> Iterator[U8]:
        for i, frame in enumerate(read_frames(info)):
            probe.offer(i, frame)
            yield frame
            run.report("landmarks", i + 1, info.frame_count)

    def make(folder: Path) -> None:
        found = detect_faces(frames(), info.fps, options, run.device, all_faces)
        found.save(folder / "faces.npz")
        with detector(run.device) as plain:
            if probe.is_upside_down(plain, found):
                (folder / UPSIDE_DOWN).touch()

    def read(folder: Path) -> Faces:
        if (folder / UPSIDE_DOWN).exists():
            raise NoFaceError(
                f"{info.path}: no usable face (upside down?): turn the video by 180 degrees first"
            )
        return Faces.load(folder / "faces.npz", info.frame_count, info.fps)

    return run.cache.load("faces", key, make, read, code=detection_code(options))
