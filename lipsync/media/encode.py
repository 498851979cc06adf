"""Frames and sound into the finished file: encoded once, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lipsync.errors import OutputError
from lipsync.media.formats import Output
from lipsync.media.image_sequence import FrameFolder
from lipsync.media.output_sound import Soundtrack
from lipsync.media.passthrough import Carried
from lipsync.media.writer import Writer, video_writer
from lipsync.runtime.atomic import refusals, whole, whole_folder
from lipsync.runtime.option_spec import options
from lipsync.types import U8, VideoInfo

Preset = Literal["ultrafast", "veryfast", "faster", "fast", "medium", "slow", "slower"]


@options
class EncodeOptions:
    """How the result is compressed."""

    crf: Annotated[int, Field(ge=0, le=51)] = 16
    """Constant quality of the picture: 0 is the best, 16 is hard to tell from the original."""
    # On two cores fast costs 0.1 to 0.3 dB against medium and saves a fifth to a third of the time.
    preset: Preset = "fast"
    """The encoder's effort: slower gives a slightly better picture and takes longer."""


def encode(
    frames: Iterable[U8],
    info: VideoInfo,
    sound: Path | Soundtrack | None,
    output: Path | Output,
    options: EncodeOptions,
    *,
    tags: Mapping[str, str] | None = None,
    texts: Mapping[str, str] | None = None,
    carried: Carried | None = None,
    onward: Callable[[bytes], object] | None = None,
    on_frame: Callable[[int], None] | None = None,
    seal: Callable[[Path], None] | None = None,
) -> int:
    """Write frames of `info`'s size, times, depth and colour, with their sound.

    Args:
        frames: (h, w, 3) each; consumed and, if it is a generator, closed.
        info: of the target.
        sound: copied where the container can hold it, else coded anew; None: the result is silent.
        output: an existing file is replaced; see `check_output`.
        options: how to compress.
        tags: of the container.
        texts: in each picture of a folder of frames.
        carried: what else of the target goes into it.
        onward: is given the bytes of a stream, for an output that is a pipe.
        on_frame: is told how many frames have been written.
        seal: called with the complete temporary file or folder just before it gets its name; for
            a pipe with its name, when all has gone out.

    Returns:
        The number of frames written.

    Raises:
        OutputError: it could not be written whole; nothing is left behind.
        AudioError: there is no sound in it.
    """
    output = output if isinstance(output, Output) else Output.of(output)
    sound = Soundtrack(sound) if isinstance(sound, Path) else sound
    place, done = output.path, 0
    with ExitStack() as stack:
        if isinstance(frames, Generator):
            stack.callback(frames.close)
        if output.format.frames:
            temporary = stack.enter_context(whole_folder(place.resolve()))
            writer: Writer = FrameFolder(temporary, output.frame_names, sound, texts or {})
        else:
            pipe = output.format.pipe
            temporary = place if pipe else stack.enter_context(whole(place))
            writer = video_writer(
                info, sound, temporary, output.format, crf=options.crf, preset=options.preset,
                tags=tags or {}, carried=carried, onward=onward if pipe else None,
            )  # fmt: skip
        done = _written(frames, info, stack.enter_context(writer), place, on_frame)
        if seal:
            with refusals(place):
                seal(temporary)
    return done


def _written(
    frames: Iterable[U8],
    info: VideoInfo,
    writer: Writer,
    output: Path,
    on_frame: Callable[[int], None] | None,
) -> int:
    done, shape = 0, (info.height, info.width, 3)
    for done, frame in enumerate(frames, 1):
        if frame.shape != shape:
            raise ValueError(f"encode: wanted frames of {shape}, got {frame.shape}")
        if not writer.feed(frame):
            break
        if on_frame:
            on_frame(done)
    if writer.finish() != 0:
        why = writer.complaint or "the encoder was stopped"
        raise OutputError(f"{output}: cannot be written ({why}) at frame {done}")
    return done
