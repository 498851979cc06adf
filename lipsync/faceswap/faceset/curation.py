"""Which faces are good to learn from: for each criterion a score and a threshold.

What is usual is the footage's own median wherever a fixed number would be wrong: sharpness
depends on the camera, colour on the skin, and how unlike others a covered face looks on the face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field

from lipsync.face import identity
from lipsync.face.appearance import LEAST_USUAL
from lipsync.runtime.option_spec import options
from lipsync.types import F32, I64, U8, Bools

VIEW = 128  # pixels of the face that is judged
THUMB = 20  # of the thumbnail by which near-duplicates are found


@options
class CurationOptions:
    """Which frames are looked at, and which faces are good enough."""

    per_second: Annotated[float, Field(gt=0, le=120)] = 8.0
    """Frames of every second of footage that are looked at."""
    face_size: Literal[256, 512] = 256
    """Pixels of the stored faces."""
    least_size: Annotated[float, Field(ge=0)] = 40.0
    """small: fewer pixels between the outer eye corners."""
    least_sharpness: Annotated[float, Field(ge=0, le=1)] = 0.5
    """blur: a smaller share of the footage's usual sharpness."""
    most_tint: Annotated[float, Field(ge=0)] = 30.0
    """tint: colour further from the footage's usual one (distance in the a, b plane of CIELAB)."""
    least_light: Annotated[float, Field(ge=0, le=100)] = 20.0
    """bad light: a darker face (lightness L of CIELAB)."""
    most_clipped: Annotated[float, Field(ge=0, le=1)] = 0.1
    """bad light: a larger share of the face is burnt out or black."""
    most_others: Annotated[float, Field(ge=0)] = 0.35
    """several people: another face in the frame, larger than this share of the followed one."""
    least_likeness: Annotated[float, Field(ge=0, le=1)] = 0.77
    """stranger: less like the person whom most of the footage shows (`lipsync.face.identity`)."""
    most_odd: Annotated[float, Field(ge=1)] = 3.5
    """occluded: unlike all faces of its expression by more than so many times the usual."""
    least_change: Annotated[float, Field(ge=0, le=1)] = 0.005
    """duplicate: differs by less (RMS of a thumbnail, of white) from a face that was kept."""


@dataclass(frozen=True)
class Criterion:
    """One reason to reject a face."""

    reason: str
    score: str  # its column
    option: str  # holds the threshold
    least: bool  # the score must be at least that; else at most


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
class Look:
    """What one frame's face looks like, before it is compared with the others."""

    size: float  # outer-eye distance, pixels
    others: float  # size of the largest other face, as a share of this one's; 0: there is none
    sharp: float  # standard deviation of the Laplacian
    lab: F32  # (3,), median colour, CIELAB
    clipped: float
    thumb: F32  # (THUMB²,), luma, of white
    mouth: F32  # thumbnail of `looks.look`
    upper: F32  # (h, w), thumbnail of `likeness.upper_face`


def measure(face: U8, mask: Bools) -> tuple[float, F32, float, F32]:
    """Sharpness, colour (L, a, b), clipped share and thumbnail of an aligned face (VIEW, VIEW, 3).

    Args:
        mask: (VIEW, VIEW), the face itself.
    """
    gray = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    sharp = float(cv2.Laplacian(gray, cv2.CV_32F)[mask].std())
    skin = face[mask].astype(np.float32) / 255
    lab = cv2.cvtColor(np.median(skin, axis=0).reshape(1, 1, 3), cv2.COLOR_RGB2LAB).reshape(3)
    clipped = float(((skin.min(1) > 250 / 255) | (skin.max(1) < 8 / 255)).mean())
    middle = gray[VIEW // 8 : -VIEW // 8, VIEW // 8 : -VIEW // 8]
    thumb = cv2.resize(middle, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    return sharp, lab, clipped, thumb.astype(np.float32).ravel() / 255


def scores(found: list[Look], likeness: F32, odd: F32) -> dict[str, F32]:
    """Every criterion's score but the duplicates', each (n,).

    Args:
        likeness: (n,), to the person whom most of the footage shows.
        odd: (n,), of `looks.oddness`; NaN: not known.
    """
    lab = np.stack([look.lab for look in found])
    sharp = np.array([look.sharp for look in found], np.float32)
    usual_odd = np.nanmedian(odd) if np.isfinite(odd).any() else np.nan
    multiple = odd / max(float(usual_odd), LEAST_USUAL[0]) if np.isfinite(usual_odd) else odd
    return {
        "size": np.array([look.size for look in found], np.float32),
        "others": np.array([look.others for look in found], np.float32),
        "likeness": likeness.astype(np.float32),
        "light": lab[:, 0].astype(np.float32),
        "clipped": np.array([look.clipped for look in found], np.float32),
        "tint": np.linalg.norm((lab - np.median(lab, axis=0))[:, 1:], axis=1).astype(np.float32),
        "sharpness": sharp / max(float(np.median(sharp)), 1e-6),
        "odd": np.nan_to_num(multiple, nan=0.0).astype(np.float32),
    }


def judge(values: dict[str, F32], thumbs: F32, options: CurationOptions) -> list[Criterion | None]:
    """Why each face is rejected, (n,); None: it is kept. Fills in values["change"].

    The first criterion that a face fails is its reason; only faces that fail no other can be
    duplicates, of those that were kept before.
    """
    n = len(thumbs)
    reasons: list[Criterion | None] = [None] * n
    for i in range(n):
        reasons[i] = next(
            (c for c in CRITERIA[:-1] if _fails(c, float(values[c.score][i]), options)), None
        )
    values["change"] = np.full(n, np.inf, np.float32)
    kept: list[int] = []
    bank = np.empty_like(thumbs)
    for i in range(n):
        if reasons[i] is not None:
            continue
        if kept:
            off = bank[: len(kept)] - thumbs[i]
            values["change"][i] = float(np.sqrt((off * off).mean(1).min()))
        if _fails(CRITERIA[-1], float(values["change"][i]), options):
            reasons[i] = CRITERIA[-1]
        else:
            bank[len(kept)] = thumbs[i]
            kept.append(i)
    return reasons


def threshold(criterion: Criterion, options: CurationOptions) -> float:
    """What a criterion's score is compared with."""
    return float(getattr(options, criterion.option))


def _fails(criterion: Criterion, score: float, options: CurationOptions) -> bool:
    limit = threshold(criterion, options)
    return score < limit if criterion.least else score > limit


def likenesses(upper: list[F32], shots: I64, few: int = 8) -> F32:
    """How like the person of most shots each face's shot is, (n,): the best of a few of its faces.

    The person is whoever the largest set of shots that are like one another shows.
    """
    rows = {int(shot): np.flatnonzero(shots == shot) for shot in np.unique(shots)}
    some = {
        shot: [upper[i] for i in where[:: max(1, len(where) // few)]]
        for shot, where in rows.items()
    }
    weights = {shot: len(where) for shot, where in rows.items()}
    # `strangers` begins from the longest shot; of two people the one in more frames is wanted.
    strange = set(identity.strangers(some, weights))
    if sum(weights[shot] for shot in strange) > sum(weights.values()) / 2:
        rest = identity.strangers({s: some[s] for s in strange}, weights)
        strange = (set(some) - strange) | set(rest)
    person = [face for shot in some if shot not in strange for face in some[shot]]
    person = person[:: max(1, len(person) // 200)]
    found = {}
    for shot, faces in some.items():
        others = [face for face in person if not any(face is own for own in faces)]
        known = shot not in strange
        value = identity.likeness(faces, others) if others else 1.0
        found[shot] = max(value, identity.SAME) if known else min(value, identity.SAME - 1e-3)
    return np.array([found[int(shot)] for shot in shots], np.float32)
