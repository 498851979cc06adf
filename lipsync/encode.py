"""Frames and speech into the finished file: encoded once, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lipsync.errors import OutputError
from lipsync.media import mp4_writer, refusals, whole
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
    """x264's effort: slower gives a slightly better picture and takes longer."""


def check_output(
    output: Path, inputs: Iterable[Path], overwrite: bool, suffix: str = ".mp4"
) -> None:
    """Find out before the work what would stop us from writing its result.

    Raises:
        OutputError: another suffix, no such folder, not writable, an input, or there already.
    """
    if output.suffix.lower() != suffix:
        raise OutputError(
            f"{output}: only {suffix} can be written; choose a name that ends in {suffix}"
        )
    folder = output.parent
    if not folder.is_dir():
        raise OutputError(f"{output}: there is no folder {folder}; make it first")
    if any(_same_file(output, path) for path in inputs):
        raise OutputError(f"{output}: is an input too; choose another name for the output")
    if output.is_dir():
        raise OutputError(f"{output}: is a folder; give the name of a file")
    if output.exists() and not overwrite:
        raise OutputError(f"{output}: exists already; pass --overwrite to replace it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{output}: the folder {folder} cannot be written to; choose another")


def _same_file(one: Path, other: Path) -> bool:
    """The same file, by whatever name or link."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


def encode(
    frames: Iterable[U8],
    info: VideoInfo,
    speech: Path,
    output: Path,
    options: EncodeOptions,
    *,
    comment: str = "",
    ends: Fraction | None = None,
    on_frame: Callable[[int], None] | None = None,
    seal: Callable[[Path], None] | None = None,
) -> int:
    """Write frames of `info`'s size, rate and colour, with the speech as their sound.

    Args:
        frames: (h, w, 3) each; consumed and, if it is a generator, closed.
        info: of the target.
        speech: its first sound stream is copied where mp4 can hold it, else becomes AAC.
        output: an existing file is replaced; see `check_output`.
        options: how to compress.
        comment: the container's comment.
        ends: seconds after which the speech is cut; None: not at all.
        on_frame: is told how many frames have been written.
        seal: called with the complete temporary file just before it gets its name.

    Returns:
        The number of frames written.

    Raises:
        OutputError: it could not be written whole; nothing is left behind.
        AudioError: no sound in `speech`.
    """
    done, shape = 0, (info.height, info.width, 3)
    with ExitStack() as stack:
        if isinstance(frames, Generator):
            stack.callback(frames.close)
        temporary = stack.enter_context(whole(output))
        writer = stack.enter_context(
            mp4_writer(
                info,
                speech,
                temporary,
                crf=options.crf,
                preset=options.preset,
                comment=comment,
                ends=ends,
            )
        )
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
        if seal:
            with refusals(output):
                seal(temporary)
    return done
