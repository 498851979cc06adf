"""Videos and pictures of one person → a face set to train on.

Faces are detected once. Two more passes over the sampled frames follow: the first measures every
face, the second stores the good ones. In between only a few numbers and thumbnails per face are
kept, so memory does not grow with the pixels. Nothing is deleted: what is left out is listed with
its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lipsync.errors import FacesError
from lipsync.face import appearance, identity, similarity
from lipsync.face.head_pose import measure_head_angles
from lipsync.faceswap.face_crop import canonical_to_crop, crop_face
from lipsync.faceswap.faceset import curation
from lipsync.faceswap.faceset.coverage_report import CoverageReport, count_reasons
from lipsync.faceswap.faceset.curation import VIEW, Criterion, CurationOptions, FaceMeasurements
from lipsync.faceswap.faceset.rejected import SampledFrame, write_rejected
from lipsync.faceswap.faceset.store import FILE_NAME, MIN_FACES, face_mask, write_face_set
from lipsync.options import ExtractOptions
from lipsync.pipelines.arguments import as_options, as_paths
from lipsync.pipelines.face_footage import FaceFootage, find_faces, read_sampled, sample_frames
from lipsync.report.results import ExtractResult
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors
from lipsync.runtime.context import RunContext
from lipsync.types import F32, I64, Progress, as_path

REJECTED, REPORT = "rejected.tsv", "report.png"


@dataclass(frozen=True, eq=False)
class _Selection:
    """The sampled frames with a face (n), their measurements, and which faces are kept."""

    footage: FaceFootage
    frames: list[SampledFrame]
    measurements: list[FaceMeasurements]
    scores: dict[str, F32]
    reasons: list[Criterion | None]

    @cached_property
    def kept(self) -> list[int]:
        """Indices of the faces to store."""
        return [i for i, reason in enumerate(self.reasons) if reason is None]

    @property
    def rows(self) -> I64:
        """(n,), the frames' numbers in the footage."""
        return np.array([frame.row for frame in self.frames])


def extract_faces(
    videos: Iterable[str | Path],
    output: str | Path,
    *,
    options: ExtractOptions | Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExtractResult:
    """Collect the faces of one person.

    Args:
        videos: any videos and pictures of that person.
        output: a folder; gets faces.zip, rejected.tsv and report.png.
        options: see `ExtractOptions`.
        overwrite: replace an existing set.
        progress: called with (stage, done, total).

    Raises:
        FacesError: no file can be read, fewer than 50 faces are usable (the message says why), or
            a set exists already. With too few, rejected.tsv and report.png are still written.
        NoFaceError: no face was found.
        OutputError: the folder cannot be written to.
    """
    options, output = as_options(options, ExtractOptions), as_path(output, "output")
    sources = as_paths(videos, "videos")
    _check_folder(output, overwrite)
    with options.run.open(progress) as run:
        footage = find_faces(sources, options.landmarks, run)
        frames, faceless = sample_frames(footage, options.curation)
        selection = _select_faces(footage, frames, options.curation, run)
        with atomic_write(output / REJECTED) as temporary:
            write_rejected(
                temporary, frames, faceless, footage.unreadable, selection.scores,
                selection.reasons, options.curation,
            )  # fmt: skip
        report = _start_report(selection, options.curation)
        if len(selection.kept) >= MIN_FACES:
            _store_faces(output, selection, report, options.curation, run)
        else:
            _add_tiles(selection, report)
    missing = report.save(output / REPORT)
    reasons = _count_rejections(selection, faceless)
    if len(selection.kept) < MIN_FACES:
        raise _too_few_faces(output, len(selection.kept), reasons)
    seen = len(frames) + len(faceless)
    return ExtractResult(
        faces=output / FILE_NAME,
        rejected=output / REJECTED,
        report=output / REPORT,
        kept=len(selection.kept),
        seen=seen,
        reasons=reasons,
        missing=missing,
    )


def _check_folder(output: Path, overwrite: bool) -> None:
    if (output / FILE_NAME).exists() and not overwrite:
        raise FacesError(f"{output / FILE_NAME}: exists already; pass --overwrite to replace it")
    with os_errors_as_output_errors(output):
        output.mkdir(parents=True, exist_ok=True)


def _select_faces(
    footage: FaceFootage, frames: list[SampledFrame], options: CurationOptions, run: RunContext
) -> _Selection:
    """The first pass: measure every sampled face and find those to reject."""
    measurements = list(_measure_faces(footage, frames, run))
    scores = _score_faces(footage, frames, measurements)
    thumbs = np.stack([face.thumb for face in measurements])
    reasons = curation.find_rejections(scores, thumbs, options)
    return _Selection(footage, frames, measurements, scores, reasons)


def _measure_faces(
    footage: FaceFootage, frames: list[SampledFrame], run: RunContext
) -> Iterator[FaceMeasurements]:
    alignment, track = footage.face.alignment, footage.face.track
    to_view = similarity.compose_affine(canonical_to_crop(VIEW), alignment.to_canonical)
    for i, (frame, picture) in enumerate(read_sampled(frames)):
        row = frame.row
        view = crop_face(picture, alignment.to_frame[row], VIEW)
        mask = face_mask(similarity.apply_affine(to_view[row], track.xy[row]), VIEW)
        sharpness, lab, clipped, thumb = curation.measure_crop(view, mask)
        yield FaceMeasurements(
            size=float(alignment.scale[row]),
            others=float(footage.others[row]),
            sharpness=sharpness,
            lab=lab,
            clipped=clipped,
            thumb=thumb,
            mouth=appearance.make_luma_thumbnail(picture, alignment.to_frame[row]),
            upper=identity.make_face_thumbnail(picture, alignment.to_frame[row]),
        )
        run.report("faces", i + 1, len(frames))


def _score_faces(
    footage: FaceFootage, frames: list[SampledFrame], measurements: list[FaceMeasurements]
) -> dict[str, F32]:
    """Compare the faces with one another."""
    face, rows = footage.face, np.array([frame.row for frame in frames])
    mouths = np.zeros((len(face), len(measurements[0].mouth)), np.float16)
    mouths[rows] = np.stack([one.mouth for one in measurements])
    sampled = np.zeros(len(face), bool)
    sampled[rows] = True
    odd = appearance.score_appearance_outliers(
        mouths, face.lips.points, replace(face.track, found=sampled)
    )[rows]
    upper = [one.upper for one in measurements]
    likeness = curation.score_likeness(upper, footage.shots(rows))
    return curation.score_faces(measurements, likeness, odd)


def _start_report(selection: _Selection, options: CurationOptions) -> CoverageReport:
    """The report, with head poses and mouth shapes but no tiles yet."""
    face, rows = selection.footage.face, selection.rows
    yaw, pitch = measure_head_angles(face.track)
    return CoverageReport(
        selection.scores,
        selection.reasons,
        options,
        yaw=yaw[rows],
        pitch=pitch[rows],
        opening=face.lips.opening[rows],
        width=face.lips.width[rows],
    )


def _store_faces(
    output: Path,
    selection: _Selection,
    report: CoverageReport,
    options: CurationOptions,
    run: RunContext,
) -> None:
    """The second pass: store the kept faces, and add the report's tiles on the way."""
    footage, kept, shown = selection.footage, selection.kept, set(report.select_tiles())
    wanted = sorted(shown.union(kept))
    alignment, size = footage.face.alignment, options.face_size
    rows = selection.rows[kept]
    with write_face_set(output) as writer:
        pictures = read_sampled([selection.frames[i] for i in wanted])
        for i, (frame, picture) in zip(wanted, pictures, strict=True):
            to_frame = alignment.to_frame[frame.row]
            if i in shown:
                report.add(i, picture, to_frame)
            if selection.reasons[i] is None:
                writer.add(crop_face(picture, to_frame, size))
                run.report("store", writer.count, len(kept))
        to_crop = similarity.compose_affine(canonical_to_crop(size), alignment.to_canonical[rows])
        writer.finish(
            _describe_set(selection, options),
            points=similarity.apply_affine(to_crop, footage.face.track.xy[rows]),
            upper=np.stack([selection.measurements[i].upper for i in kept]).astype(np.float16),
            shot=footage.shots(rows),
        )


def _describe_set(selection: _Selection, options: CurationOptions) -> dict[str, object]:
    """The face set's metadata."""
    frames = (selection.frames[i] for i in selection.kept)
    return {
        "size": options.face_size,
        "scheme": selection.footage.face.scheme.name,
        "options": asdict(options),
        "footage": [info.path.name for info in selection.footage.infos],
        "frames": [[frame.info.path.name, frame.frame] for frame in frames],
    }


def _add_tiles(selection: _Selection, report: CoverageReport) -> None:
    """Add the report's tiles where no set is written."""
    wanted = sorted(report.select_tiles())
    pictures = read_sampled([selection.frames[i] for i in wanted])
    for i, (frame, picture) in zip(wanted, pictures, strict=True):
        report.add(i, picture, selection.footage.face.alignment.to_frame[frame.row])


def _count_rejections(selection: _Selection, faceless: list[SampledFrame]) -> dict[str, int]:
    """Rejected faces, frames and files, by reason."""
    counts = count_reasons(selection.reasons)
    if faceless:
        counts["no face"] = len(faceless)
    if selection.footage.unreadable:
        counts["unreadable file"] = len(selection.footage.unreadable)
    return counts


def _too_few_faces(output: Path, kept: int, reasons: dict[str, int]) -> FacesError:
    why = ", ".join(f"{count} {reason}" for reason, count in reasons.items()) or "nothing else"
    return FacesError(
        f"{output}: only {kept} usable faces, at least {MIN_FACES} are needed "
        f"(rejected: {why}; see {REJECTED}); give more footage of the person"
    )
