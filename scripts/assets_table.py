"""Refresh sizes and hashes in assets/README.md.

    python scripts/assets_table.py [--check]

Every file under assets/ needs a row there; the rest of a row (source, license, recipe) is written
by hand. With --check nothing is written, and the exit code says whether the table is right.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from pathlib import Path

ASSETS = Path(__file__).resolve().parents[1] / "assets"
TABLE = ASSETS / "README.md"
ROW = re.compile(r"^\| `(?P<name>[^`]+)` \|[^|\n]*\|[^|\n]*\|", re.MULTILINE)


def refresh_table(text: str, assets: Path) -> str:
    """Return the page with the size and sha256 of every file.

    Raises:
        SystemExit: a file has no row, or a row has no file.
    """
    files = {
        path.relative_to(assets).as_posix(): path
        for path in sorted(assets.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".md"
    }
    rows = {match["name"] for match in ROW.finditer(text)}
    if rows != set(files):
        missing, extra = sorted(set(files) - rows), sorted(rows - set(files))
        sys.exit(f"assets/README.md: no row for {missing}, no file for {extra}: edit it by hand")

    def row(match: re.Match[str]) -> str:
        data = files[match["name"]].read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        return f"| `{match['name']}` | {len(data):,} | `{digest}` |"

    return ROW.sub(row, text)


def main() -> None:
    """Refresh or check the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check: bool = parser.parse_args().check
    old = TABLE.read_text(encoding="utf-8")
    new = refresh_table(old, ASSETS)
    if check and new != old:
        sys.exit("assets/README.md does not match the files: run python scripts/assets_table.py")
    if not check:
        TABLE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
