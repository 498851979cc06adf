"""Selection of one person's face out of all detected faces."""

from __future__ import annotations

import numpy as np

from lipsync.errors import MediaError, NoFaceError, OptionsError
from lipsync.face.identity import SAME_PERSON, compare_faces
from lipsync.face.landmarks.clustering import cluster_identities
from lipsync.face.landmarks.detections import STEPS, Faces, face_thumbnail
from lipsync.face.landmarks.registry import LandmarkOptions, open_detector
from lipsync.face.landmarks.selector import FaceSelector
from lipsync.media import probe, read_frames
from lipsync.types import F32, I64, Bools, FaceTrack

# People visible for less than this are not counted, unless nobody is visible for longer.
GLIMPSE_S = 0.2
MARGIN = 0.1  # of a face's box around it that still counts as the face
THUMBNAILS = 24  # of a person, at most


def select_face(
    faces: Faces, description: str, options: LandmarkOptions, device: str = "cpu"
) -> FaceTrack:
    """The track of the face described (see `FaceSelector`); all NaN if no face was detected.

    Raises:
        OptionsError: there is no such face; the message lists those there are.
        NoFaceError, MediaError: the given picture shows no face, or several.
    """
    selector = FaceSelector.parse(description)
    everybody = cluster_identities(faces)
    if not everybody:
        return faces.track(np.zeros(0, np.int64))
    shortest = GLIMPSE_S * float(faces.fps)
    people = [rows for rows in everybody if len(rows) >= shortest] or everybody
    if selector.kind == "largest":
        return faces.track(everybody[0])
    if selector.kind == "picture":
        return faces.track(_like_picture(faces, people, selector, options, device))
    if selector.kind == "place":
        return faces.track(_at_place(faces, everybody, selector))
    return faces.track(_from_left(faces, people, selector))


def shows_other_faces(faces: Faces, track: FaceTrack) -> Bools:
    """Frames (n,) that show faces, but not the one of the track."""
    seen = np.zeros(faces.count, bool)
    seen[faces.frame] = True
    return seen & ~track.found


def select_most_similar(faces: Faces, thumbnails: list[F32]) -> FaceTrack:
    """The track of the person most similar to these thumbnails; a single person needs no match."""
    people = cluster_identities(faces)
    if not people or not thumbnails:
        return faces.track(people[0] if people else np.zeros(0, np.int64))
    return faces.track(max(people, key=lambda rows: _likeness(faces, rows, thumbnails)))


def track_thumbnails(faces: Faces, track: FaceTrack) -> list[F32]:
    """Thumbnails (h, w) of the person of a track, spread over it."""
    of_track = [
        row
        for row, face in enumerate(faces.thumbnail_faces.tolist())
        if np.array_equal(faces.points[face], track.points[faces.frame[face]])
    ]
    some = np.linspace(0, len(of_track) - 1, min(THUMBNAILS, len(of_track))).round().astype(int)
    return faces.decoded_thumbnails(np.asarray(of_track, np.int64)[some])


def _from_left(faces: Faces, people: list[I64], selector: FaceSelector) -> I64:
    """Counted in the first frame that shows that many at once (left, right: the most of all)."""
    who = np.full(len(faces), -1)
    for number, rows in enumerate(people):
        who[rows] = number
    counts = np.bincount(faces.frame[who >= 0], minlength=faces.count)
    most = int(counts.max())
    number = selector.number if selector.kind == "number" else min(2, most)
    if number > most:
        at_once = "one face is seen" if most == 1 else f"{most} faces are seen at once"
        raise OptionsError(
            f"face {selector.text}: at most {at_once} in the target; choose from 1 to {most}"
        )
    frame = int(np.argmax(counts >= number))
    here = np.flatnonzero((faces.frame == frame) & (who >= 0))
    ordered = here[np.argsort(faces.center[here, 0])]
    place = {"left": 0, "right": len(ordered) - 1, "number": number - 1}[selector.kind]
    return people[int(who[ordered[place]])]


def _at_place(faces: Faces, people: list[I64], selector: FaceSelector) -> I64:
    """The person whose face contains the point."""
    frame = int(selector.at * float(faces.fps) + 1e-6)
    if frame >= faces.count:
        raise OptionsError(
            f"face {selector.text}: the target ends at {faces.count / float(faces.fps):.2f} s"
        )
    here = np.flatnonzero(faces.frame == frame)
    low, high = faces.points[here, :, :2].min(1), faces.points[here, :, :2].max(1)
    room = MARGIN * (high - low)
    at = np.array(selector.place, np.float32)
    on = here[((at >= low - room) & (at <= high + room)).all(1)]
    if not len(on):
        places = "; ".join(f"{x:.0f},{y:.0f}" for x, y in faces.center[here].tolist())
        there = f"faces are at {places}" if places else "no face is seen there at all"
        raise OptionsError(
            f"face {selector.text}: no face there at {frame / float(faces.fps):.2f} s: {there}"
        )
    nearest = on[np.linalg.norm(faces.center[on] - at, axis=1).argmin()]
    return next(rows for rows in people if nearest in rows)


def _like_picture(
    faces: Faces, people: list[I64], selector: FaceSelector, options: LandmarkOptions, device: str
) -> I64:
    """The person most similar to the face in a picture."""
    path = selector.picture
    assert path is not None  # noqa: S101
    frame = next(iter(read_frames(probe(path), 0, 1)))
    with open_detector(options, device) as detector:
        found = detector.detect(frame)
        scheme = detector.scheme
    if not found:
        raise NoFaceError(
            f"{path}: no face was found in this picture; give one that shows the face"
        )
    if len(found) > 1:
        raise MediaError(f"{path}: shows {len(found)} faces; cut it so that it shows one")
    thumbnail = face_thumbnail(frame, found[0].points, scheme).astype(np.float32) / STEPS
    values = [_likeness(faces, rows, [thumbnail]) for rows in people]
    best = int(np.argmax(values))
    if values[best] < SAME_PERSON:
        raise OptionsError(
            f"face {path}: looks like nobody in the target (at most {values[best]:.2f} alike, "
            f"{SAME_PERSON} is needed); choose by place (X,Y@SECONDS) or number instead"
        )
    return people[best]


def _likeness(faces: Faces, rows: I64, thumbnails: list[F32]) -> float:
    """Likeness of a person's most similar thumbnail to these; -1: the person has none."""
    own = np.flatnonzero(np.isin(faces.thumbnail_faces, rows))
    return compare_faces(faces.decoded_thumbnails(own), thumbnails) if len(own) else -1.0
