"""What is to be told of a render: settled before its first frame, but for what the frames show.

It can be frozen with the rest of a plan: whoever completes the output tells what planning it found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from lipsync.marks.origin import ModelCard
from lipsync.report import diagnostics
from lipsync.report.diagnostics import UnchangedFrames
from lipsync.report.results import RenderResult
from lipsync.types import F32, VideoInfo

Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False)
class SpeakerReport:
    """What is to be told of one speaker's mouth; n output frames."""

    name: str  # "": there is but one
    adaptation: str
    models: tuple[ModelCard, ...]  # that move and draw it
    unchanged: UnchangedFrames
    visible: F32  # (n,) 0..1, of the new mouth
    rate: float  # frames per second, on average
    videos: tuple[VideoInfo, ...]  # of the person
    footage_notes: tuple[str, ...]  # on speech and footage
    notes: tuple[str, ...]  # on the target, decoder and teeth

    def uncovered_spans(self, distances: F32) -> Spans:
        """Spans (s) in which the footage had no mouth near the wanted one.

        Args:
            distances: (n,), of the nearest real mouth from the wanted one.
        """
        return diagnostics.uncovered_spans(distances, self.visible, self.rate)

    def warnings(self, distances: F32) -> Iterator[str]:
        """What the user should know of this mouth, with its speaker's name."""
        yield from (self.label(line) for line in self.unchanged.warnings())
        if self.unchanged.hidden:  # nothing else matters then
            return
        thin_s = sum(end - first for first, end in self.uncovered_spans(distances))
        lines = (*self.footage_notes, *diagnostics.warn_of_coverage(thin_s), *self.notes)
        yield from (self.label(line) for line in lines)

    def label(self, line: str) -> str:
        """Prefix a line with the speaker's name, if there is one."""
        return f"{self.name}: {line}" if self.name else line


@dataclass(frozen=True)
class WrittenFiles:
    """The files of an output that is complete."""

    output: Path
    sidecar: Path | None
    sheet: Path | None = None
    plot: Path | None = None
    mask: Path | None = None
    compare: Path | None = None


@dataclass(frozen=True, eq=False)
class RenderReport:
    """What is to be told of a render."""

    frames: int
    fps: Fraction
    duration: float  # seconds of the speech; with spans, of the target
    timing: str  # how the target's frames were chosen
    marks: str  # the record's id, and who signs
    notes: tuple[str, ...]  # on the inputs and the plan
    lost: tuple[str, ...]  # what of the target the output cannot hold
    speakers: tuple[SpeakerReport, ...]

    def result(
        self,
        files: WrittenFiles,
        changed_frames: int,
        distances: Sequence[F32],
        notes: Sequence[str] = (),
        seconds: dict[str, float] | None = None,
        cpu_seconds: dict[str, float] | None = None,
    ) -> RenderResult:
        """Everything that a caller may want to know of the finished render.

        Args:
            distances: per speaker (n,), of the nearest real mouth from the wanted one.
            notes: on how the frames were made.
        """
        speakers = list(zip(self.speakers, distances, strict=True))
        counts = [one.unchanged for one in self.speakers]
        videos = {id(video): video for one in self.speakers for video in one.videos}.values()
        return RenderResult(
            output=files.output,
            sidecar=files.sidecar,
            sheet=files.sheet,
            plot=files.plot,
            mask=files.mask,
            compare=files.compare,
            frames=self.frames,
            fps=self.fps,
            duration=self.duration,
            changed_frames=changed_frames,
            frames_without_face=sum(one.missing for one in counts),
            frames_turned=sum(one.turned for one in counts),
            frames_covered=sum(one.covered for one in counts),
            coverage=tuple(sorted({s for one, far in speakers for s in one.uncovered_spans(far)})),
            adaptation="; ".join(one.label(one.adaptation) for one in self.speakers),
            timing=self.timing,
            marks=self.marks,
            warnings=(
                *self.notes,
                *self.lost,
                *notes,
                *dict.fromkeys(diagnostics.warn_of_reading(videos)),
                *diagnostics.warn_of_missing_sidecar(files.sidecar is None),
                *(line for one, far in speakers for line in one.warnings(far)),
            ),
            seconds=seconds or {},
            cpu_seconds=cpu_seconds or {},
        )
