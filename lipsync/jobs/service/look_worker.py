"""A process that looks at clients' files: it may hang or die of one, the service may not.

It reads questions from its standard input and answers on its output, both as lines of JSON.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lipsync import media
from lipsync.errors import AudioError, LipsyncError, MediaError
from lipsync.jobs.outcome import INPUT, JobError
from lipsync.media.container import open_container
from lipsync.runtime.atomic import atomic_write

TOO_LARGE, TOO_LONG = "too_many_pixels", "too_long"


class LimitError(Exception):
    """A file beyond the limits."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.error = JobError(INPUT, code, message, False)


Questions = Mapping[str, Callable[..., dict[str, Any]]]


def main() -> None:
    """Answer what the service asks."""
    answer_questions(
        {"video": look_at_video, "audio": look_at_audio, "crop": crop, "estimate": estimate}
    )


def answer_questions(known: Questions) -> None:
    """Answer questions until there are no more, each by the function of its name."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("lipsync").addHandler(logging.NullHandler())
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not get into the answers
    for line in sys.stdin:
        answers.write(json.dumps(answer(json.loads(line), known), default=str) + "\n")
        answers.flush()


def answer(question: Mapping[str, Any], known: Questions) -> dict[str, Any]:
    """The answer to a question: `found`, or the `error`."""
    try:
        return {"found": known[question["ask"]](**question["of"])}
    except LimitError as error:
        return {"error": vars(error.error)}
    except LipsyncError as error:
        return {"error": vars(JobError.of(error))}
    except (Exception, MemoryError) as error:
        traceback.print_exc()
        return {"error": vars(JobError.of(error))}


def look_at_video(path: str, max_seconds: float, max_pixels: int) -> dict[str, Any]:
    """Size, length and rate of a video or picture.

    Raises:
        LimitError: it is too large or too long.
        LipsyncError: it cannot be read.
    """
    with open_container(Path(path), MediaError) as container:
        for stream in container.streams.video:
            _check_pixels(stream.codec_context.width, stream.codec_context.height, max_pixels)
        _check_length((container.duration or 0) / 1e6, max_seconds)
    info = media.probe(Path(path))
    _check_pixels(info.width, info.height, max_pixels)
    _check_length(float(info.duration), max_seconds)
    return {
        "frames": info.frame_count,
        "fps": f"{info.fps.numerator}/{info.fps.denominator}",
        "duration": float(info.duration),
        "width": info.width,
        "height": info.height,
        "still": info.still,
    }


def look_at_audio(path: str, max_seconds: float) -> dict[str, Any]:
    """Length of a sound, which is decoded for that.

    Raises:
        LimitError: it is too long.
        LipsyncError: it cannot be read, or is none.
    """
    with open_container(Path(path), AudioError) as container:
        _check_length((container.duration or 0) / 1e6, max_seconds)
    info = media.probe_audio(path)
    _check_length(float(info.duration), max_seconds)
    return {"duration": float(info.duration)}


def crop(path: str, start: float, end: float, to: str) -> dict[str, Any]:
    """Write a part of a sound into a file of its own.

    Raises:
        LipsyncError: the sound cannot be read, or ends before the part begins.
    """
    import soundfile

    rate = 48_000
    samples = media.read_audio(path, rate).samples[round(start * rate) : round(end * rate)]
    if not len(samples):
        raise AudioError(f"{path}: ends before {start:g} s, where the part to use begins")
    with atomic_write(Path(to)) as temporary:
        soundfile.write(temporary, samples, rate, subtype="PCM_24")
    return {"duration": len(samples) / rate}


def estimate(job: Mapping[str, Any]) -> dict[str, Any]:
    """What a job would take.

    Raises:
        LipsyncError: what is wrong with it.
    """
    from dataclasses import asdict

    from lipsync.jobs.job import Job
    from lipsync.pipelines.estimate import estimate_render

    return asdict(estimate_render(**Job.from_json(job).arguments(), overwrite=True))


def _check_pixels(width: int, height: int, most: int) -> None:
    if width * height > most:
        line = f"its pictures have {width} × {height} pixels; {most} at most are taken"
        raise LimitError(TOO_LARGE, line)


def _check_length(seconds: float, most: float) -> None:
    if seconds > most:
        raise LimitError(TOO_LONG, f"it lasts {seconds:.1f} s; {most:g} s at most are taken")


if __name__ == "__main__":
    main()
