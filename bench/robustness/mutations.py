"""Damaged copies of files: flipped bits, cut ends, absurd numbers, and files that want to run code.

A mutation takes bytes and a generator, and gives the bytes of the damaged file. The same seed gives
the same files.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

Mutation = Callable[[bytes, np.random.Generator], bytes]

FLIPS_MOST = 40  # bits in one file
HEADER = 256  # bytes at the beginning of a file that describe the rest
FIELD = 48  # bytes behind the name of a box that describe it
WORDS = (0, 1, 0x7F, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
# Boxes of mp4, chunks of WAVE, blocks of FLAC, ids of Matroska: what their readers believe.
TAGS = (
    b"ftyp", b"moov", b"mvhd", b"tkhd", b"mdhd", b"hdlr", b"stsd", b"avc1", b"avcC", b"mp4a",
    b"esds", b"stts", b"ctts", b"stsc", b"stsz", b"stco", b"elst", b"RIFF", b"fmt ", b"data",
    b"fLaC", b"\x1a\x45\xdf\xa3", b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b", b"\x1f\x43\xb6\x75",
    b"\x2a\xd7\xb1", b"\x44\x89", b"\xb0", b"\xba", b"\xb5", b"dtype", b"shape", b"data_offsets",
)  # fmt: skip
NUMBERS = ("0", "-1", "1e308", "nan", "inf", "99999999999999999999", "0x", "--", "1" * 400, "")
HEADER_NUMBERS = ("0", "-1", "3", "99999", "999999999999", "null", "1e9", "[]", '\\"x\\"')
TEXTS = (b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\x1b[2J", b"%n%s", b"../" * 40, b"[" * 5000)


def flip_bits(data: bytes, chance: np.random.Generator) -> bytes:
    """Some bits, half the time only where a file describes itself."""
    damaged = bytearray(data)
    reach = len(data) if chance.random() < 0.5 else min(len(data), 16 * HEADER)
    for place in chance.integers(reach, size=chance.integers(1, FLIPS_MOST)):
        damaged[place] ^= 1 << int(chance.integers(8))
    return bytes(damaged)


def cut_off(data: bytes, chance: np.random.Generator) -> bytes:
    """The end is missing; half the time nearly all is."""
    least = len(data) if chance.random() < 0.5 else min(len(data), HEADER)
    return data[: int(chance.integers(least))]


def lose_piece(data: bytes, chance: np.random.Generator) -> bytes:
    """A piece in the middle is missing."""
    first, end = sorted(map(int, chance.integers(len(data), size=2)))
    return data[:first] + data[end:]


def overwrite_piece(data: bytes, chance: np.random.Generator) -> bytes:
    """Up to a tenth is noise."""
    first = int(chance.integers(len(data)))
    count = min(len(data) - first, int(chance.integers(1, 2 + len(data) // 10)))
    return data[:first] + chance.bytes(count) + data[first + count :]


def exaggerate(data: bytes, chance: np.random.Generator) -> bytes:
    """A number in a header is absurd: a length, a rate, a size, a count."""
    damaged = bytearray(data)
    places = [m.end() for tag in TAGS for m in re.finditer(re.escape(tag), data)][:4000]
    for _ in range(int(chance.integers(1, 4))):
        if places and chance.random() < 0.8:
            place = int(chance.choice(places)) - 8 + int(chance.integers(FIELD))
        else:
            place = int(chance.integers(HEADER))
        place = max(0, min(place, len(data) - 4))
        word = WORDS[chance.integers(len(WORDS))]
        order = "<" if chance.random() < 0.5 else ">"
        damaged[place : place + 4] = struct.pack(f"{order}I", word)
    return bytes(damaged)


def change_number(data: bytes, chance: np.random.Generator) -> bytes:
    """A number in a text is another, or none."""
    found = list(re.finditer(rb"\d+", data))
    if not found:
        return cut_off(data, chance)
    one = found[chance.integers(len(found))]
    number = NUMBERS[chance.integers(len(NUMBERS))].encode()
    return data[: one.start()] + number + data[one.end() :]


def change_text(data: bytes, chance: np.random.Generator) -> bytes:
    """Something that is no text, or too much of it, in a text."""
    place = int(chance.integers(len(data) + 1))
    return data[:place] + TEXTS[chance.integers(len(TEXTS))] + data[place:]


def repeat_text(data: bytes, chance: np.random.Generator) -> bytes:
    """All of it, a thousand times."""
    return data * 1000


def rewrite_header(data: bytes, chance: np.random.Generator) -> bytes:
    """A number in the header of a safetensors file is another; its length is right."""
    (length,) = struct.unpack("<Q", data[:8])
    header = data[8 : 8 + length]
    found = list(re.finditer(rb"\d+", header))
    one = found[chance.integers(len(found))]
    number = HEADER_NUMBERS[chance.integers(len(HEADER_NUMBERS))].encode()
    header = header[: one.start()] + number + header[one.end() :]
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


BINARY: tuple[Mutation, ...] = (flip_bits, cut_off, lose_piece, overwrite_piece, exaggerate)
TEXT: tuple[Mutation, ...] = (
    change_number, change_text, flip_bits, cut_off, lose_piece, change_number, repeat_text,
)  # fmt: skip
WEIGHTS: tuple[Mutation, ...] = (*BINARY, rewrite_header, rewrite_header)


class _Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, canary: Path):
        self._command = f"touch '{canary}'"

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self._command,)


def write_pickle(canary: Path) -> bytes:
    """A pickle that makes a file when it is read."""
    return pickle.dumps(_Bomb(canary))


def write_torch(canary: Path) -> bytes:
    """The same as torch saves it."""
    import torch

    place = io.BytesIO()
    torch.save({"weights": _Bomb(canary)}, place)
    return place.getvalue()


def write_array(canary: Path) -> bytes:
    """The same in an array of objects (.npy)."""
    place = io.BytesIO()
    np.save(place, np.array([_Bomb(canary)], object), allow_pickle=True)
    return place.getvalue()


def write_archive(canary: Path, names: list[str]) -> bytes:
    """The same in every array of an archive (.npz)."""
    place = io.BytesIO()
    arrays = {name: np.array([_Bomb(canary)], object) for name in names}
    np.savez(place, **arrays)  # type: ignore[arg-type]
    return place.getvalue()


def write_yaml(canary: Path) -> list[bytes]:
    """Options that call functions, or that grow without end when they are read."""
    levels = "\n".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 9))
    return [
        f"crf: !!python/object/apply:os.system [\"touch '{canary}'\"]\n".encode(),
        f"crf: !!python/object/new:os.system [\"touch '{canary}'\"]\n".encode(),
        b"crf: !!python/name:os.system\n",
        f"a0: &a0 [x]\n{levels}\ncrf: *a8\n".encode(),
        b"crf: " + b"[" * 5000 + b"\n",
        b"crf: &x [*x]\n",
    ]
