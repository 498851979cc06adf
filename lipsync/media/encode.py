"""Frames and sound → the finished file: encoded once, complete or not at all."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lipsync.errors import OutputError
from lipsync.media.formats import Output
from lipsync.media.frame_coding import RGB, FrameCoding
from lipsync.media.image_sequence import FrameFolderWriter
from lipsync.media.output_sound import AudioCodec, Soundtrack
from lipsync.media.passthrough import Passthrough
from lipsync.media.video_encoders import Encoder
from lipsync.media.writer import Writer, video_writer
from lipsync.runtime.atomic import atomic_folder, atomic_write, os_errors_as_output_errors
from lipsync.runtime.option_spec import option_group
from lipsync.types import U8, VideoInfo

Preset = Literal["ultrafast", "veryfast", "faster", "fast", "medium", "slow", "slower"]


@option_group
class EncodeOptions:
    """How the output is compressed."""

    crf: Annotated[int, Field(ge=0, le=51)] = 16
    """Constant quality of the picture: 0 is best, 16 is hard to tell from the original."""
    # On two cores, fast is 0.1 to 0.3 dB worse than medium and saves 20 to 33 % of the time.
    preset: Preset = "fast"
    """Encoder effort: slower gives a slightly better picture and takes longer."""
    encoder: Encoder = "auto"
    """Encoder of the picture. auto: libx264, for more than 8 bits libx265, in .webm libvpx-vp9. On
    a GPU: those that end in nvenc (NVIDIA), qsv (Intel), amf (AMD), vaapi (Intel and AMD on Linux)
    or videotoolbox (Apple), each with its own scale of quality for --crf. It is tried before the
    work; `lipsync doctor` lists the encoders that work on this machine."""
    audio_codec: AudioCodec = "auto"
    """auto: the sound is copied if every player of the container knows its codec (in .mp4 and .mov:
    AAC), else encoded (AAC; FLAC in .mkv; Opus in .webm); copy: copied wherever the container can
    hold it; or the codec to encode it with."""


def encode_video(
    frames: Iterable[U8],
    info: VideoInfo,
    sound: Path | Soundtrack | None,
    output: Path | Output,
    options: EncodeOptions,
    *,
    tags: Mapping[str, str] | None = None,
    texts: Mapping[str, str] | None = None,
    passthrough: Passthrough | None = None,
    sink: Callable[[bytes], object] | None = None,
    finalize: Callable[[Path], None] | None = None,
    frame_coding: FrameCoding = RGB,
) -> int:
    """Write frames of `info`'s size, times, depth and color, with their sound.

    Args:
        frames: consumed and, if it is a generator, closed.
        info: of the target.
        sound: coded as `options.audio_codec` says; None: the output is silent.
        output: an existing file is replaced.
        tags: of the container.
        texts: of each picture in a folder of frames.
        passthrough: subtitles, chapters and tags of the target to keep.
        sink: receives the bytes of the stream if the output is a pipe.
        finalize: called with the complete temporary file or folder just before it gets its name;
            for a pipe with its name, when all has gone out.
        frame_coding: of the frames; RGB, (h, w, 3) each, where the output is a folder of pictures.

    Returns:
        The number of frames written.

    Raises:
        OutputError: it could not be written; nothing is left behind.
        AudioError: there is no sound in it.
    """
    output = output if isinstance(output, Output) else Output.parse(output)
    sound = Soundtrack(sound, codec=options.audio_codec) if isinstance(sound, Path) else sound
    place, done = output.path, 0
    with ExitStack() as stack:
        if isinstance(frames, Generator):
            stack.callback(frames.close)
        if output.format.frames:
            temporary = stack.enter_context(atomic_folder(place.resolve()))
            writer: Writer = FrameFolderWriter(temporary, output.frame_names, sound, texts or {})
        else:
            pipe = output.format.pipe
            temporary = place if pipe else stack.enter_context(atomic_write(place))
            writer = video_writer(
                info, sound, temporary, output.format, crf=options.crf, preset=options.preset,
                encoder=options.encoder, tags=tags or {}, passthrough=passthrough,
                sink=sink if pipe else None, frame_coding=frame_coding,
            )  # fmt: skip
        done = write_all(frames, info, stack.enter_context(writer), place, frame_coding)
        if finalize:
            with os_errors_as_output_errors(place):
                finalize(temporary)
    return done


def write_all(
    frames: Iterable[U8],
    info: VideoInfo,
    writer: Writer,
    output: Path,
    frame_coding: FrameCoding = RGB,
) -> int:
    """Feed all frames to a writer and finish it; returns how many.

    Raises:
        OutputError: it could not write them.
    """
    done, shape = 0, frame_coding.shape(info.width, info.height)
    for frame in frames:
        done += 1
        if frame.shape != shape:
            raise ValueError(f"encode_video: wanted frames of {shape}, got {frame.shape}")
        if not writer.feed(frame):
            break
    if writer.finish() != 0:
        why = writer.error_line or "the encoder was stopped"
        raise OutputError(f"{output}: cannot be written ({why}) at frame {done}")
    return done
