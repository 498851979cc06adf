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
    # Defaults become what a given value would: 10 and 10.0 are not written alike in a record.
    config = ConfigDict(extra="forbid", use_attribute_docstrings=True, validate_default=True)
    return dataclass(frozen=True, config=config)(cls)  # type: ignore[return-value]
