"""A render of which nothing is left to decide: what its output is made from, and how.

It can be frozen (`runtime.frozen`), and its parts be made elsewhere: see `jobs.shard_plan`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lipsync import media
from lipsync._version import __version__
from lipsync.marks.marking import Marking
from lipsync.marks.origin import (
    GENERATED_MOUTH,
    OriginRecord,
    derive_record_id,
    span_times,
    write_id,
)
from lipsync.media.formats import Format
from lipsync.media.frame_coding import RGB, own_coding
from lipsync.media.passthrough import Passthrough
from lipsync.options import RenderOptions
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.pipelines.render_plan import OutputPlan, Script
from lipsync.pipelines.speaker_drawing import MouthDrawing, SpeakerDrawing
from lipsync.pipelines.speaker_render import SpeakerRender
from lipsync.report.render_report import RenderReport
from lipsync.runtime.code_digest import digest_code
from lipsync.runtime.hashing import hash_file
from lipsync.runtime.positions import runs_of_true
from lipsync.types import Bools, Timing, VideoInfo

# What a frame depends on; the last are named in tables, where `digest_code` does not look.
FRAME_CODE = (
    "lipsync.pipelines.render_plan",
    "lipsync.pipelines.speaker_render",
    "lipsync.pipelines.part_making",
    "lipsync.media.parts",
    "lipsync.mouth.texture.median",
    "lipsync.mouth.decoder.decoder_texture",
)


@dataclass(frozen=True, eq=False)
class Recipe:
    """All that an output is made from."""

    script: Script  # with spans inside the target
    options: RenderOptions
    info: VideoInfo  # the target
    timing: Timing
    mouths: list[MouthDrawing]  # one per speaker
    sound: media.Soundtrack
    passthrough: Passthrough | None
    report: RenderReport

    @staticmethod
    def of(
        script: Script,
        plan: OutputPlan,
        renders: list[SpeakerRender],
        notes: tuple[str, ...],
        form: Format,
        options: RenderOptions,
        marks: str,
    ) -> Recipe:
        """Put the plan of an output and of its speakers together.

        Args:
            notes: on inputs and plan.
            form: of the output.
            marks: see `Marking.summary`.
        """
        timeline = renders[0].scene.timeline
        retimed, length = timeline.retimed, plan.length
        passthrough, lost = media.plan_passthrough(plan.info, form, length.sound, retimed.straight)
        report = RenderReport(
            frames=length.frames,
            fps=plan.info.fps,
            duration=plan.duration,
            timing=retimed.summary,
            marks=marks,
            notes=(*notes, *retimed.warnings(length.speech_frames)),
            lost=tuple(lost),
            speakers=tuple(one.report() for one in renders),
        )
        return Recipe(
            script=script.fitted(plan.parts),
            options=options,
            info=plan.info,
            timing=retimed.timing,
            mouths=[one.drawing(options) for one in renders],
            sound=plan.sound,
            passthrough=passthrough,
            report=report,
        )

    def making(self, form: Format, marking: Marking, model: Any = None) -> FrameMaking:
        """What makes its frames.

        Args:
            form: of the output.
            model: of the texture, from `texture.load_model`.
        """
        mark = marking.watermark()
        coding = RGB if form.frames or self.info.depth > 8 else own_coding(self.info)
        drawings = [SpeakerDrawing(one, self.info, mark, coding, model) for one in self.mouths]
        return FrameMaking(self.info, self.timing, drawings, coding)

    def facts(self, marking: Marking) -> dict[str, str]:
        """What decides the output's frames, by names that a user knows."""
        facts = {role: hash_file(path) for role, path in self.script.inputs.items()}
        options = self.options
        for name, value in (options.decisive() | {"device": options.run.device}).items():
            facts[f"--{name.replace('_', '-')}"] = str(value)
        # The id tells also what is not named here: files that options name, spans given as objects.
        facts |= {"record": write_id(marking.record_id), "length": str(len(self.timing))}
        return facts | {"version": __version__, "program": digest_code(*FRAME_CODE)}

    def describe_origin(self, changed: Bools, marking: Marking) -> OriginRecord:
        """What the output was made from, by which models, and which frames are new.

        Args:
            changed: (n,), output frames in which any mouth is new.
        """
        info, frames, runs = self.info, self.report.frames, list(runs_of_true(changed))
        cards = (card for one in self.report.speakers for card in one.models)
        return OriginRecord(
            record_id=marking.record_id,
            inputs=self.script.inputs,
            models=list(dict.fromkeys(cards)),
            options=self.options.flat(),
            frames=frames,
            fps=info.fps,
            changed=runs,
            changed_s=span_times(info, frames, runs),
            statement=marking.statement,
            watermarked=marking.options.watermark,
            speakers=[part.describe() for part in self.script.parts],
        )


def identify_output(script: Script, options: RenderOptions) -> int:
    """The id of the output's record: the same whenever the same is made from the same."""
    chosen = options.decisive() | {"speakers": [part.describe() for part in script.parts]}
    return derive_record_id(GENERATED_MOUTH, script.inputs.values(), chosen)


def find_changed(making: FrameMaking) -> Bools:
    """Output frames in which any mouth is new, (n,)."""
    return np.asarray(np.any([one.log.changed for one in making.drawings], axis=0))
