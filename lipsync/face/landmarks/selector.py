"""How users name a face: the value of `--face` and the last part of `--speaker`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from lipsync.errors import OptionsError

_Side = Literal["largest", "left", "right"]

_NUMBER = re.compile(r"\d+")
_PLACE = re.compile(r"(?P<x>\d+(\.\d+)?),(?P<y>\d+(\.\d+)?)(@(?P<at>\d+(\.\d+)?)s?)?")
FORMS = "largest, left, right, a number (1 is the leftmost), X,Y or X,Y@SECONDS, or a picture file"


@dataclass(frozen=True)
class FaceSelector:
    """A parsed description of a face."""

    kind: _Side | Literal["number", "place", "picture"]
    text: str  # as the user wrote it, for messages
    number: int = 0  # from the left, 1-based
    place: tuple[float, float] = (0.0, 0.0)  # pixels of the upright frame
    at: float = 0.0  # seconds
    picture: Path | None = None

    @staticmethod
    def parse(text: str) -> FaceSelector:
        """Parse a description.

        Raises:
            OptionsError: it has none of the forms.
        """
        text = text.strip()
        for kind in get_args(_Side):
            if text == kind:
                return FaceSelector(kind, text)
        if _NUMBER.fullmatch(text) and int(text) > 0:
            return FaceSelector("number", text, number=int(text))
        place = _PLACE.fullmatch(text)
        if place:
            x, y, at = (float(place[name] or 0) for name in ("x", "y", "at"))
            return FaceSelector("place", text, place=(x, y), at=at)
        if Path(text).suffix or "/" in text or os.sep in text:
            return FaceSelector("picture", text, picture=Path(text).expanduser())
        raise OptionsError(f"face {text!r}: wanted {FORMS}")


def validate_selector(value: object) -> object:
    """The value as text, if it describes a face; a YAML file may give a number.

    Raises:
        ValueError: it describes none.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        try:
            FaceSelector.parse(value)
        except OptionsError as error:
            raise ValueError(str(error)) from None
    return value
