"""Videos and pictures of one person → a set of faces to learn from.

Two passes over the footage: the first looks at every sampled face, the second stores those that
are good. In between all that is known is a row of numbers per face, so memory does not grow with
the pixels. Nothing is deleted: what is not kept is listed with its reason.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import FacesError, MediaError, NoFaceError
from lipsync.face import appearance, identity, landmarks, similarity, tracked_face
from lipsync.face.head_pose import head_angles
from lipsync.face.landmarks import LandmarkOptions
from lipsync.faceswap.face_crop import cut_face, face_matrix
from lipsync.faceswap.faceset import coverage_report, curation
from lipsync.faceswap.faceset.curation import VIEW, Criterion, CurationOptions, Look
from lipsync.faceswap.faceset.rejected import Place, write_rejected
from lipsync.faceswap.faceset.store import LEAST_FACES, NAME, face_mask, writing
from lipsync.mouth.bank.footage import Footage
from lipsync.report.results import ExtractResult
from lipsync.runtime.atomic import refusals, whole
from lipsync.runtime.cache import Cache
from lipsync.types import F32, I64, U8, Progress, VideoInfo

log = logging.getLogger(__name__)

REJECTED, REPORT = "rejected.tsv", "report.png"


def extract(
    videos: list[Path],
    output: Path,
    *,
    options: CurationOptions | None = None,
    landmark_options: LandmarkOptions | None = None,
    device: str = "cpu",
    cache: bool = True,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExtractResult:
    """Collect the faces of one person.

    Args:
        videos: any videos and pictures of that person.
        output: a folder; gets faces.zip, rejected.tsv and report.png.
        overwrite: replace a set that is there already.

    Raises:
        FacesError: no faces at all, fewer than 50 usable ones (the message says why), or a set
            is there already. Of too few, rejected.tsv and report.png are written all the same.
        OutputError: the folder cannot be written to.
    """
    options = options or CurationOptions()
    landmark_options = landmark_options or LandmarkOptions()
    if (output / NAME).exists() and not overwrite:
        raise FacesError(f"{output / NAME}: exists already; pass --overwrite to replace it")
    with refusals(output):
        output.mkdir(parents=True, exist_ok=True)
    with Cache(Cache.default_root() if cache else None) as store:
        infos, tracks, unread, faceless = [], [], [], []
        for video in videos:
            try:
                info = media.probe(video)
                track = landmarks.track_video(info, landmark_options, store, device, progress)
            except MediaError as error:
                log.warning("left out: %s", error)
                unread.append(video)
                continue
            if not track.found.any():
                faceless.append(info)
                continue
            infos.append(info)
            tracks.append(track)
    if not infos and not faceless:
        raise FacesError(f"none of the {len(videos)} files can be read ({videos[0]} …)")
    if not infos:
        raise NoFaceError(f"no face was found in any of {len(videos)} files ({videos[0]} …)")
    footage = Footage.of(infos, tracks)
    places, absent = _sampled(footage, options)
    for info in faceless:
        absent += [Place(info, frame, -1) for frame in _sampled_frames(info, options)]
    found = list(_looked(footage, places, landmark_options, device, progress))
    values = _scores(footage, places, found)
    reasons = curation.judge(values, np.stack([look.thumb for look in found]), options)
    sheet = coverage_report.Report(values, options, *_poses(footage, places))
    with whole(output / REJECTED) as temporary:
        write_rejected(temporary, places, absent, unread, values, reasons, options)
    kept = [i for i, reason in enumerate(reasons) if reason is None]
    enough = len(kept) >= LEAST_FACES
    _store(output, footage, places, found, reasons, options, sheet, enough, progress)
    missing = sheet.save(output / REPORT, reasons)
    counted = coverage_report.counts(reasons)
    if absent:
        counted["no face"] = len(absent)
    if unread:
        counted["unreadable file"] = len(unread)
    if not enough:
        why = ", ".join(f"{count} {reason}" for reason, count in counted.items()) or "nothing else"
        raise FacesError(
            f"{output}: only {len(kept)} usable faces, at least {LEAST_FACES} are needed "
            f"(rejected: {why}; see {REJECTED}); give more footage of the person"
        )
    return ExtractResult(
        output / NAME, output / REJECTED, output / REPORT, len(kept),
        len(places) + len(absent), counted, missing,
    )  # fmt: skip


def _sampled(footage: Footage, options: CurationOptions) -> tuple[list[Place], list[Place]]:
    """The frames to look at, with a face and without."""
    places: list[Place] = []
    absent: list[Place] = []
    first = 0
    for info in footage.infos:
        for frame in _sampled_frames(info, options):
            row = first + frame
            (places if footage.track.found[row] else absent).append(Place(info, frame, row))
        first += info.frame_count
    return places, absent


def _sampled_frames(info: VideoInfo, options: CurationOptions) -> list[int]:
    step = max(1.0, float(info.fps) / options.per_second)
    frames: list[int] = np.unique(np.arange(0, info.frame_count, step).astype(int)).tolist()
    return frames


def _frames(places: list[Place]) -> Iterator[tuple[Place, U8]]:
    """The places' frames, each file decoded once."""
    at = 0
    while at < len(places):
        info, wanted = places[at].info, {}
        while at < len(places) and places[at].info is info:
            wanted[places[at].frame] = places[at]
            at += 1
        frames = media.read_frames(info, min(wanted), max(wanted) + 1)
        try:
            for frame, picture in enumerate(frames, min(wanted)):
                if frame in wanted:
                    yield wanted[frame], picture
        finally:
            frames.close()


def _looked(
    footage: Footage,
    places: list[Place],
    options: LandmarkOptions,
    device: str,
    progress: Progress | None,
) -> Iterator[Look]:
    """The first pass."""
    track, place_of = footage.track, footage.alignment.to_frame
    to_view = similarity.compose(face_matrix(VIEW), footage.alignment.to_canonical)
    with landmarks.open_detector(options, device) as detector:
        for i, (place, frame) in enumerate(_frames(places)):
            row = place.row
            points = track.xy[row]
            extent = float(np.linalg.norm(np.ptp(points, axis=0)))
            others = [
                float(np.linalg.norm(np.ptp(face.points[:, :2], axis=0))) / extent
                for face in detector.detect(frame)
                if np.linalg.norm(face.points[:, :2].mean(0) - points.mean(0)) > 0.3 * extent
            ]
            view = cut_face(frame, place_of[row], VIEW)
            measured = curation.measure(
                view, face_mask(similarity.apply(to_view[row], points), VIEW)
            )
            yield Look(
                float(footage.alignment.scale[row]), max(others, default=0.0), *measured,
                appearance.look(frame, place_of[row]), identity.upper_face(frame, place_of[row]),
            )  # fmt: skip
            if progress is not None:
                progress("faces", i + 1, len(places))


def _scores(footage: Footage, places: list[Place], found: list[Look]) -> dict[str, F32]:
    """Compare the faces with one another."""
    track, rows = footage.track, np.array([place.row for place in places])
    lips = tracked_face.lips(track, footage.alignment).points
    mouths = np.zeros((len(track), len(found[0].mouth)), np.float16)
    mouths[rows] = np.stack([look.mouth for look in found])
    seen = np.zeros(len(track), bool)
    seen[rows] = True
    looked_at = type(track)(
        track.points, seen, track.confidence, track.cuts, track.fps, track.scheme
    )
    odd = appearance.oddness(mouths, lips, looked_at)[rows]
    return curation.scores(
        found, curation.likenesses([look.upper for look in found], _shots(footage, rows)), odd
    )


def _shots(footage: Footage, rows: I64) -> I64:
    """Which shot each of the rows lies in."""
    return np.searchsorted(footage.track.cuts, rows, side="right").astype(np.int64)


def _poses(footage: Footage, places: list[Place]) -> tuple[F32, F32, F32, F32]:
    """Yaw and pitch (degrees), opening and width of the mouth (outer-eye distances), each (n,)."""
    rows = np.array([place.row for place in places])
    yaw, pitch = head_angles(footage.track)
    lips = tracked_face.lips(footage.track, footage.alignment)
    return yaw[rows], pitch[rows], lips.opening[rows], lips.width[rows]


def _store(
    output: Path,
    footage: Footage,
    places: list[Place],
    found: list[Look],
    reasons: list[Criterion | None],
    options: CurationOptions,
    sheet: coverage_report.Report,
    enough: bool,
    progress: Progress | None,
) -> None:
    """The second pass: store what is good, and show some of everything."""
    kept = [i for i, reason in enumerate(reasons) if reason is None]
    shown = set(sheet.choose(reasons))
    if not enough:
        _show(sheet, places, footage, sorted(shown))
        return
    wanted = shown | set(kept)
    index = {places[i].row: i for i in wanted}
    rows = np.array([places[i].row for i in kept])
    to_face = similarity.compose(
        face_matrix(options.face_size), footage.alignment.to_canonical[rows]
    )
    with writing(output) as writer:
        for place, frame in _frames([places[i] for i in sorted(wanted)]):
            i = index[place.row]
            if i in shown:
                sheet.add(i, frame, footage.alignment.to_frame[place.row])
            if reasons[i] is None:
                size = options.face_size
                writer.add(cut_face(frame, footage.alignment.to_frame[place.row], size))
                if progress is not None:
                    progress("store", writer.count, len(kept))
        meta = {
            "size": options.face_size,
            "scheme": footage.track.scheme.name,
            "options": asdict(options),
            "footage": [info.path.name for info in footage.infos],
            "frames": [[places[i].info.path.name, places[i].frame] for i in kept],
        }
        writer.finish(
            meta,
            points=similarity.apply(to_face, footage.track.xy[rows]),
            upper=np.stack([found[i].upper for i in kept]).astype(np.float16),
            shot=_shots(footage, rows),
        )


def _show(
    sheet: coverage_report.Report, places: list[Place], footage: Footage, wanted: list[int]
) -> None:
    for i, (place, frame) in zip(wanted, _frames([places[i] for i in wanted]), strict=True):
        sheet.add(i, frame, footage.alignment.to_frame[place.row])
