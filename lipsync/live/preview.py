"""A second of the result, soon: for whoever is still choosing options.

The second is the one in which the speech moves the lips most. It is rendered by the chain of a
render from a short excerpt of the target, so that little footage has to be analyzed: the mouths
are those of the excerpt alone, and the speech model is not adapted. Options show their effect; how
well the footage covers the speech only the render shows.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lipsync import media
from lipsync.errors import OptionsError
from lipsync.live.events import OnEvent
from lipsync.live.renderer import Renderer
from lipsync.media.excerpt import write_excerpt
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


@dataclass(frozen=True)
class Preview:
    """A second of a result."""

    start: float  # seconds of the speech
    target_start: float  # seconds of the target; where its frames are shown at the time they have
    result: RenderResult


@dataclass(eq=False)
class Previewer:
    """Makes previews; what it has found of a speech or a target serves the next ones."""

    renderer: Renderer
    folder: Path  # of excerpts; who made it removes it
    _moments: OrderedDict[str, float] = field(default_factory=OrderedDict)

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
        shown, excerpt = self._cut_video(info, start)
        sound = self._cut_sound(audio, start, options)
        face = options.landmarks.face
        if "@" in face:  # a place in the whole target
            face = move_place(face, shown)
        hurried = {
            "face": face, "adapt": "never", "timing": "hold" if info.still else "cut",
            "preset": "ultrafast",
        }  # fmt: skip
        quick = RenderOptions.of(**{**options.flat(), **hurried})
        result = self.renderer.render(
            sound, excerpt, output, compare=compare, options=quick, overwrite=True,
            on_event=on_event,
        )  # fmt: skip
        return Preview(start, shown, result)

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

    def _cut_video(self, info: VideoInfo, start: float) -> tuple[float, Path]:
        """Where in the target the second is shown, and the footage from there on."""
        if info.still:
            return 0.0, info.path
        length = float(info.duration)
        if length <= FOOTAGE_S + 1:
            shown, seconds = max(0.0, min(start, length - LEAST_FOOTAGE_S)), length
        else:
            shown = start % (length - LEAST_FOOTAGE_S)
            seconds = FOOTAGE_S
        place = self.folder / f"{_digest(info.path)}-{shown:.3f}-{seconds:.3f}.mkv"
        if not place.exists():
            write_excerpt(info.path, shown, seconds, place)
        return shown, place

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


def move_place(face: str, shown: float) -> str:
    """A place on a face at a time of the target, in an excerpt that begins at `shown`."""
    place, _, at = face.partition("@")
    return f"{place}@{max(0.0, float(at.removesuffix('s')) - shown):.3f}"


def _digest(path: Path) -> str:
    """A name for a file as it is now."""
    facts: Any = path.stat()
    text = f"{path.absolute()} {facts.st_size} {facts.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
