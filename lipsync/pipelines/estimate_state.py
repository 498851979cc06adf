"""What can be known of a render without making anything: the steps it can take from the cache.

The steps are those of a render, in order, until one needs what the cache lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lipsync import media
from lipsync.errors import NoFaceError
from lipsync.face import landmarks
from lipsync.face.tracked_face import TrackedFace
from lipsync.options import RenderOptions
from lipsync.pipelines.render import prepare_speakers
from lipsync.pipelines.render_plan import OutputPlan, Script, find_people, plan_timeline
from lipsync.pipelines.speaker_plan import RenderScene
from lipsync.runtime.cache import Cache
from lipsync.runtime.context import RunContext
from lipsync.runtime.locked_folder import temporary_folder
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import F32, VideoInfo

LOOKED_AT = 6  # frames of a target that are looked at, where its faces are not in the cache


class NotCachedError(Exception):
    """A dry run has come to what a render would have to make."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class PeekCache(Cache):
    """The user's cache, only read: what it lacks raises NotCachedError."""

    def folder(
        self, kind: str, key: dict[str, Any], make: Callable[[Path], None], *, code: str
    ) -> Path:
        """The entry's folder.

        Raises:
            NotCachedError: there is none.
        """
        found = self.find(kind, key, code=code)
        if found is None:
            raise NotCachedError(kind)
        return found

    @contextmanager
    def room(self) -> Iterator[Path]:
        """A temporary folder outside of the cache."""
        with temporary_folder("lipsync-estimate-") as folder:
            yield folder


@dataclass
class KnownSteps:
    """What is found out of a render without making anything."""

    unseen: list[VideoInfo] = field(default_factory=list)  # whose faces are not in the cache
    adapted: bool = False  # the adaptation is in the cache, or is not wanted
    bank: bool = False  # the mouth bank is in the cache
    scale: float = 0.0  # of the largest face, pixels between the outer eye corners; 0: unknown
    warnings: list[str] = field(default_factory=list)


def find_unseen(
    target: VideoInfo, script: Script, known: KnownSteps, options: RenderOptions, run: RunContext
) -> list[VideoInfo]:
    """The references; those of them and the target whose faces are not cached go to `known`.

    Raises:
        NoFaceError: the target shows none.
    """
    names = [*options.footage.reference]
    if options.teeth.teeth not in ("auto", "off"):
        names.append(options.teeth.teeth)
    others = [media.probe(Path(name).expanduser(), tonemap=not target.hdr) for name in names]
    for info in (target, *others):
        several = info is target and script.one_of_many
        try:
            faces = landmarks.detect_video_faces(info, options.landmarks, run, several)
        except NotCachedError:
            known.unseen.append(info)
            continue
        if not len(faces):
            raise NoFaceError(f"{info.path}: no face was found in its {faces.count} frames")
    if target in known.unseen:
        known.scale = _look_at(target, options, run)
        if not known.scale:
            known.warnings.append(f"no face in the {LOOKED_AT} frames that were looked at")
    return others


def _look_at(info: VideoInfo, options: RenderOptions, run: RunContext) -> float:
    """The scale of the largest face in a few frames; 0: none was found in any."""
    scales = [0.0]
    rows = np.linspace(0, info.frame_count - 1, LOOKED_AT).astype(int)
    with landmarks.open_detector(options.landmarks, run.device) as detector:
        for row in dict.fromkeys(rows.tolist()):
            for frame in media.read_frames(info, row, row + 1):
                scales += [_scale(face.points) for face in detector.detect(frame)]
    return max(scales)


def _scale(points: F32) -> float:
    """About the outer-eye distance of a face, from the extent of its landmarks (n, ≥ 2)."""
    return float(np.ptp(points[:, 0])) * 0.62


def look_further(
    script: Script,
    plan: OutputPlan,
    known: KnownSteps,
    model: Any,
    options: RenderOptions,
    run: RunContext,
) -> None:
    """Go on as a render does, until it needs what is not in the cache.

    Raises:
        LipsyncError: what stops a render.
    """
    people, notes = find_people(script, plan, options, run)
    known.warnings += notes
    known.scale = max(_largest(person.face) for person in people)
    _, timeline = plan_timeline(script, plan, people, options, run)
    scene = RenderScene(plan.info, VideoSpeech(plan.info), timeline, model)
    known.adapted = known.bank = True
    try:
        prepare_speakers(plan, people, scene, options, run)
    except NotCachedError as missing:
        known.adapted = missing.kind != "person"
        known.bank = False  # it comes after the adaptation; both are made in the same run


def _largest(face: TrackedFace) -> float:
    return float(np.percentile(face.alignment.scale[face.found], 99))
