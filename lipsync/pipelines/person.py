"""Find a person: in the target, in reference videos, in a picture of their teeth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lipsync import media
from lipsync.errors import NoFaceError
from lipsync.face import landmarks
from lipsync.face.alignment import rigid_template
from lipsync.face.landmarks import Faces, LandmarkOptions
from lipsync.face.tracked_face import TrackedFace
from lipsync.mouth.bank.footage import Footage
from lipsync.mouth.bank.mouth_bank import BankOptions
from lipsync.runtime.context import RunContext
from lipsync.runtime.wording import count_of
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import F32, FaceTrack, MouthBank, VideoInfo


@dataclass(frozen=True, eq=False)
class Person:
    """One person in the target."""

    info: VideoInfo  # the target
    faces: Faces  # all that it shows
    face: TrackedFace  # this person's

    @property
    def thumbnails(self) -> list[F32]:
        """Thumbnails of the upper face, by which the person is recognized elsewhere."""
        return landmarks.track_thumbnails(self.faces, self.face.track)


def detect_faces(
    info: VideoInfo, options: LandmarkOptions, run: RunContext, several: bool
) -> Faces:
    """All faces of a video.

    Args:
        several: look for small faces even in frames that show one of ordinary size.

    Raises:
        NoFaceError: no frame shows any, or they are upside down.
    """
    faces = landmarks.detect_video_faces(info, options, run, several)
    if not len(faces):
        raise NoFaceError(f"{info.path}: no face was found in its {count_of(faces.count, 'frame')}")
    return faces


def find_person(info: VideoInfo, options: LandmarkOptions, run: RunContext) -> Person:
    """The person whose face the options select.

    Raises:
        NoFaceError: no frame shows a face, or none shows the selected one.
    """
    faces = detect_faces(info, options, run, options.face != "largest")
    track = landmarks.select_face(faces, options.face, options, run.device)
    if not track.found.any():
        raise NoFaceError(f"{info.path}: no face was found in its {count_of(len(track), 'frame')}")
    return Person(info, faces, TrackedFace.of(track))


def gather_footage(
    person: Person,
    speech: VideoSpeech,
    references: tuple[str, ...],
    options: LandmarkOptions,
    run: RunContext,
) -> Footage:
    """The target and the reference videos or pictures of the same person.

    Args:
        speech: the target's own sound.

    Raises:
        NoFaceError: a reference does not show the person.
    """
    videos, tracks = [speech], [person.face.track]
    thumbnails = person.thumbnails if references else []
    for name in references:
        info, track = _find_elsewhere(name, person.info, thumbnails, options, run)
        videos.append(VideoSpeech(info))
        tracks.append(track)
    return Footage.of(videos, tracks, rigid_template(person.face.track))


def collect_given_teeth(
    name: str, person: Person, options: LandmarkOptions, bank: BankOptions, run: RunContext
) -> MouthBank | None:
    """The mouths of the picture or video that `--teeth` names; None: it names none.

    Raises:
        NoFaceError: it does not show the person.
    """
    if name in ("auto", "off"):
        return None
    info, track = _find_elsewhere(name, person.info, person.thumbnails, options, run)
    footage = Footage.of([VideoSpeech(info)], [track], rigid_template(person.face.track))
    return footage.collect_bank(bank, run.cache)[0]


def _find_elsewhere(
    name: str,
    target: VideoInfo,
    thumbnails: list[F32],
    options: LandmarkOptions,
    run: RunContext,
) -> tuple[VideoInfo, FaceTrack]:
    """Another video or picture, and the track of the face in it that is most like the person's."""
    path = Path(name).expanduser()
    info = media.probe(path, tonemap=not target.hdr)
    faces = landmarks.detect_video_faces(info, options, run, all_faces=False)
    track = landmarks.select_most_similar(faces, thumbnails)
    if not track.found.any():
        raise NoFaceError(f"{path}: no face was found in its {count_of(len(track), 'frame')}")
    return info, track
