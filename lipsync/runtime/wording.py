"""Counts in messages: one frame, two frames."""

from __future__ import annotations


def count_of(count: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, as `1 frame` or `3 frames`; `plural` where it is not noun + s."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
