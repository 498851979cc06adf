"""Opening files with PyAV; faults become one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from lipsync.errors import InputError, MediaError


@contextmanager
def open_readable(path: Path) -> Iterator[Any]:
    """Open a file for reading.

    Raises:
        MediaError: missing, a folder, or without permission.
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
def open_container(path: Path, wrong: type[InputError]) -> Iterator[Any]:
    """Open a container. A file object is passed on, so that its name is no URL and no pattern.

    Raises:
        MediaError: as `open_readable`.
        InputError: `wrong`, where it is not media.
    """
    with open_readable(path) as file:
        try:
            container = av.open(file, metadata_errors="ignore")
        except (av.FFmpegError, OSError, ValueError):  # OSError: in an empty .mp4
            raise wrong(f"{path}: is not a media file that ffmpeg can read") from None
        with container:
            yield container


def container_tags(path: Path) -> dict[str, str]:
    """A container's tags; names in lower case.

    Raises:
        MediaError: missing, unreadable or not media.
    """
    with open_container(path, MediaError) as container:
        return {str(k).lower(): str(v) for k, v in container.metadata.items()}
