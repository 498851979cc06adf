"""Text files: their encoding, and JSON in them."""

from __future__ import annotations

import codecs
import json
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, TypeAdapter, ValidationError

from lipsync.dialogue.spans import parse_time
from lipsync.errors import SpansError

Entry = TypeVar("Entry", bound=BaseModel)
Time = Annotated[Fraction, BeforeValidator(parse_time)]  # a number of seconds, or text of a time

# Longer ones first: the mark of UTF-32 (LE) begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path) -> str:
    """Read a text file: UTF-8, or the encoding of its byte order mark.

    Raises:
        SpansError: it cannot be read, or is in another encoding.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SpansError(f"{path}: cannot be read ({error.strerror or error})") from None
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SpansError(
            f"{path}: line {line} is not {encoding.upper()}: save the file as UTF-8"
        ) from None


def parse_json(path: Path, text: str) -> Any:
    """The value of a JSON text.

    Raises:
        SpansError: it is no JSON.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise SpansError(f"{path}: is not JSON: {error}") from None
    except RecursionError:
        raise SpansError(f"{path}: too many brackets within one another") from None


def check_entries(path: Path, values: Any, kind: type[Entry], what: str = "entry") -> list[Entry]:
    """The entries of a JSON list, checked.

    Args:
        what: one of them, in messages.

    Raises:
        SpansError: no list, or an entry that lacks something or has it in a wrong form.
    """
    try:
        return TypeAdapter(list[kind]).validate_python(values)  # type: ignore[valid-type]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = [*first["loc"]]
        where = f"{what} {int(place[0]) + 1}" if place else "the file"
        key = f" {place[1]!r}" if len(place) > 1 else ""
        raise SpansError(f"{path}: {where}{key}: {first['msg'].lower()}") from None


def has_key(values: Any, *keys: str) -> bool:
    """Whether this is a list in which an object has all of these keys."""
    return isinstance(values, list) and any(
        isinstance(one, dict) and all(key in one for key in keys) for one in values
    )
