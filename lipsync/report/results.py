"""What the commands give back: what was made, and what was measured of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True)
class AdaptResult:
    """What an adaptation made, and what it is worth on footage held out from it."""

    output: Path
    speech_s: float  # of the person's own speech that was used
    lag_ms: float  # positive: the sound was late by so much, and was corrected
    r_open_before: float  # correlation of the inner-lip gap with the shipped model
    r_open: float
    rmse_before: float  # outer-eye distances
    rmse: float
    steps: int
    seconds: dict[str, float]  # wall time spent in each stage


@dataclass(frozen=True)
class RenderResult:
    """What a render made. Paths exist; everything else is measured, nothing assumed."""

    output: Path  # "-": it went to standard output
    sidecar: Path | None  # None: the output went to a pipe and no place was named for it
    sheet: Path | None
    plot: Path | None
    frames: int
    fps: Fraction
    duration: float  # seconds of the speech; with spans, of the target
    changed_frames: int
    frames_without_face: int  # of those in which somebody is to speak, as are the next two
    frames_turned: int  # the head is turned too far: the target's own mouth is kept
    frames_covered: int  # something is before the mouth: likewise
    coverage: tuple[tuple[float, float], ...]  # spans (s) in which the footage had no mouth near
    adaptation: str  # whether the speech model was adapted to the target, and why not
    timing: str  # which of the target's frames are shown when
    warnings: tuple[str, ...]
    seconds: dict[str, float]  # wall time spent in each stage


@dataclass(frozen=True)
class ExtractResult:
    """What an extraction of faces made."""

    faces: Path  # the set
    rejected: Path  # every other face of the footage, with the reason
    report: Path  # a picture of both
    kept: int
    seen: int  # frames looked at
    reasons: dict[str, int]  # reason → faces rejected for it
    missing: tuple[str, ...]  # poses and expressions of which there are hardly any


@dataclass(frozen=True)
class SwapResult:
    """What a face swap made. Paths exist; everything else is measured."""

    output: Path
    sidecar: Path
    frames: int
    fps: Fraction
    changed_frames: int
    frames_without_face: int
    frames_bridged: int  # no face was found, but just before and after: it was interpolated
    source: str  # the person whose face is shown, as the checkpoint names them
    consent: str
    warnings: tuple[str, ...]
    seconds: dict[str, float]  # wall time spent in each stage


@dataclass(frozen=True)
class MouthResult:
    """What the training of a mouth made, and what it is worth on stretches held out from it."""

    output: Path
    curve: Path  # CSV, a row per report
    footage_s: float  # of the person, the mouth in view
    pairs: int  # mouths that it learnt from or was judged by
    steps: int
    minutes: float  # of learning
    psnr_before: float  # dB, of the median texture that it draws from
    psnr: float
    ssim_before: float
    ssim: float
    sharpness_before: float  # variance of the Laplacian, made / true
    sharpness: float
    warnings: tuple[str, ...]
    seconds: dict[str, float]  # wall time spent in each stage


Result = AdaptResult | RenderResult | ExtractResult | SwapResult | MouthResult


def as_text(result: Result) -> str:
    """A result as one JSON object; paths and exact rates as text."""
    return json.dumps(asdict(result), indent=2, default=str)
