"""The footage of a face set: every file's faces found once, and frames sampled from it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import FacesError, MediaError, NoFaceError
from lipsync.face import landmarks
from lipsync.face.landmarks import Faces, LandmarkOptions
from lipsync.face.tracked_face import TrackedFace
from lipsync.faceswap.faceset.curation import CurationOptions
from lipsync.faceswap.faceset.rejected import SampledFrame
from lipsync.mouth.bank.footage import Footage
from lipsync.runtime.context import RunContext
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import F32, I64, U8, FaceTrack, VideoInfo

log = logging.getLogger(__name__)

# Another face's center is at least so far from the followed one's, in diagonals of the latter.
OTHER_DISTANCE = 0.3


@dataclass(frozen=True, eq=False)
class FaceFootage:
    """The files that were given, and the person's face through all that show one."""

    infos: list[VideoInfo]  # with a face, end to end
    face: TrackedFace
    others: F32  # (f,), see `measure_other_faces`
    faceless: list[VideoInfo]
    unreadable: list[Path]

    def shots(self, rows: I64) -> I64:
        """The number of the shot that each of the frames `rows` belongs to."""
        return np.searchsorted(self.face.track.cuts, rows, side="right").astype(np.int64)


def find_faces(videos: list[Path], options: LandmarkOptions, run: RunContext) -> FaceFootage:
    """Detect all faces once and follow the selected one.

    Raises:
        FacesError: no file can be read.
        NoFaceError: no file shows a face.
    """
    if not videos:
        raise FacesError("no videos and pictures were given")
    infos, tracks, others, faceless, unreadable = [], [], [], [], []
    for video in videos:
        try:
            info = media.probe(video)
            faces = landmarks.detect_video_faces(info, options, run, options.face != "largest")
        except MediaError as error:
            log.warning("left out: %s", error)
            unreadable.append(video)
            continue
        track = landmarks.select_face(faces, options.face, options, run.device)
        if not track.found.any():
            faceless.append(info)
            continue
        infos.append(info)
        tracks.append(track)
        # The faces themselves are as large as the track: only what is needed of them is kept.
        others.append(measure_other_faces(faces, track))
    if not infos and not faceless:
        raise FacesError(f"none of the {len(videos)} files can be read ({videos[0]} …)")
    if not infos:
        raise NoFaceError(f"no face was found in any of {len(videos)} files ({videos[0]} …)")
    face = Footage.of([VideoSpeech(info) for info in infos], tracks).face
    return FaceFootage(infos, face, np.concatenate(others), faceless, unreadable)


def measure_other_faces(faces: Faces, track: FaceTrack) -> F32:
    """Size of the largest other face in each frame, as a share of the followed one's, (f,).

    0 where there is none, and where the followed one is not found.
    """
    others = np.zeros(len(track), np.float32)
    for row, frame in enumerate(faces.frame.tolist()):
        if not track.found[frame]:
            continue
        followed, points = track.xy[frame], faces.points[row, :, :2]
        size = float(np.linalg.norm(np.ptp(followed, axis=0)))
        if np.linalg.norm(points.mean(0) - followed.mean(0)) > OTHER_DISTANCE * size:
            share = float(np.linalg.norm(np.ptp(points, axis=0))) / size
            others[frame] = max(others[frame], share)
    return others


def sample_frames(
    footage: FaceFootage, options: CurationOptions
) -> tuple[list[SampledFrame], list[SampledFrame]]:
    """The sampled frames with a face and those without.

    Raises:
        NoFaceError: none of them shows the face.
    """
    frames: list[SampledFrame] = []
    faceless: list[SampledFrame] = []
    first = 0
    for info in footage.infos:
        for frame in _sampled_indices(info, options):
            row = first + frame
            found = footage.face.found[row]
            (frames if found else faceless).append(SampledFrame(info, frame, row))
        first += info.frame_count
    for info in footage.faceless:
        faceless += [SampledFrame(info, frame, -1) for frame in _sampled_indices(info, options)]
    if not frames:
        raise NoFaceError("no sampled frame shows the face; raise --per-second")
    return frames, faceless


def _sampled_indices(info: VideoInfo, options: CurationOptions) -> list[int]:
    step = max(1.0, float(info.fps) / options.per_second)
    indices: list[int] = np.unique(np.arange(0, info.frame_count, step).astype(int)).tolist()
    return indices


def read_sampled(frames: list[SampledFrame]) -> Iterator[tuple[SampledFrame, U8]]:
    """The sampled frames with their pictures; every file is decoded once."""
    at = 0
    while at < len(frames):
        info, wanted = frames[at].info, {}
        while at < len(frames) and frames[at].info is info:
            wanted[frames[at].frame] = frames[at]
            at += 1
        pictures = media.read_frames(info, min(wanted), max(wanted) + 1)
        try:
            for index, picture in enumerate(pictures, min(wanted)):
                if index in wanted:
                    yield wanted[index], picture
        finally:
            pictures.close()
