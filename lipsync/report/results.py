"""The return values of the commands: what was made, and what was measured."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

from lipsync.marks.credentials_reader import Credentials
from lipsync.marks.judgement import Mark, Marks, Verdict
from lipsync.report.estimate import RenderEstimate
from lipsync.report.health import DoctorResult
from lipsync.runtime.cache_pruning import CacheInfo, PruneResult
from lipsync.types.inspection import Answer, SpanScores


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
    marks: str  # the record's id, and who signed
    warnings: tuple[str, ...]
    seconds: dict[str, float]  # wall time spent in each stage
    cpu_seconds: dict[str, float] = field(default_factory=dict)  # of the thread that ran the stage
    report: Path | None = None  # the page of an inspection of the output
    # (seconds, question) of the moments at which the output looks made; see `inspect`.
    look_at: tuple[tuple[float, str], ...] = ()
    mask: Path | None = None  # a video of the pixels that are new
    compare: Path | None = None  # a video of target and output side by side
    # Where in its picture both are, and their mouths: x, y, width, height by name.
    compare_layout: dict[str, tuple[int, int, int, int]] | None = None


@dataclass(frozen=True)
class BatchResult:
    """Result of `run_batch`."""

    ledger: Path  # a line of JSON per finished job
    jobs: int
    done: int
    skipped: int  # done by an earlier run
    failed: tuple[tuple[str, str, str], ...]  # (id, code, message)
    targets: int  # that were rendered
    video_s: float  # seconds of video that were made
    seconds: float


@dataclass(frozen=True)
class BatchEstimate:
    """What a batch would take."""

    jobs: int
    targets: int
    seconds: float  # on two cores, one job after another
    memory: int  # bytes, of the largest job
    output_size: int  # bytes
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class PlanResult:
    """Result of `plan`: a render that is ready to be made in shards."""

    plan: Path  # the folder
    output: Path  # where `join` will write it
    frames: int
    fps: Fraction
    parts: int  # of which shards are made
    warnings: tuple[str, ...]
    seconds: dict[str, float]  # wall time spent in each stage


@dataclass(frozen=True)
class ShardResult:
    """Result of `shard`: parts of a plan that are finished."""

    plan: Path
    shard: str  # as 2/7
    made: int  # parts
    kept: int  # that were finished before
    frames: int  # that were made
    seconds: float


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
    marks: str  # the record's id, and who signed
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


@dataclass(frozen=True)
class InspectResult:
    """Result of `inspect`: evidence on whether a video was made or recorded."""

    video: Path
    source: Path | None  # the original that it was compared with
    frames: int
    fps: Fraction
    duration: float  # seconds
    face_frames: int  # frames that show the inspected face
    likelihood: float | None  # 0..1 that it was made, at even odds before; None: cannot be told
    threshold: float  # above which it is called made
    made: bool | None
    way: str | None  # how it was most likely made, in words; None: it is not called made
    against: str  # what real footage the scores are measured against, with counts
    error_rates: dict[str, float]  # measured on people and renderers that were held out
    answers: tuple[Answer, ...]  # in the order of `inspection.questions.QUESTIONS`
    shots: tuple[SpanScores, ...]
    timeline: tuple[SpanScores, ...]
    per_frame: dict[str, tuple[float | None, ...]]  # picture measure → a value per frame
    marks: tuple[dict[str, str], ...]  # name, state and words of every mark that was looked for
    report: Path | None
    warnings: tuple[str, ...]
    seconds: dict[str, float]  # wall time spent in each stage


@dataclass(frozen=True)
class MarksResult:
    """Result of `verify_marks`."""

    video: Path
    verdict: Verdict  # valid; altered; stripped: a mark is gone; absent: there are none
    record: str | None  # id of the record that the marks name
    marks: tuple[Mark, ...]  # the most reliable first
    credentials: Credentials | None  # what the manifest says

    @staticmethod
    def of(video: Path, marks: Marks) -> MarksResult:
        """The result of reading a file's marks."""
        return MarksResult(video, marks.verdict, marks.record, marks.marks, marks.found.credentials)


Result = (
    AdaptResult
    | RenderResult
    | BatchResult
    | BatchEstimate
    | PlanResult
    | ShardResult
    | ExtractResult
    | SwapResult
    | MouthResult
    | InspectResult
    | MarksResult
    | CacheInfo
    | PruneResult
    | RenderEstimate
    | DoctorResult
)


def as_text(result: Result) -> str:
    """A result as one JSON object; paths and exact rates as text."""
    return json.dumps(asdict(result), indent=2, default=str)
