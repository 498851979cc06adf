"""Opening files with PyAV; what is wrong with them becomes one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from lipsync.errors import InputError, MediaError


@contextmanager
def readable(path: Path) -> Iterator[Any]:
    """Open a file for reading; what is wrong with it becomes one line.

    Raises:
        MediaError: missing, a folder, or not ours to read.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise MediaError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise MediaError(f"{path}: is a folder, not a media file") from None
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from None
    with file:
        yield file


@contextmanager
def container_of(path: Path, wrong: type[InputError]) -> Iterator[Any]:
    """Open a container; given as a file object, its name is never taken for a URL or a pattern.

    Raises:
        MediaError: as `readable`.
        InputError: `wrong`, where it is not media.
    """
    with readable(path) as file:
        try:
            container = av.open(file, metadata_errors="ignore")
        except (av.FFmpegError, OSError, ValueError):  # OSError: in an empty .mp4
            raise wrong(f"{path}: is not a media file that ffmpeg can read") from None
        with container:
            yield container


def container_tags(path: Path) -> dict[str, str]:
    """A container's tags, their names in lower case.

    Raises:
        MediaError: missing, unreadable or not media.
    """
    with container_of(path, MediaError) as container:
        return {str(k).lower(): str(v) for k, v in container.metadata.items()}
