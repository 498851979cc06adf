"""Words in messages: one frame, two frames; names that are no text."""

from __future__ import annotations


def count_of(count: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, as `1 frame` or `3 frames`; `plural` where it is not noun + s."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def readable(text: str) -> str:
    """Text with U+FFFD for bytes of a file's name that are no text, which no JSON can hold."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
