"""The one face that is wanted, out of all that were seen."""

from __future__ import annotations

import numpy as np

from lipsync import media
from lipsync.errors import MediaError, NoFaceError, OptionsError
from lipsync.face.identity import SAME, likeness
from lipsync.face.landmarks.clustering import people
from lipsync.face.landmarks.detections import STEPS, Faces, look_of
from lipsync.face.landmarks.registry import LandmarkOptions, open_detector
from lipsync.face.landmarks.selector import WantedFace
from lipsync.types import F32, I64, Bools, FaceTrack

GLIMPSE_S = 0.2  # who is seen for less than this is not counted, unless nobody is seen for longer
MARGIN = 0.1  # of a face's box around it that still counts as on the face


def choose(faces: Faces, wanted: str, options: LandmarkOptions, device: str = "cpu") -> FaceTrack:
    """The track of the face that `wanted` describes (see `WantedFace`); all NaN if none is seen.

    Raises:
        OptionsError: there is no such face; the message tells which there are.
        NoFaceError, MediaError: the picture shows no face, or several.
    """
    face = WantedFace.of(wanted)
    everybody = people(faces)
    if not everybody:
        return faces.track(np.zeros(0, np.int64))
    least = GLIMPSE_S * float(faces.fps)
    persons = [rows for rows in everybody if len(rows) >= least] or everybody
    if face.kind == "largest":
        return faces.track(everybody[0])
    if face.kind == "picture":
        return faces.track(_like_picture(faces, persons, face, options, device))
    if face.kind == "place":
        return faces.track(_at_place(faces, everybody, face))
    return faces.track(_from_left(faces, persons, face))


def seen_elsewhere(faces: Faces, track: FaceTrack) -> Bools:
    """Frames (n,) that show faces, but not the one of the track."""
    seen = np.zeros(faces.count, bool)
    seen[faces.frame] = True
    return seen & ~track.found


def most_like(faces: Faces, looks: list[F32]) -> FaceTrack:
    """The track of the person most like these looks; the only one there is, whoever it is."""
    persons = people(faces)
    if not persons or not looks:
        return faces.track(persons[0] if persons else np.zeros(0, np.int64))
    return faces.track(max(persons, key=lambda rows: _likeness(faces, rows, looks)))


def looks_of(faces: Faces, track: FaceTrack) -> list[F32]:
    """How the person of a track looks: thumbnails, spread over the track."""
    of_track = [
        row
        for row, face in enumerate(faces.looked.tolist())
        if np.array_equal(faces.points[face], track.points[faces.frame[face]])
    ]
    some = np.linspace(0, len(of_track) - 1, min(24, len(of_track))).round().astype(int)
    return faces.look(np.asarray(of_track, np.int64)[some])


def _from_left(faces: Faces, persons: list[I64], face: WantedFace) -> I64:
    """Counted in the first frame that shows so many at once (left, right: the most of all)."""
    who = np.full(len(faces), -1)
    for number, rows in enumerate(persons):
        who[rows] = number
    counts = np.bincount(faces.frame[who >= 0], minlength=faces.count)
    most = int(counts.max())
    number = face.number if face.kind == "number" else min(2, most)
    if number > most:
        at_once = "one face is seen" if most == 1 else f"{most} faces are seen at once"
        raise OptionsError(
            f"face {face.text}: at most {at_once} in the target; choose from 1 to {most}"
        )
    frame = int(np.argmax(counts >= number))
    here = np.flatnonzero((faces.frame == frame) & (who >= 0))
    ordered = here[np.argsort(faces.centre[here, 0])]
    place = {"left": 0, "right": len(ordered) - 1, "number": number - 1}[face.kind]
    return persons[int(who[ordered[place]])]


def _at_place(faces: Faces, persons: list[I64], face: WantedFace) -> I64:
    """Whose face the point lies on."""
    frame = int(face.at * float(faces.fps) + 1e-6)
    if frame >= faces.count:
        raise OptionsError(
            f"face {face.text}: the target ends at {faces.count / float(faces.fps):.2f} s"
        )
    here = np.flatnonzero(faces.frame == frame)
    low, high = faces.points[here, :, :2].min(1), faces.points[here, :, :2].max(1)
    room = MARGIN * (high - low)
    at = np.array(face.place, np.float32)
    on = here[((at >= low - room) & (at <= high + room)).all(1)]
    if not len(on):
        places = "; ".join(f"{x:.0f},{y:.0f}" for x, y in faces.centre[here].tolist())
        there = f"faces are at {places}" if places else "no face is seen there at all"
        raise OptionsError(
            f"face {face.text}: no face there at {frame / float(faces.fps):.2f} s: {there}"
        )
    nearest = on[np.linalg.norm(faces.centre[on] - at, axis=1).argmin()]
    return next(rows for rows in persons if nearest in rows)


def _like_picture(
    faces: Faces, persons: list[I64], face: WantedFace, options: LandmarkOptions, device: str
) -> I64:
    """Who looks like the face in a picture."""
    path = face.picture
    assert path is not None  # noqa: S101
    frame = next(iter(media.read_frames(media.probe(path), 0, 1)))
    with open_detector(options, device) as detector:
        found = detector.detect(frame)
        scheme = detector.scheme
    if not found:
        raise NoFaceError(
            f"{path}: no face was found in this picture; give one that shows the face"
        )
    if len(found) > 1:
        raise MediaError(f"{path}: shows {len(found)} faces; cut it so that it shows one")
    look = look_of(frame, found[0].points, scheme).astype(np.float32) / STEPS
    values = [_likeness(faces, rows, [look]) for rows in persons]
    best = int(np.argmax(values))
    if values[best] < SAME:
        raise OptionsError(
            f"face {path}: looks like nobody in the target (at most {values[best]:.2f} alike, "
            f"{SAME} is needed); choose by place (X,Y@SECONDS) or number instead"
        )
    return persons[best]


def _likeness(faces: Faces, rows: I64, looks: list[F32]) -> float:
    """Of a person's most alike look with these."""
    own = np.flatnonzero(np.isin(faces.looked, rows))
    return likeness(faces.look(own), looks) if len(own) else -1.0
