"""Frames and sound into the finished file: encoded once, whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lipsync.errors import OutputError
from lipsync.media import (
    SOUND_NAME,
    Carried,
    FrameFolder,
    Output,
    Soundtrack,
    Writer,
    refusals,
    video_writer,
    whole,
    whole_folder,
)
from lipsync.options_base import options
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


def check_output(
    output: Path | Output, inputs: Iterable[Path], overwrite: bool, suffix: str | None = None
) -> None:
    """Find out before the work what would stop us from writing its result.

    Args:
        suffix: of a file that is no video; None: `output` is one of `media.FORMATS`.

    Raises:
        OutputError: another suffix, no such folder, not writable, an input, or there already.
    """
    if isinstance(output, Path) and suffix is None:
        output = Output.of(output)
    if isinstance(output, Output):
        if output.format.pipe:
            return
        if output.format.frames:
            _check_folder(output, inputs, overwrite)
            return
        output = output.path
    elif output.suffix.lower() != suffix:
        raise OutputError(
            f"{output}: only {suffix} can be written; choose a name that ends in {suffix}"
        )
    _check_parent(output)
    if any(_same_file(output, path) for path in inputs):
        raise OutputError(f"{output}: is an input too; choose another name for the output")
    if output.is_dir():
        raise OutputError(f"{output}: is a folder; give the name of a file")
    if output.exists() and not overwrite:
        raise OutputError(f"{output}: exists already; pass --overwrite to replace it")


def _check_parent(output: Path) -> None:
    folder = output.parent
    if not folder.is_dir():
        raise OutputError(f"{output}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{output}: the folder {folder} cannot be written to; choose another")


def _check_folder(output: Output, inputs: Iterable[Path], overwrite: bool) -> None:
    """A folder of frames is replaced as a whole: it may hold nothing else."""
    folder = output.path
    _check_parent(folder.resolve())
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; give the name of a folder")
    there = list(folder.iterdir()) if folder.is_dir() else []
    if any(_same_file(path, file) for path in inputs for file in (folder, *there)):
        raise OutputError(f"{folder}: an input is in it; choose another folder for the output")
    ours = re.compile(re.sub(r"%(0\d)?d", r"\\d+", re.escape(output.frame_names)))
    if any(f.name != SOUND_NAME and not ours.fullmatch(f.name) for f in there):
        raise OutputError(f"{folder}: holds other files; give the frames a folder of their own")
    if there and not overwrite:
        raise OutputError(f"{folder}: holds frames already; pass --overwrite to replace them")


def _same_file(one: Path, other: Path) -> bool:
    """The same file, by whatever name or link."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


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
