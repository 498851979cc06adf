"""A render, one call per step. Start reading here.

    speech ─ spans → speaker parts → driving audio ─ who says what ─┐
                                                                    ├→ speaker_render ─┐
    target ─ landmarks ─ all faces → each speaker's face ───────────┘  (one a speaker) ├→ encode
                    └→ retime → frame order ─ frames ──────────────────────────────────┤
    sounds ─ soundtrack ───────────────────────────────────────────────────────────────┘

Tracks are arrays over the whole clip; frames and patches are streams, so that memory does not grow
with the length of the video.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lipsync import media, retime
from lipsync.dialogue import driving_audio
from lipsync.dialogue.spans import Span
from lipsync.marks.marking import Marking
from lipsync.marks.origin import GENERATED_MOUTH
from lipsync.media import png
from lipsync.mouth import texture
from lipsync.options import InspectOptions, RenderOptions
from lipsync.pipelines.comparison import open_drawing
from lipsync.pipelines.inspect import inspect
from lipsync.pipelines.outputs import OutputPaths, plan_marking
from lipsync.pipelines.person import Person
from lipsync.pipelines.recipe import Recipe, find_changed, identify_output
from lipsync.pipelines.render_output import write_output
from lipsync.pipelines.render_plan import (
    OutputPlan,
    Script,
    find_people,
    plan_output,
    plan_timeline,
)
from lipsync.pipelines.request import read_request
from lipsync.pipelines.sheet_making import SheetPlan
from lipsync.pipelines.speaker_plan import RenderScene, Role
from lipsync.pipelines.speaker_render import SpeakerRender, prepare_speaker
from lipsync.report.render_report import WrittenFiles
from lipsync.report.results import RenderResult
from lipsync.retime import Motion
from lipsync.runtime.atomic import name_written
from lipsync.runtime.context import RunContext
from lipsync.runtime.loaded import LoadedValues
from lipsync.runtime.memory import release_unused_memory
from lipsync.runtime.threads import steady_threads
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import U8, Progress, Speaker


def render(
    audio: str | Path | None,
    video: str | Path,
    output: str | Path | None = None,
    *,
    speakers: Iterable[Speaker | str | Sequence[Any]] = (),
    spans: str | Path | Iterable[Span | Sequence[Any]] | None = None,
    sheet: str | Path | None = None,
    plot: str | Path | None = None,
    sidecar: str | Path | None = None,
    report: str | Path | None = None,
    mask: str | Path | None = None,
    compare: str | Path | None = None,
    options: RenderOptions | Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> RenderResult:
    """Make the person in `video` say what is in `audio`, or several people what each has to say.

    Args:
        audio: any file with sound that ffmpeg reads, or a pipe; None where every speaker has their
            own.
        video: any video, or a still image, that shows the face.
        output: see `media.Output.parse`; default: the video's name with `.lipsync.mp4`, beside it.
        speakers: who speaks what with which face, as Speaker or (name, audio, face); none: one,
            with the face of the options.
        spans: a file (see `lipsync.dialogue.span_files`), Span objects or (start, end) in seconds:
            frames outside of them keep the target's picture, and the speech lies on the target's
            time line. None: the speech is heard throughout.
        sheet: also write a contact sheet (PNG) for looking at the result.
        plot: also write a picture (PNG) of the speech, the head's motion and the chosen frames.
        sidecar: the JSON file of what was made of what; default: beside the output if it is a file.
        report: also inspect the output, and write the page of it (HTML), with the target beside
            it; the result then names the seconds to look at.
        mask: also write a video of the output's size and length (.mp4, .mov, .mkv or .webm), white
            where its pixels are new, else black.
        compare: also write a video of target and output side by side, with the mouths enlarged
            below and the output's sound (.mp4, .mov, .mkv or .webm); it is marked like the output.
        options: see `RenderOptions`, or a mapping of their names; default: all defaults.
        overwrite: replace the output if it exists.
        progress: called with (stage, done, total) as the work goes on.

    Returns:
        RenderResult. The output has round(duration of the sound × fps) frames, with `timing` cut
        no more than the video; of kept irregular times, those within that duration; with spans as
        many as the video.

    Raises:
        LipsyncError: something the caller can mend; nothing was written, unless it names the
            output as written (what is made besides could not be). See `lipsync.errors`.
    """
    with media.PipedInputs() as piped:
        asked = read_request(
            piped, audio, video, output, speakers=speakers, spans=spans, sheet=sheet, plot=plot,
            sidecar=sidecar, report=report, mask=mask, compare=compare, options=options,
            overwrite=overwrite,
        )  # fmt: skip
        result = render_script(asked.script, asked.paths, asked.options, progress)
        return replace(result, warnings=tuple(map(piped.rename, result.warnings)))


def render_script(
    script: Script,
    paths: OutputPaths,
    options: RenderOptions,
    progress: Progress | None = None,
    loaded: LoadedValues | None = None,
) -> RenderResult:
    """`render` of what has been read and checked.

    Args:
        loaded: what this process keeps in memory between renders.
    """
    marking, unsigned = plan_marking(
        paths.output, GENERATED_MOUTH, options.marks, identify_output(script, options)
    )
    model = texture.load_model(options.texture, len(script.parts), options.run.device)
    with (
        steady_threads(),
        options.run.open(progress, loaded) as run,
        run.cache.room() as folder,
    ):
        planned = plan_render(script, paths, options, run, folder, model)
        recipe = planned.recipe(script, paths, options, marking, unsigned)
        sheets = planned.sheets() if paths.sheet is not None else []
        plot = planned.plot() if paths.plot is not None else None
        del planned  # frames are made from the recipe alone
        release_unused_memory()
        making, notes = write_output(recipe, paths, marking, run, sheets=sheets, model=model)
        notes = [*run.cache.take_warnings(), *notes]
    if paths.plot is not None and plot is not None:
        with name_written(paths.output.path):
            png.write_png(paths.plot, plot)
    result = recipe.report.result(
        WrittenFiles(
            paths.output.path, paths.sidecar, paths.sheet, paths.plot, paths.mask, paths.compare
        ),
        int(find_changed(making).sum()),
        [one.log.distances for one in making.drawings],
        notes, run.seconds, run.cpu_seconds,
    )  # fmt: skip
    if paths.compare is not None:
        result = replace(result, compare_layout=open_drawing(making, marking).layout)
    if paths.report is None:
        return result
    with name_written(paths.output.path):
        return add_inspection(result, script.video, paths.report, options)


def add_inspection(
    result: RenderResult, target: Path, report: Path, options: RenderOptions
) -> RenderResult:
    """The result with what an inspection of the output finds; its page is written."""
    chosen = InspectOptions(landmarks=options.landmarks, run=options.run)
    found = inspect(result.output, source=target, report=report, options=chosen, overwrite=True)
    moments = sorted(
        (moment.time, answer.question) for answer in found.answers for moment in answer.moments
    )
    return replace(result, report=found.report, look_at=tuple(moments))


@dataclass(frozen=True, eq=False)
class RenderPlan:
    """All that is decided before the first frame is made."""

    output: OutputPlan
    speakers: list[SpeakerRender]
    motion: Motion
    notes: list[str]  # on the people in the target

    def recipe(
        self,
        script: Script,
        paths: OutputPaths,
        options: RenderOptions,
        marking: Marking,
        notes: Sequence[str] = (),
    ) -> Recipe:
        """What the output is made from; `notes`: more that the user should know."""
        known = (*notes, *self.output.notes, *self.notes)
        form, marks = paths.output.format, marking.summary
        return Recipe.of(script, self.output, self.speakers, known, form, options, marks)

    def sheets(self) -> list[SheetPlan]:
        """What the contact sheet of every speaker is chosen from."""
        return [SheetPlan.of(one) for one in self.speakers]

    def plot(self) -> U8:
        """The picture of the speech, the head's motion and the chosen frames."""
        wave, timeline = (
            driving_audio.mix_speech(self.output.waves), self.speakers[0].scene.timeline
        )  # fmt: skip
        return retime.plot_timing(wave, timeline.speaking, self.motion, timeline.order)


def plan_render(
    script: Script,
    paths: OutputPaths,
    options: RenderOptions,
    run: RunContext,
    folder: Path,
    model: Any = None,
) -> RenderPlan:
    """Plan the output, find the people, retime the target, prepare every speaker.

    Args:
        folder: for the sound of the output.
        model: of the texture, from `texture.load_model`.
    """
    plan = plan_output(script, paths, options, run, folder)
    people, notes = find_people(script, plan, options, run)
    motion, timeline = plan_timeline(script, plan, people, options, run)
    scene = RenderScene(plan.info, VideoSpeech(plan.info), timeline, model)
    return RenderPlan(plan, prepare_speakers(plan, people, scene, options, run), motion, notes)


def prepare_speakers(
    plan: OutputPlan,
    people: list[Person],
    scene: RenderScene,
    options: RenderOptions,
    run: RunContext,
) -> list[SpeakerRender]:
    """One plan per part."""
    given = zip(plan.parts, plan.waves, plan.segments, people, strict=True)
    renders = [prepare_speaker(Role(*one), scene, options, run) for one in given]
    scene.speech.forget()  # hours of sound are not needed while frames are made
    return renders
