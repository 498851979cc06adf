"""Update single sections of the pages of docs/benchmarks/."""

from __future__ import annotations

import re
from pathlib import Path


def write(page: Path, text: str) -> None:
    """Write a page, keeping the sections of the old one that `text` does not contain.

    A section begins with '## '; its name ends at the first colon. Text before the first section is
    always replaced.
    """
    new = _sections(text)
    old = _sections(page.read_text(encoding="utf-8")) if page.is_file() else {}
    kept = {**old, **new}
    first = [kept.pop("")]
    page.write_text("\n\n".join([*first, *kept.values()]).rstrip() + "\n", encoding="utf-8")


def _sections(text: str) -> dict[str, str]:
    """Sections by name, in order; '' is the text before the first."""
    parts = re.split(r"(?m)^(?=## )", text)
    named = {part.splitlines()[0].split(":")[0]: part.strip() for part in parts[1:]}
    return {"": parts[0].strip(), **named}
