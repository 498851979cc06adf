"""Face tracks of clips: only the points that lips and alignment need, joined, cut and measured."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

from lipsync.face import tracked_face
from lipsync.face.landmarks import LandmarkOptions
from lipsync.face.schemes import SCHEMES
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import FaceTrack, LandmarkScheme, LipTrack

OPTIONS = LandmarkOptions(landmark_threads=1)  # clips are tracked side by side, not frames


def measure(tracks: Sequence[FaceTrack]) -> tuple[list[LipTrack], LipProfile]:
    """The lips in each of one person's clips, and the mouth that is theirs.

    All clips are aligned to one face and measured by one neutral mouth, as a target's whole track
    is when it is rendered. Neither knows of time: the clips' frame rates may differ.

    Raises:
        NoFaceError: no clip shows a face.
    """
    template = tracked_face.rigid_template(joined(tracks))
    lips = [tracked_face.lips(t, tracked_face.align(t, template=template)) for t in tracks]
    points = np.concatenate([track.points for track in lips])
    return lips, LipProfile.of(LipTrack(points, lips[0].rate))


def joined(tracks: Sequence[FaceTrack], seamless: bool = False) -> FaceTrack:
    """Tracks end to end, at the first one's frame rate: as shots, or (seamless) as one film."""
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
    """Frames first … end - 1; a cut at the first of them stays known."""
    inside = track.cuts[(track.cuts >= first) & (track.cuts < end)] - first
    here = slice(first, end)
    return FaceTrack(
        track.points[here], track.found[here], track.confidence[here], inside,
        track.fps, track.scheme,
    )  # fmt: skip


def reduced(track: FaceTrack) -> FaceTrack:
    """The track without the points that are of no use here: a twentieth of the memory."""
    kept, scheme = _reduced(track.scheme)
    points = np.ascontiguousarray(track.xy[:, kept])
    return FaceTrack(points, track.found, track.confidence, track.cuts, track.fps, scheme)


@cache
def _reduced(full: LandmarkScheme) -> tuple[list[int], LandmarkScheme]:
    """The points that stay, and which of them are which part of the face."""
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
        scheme = _reduced(SCHEMES[str(data["scheme"])])[1]
        points, found, confidence, cuts = (
            data[name] for name in ("points", "found", "confidence", "cuts")
        )
    return FaceTrack(points, found, confidence, cuts, fps, scheme)
