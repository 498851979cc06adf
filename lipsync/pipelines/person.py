"""Gather what there is of a person: the target, references, a picture of teeth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lipsync import media
from lipsync.errors import NoFaceError
from lipsync.face import landmarks, tracked_face
from lipsync.mouth.bank import mouth_bank
from lipsync.mouth.bank.footage import Footage
from lipsync.types import F32, FaceTrack, MouthBank, Progress, VideoInfo

if TYPE_CHECKING:
    from lipsync.face.landmarks import Faces
    from lipsync.options import (
        MouthOptions,
        RenderOptions,  # which know this module's options
    )
    from lipsync.runtime.cache import Cache


def gathered(
    info: VideoInfo,
    track: FaceTrack,
    faces: Faces,
    options: RenderOptions | MouthOptions,
    cache: Cache,
    progress: Progress | None,
) -> Footage:
    """The target and whatever else there is of the person: what `--reference` names.

    Args:
        track: of the person in the target `info`, one of its `faces`.

    Raises:
        NoFaceError: a further video does not show the person.
    """
    infos, tracks = [info], [track]
    names = options.footage.reference
    looks = landmarks.looks_of(faces, track) if names else []
    for name in names:
        more, found = _elsewhere(name, info, looks, options, cache, progress)
        infos.append(more)
        tracks.append(found)
    return Footage.of(infos, tracks, tracked_face.rigid_template(track))


def teeth_given(
    info: VideoInfo,
    track: FaceTrack,
    faces: Faces,
    options: RenderOptions,
    cache: Cache,
    progress: Progress | None,
) -> MouthBank | None:
    """The mouths of the picture or video that `--teeth` names; None: it names none.

    Raises:
        NoFaceError: it does not show the person.
    """
    if options.teeth.teeth in ("auto", "off"):
        return None
    looks = landmarks.looks_of(faces, track)
    more, found = _elsewhere(options.teeth.teeth, info, looks, options, cache, progress)
    shown = Footage.of([more], [found], tracked_face.rigid_template(track))
    return mouth_bank.build(
        shown.frames(), shown.track, shown.alignment, options.bank, cache, shown.digest
    )


def _elsewhere(
    name: str,
    info: VideoInfo,
    looks: list[F32],
    options: RenderOptions | MouthOptions,
    cache: Cache,
    progress: Progress | None,
) -> tuple[VideoInfo, FaceTrack]:
    """Another video or picture, and the track of whoever in it is most like these looks."""
    path = Path(name).expanduser()
    more = media.probe(path, tonemap=not info.hdr)
    device = options.run.device
    seen = landmarks.look_at_video(
        more, options.landmarks, cache, device, progress, all_of_them=False
    )
    found = landmarks.most_like(seen, looks)
    if not found.found.any():
        raise NoFaceError(f"{path}: no face was found in its {len(found)} frames")
    return more, found
