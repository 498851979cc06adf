"""Opening files with PyAV; faults become one line."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from lipsync.errors import InputError, MediaError
from lipsync.types import as_url


def describe_missing(path: Path) -> MediaError:
    """What to say of a path where there is no file."""
    address = as_url(path)
    if address is not None:
        return MediaError(f"{address}: is a URL; download it first, and give the file")
    return MediaError(f"{path}: no such file")


@contextmanager
def open_readable(path: Path) -> Iterator[Any]:
    """Open a file for reading.

    Raises:
        MediaError: missing, a folder, a pipe or a device, or without permission.
    """
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            what = "pipe" if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else "device"
            raise MediaError(f"{path}: is a {what}; give a file")  # opening may wait without end
        file = path.open("rb")
    except FileNotFoundError:
        raise describe_missing(path) from None
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
