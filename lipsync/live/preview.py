"""A second of the result, soon: for whoever is still choosing options.

The second is the one in which the speech moves the lips most. It is rendered by the chain of a
render from a short excerpt of the target, so that little footage has to be analyzed: the mouths
are those of the excerpt alone, and the speech model is not adapted. Of a large picture only the
surroundings of the face are rendered, at their own resolution. Options show their effect; how
well the footage covers the speech only the render shows.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lipsync import media
from lipsync.errors import OptionsError
from lipsync.face.landmarks import FaceSelector, LandmarkOptions, detect_faces
from lipsync.live.events import OnEvent
from lipsync.live.renderer import Renderer
from lipsync.media.excerpt import Box, write_excerpt
from lipsync.options import RenderOptions
from lipsync.report.results import RenderResult
from lipsync.runtime.atomic import atomic_write
from lipsync.speech import features
from lipsync.speech.lip_model import LipLSTM
from lipsync.speech.telling_second import find_telling_second
from lipsync.types import SPEECH_RATE, VideoInfo

SECONDS = 1.0
FOOTAGE_S = 4.0  # of the target, from where the second is shown
LEAST_FOOTAGE_S = 3.0
SOUND_RATE = 48_000
MOMENTS_KEPT = 64
AROUND = 0.6  # of the face's diagonal: so much around it is kept
MOST_OF_PICTURE = 0.6  # a larger part is no gain


@dataclass(frozen=True)
class Preview:
    """A second of a result."""

    start: float  # seconds of the speech
    target_start: float  # seconds of the target; where its frames are shown at the time they have
    box: Box | None  # the part of its picture that is shown; None: all
    result: RenderResult


@dataclass(frozen=True)
class _Excerpt:
    """Footage for a preview."""

    path: Path
    start: float
    box: Box | None


@dataclass(eq=False)
class Previewer:
    """Makes previews; what it has found of a speech or a target serves the next ones."""

    renderer: Renderer
    folder: Path  # of excerpts; who made it removes it
    _moments: OrderedDict[str, float] = field(default_factory=OrderedDict)
    _boxes: dict[str, Box | None] = field(default_factory=dict)

    def make(
        self,
        audio: Path,
        video: Path,
        output: Path,
        options: RenderOptions,
        *,
        compare: Path | None = None,
        start: float | None = None,
        on_event: OnEvent | None = None,
    ) -> Preview:
        """Render a second.

        Args:
            compare: a video of the second beside the target's; None: none.
            start: seconds of the speech; None: where it tells most.

        Raises:
            LipsyncError: something that the caller can mend.
        """
        if start is None:
            start = self._find_moment(audio, options)
        info = media.probe(video)
        excerpt = self._cut_video(info, start, options)
        sound = self._cut_sound(audio, start, options)
        face = move_place(options.landmarks.face, excerpt.start, excerpt.box)
        hurried = {
            "face": face, "adapt": "never", "timing": "hold" if info.still else "cut",
            "preset": "ultrafast",
        }  # fmt: skip
        quick = RenderOptions.of(**{**options.flat(), **hurried})
        result = self.renderer.render(
            sound, excerpt.path, output, compare=compare, options=quick, overwrite=True,
            on_event=on_event,
        )  # fmt: skip
        return Preview(start, excerpt.start, excerpt.box, result)

    def _find_moment(self, audio: Path, options: RenderOptions) -> float:
        key = f"{_digest(audio)} {options.lips.speech_model} {options.sound.audio_track}"
        if key not in self._moments:
            model = LipLSTM.load(options.lips)
            heard = media.read_audio(audio, SPEECH_RATE, track=options.sound.audio_track)
            shapes, times = model.predict_shapes(features.extract(heard, model.spec))
            self._moments[key] = find_telling_second(shapes, times, SECONDS)
            while len(self._moments) > MOMENTS_KEPT:
                self._moments.popitem(last=False)
        return self._moments[key]

    def _cut_video(self, info: VideoInfo, start: float, options: RenderOptions) -> _Excerpt:
        """The footage from where in the target the second is shown."""
        if info.still:
            return _Excerpt(info.path, 0.0, None)
        length = float(info.duration)
        if length <= FOOTAGE_S + 1:
            shown, seconds = max(0.0, min(start, length - LEAST_FOOTAGE_S)), length
        else:
            shown, seconds = start % (length - LEAST_FOOTAGE_S), FOOTAGE_S
        named = f"{_digest(info.path)}-{shown:.3f}-{seconds:.3f}"
        key = f"{named} {options.landmarks}"
        if key not in self._boxes:
            end = min(length, shown + seconds)
            self._boxes[key] = find_surroundings(info, shown, end, options.landmarks)
        box = self._boxes[key]
        whose = "" if box is None else "-" + "-".join(map(str, box))
        place = self.folder / f"{named}{whose}.mkv"
        if not place.exists():
            write_excerpt(info, shown, seconds, place, box)
        return _Excerpt(place, shown, box)

    def _cut_sound(self, audio: Path, start: float, options: RenderOptions) -> Path:
        import soundfile

        track = options.sound.audio_track
        place = self.folder / f"{_digest(audio)}-{track}-{start:.3f}.wav"
        if not place.exists():
            samples = media.read_audio(audio, SOUND_RATE, track=track).samples
            part = samples[round(start * SOUND_RATE) : round((start + SECONDS) * SOUND_RATE)]
            if not len(part):
                raise OptionsError(f"{audio}: ends before {start:g} s, where the preview begins")
            with atomic_write(place) as temporary:
                soundfile.write(temporary, part, SOUND_RATE, subtype="PCM_24")
        return place


def find_surroundings(
    info: VideoInfo, start: float, end: float, options: LandmarkOptions
) -> Box | None:
    """The part of the picture around the face that speaks, between two instants.

    None where that is nearly all of it, or where the face is named by its place among others.
    """
    selector = FaceSelector.parse(options.face)
    if selector.kind not in ("largest", "place"):
        return None
    numbers = [
        min(info.frame_count - 1, round(float(at * info.fps)))
        for at in (start, (start + end) / 2, end - 0.1)
    ]
    frames = [next(media.read_frames(info, number, number + 1)) for number in numbers]
    found = detect_faces(frames, info.fps, options, all_faces=False)
    if not len(found):
        return None
    if selector.kind == "place":
        first = int(np.argmin(np.linalg.norm(found.center - selector.place, axis=1)))
    else:
        first = int(np.argmax(found.size))
    near = np.linalg.norm(found.center - found.center[first], axis=1) < found.size[first]
    points = found.points[near][..., :2].reshape(-1, 2)
    margin = AROUND * float(found.size[first])
    low = np.clip(np.floor(points.min(0) - margin), 0, None).astype(int) // 2 * 2
    high = np.minimum(np.ceil(points.max(0) + margin), (info.width, info.height)).astype(int)
    width, height = ((high - low) // 2 * 2).tolist()
    if width * height > MOST_OF_PICTURE * info.width * info.height:
        return None
    return int(low[0]), int(low[1]), width, height


def move_place(face: str, start: float, box: Box | None) -> str:
    """The value of --face in an excerpt that begins at `start` and shows `box` alone."""
    selector = FaceSelector.parse(face)
    if selector.kind != "place":
        return face
    x, y = (of - edge for of, edge in zip(selector.place, (box or (0, 0))[:2], strict=True))
    return f"{max(0.0, x):g},{max(0.0, y):g}@{max(0.0, selector.at - start):.3f}"


def _digest(path: Path) -> str:
    """A name for a file as it is now."""
    facts: Any = path.stat()
    text = f"{path.absolute()} {facts.st_size} {facts.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
