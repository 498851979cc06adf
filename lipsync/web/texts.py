"""The words of the page, all from one file, so that it can be translated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from lipsync.errors import OptionsError

ENGLISH = "texts_en.yaml"
_FIELD = re.compile(r"\{\w+\}")


@dataclass(frozen=True)
class Texts:
    """The words by their names."""

    words: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.words[name]

    def fill(self, name: str, /, **values: Any) -> str:
        """The words of a name, with values in place of what is in braces."""
        return self.words[name].format(**values)


def read_texts(translation: Path | None = None) -> Texts:
    """The words in English, or where a translation has them, in its language.

    Raises:
        OptionsError: the translation is no such file, or has a name or a value that the page
            does not know.
    """
    english = yaml.safe_load(
        resources.files("lipsync.web").joinpath(ENGLISH).read_text(encoding="utf-8")
    )
    if translation is None:
        return Texts(english)
    try:
        given = yaml.safe_load(translation.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        line = " ".join(str(error).split())
        raise OptionsError(f"--texts {translation}: cannot be read: {line}") from None
    if not isinstance(given, dict):
        raise OptionsError(f"--texts {translation}: wanted `name: words` lines")
    for name, words in given.items():
        if name not in english:
            raise OptionsError(f"--texts {translation}: the page has no text {name!r}")
        fields = set(_FIELD.findall(english[name]))
        if not isinstance(words, str) or not set(_FIELD.findall(words)) <= fields:
            known = ", ".join(sorted(fields)) or "nothing"
            line = f"{name}: wanted a text, in braces only {known}"
            raise OptionsError(f"--texts {translation}: {line}")
    return Texts({**english, **given})
