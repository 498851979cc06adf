"""Reading all marks of a file, the watermark too, which takes the faces in its picture.

file ─ comment, XMP, sidecar, content credentials ─┐
picture ─ landmarks → alignment → watermark ───────┴→ judgement
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from lipsync import media
from lipsync.errors import MediaError, NoFaceError
from lipsync.face import landmarks
from lipsync.face.landmarks import LandmarkOptions
from lipsync.face.tracked_face import TrackedFace
from lipsync.marks.certificate import load_identity
from lipsync.marks.credentials_reader import read_trust
from lipsync.marks.judgement import Marks
from lipsync.marks.reader import read_marks
from lipsync.marks.watermark_reader import read_watermark
from lipsync.media.frame_times import display_times
from lipsync.report.results import MarksResult
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors
from lipsync.runtime.context import RunContext
from lipsync.types import Progress, as_path


def verify_marks(
    video: str | Path,
    *,
    trust: str | Path | None = None,
    watermark: bool = True,
    face: str = "largest",
    device: str = "cpu",
    cache: bool = True,
    progress: Progress | None = None,
) -> MarksResult:
    """Read the marks of a video or of a folder of frames, and say whether they hold.

    Args:
        video: any video, or a folder of PNG pictures.
        trust: a file of certificates (PEM): what they issued is trusted. None: no signer is.
        watermark: look for it as well, which takes the landmarks of all faces.
        face: in which the watermark is looked for, see `LandmarkOptions`.
        device: where networks run.
        cache: keep face tracks on disk.
        progress: called with (stage, done, total).

    Returns:
        MarksResult.

    Raises:
        LipsyncError: the video or the certificates cannot be read.
    """
    video = as_path(video, "video")
    anchors = None if trust is None else read_trust(as_path(trust, "trust"))
    marks = read_marks(video, anchors)
    if watermark and not video.is_dir():
        with RunContext.open(cache, device, progress) as run:
            marks = add_watermark(marks, video, _find_face(video, face, run), run)
    return MarksResult.of(video, marks)


def describe_marks(
    video: Path, face: TrackedFace | None, run: RunContext
) -> tuple[dict[str, str], ...]:
    """The marks of a video whose face is known: name, state and words of each."""
    marks = add_watermark(read_marks(video), video, face, run)
    return tuple(vars(mark).copy() for mark in marks.marks)


def add_watermark(marks: Marks, video: Path, face: TrackedFace | None, run: RunContext) -> Marks:
    """The marks with the watermark that a face carries.

    Args:
        face: as found in this video; None: it shows none.
    """
    if face is None:
        return marks.with_watermark(None, "no face was found, and faces carry it")
    info = media.probe(video)
    with run.timer.stage("watermark"), closing(media.read_frames(info)) as frames:
        times = display_times(info, len(face))
        reading = read_watermark(frames, face.alignment.to_frame, times)
    return marks.with_watermark(reading.payload, reading.line)


def local_root(output: Path | None = None) -> tuple[Path, str]:
    """Where the local certificate is, which is made if there is none, and its root (PEM).

    Args:
        output: also write the root to this file.

    Raises:
        OutputError: a file cannot be written.
        InputError: the local certificate is damaged.
    """
    identity = load_identity(None, None)
    if output is not None:
        with atomic_write(output) as temporary, os_errors_as_output_errors(output):
            temporary.write_text(identity.root, "utf-8")
    return identity.place, identity.root


def _find_face(video: Path, which: str, run: RunContext) -> TrackedFace | None:
    """The face of a video; None: it shows none, or is no moving picture."""
    options = LandmarkOptions(face=which)
    try:
        info = media.probe(video)
        if info.still:
            return None
        track = landmarks.track_video(info, options, run.cache, run.device, run.progress)
        return TrackedFace.of(track)
    except (NoFaceError, MediaError):
        return None
