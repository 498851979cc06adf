"""Face tracks reduced to the points of lips and alignment: join, cut and measure them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

from lipsync.face.alignment import rigid_template
from lipsync.face.landmarks import LandmarkOptions
from lipsync.face.schemes import SCHEMES
from lipsync.face.tracked_face import TrackedFace
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import FaceTrack, LandmarkScheme, LipTrack

LANDMARK_OPTIONS = LandmarkOptions(landmark_threads=1)  # clips are tracked in parallel, not frames


def measure(tracks: Sequence[FaceTrack]) -> tuple[list[LipTrack], LipProfile]:
    """Measure the lips in each of one person's clips, and that person's mouth.

    All clips are aligned to one face template and share one neutral mouth, as the whole track of a
    target does in a render. Frame rates may differ between clips.

    Raises:
        NoFaceError: no clip shows a face.
    """
    template = rigid_template(join(tracks))
    lips = [TrackedFace.of(t, template).lips for t in tracks]
    points = np.concatenate([track.points for track in lips])
    return lips, LipProfile.of(LipTrack(points, lips[0].rate))


def join(tracks: Sequence[FaceTrack], seamless: bool = False) -> FaceTrack:
    """Concatenate tracks, at the frame rate of the first.

    Args:
        seamless: the tracks are consecutive parts of one video; otherwise each starts a new shot.
    """
    ends = np.cumsum([len(t) for t in tracks])
    starts = [0, *ends[:-1].tolist()]
    cuts = [start + t.cuts for start, t in zip(starts, tracks, strict=True)]
    if not seamless:
        cuts.append(ends[:-1])
    return FaceTrack(
        np.concatenate([t.points for t in tracks]),
        np.concatenate([t.found for t in tracks]),
        np.concatenate([t.confidence for t in tracks]),
        np.unique(np.concatenate(cuts)).astype(np.int64),
        tracks[0].fps,
        tracks[0].scheme,
    )


def cut(track: FaceTrack, first: int, end: int) -> FaceTrack:
    """Cut out frames first … end − 1; a shot change at the first frame is kept."""
    inside = track.cuts[(track.cuts >= first) & (track.cuts < end)] - first
    here = slice(first, end)
    return FaceTrack(
        track.points[here], track.found[here], track.confidence[here], inside,
        track.fps, track.scheme,
    )  # fmt: skip


def reduce(track: FaceTrack) -> FaceTrack:
    """Keep only the points of lips and alignment: a twentieth of the memory."""
    kept, scheme = _reduced_scheme(track.scheme)
    points = np.ascontiguousarray(track.xy[:, kept])
    return FaceTrack(points, track.found, track.confidence, track.cuts, track.fps, scheme)


@cache
def _reduced_scheme(full: LandmarkScheme) -> tuple[list[int], LandmarkScheme]:
    """Indices of the kept points, and the landmark scheme of the reduced track."""
    kept = sorted({*full.lips, *full.rigid, *full.outer_eyes})
    lips, rigid, (left, right) = (
        tuple(kept.index(point) for point in points)
        for points in (full.lips, full.rigid, full.outer_eyes)
    )
    nothing: tuple[int, ...] = ()
    return kept, LandmarkScheme(
        full.name, len(kept), lips, rigid, nothing, nothing, nothing, (left, right)
    )


def save(path: Path, track: FaceTrack) -> None:
    """Write a reduced track."""
    np.savez(
        path,
        points=track.points,
        found=track.found,
        confidence=track.confidence,
        cuts=track.cuts,
        scheme=np.array(track.scheme.name),
    )


def load(path: Path, fps: Fraction) -> FaceTrack:
    """Read what `save` wrote."""
    with np.load(path) as data:
        scheme = _reduced_scheme(SCHEMES[str(data["scheme"])])[1]
        points, found, confidence, cuts = (
            data[name] for name in ("points", "found", "confidence", "cuts")
        )
    return FaceTrack(points, found, confidence, cuts, fps, scheme)
