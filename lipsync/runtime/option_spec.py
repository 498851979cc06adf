"""The decorator with which every stage declares its options.

A stage's options are one frozen pydantic dataclass, defined with the stage: a field's type and
range are checked on construction, wherever it comes from (Python, YAML, command line); an unknown
key is an error; the string below a field is its help text.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from typing_extensions import dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def option_group(cls: type[T]) -> type[T]:
    """Make `cls` a frozen, validating dataclass that rejects unknown keys."""
    config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    return dataclass(frozen=True, config=config)(cls)  # type: ignore[return-value]
