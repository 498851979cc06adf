"""Contact sheets of a render: what they show is chosen from its plan and its logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lipsync._version import __version__
from lipsync.face.head_pose import measure_head_angles
from lipsync.marks.marking import Marking
from lipsync.mouth.finish.mouth_scores import SCORES
from lipsync.pipelines.finished_output import FinishedOutput
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.pipelines.recipe import Recipe
from lipsync.pipelines.speaker_drawing import SpeakerDrawing
from lipsync.pipelines.speaker_render import SpeakerRender
from lipsync.report.contact_sheet import BAND, STRIP, ContactSheet, Heading
from lipsync.report.lettering import write_time
from lipsync.report.mouth_course import MouthCourse
from lipsync.report.telling_moments import choose_moments, choose_strip
from lipsync.runtime.positions import sample_at
from lipsync.speech.features.phone_embedding import BILABIALS, phone_columns
from lipsync.types import F32, Occluders, Positions


@dataclass(frozen=True, eq=False)
class SheetPlan:
    """What the sheet of one speaker is chosen from; small, and all that is kept of the plan."""

    course: MouthCourse
    name: str  # of the speaker

    @staticmethod
    def of(one: SpeakerRender) -> SheetPlan:
        """What is known of a speaker before the first frame."""
        order, face, lips = one.scene.timeline.order, one.role.person.face, one.lips
        angles = [np.abs(np.nan_to_num(a)) for a in measure_head_angles(face.track)]
        bilabials: dict[str, F32] = {}
        if lips.phones is not None:
            columns = phone_columns(BILABIALS)
            bilabials = {
                name.lower(): lips.phones[:, column] ** 2  # the embedding has square roots
                for name, column in zip(BILABIALS, columns, strict=True)
            }
        spoken = one.role.part.spans is not None
        course = MouthCourse(
            times=one.scene.timeline.times,
            opening=lips.shown.opening,
            width=lips.shown.width,
            visible=one.visible,
            bilabials=bilabials,
            turn=sample_at(np.maximum(*angles), order),
            covered=_measure_cover(one.material.appearance.occluders, order),
            fading=lips.in_spans if spoken else None,
            own_opening=sample_at(face.lips.opening, order),
        )
        return SheetPlan(course, one.role.part.speaker.name)

    def with_log(self, drawing: SpeakerDrawing) -> SheetPlan:
        """The same with what was seen while the frames were made."""
        log = drawing.log
        scores = {name: log.scores[:, k] for k, name in enumerate(SCORES)}
        visible = np.where(log.changed, self.course.visible, 0).astype(np.float32)
        course = replace(self.course, distances=log.distances, scores=scores, visible=visible)
        return replace(self, course=course)

    def open_sheet(self, most: int) -> ContactSheet:
        """An empty sheet with at most so many moments of each group."""
        strip, closure = choose_strip(self.course, STRIP)
        words, middle = "", None
        if closure is not None:
            sound = f" at {closure.letter}" if closure.letter else ""
            words, middle = f", around the lips' closure{sound}", closure.frame
        times = self.course.times
        return ContactSheet(
            choose_moments(self.course, most),
            lambda i: float(times[i]),
            strip,
            (words, middle),
            self.name,
        )


def open_sheets(
    plans: Sequence[SheetPlan], making: FrameMaking | None = None
) -> list[ContactSheet]:
    """One empty sheet per speaker.

    Args:
        making: that has made all frames; None: they are still to be made, and scores unknown.
    """
    if making is not None:
        pairs = zip(plans, making.drawings, strict=True)
        plans = [plan.with_log(drawing) for plan, drawing in pairs]
    most = BAND if len(plans) == 1 else BAND // 2
    return [plan.open_sheet(most) for plan in plans]


def fill_sheets(sheets: Sequence[ContactSheet], output: Path, making: FrameMaking) -> None:
    """Give sheets the frames of a complete output that they want."""
    finished = FinishedOutput(output, making)
    wanted = set().union(*(sheet.wanted for sheet in sheets))
    for i, target, frame in finished.some(wanted):
        for sheet, drawing in zip(sheets, making.drawings, strict=True):
            sheet.add(i, target, frame, drawing.head[i])


def save_sheets(
    place: Path, sheets: Sequence[ContactSheet], recipe: Recipe, output: Path, marking: Marking
) -> None:
    """Write the sheets of an output; they say what they show, and that it was generated.

    Raises:
        OutputError: it cannot be written.
    """
    script, report = recipe.script, recipe.report
    sounds = list(dict.fromkeys(path.name for part in script.parts for path in part.sources))
    rate = f"{float(report.fps):.5g} fps"
    heading = Heading(
        title=f"{script.video.name} + {', '.join(sounds)} – {output.name}",
        details=f"{write_time(report.duration)} · {report.frames} frames at {rate} · "
        f"rendered by lipsync {__version__}",
        notice=marking.notice,
    )
    sheets[0].save(place, *sheets[1:], heading=heading, texts=marking.picture_texts)


def _measure_cover(occluders: Occluders | None, order: Positions) -> F32 | None:
    """How much of the lower face something hides in every output frame, (n,) 0..1."""
    if occluders is None or not len(occluders.masks):
        return None
    shares = occluders.masks.reshape(len(occluders.masks), -1).mean(1) / 255
    frames = np.where(occluders.rows >= 0, shares[occluders.rows], 0).astype(np.float32)
    return np.asarray(frames[np.floor(order).astype(np.int64)])
