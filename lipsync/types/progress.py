"""The callback by which stages report progress."""

from __future__ import annotations

from collections.abc import Callable

# Called with (stage name, done, total); total is None if unknown.
Progress = Callable[[str, int, int | None], None]
