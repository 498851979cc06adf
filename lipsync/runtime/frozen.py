"""Values of the program on disk: dataclasses as JSON, all their arrays in one file that is mapped.

FOLDER/values.json    what the value consists of, with the digest of the arrays
FOLDER/arrays.bin     the arrays, one behind the other

Unlike a pickle it can come from elsewhere: to read it runs no code but the constructors of this
program's own dataclasses, which check what they are given.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lipsync.runtime.hashing import hash_file_now

VALUES, ARRAYS = "values.json", "arrays.bin"
ALIGNED = 64  # bytes at a multiple of which every array begins
MAPPED_BYTES = 1 << 20  # of an array from which it is mapped, not read
_OWN = re.compile(r"(lipsync(?:\.[a-z]\w*)+):([A-Z]\w*)")
# How values that are no JSON are written: by type, the tag and the JSON for it; and back.
_WRITTEN: tuple[tuple[type, str, Callable[[Any], Any], Callable[[Any], Any]], ...] = (
    (Path, "path", str, Path),
    (Fraction, "fraction", str, Fraction),
    (range, "range", lambda r: [r.start, r.stop, r.step], lambda v: range(*v)),
    (slice, "slice", lambda s: [s.start, s.stop, s.step], lambda v: slice(*v)),
)
_READ = {tag: read for _, tag, _, read in _WRITTEN}
_MANY: dict[str, Callable[[Iterable[Any]], Any]] = {
    "tuple": tuple, "set": set, "frozenset": frozenset
}  # fmt: skip


class FrozenError(ValueError):
    """What was frozen is missing, damaged, or of a program that knew other values."""


def freeze(value: Any, folder: Path) -> None:
    """Write a value into an empty folder.

    It may consist of this program's dataclasses, arrays, numbers, texts, paths, fractions, ranges,
    slices, and collections of them. What occurs more than once is written once, and is one thing
    again when it is read.

    Raises:
        TypeError: it holds something else.
        OSError: it cannot be written.
    """
    with (folder / ARRAYS).open("wb") as stream:
        writer = _Writer(stream)
        written = writer.write(value)
    text = json.dumps({
        "arrays": writer.arrays, "objects": writer.objects, "value": written,
        "sha256": hash_file_now(folder / ARRAYS),
    })  # fmt: skip
    (folder / VALUES).write_text(text, "utf-8")


def thaw(folder: Path) -> Any:
    """Read what `freeze` wrote; large arrays are mapped.

    Raises:
        FrozenError: it is missing, damaged, or of another version.
    """
    try:
        found = json.loads((folder / VALUES).read_text("utf-8"))
        if found["sha256"] != hash_file_now(folder / ARRAYS):
            raise FrozenError(f"{folder / ARRAYS}: is damaged")
        reader = _Reader(folder / ARRAYS, found["arrays"], found["objects"])
        return reader.read(found["value"])
    except FrozenError:
        raise
    except OSError as error:
        raise FrozenError(f"{error.filename}: cannot be read ({error.strerror or error})") from None
    except Exception as error:  # whatever a value makes of what is damaged
        raise FrozenError(f"{folder / VALUES}: cannot be understood: {error}") from None


class _Writer:
    """Writes values as JSON and arrays to a stream; each once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.arrays: list[dict[str, Any]] = []
        self.objects: list[dict[str, Any]] = []
        self._known: dict[Any, tuple[int, Any]] = {}  # and what keeps an id from being used again

    def write(self, value: Any) -> Any:
        """The JSON of a value."""
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, np.generic):
            return {"scalar": self._array(np.asarray(value))}
        if isinstance(value, int | float):
            return value
        if isinstance(value, np.ndarray):
            return {"array": self._array(value)}
        if isinstance(value, list):
            return [self.write(one) for one in value]
        if isinstance(value, Mapping):
            return {"dict": [[self.write(key), self.write(one)] for key, one in value.items()]}
        if isinstance(value, tuple | set | frozenset):
            return {type(value).__name__: [self.write(one) for one in value]}
        for kind, tag, write, _ in _WRITTEN:
            if isinstance(value, kind):
                return {tag: write(value)}
        return {"object": self._object(value)}

    def _array(self, array: NDArray[Any]) -> int:
        if array.dtype.hasobject:
            raise TypeError("freeze: an array of objects cannot be written")
        key = (array.ctypes.data, array.shape, array.strides, array.dtype.str)
        if key not in self._known:
            self._stream.write(b"\0" * (-self._stream.tell() % ALIGNED))
            entry = {
                "dtype": array.dtype.str, "shape": array.shape, "offset": self._stream.tell()
            }  # fmt: skip
            self._stream.write(np.ascontiguousarray(array).data)
            self._known[key] = len(self.arrays), array
            self.arrays.append(entry)
        return self._known[key][0]

    def _object(self, value: Any) -> int:
        kind = type(value)
        name = f"{kind.__module__}:{kind.__qualname__}"
        if not is_dataclass(kind) or not _OWN.fullmatch(name):
            raise TypeError(f"freeze: a value of {name} cannot be written")
        if id(value) not in self._known:
            given = {
                one.name: self.write(getattr(value, one.name)) for one in fields(kind) if one.init
            }
            self._known[id(value)] = len(self.objects), value
            self.objects.append({"type": name, "fields": given})
        return self._known[id(value)][0]


class _Reader:
    """Reads values from their JSON and their arrays."""

    def __init__(self, place: Path, arrays: list[dict[str, Any]], objects: list[Any]) -> None:
        self._bytes = np.memmap(place, np.uint8, "r") if place.stat().st_size else np.empty(0, "u1")
        self._arrays = [self._map(**entry) for entry in arrays]
        self._objects: list[Any] = []
        for entry in objects:  # what one consists of comes before it
            self._objects.append(self._make(entry["type"], entry["fields"]))

    def read(self, written: Any) -> Any:
        """The value of some JSON."""
        if isinstance(written, list):
            return [self.read(one) for one in written]
        if not isinstance(written, dict):
            return written
        ((tag, inside),) = written.items()
        if tag == "dict":
            return {self.read(key): self.read(one) for key, one in inside}
        if tag in _MANY:
            return _MANY[tag](self.read(one) for one in inside)
        if tag in ("object", "array", "scalar"):
            one = (self._objects if tag == "object" else self._arrays)[inside]
            return one[()] if tag == "scalar" else one
        return _READ[tag](inside)

    def _map(self, dtype: str, shape: list[int], offset: int) -> NDArray[Any]:
        kind, count = np.dtype(dtype), int(np.prod(shape, dtype=np.int64))
        if kind.hasobject or offset < 0 or min(shape, default=0) < 0:
            raise ValueError("an array that cannot be")
        piece = self._bytes[offset : offset + count * kind.itemsize]
        if count * kind.itemsize < MAPPED_BYTES:
            piece = np.array(piece)
        return np.asarray(piece).view(kind).reshape(shape)

    def _make(self, name: str, given: dict[str, Any]) -> Any:
        found = _OWN.fullmatch(name)
        if found is None:
            raise ValueError(f"{name} is none of this program's values")
        kind = getattr(importlib.import_module(found[1]), found[2])
        if not isinstance(kind, type) or not is_dataclass(kind) or kind.__module__ != found[1]:
            raise ValueError(f"{name} is none of this program's values")
        return kind(**{key: self.read(one) for key, one in given.items()})
