"""Renders one after the other, or side by side, in one process.

    renderer = Renderer()
    renderer.render("german.wav", "film.mp4", "film.de.mp4")
    renderer.render("polish.wav", "film.mp4", "film.pl.mp4")   # the film's analysis is there

A command loads its libraries, the target's track and its mouths anew each time. Here they stay.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lipsync import media
from lipsync.dialogue.spans import Span
from lipsync.errors import AudioError, LipsyncError, OptionsError
from lipsync.live.events import (
    OnEvent,
    RenderFailed,
    RenderFinished,
    RenderStarted,
    RenderWarned,
    Watch,
)
from lipsync.live.frame_stream import FORM, FrameStream
from lipsync.live.live_sound import split_sound
from lipsync.live.live_target import LiveTarget, prepare_target
from lipsync.options import RenderOptions
from lipsync.pipelines.arguments import as_options
from lipsync.pipelines.render import render_script
from lipsync.pipelines.request import read_request
from lipsync.report.results import RenderResult
from lipsync.runtime.loaded import LoadedValues
from lipsync.runtime.threads import steady_threads
from lipsync.types import SPEECH_RATE, Speaker, as_path

VALUES_A_TARGET = 3  # of the cache: faces, mouths, their model


class Renderer:
    """Renders for a program that goes on: what belongs to a target is found and loaded once.

    All methods may be called from several threads at once; renders of one target wait for its
    analysis, which one of them makes. The results are those of `lipsync.render`, byte for byte.
    Tracks and banks also go to the cache on disk, unless the options forbid it.
    """

    def __init__(
        self, options: RenderOptions | Mapping[str, Any] | None = None, *, targets: int = 8
    ) -> None:
        """Nothing is loaded yet.

        Args:
            options: of all renders that bring none of their own.
            targets: of so many targets, the most recently used, the analysis stays in memory.

        Raises:
            OptionsError: an option that is unknown or out of range.
        """
        if targets < 1:
            raise OptionsError(f"targets: wanted at least 1, got {targets}")
        self.options = as_options(options, RenderOptions)
        self._loaded = LoadedValues(VALUES_A_TARGET * targets)
        self._live = LoadedValues(targets)
        self._closed = threading.Event()

    def render(
        self,
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
        cancel: threading.Event | None = None,
        timeout: float | None = None,
        on_event: OnEvent | None = None,
    ) -> RenderResult:
        """Make the person in `video` say what is in `audio`; see `lipsync.render`.

        Args:
            options: instead of those of the renderer.
            cancel: set it, from any thread, and the render stops.
            timeout: seconds after which it stops.
            on_event: called with what happens, in the thread of this call; see `live.events`.

        Raises:
            CancelledError, TimeLimitError: it was stopped; nothing was written.
            LipsyncError: something else that the caller can mend.
        """
        watch = self._watch(cancel, timeout, on_event)
        try:
            with media.PipedInputs() as piped:
                asked = read_request(
                    piped, audio, video, output, speakers=speakers, spans=spans, sheet=sheet,
                    plot=plot, sidecar=sidecar, report=report, mask=mask, compare=compare,
                    options=self.options if options is None else options, overwrite=overwrite,
                )  # fmt: skip
                watch.tell(RenderStarted(asked.script.video, asked.paths.output.path))
                watch.check()
                made = render_script(
                    asked.script, asked.paths, asked.options, watch.report, self._loaded
                )
                result = replace(made, warnings=tuple(map(piped.rename, made.warnings)))
        except LipsyncError as error:
            watch.tell(RenderFailed(error))
            raise
        for line in result.warnings:
            watch.tell(RenderWarned(line))
        watch.tell(RenderFinished(result))
        return result

    def load(
        self,
        video: str | Path,
        *,
        options: RenderOptions | Mapping[str, Any] | None = None,
        cancel: threading.Event | None = None,
        timeout: float | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        """Make a target ready for `render_frames`, whose first frame then comes at once.

        Raises:
            LipsyncError: see `render_frames`.
        """
        self._load(video, options, self._watch(cancel, timeout, on_event))

    def render_frames(
        self,
        audio: str | Path | Iterable[Any],
        video: str | Path,
        *,
        rate: int | None = None,
        options: RenderOptions | Mapping[str, Any] | None = None,
        cancel: threading.Event | None = None,
        timeout: float | None = None,
        on_event: OnEvent | None = None,
    ) -> FrameStream:
        """Finished frames while the sound is still arriving.

        The target plays back and forth. A frame is made when the sound of the next 1.4 s is known,
        in blocks of 0.8 s; how the sound is cut into pieces changes nothing.

        Args:
            audio: pieces of sound as they come, each (n,) or (n, channels), float in [−1, 1] or
                16-bit integers; or a file. Pieces are asked for in the thread that asks for frames.
            video: any video, or a still image, that shows the face.
            rate: of the pieces, Hz.
            cancel, timeout, on_event: as in `render`; the time is that of the whole stream.

        Returns:
            An iterator over frames, (h, w, 3) RGB, with their rate and the record's id. Frames have
            the watermark, and the visible notice if the options ask for one; a file that they go
            to needs its own content credentials.

        Raises:
            AudioError: what comes is no sound; the rate is missing, or none.
            LipsyncError: something else that the caller can mend.
        """
        watch = self._watch(cancel, timeout, on_event)
        if isinstance(audio, str | Path):
            samples = media.read_audio(as_path(audio, "audio"), SPEECH_RATE).samples
            audio, rate = split_sound(samples, SPEECH_RATE), SPEECH_RATE
        if rate is None:
            raise AudioError("sound: the rate of its samples is missing; give rate=")
        target, chosen = self._load(video, options, watch)
        watch.tell(RenderStarted(target.info.path, None))
        return FrameStream(target, audio, rate, chosen, watch)

    def close(self) -> None:
        """Let go of all that is loaded; renders that are under way stop."""
        self._closed.set()
        self._loaded.clear()
        self._live.clear()

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _watch(
        self, cancel: threading.Event | None, timeout: float | None, on_event: OnEvent | None
    ) -> Watch:
        if timeout is not None and not timeout > 0:
            raise OptionsError(f"timeout: wanted more than 0 s, got {timeout!r}")
        watch = Watch(cancel, timeout, on_event, self._closed)
        watch.check()
        return watch

    def _load(
        self, video: str | Path, options: RenderOptions | Mapping[str, Any] | None, watch: Watch
    ) -> tuple[LiveTarget, RenderOptions]:
        """A target that is ready, and the options of the stream."""
        chosen = self.options if options is None else as_options(options, RenderOptions)
        path = as_path(video, "video").absolute()

        def make() -> LiveTarget:
            with steady_threads(), chosen.run.open(watch.report, self._loaded) as run:
                return prepare_target(path, chosen, FORM, run)

        return self._live.get(_name(path, chosen), make), chosen


def _name(path: Path, options: RenderOptions) -> Hashable:
    """What a loaded target is known by: its file as it is now, and the options."""
    try:
        facts = path.stat()
    except OSError:
        return path, None  # reading it says why
    decisive = repr(sorted(options.decisive().items(), key=lambda one: one[0]))
    return path, facts.st_size, facts.st_mtime_ns, decisive, options.run.device
