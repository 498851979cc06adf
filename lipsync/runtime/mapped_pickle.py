"""Pickles for processes of our own on this machine: arrays of mapped files are sent as their place.

Not for files, and not for what comes from elsewhere: to load a pickle is to run it.
"""

from __future__ import annotations

import io
import mmap
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def dump_mapped(value: Any) -> bytes:
    """Pickle a value; a part of it that lies in a mapped file is not copied."""
    stream = io.BytesIO()
    _Pickler(stream, protocol=5).dump(value)
    return stream.getvalue()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            place = _find_place(value)
            if place is not None:
                return place
        return NotImplemented


def _find_place(array: NDArray[Any]) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
    """How to map an array again; None: it lies in memory, or not in one piece."""
    mapped: Any = array
    while mapped is not None and not isinstance(getattr(mapped, "base", None), mmap.mmap):
        mapped = getattr(mapped, "base", None)
    if not isinstance(mapped, np.memmap) or mapped.filename is None or mapped.mode != "r":
        return None
    if not array.flags.c_contiguous or not array.size:
        return None
    offset = mapped.offset + array.ctypes.data - mapped.ctypes.data
    return _map, (str(mapped.filename), array.dtype.str, array.shape, offset)


def _map(path: str, kind: str, shape: tuple[int, ...], offset: int) -> NDArray[Any]:
    # A plain array over the mapped file: indexing a memmap costs as much as a small picture.
    return np.asarray(np.memmap(path, np.dtype(kind), "r", offset, shape))
