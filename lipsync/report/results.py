"""The return values of the commands: what was made, and what was measured."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True)
class AdaptResult:
    """Result of `adapt`, with metrics on held-out footage."""

    output: Path
    speech_s: float  # of the person's own speech, used for training
    lag_ms: float  # how late the sound was (negative: early), which was corrected
    r_open_before: float  # correlation of the inner-lip gap with the shipped model
    r_open: float
    rmse_before: float  # outer-eye distances
    rmse: float
    steps: int
    seconds: dict[str, float]  # wall time spent in each stage


@dataclass(frozen=True)
class RenderResult:
    """Result of `render`. Paths exist; everything else was measured."""

    output: Path  # "-": standard output
    sidecar: Path | None  # None: the output is a pipe, and no path was given
    sheet: Path | None
    plot: Path | None
    frames: int
    fps: Fraction
    duration: float  # seconds of the speech; with spans, of the target
    changed_frames: int
    frames_without_face: int  # of frames with speech to show, as are the next two
    frames_turned: int  # the head is turned too far: the target's mouth is kept
    frames_covered: int  # something occludes the mouth: likewise
    coverage: tuple[tuple[float, float], ...]  # spans (s) without a similar mouth in the footage
    adaptation: str  # whether the speech model was adapted, or why not
    timing: str  # how the target's frames were chosen
    warnings: tuple[str, ...]
    seconds: dict[str, float]  # wall time spent in each stage


@dataclass(frozen=True)
class ExtractResult:
    """Result of `faces extract`."""

    faces: Path  # the face set
    rejected: Path  # every rejected face of the footage, with the reason
    report: Path  # a picture of kept and rejected faces
    kept: int
    seen: int  # frames examined
    reasons: dict[str, int]  # reason → number of faces rejected
    missing: tuple[str, ...]  # poses and expressions that the set hardly has


@dataclass(frozen=True)
class SwapResult:
    """Result of `swap`. Paths exist; everything else was measured."""

    output: Path
    sidecar: Path
    frames: int
    fps: Fraction
    changed_frames: int
    frames_without_face: int
    frames_bridged: int  # no face was detected, but just before and after: it was interpolated
    source: str  # the person whose face is shown, as the checkpoint names them
    consent: str
    warnings: tuple[str, ...]
    seconds: dict[str, float]  # wall time spent in each stage


@dataclass(frozen=True)
class MouthResult:
    """Result of `train_mouth`, with metrics on held-out segments."""

    output: Path
    curve: Path  # CSV, one row per report
    footage_s: float  # of the person, with the mouth visible
    pairs: int  # mouths used for training or evaluation
    steps: int
    minutes: float  # of training
    psnr_before: float  # dB, of the median texture that it refines
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
