"""Room on a disk: taken before it is needed, measured, named, and told from other faults.

A memory map over a sparse file ends the process with a signal once the disk is full. Space that is
reserved beforehand turns that into an OSError at a place where something can be done about it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, Any

import numpy as np
from numpy.typing import DTypeLike
from pydantic import AfterValidator, ByteSize, TypeAdapter, ValidationError

ZEROS = bytes(1 << 20)  # written where the system cannot reserve
CANNOT_RESERVE = frozenset((errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS))
# What the place is to blame for, not what is written there.
DISK_FAULTS = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
)
UNITS = ("bytes", "kB", "MB", "GB", "TB")


def reserve(file: IO[bytes], start: int, size: int) -> None:
    """Make sure that `size` bytes of a file from `start` on can be written; they become zeros.

    Args:
        file: open for writing, holding nothing there yet.

    Raises:
        OSError: there is no room.
    """
    if size <= 0:
        return
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), start, size)
            return
        except OSError as error:
            if error.errno not in CANNOT_RESERVE:
                raise
    file.seek(start)
    for done in range(0, size, len(ZEROS)):
        file.write(ZEROS[: size - done])
    file.flush()


def reserve_map(array: np.memmap[Any, Any], file: IO[bytes] | None = None) -> None:
    """Reserve the space of a memory map that was just made with mode "w+".

    Args:
        file: the file under it; None: it has a name.

    Raises:
        OSError: there is no room.
    """
    if file is not None:
        reserve(file, array.offset, array.nbytes)
        return
    with Path(str(array.filename)).open("r+b") as named:
        reserve(named, array.offset, array.nbytes)


def create_array(
    path: Path, shape: tuple[int, ...], dtype: DTypeLike = np.uint8
) -> np.memmap[Any, Any]:
    """A new .npy file of zeros as a memory map, its space reserved.

    Raises:
        OSError: there is no room.
    """
    array: np.memmap[Any, Any] = np.lib.format.open_memmap(path, "w+", dtype, shape)
    reserve_map(array)
    return array


def create_unnamed_array(
    folder: Path, shape: tuple[int, ...], dtype: DTypeLike = np.uint8
) -> np.memmap[Any, Any]:
    """The same without a name: its file vanishes with it.

    Raises:
        OSError: there is no room.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        array: np.memmap[Any, Any] = np.memmap(file, dtype, "w+", shape=shape)
        reserve_map(array, file)
        return array


def disk_fault(error: BaseException, folder: Path) -> str | None:
    """Why a folder's disk is to blame for an error, in a few words; None: it is not.

    The libraries that write files wrap the system's errors in theirs, or lose its number: where
    the error does not say, the folder is tried.
    """
    for one in _chain(error):
        if isinstance(one, OSError):
            inside = one.filename and str(one.filename).startswith(str(folder))
            if inside or (one.errno in DISK_FAULTS and not one.filename):
                return one.strerror or str(one)
            if one.errno is None and "requested and" in str(one):  # how numpy puts it
                return os.strerror(errno.ENOSPC)
    return try_to_write(folder)


def try_to_write(folder: Path, size: int = 1 << 16) -> str | None:
    """Why `size` bytes cannot be written in a folder, in a few words; None: they can."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            reserve(file, 0, size)
    except OSError as error:
        return error.strerror or str(error)
    return None


def free_bytes(folder: Path) -> int:
    """Bytes that can be written on the disk of a folder, or of the nearest one that exists."""
    there = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    with contextlib.suppress(OSError):
        return shutil.disk_usage(there).free
    return 0


def parse_size(text: str) -> int:
    """Bytes, from a number with a unit: 500M, 20G, 1.5 GiB; or 0.

    Raises:
        ValueError: it is none, or without a unit.
    """
    wanted = "wanted a number with a unit, such as 500M or 20G"
    if text.strip().replace(".", "", 1).isdigit() and float(text) != 0:
        raise ValueError(wanted)
    try:
        return int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        raise ValueError(wanted) from None


def _check_size(text: str) -> str:
    parse_size(text)
    return text


SizeText = Annotated[str, AfterValidator(_check_size)]  # an option that `parse_size` reads


def format_size(size: float) -> str:
    """Bytes in the largest unit of which there is one: 1.2 GB."""
    for unit in UNITS[:-1]:
        if abs(size) < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} {UNITS[-1]}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it arose from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
