"""How a stage reports its progress."""

from __future__ import annotations

from collections.abc import Callable

# A stage reports (stage name, done, total); None total: unknown.
Progress = Callable[[str, int, int | None], None]
