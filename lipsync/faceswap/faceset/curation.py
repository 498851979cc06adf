"""Which faces are good training data: a score and a threshold for each criterion.

Scores are relative to the footage's own median wherever an absolute threshold would be wrong:
sharpness depends on the camera, color on the skin, and how odd an occluded face looks on the face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field

from lipsync.face import identity
from lipsync.face.appearance import MIN_TYPICAL_SCORES
from lipsync.runtime.option_spec import option_group
from lipsync.types import F32, I64, U8, Bools

VIEW = 128  # pixels of the face crop that is measured
MAX_COMPARED = 200  # faces of the person that a shot is compared with, about
THUMB = 20  # pixels of the thumbnail that near-duplicates are found by


@option_group
class CurationOptions:
    """Which frames are sampled, and which faces are good enough."""

    per_second: Annotated[float, Field(gt=0, le=120)] = 8.0
    """Sampled frames per second of footage."""
    face_size: Literal[256, 512] = 256
    """Pixels across the stored faces."""
    least_size: Annotated[float, Field(ge=0)] = 40.0
    """small: fewer pixels between the outer eye corners."""
    least_sharpness: Annotated[float, Field(ge=0, le=1)] = 0.5
    """blur: sharpness below this share of the footage's median."""
    most_tint: Annotated[float, Field(ge=0)] = 30.0
    """tint: color further from the footage's median (distance in the a, b plane of CIELAB)."""
    least_light: Annotated[float, Field(ge=0, le=100)] = 20.0
    """bad light: face darker than this (lightness L of CIELAB)."""
    most_clipped: Annotated[float, Field(ge=0, le=1)] = 0.1
    """bad light: a larger share of the face is clipped to white or black."""
    most_others: Annotated[float, Field(ge=0)] = 0.35
    """several people: another face in the frame is larger than this share of the tracked one."""
    least_likeness: Annotated[float, Field(ge=0, le=1)] = 0.77
    """stranger: less similar to the person in most of the footage (`lipsync.face.identity`)."""
    most_odd: Annotated[float, Field(ge=1)] = 3.5
    """occluded: differs from all faces of like expression by more than this times the median."""
    least_change: Annotated[float, Field(ge=0, le=1)] = 0.005
    """duplicate: differs by less than this (RMS of thumbnails, 0..1) from a kept face."""


@dataclass(frozen=True)
class Criterion:
    """One reason to reject a face."""

    reason: str
    score: str  # column in rejected.tsv
    option: str  # name of the option that holds the threshold
    least: bool  # the threshold is a minimum, else a maximum


CRITERIA = (
    Criterion("small", "size", "least_size", True),
    Criterion("several people", "others", "most_others", False),
    Criterion("stranger", "likeness", "least_likeness", True),
    Criterion("bad light", "light", "least_light", True),
    Criterion("bad light", "clipped", "most_clipped", False),
    Criterion("tint", "tint", "most_tint", False),
    Criterion("blur", "sharpness", "least_sharpness", True),
    Criterion("occluded", "odd", "most_odd", False),
    Criterion("duplicate", "change", "least_change", True),
)


@dataclass(frozen=True, eq=False)
class FaceMeasurements:
    """Measurements of one frame's face, before it is compared with the others."""

    size: float  # outer-eye distance, pixels
    others: float  # size of the largest other face, as a share of this one's; 0: there is none
    sharpness: float  # standard deviation of the Laplacian
    lab: F32  # (3,), median color, CIELAB
    clipped: float  # share of pixels that are burnt out or black
    thumb: F32  # (THUMB²,), luma, 0..1, for near-duplicates
    mouth: F32  # thumbnail from `appearance.make_luma_thumbnail`
    upper: F32  # (h, w), thumbnail from `identity.make_face_thumbnail`


def measure_crop(face: U8, mask: Bools) -> tuple[float, F32, float, F32]:
    """Sharpness, color (L, a, b), clipped share and thumbnail of a face crop (VIEW, VIEW, 3).

    Args:
        mask: (VIEW, VIEW), pixels of the face itself.
    """
    gray = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    sharpness = float(cv2.Laplacian(gray, cv2.CV_32F)[mask].std())
    skin = face[mask].astype(np.float32) / 255
    lab = cv2.cvtColor(np.median(skin, axis=0).reshape(1, 1, 3), cv2.COLOR_RGB2LAB).reshape(3)
    clipped = float(((skin.min(1) > 250 / 255) | (skin.max(1) < 8 / 255)).mean())
    middle = gray[VIEW // 8 : -VIEW // 8, VIEW // 8 : -VIEW // 8]
    thumb = cv2.resize(middle, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    return sharpness, lab, clipped, thumb.astype(np.float32).ravel() / 255


def score_faces(found: list[FaceMeasurements], likeness: F32, odd: F32) -> dict[str, F32]:
    """The score of every criterion except duplicates, (n,) each.

    Args:
        likeness: (n,), to the person whom most of the footage shows.
        odd: (n,), appearance outlier score; NaN: unknown.
    """
    lab = np.stack([face.lab for face in found])
    sharp = np.array([face.sharpness for face in found], np.float32)
    median_odd = np.nanmedian(odd) if np.isfinite(odd).any() else np.nan
    multiple = (
        odd / max(float(median_odd), MIN_TYPICAL_SCORES[0]) if np.isfinite(median_odd) else odd
    )
    return {
        "size": np.array([face.size for face in found], np.float32),
        "others": np.array([face.others for face in found], np.float32),
        "likeness": likeness.astype(np.float32),
        "light": lab[:, 0].astype(np.float32),
        "clipped": np.array([face.clipped for face in found], np.float32),
        "tint": np.linalg.norm((lab - np.median(lab, axis=0))[:, 1:], axis=1).astype(np.float32),
        "sharpness": sharp / max(float(np.median(sharp)), 1e-6),
        "odd": np.nan_to_num(multiple, nan=0.0).astype(np.float32),
    }


def find_rejections(
    scores: dict[str, F32], thumbs: F32, options: CurationOptions
) -> list[Criterion | None]:
    """Why each face is rejected, (n,); None: it is kept.

    The reason is the first criterion that a face fails. Duplicates come last: a face that passes
    everything else is compared with those kept before it.

    Args:
        scores: from `score_faces`; gets the column "change", the difference to the nearest of them.
        thumbs: (n, THUMB²).
    """
    n = len(thumbs)
    reasons: list[Criterion | None] = [None] * n
    for i in range(n):
        reasons[i] = next(
            (c for c in CRITERIA[:-1] if _fails(c, float(scores[c.score][i]), options)), None
        )
    change = scores["change"] = np.full(n, np.inf, np.float32)
    kept: list[int] = []
    bank = np.empty_like(thumbs)
    for i in range(n):
        if reasons[i] is not None:
            continue
        if kept:
            off = bank[: len(kept)] - thumbs[i]
            change[i] = float(np.sqrt((off * off).mean(1).min()))
        if _fails(CRITERIA[-1], float(change[i]), options):
            reasons[i] = CRITERIA[-1]
        else:
            bank[len(kept)] = thumbs[i]
            kept.append(i)
    return reasons


def threshold_of(criterion: Criterion, options: CurationOptions) -> float:
    """The threshold of a criterion's score."""
    return float(getattr(options, criterion.option))


def _fails(criterion: Criterion, score: float, options: CurationOptions) -> bool:
    limit = threshold_of(criterion, options)
    return score < limit if criterion.least else score > limit


def score_likeness(upper: list[F32], shots: I64, few: int = 8) -> F32:
    """Likeness of each face's shot to the person of most frames, (n,): the best of a few faces.

    That person is the one whom the largest set of mutually similar shots shows.

    Args:
        upper: n thumbnails from `identity.make_face_thumbnail`.
        shots: (n,).
        few: faces of a shot that are compared.
    """
    rows = {int(shot): np.flatnonzero(shots == shot) for shot in np.unique(shots)}
    sampled = {
        shot: [upper[i] for i in where[:: max(1, len(where) // few)]]
        for shot, where in rows.items()
    }
    weights = {shot: len(where) for shot, where in rows.items()}
    # The search starts from the longest shot; the person wanted is the one in most frames.
    strangers = set(identity.find_other_identities(sampled, weights))
    if sum(weights[shot] for shot in strangers) > sum(weights.values()) / 2:
        rest = identity.find_other_identities({s: sampled[s] for s in strangers}, weights)
        strangers = (set(sampled) - strangers) | set(rest)
    person = [face for shot in sampled if shot not in strangers for face in sampled[shot]]
    person = person[:: max(1, len(person) // MAX_COMPARED)]
    likeness = {}
    for shot, faces in sampled.items():
        others = [face for face in person if not any(face is own for own in faces)]
        value = identity.compare_faces(faces, others) if others else 1.0
        is_person = shot not in strangers
        # The value agrees with the verdict, so that the threshold at SAME separates the two.
        likeness[shot] = (
            max(value, identity.SAME_PERSON)
            if is_person
            else min(value, identity.SAME_PERSON - 1e-3)
        )
    return np.array([likeness[int(shot)] for shot in shots], np.float32)
