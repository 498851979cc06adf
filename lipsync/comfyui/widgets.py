"""A node's inputs, from the options that they set: type, range, default and help are the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from lipsync.options import RenderOptions

STEP = 0.05  # of numbers that are no whole ones


def option_inputs(names: Iterable[str]) -> dict[str, tuple[Any, dict[str, Any]]]:
    """ComfyUI's inputs for options of a render, by their names."""
    known = {
        name: found
        for stage in get_type_hints(RenderOptions).values()
        if is_dataclass(stage)
        for name, found in vars(stage)["__pydantic_fields__"].items()
    }
    return {name: _input_of(known[name]) for name in names}


def _input_of(option: Any) -> tuple[Any, dict[str, Any]]:
    """The input of one option, a field of pydantic."""
    details = {"default": option.default, "tooltip": " ".join((option.description or "").split())}
    if get_origin(option.annotation) is Literal:
        return list(get_args(option.annotation)), details
    for rule in option.metadata:
        details |= {"min": rule.ge} if hasattr(rule, "ge") else {}
        details |= {"max": rule.le} if hasattr(rule, "le") else {}
    if option.annotation is int:
        return "INT", details
    if option.annotation is float:
        return "FLOAT", {**details, "step": STEP}
    return "STRING", details
