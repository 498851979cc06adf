"""Draw the levels of the package from its imports: docs/images/architecture.svg.

    python scripts/draw_architecture.py

A folder stands one level above the highest folder that it imports. An arrow is drawn only where no
longer way leads to the same folder: what lies further below is imported as well.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from xml.sax.saxutils import escape

REPO = Path(__file__).resolve().parents[1]
PACKAGE = REPO / "lipsync"
PICTURE = REPO / "docs" / "images" / "architecture.svg"
BOX, GAP = (150, 46), (26, 44)  # width and height of a box, distances between boxes, pixels
LEFT_OUT = {"", "__main__", "_version"}  # the package itself and the two files that start it


def find_modules() -> dict[str, Path]:
    """Every module by its full name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(REPO).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def folder_of(module: str) -> str:
    """`lipsync.face.landmarks.tracking` → face."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def folder_imports(modules: dict[str, Path]) -> dict[str, set[str]]:
    """Folder → the folders that any of its modules imports."""
    graph: dict[str, set[str]] = {folder_of(name): set() for name in modules}
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            graph[folder_of(name)] |= {folder_of(n) for n in names if n.startswith("lipsync.")}
    known = set(graph) - LEFT_OUT
    return {folder: (graph[folder] & known) - {folder} for folder in known}


def level_of(graph: dict[str, set[str]], folder: str) -> int:
    """0 for folders that import none."""
    return max((1 + level_of(graph, below) for below in graph[folder]), default=0)


def reachable(graph: dict[str, set[str]], folder: str) -> set[str]:
    """Everything below a folder."""
    return graph[folder].union(*(reachable(graph, below) for below in graph[folder]))


def count_modules(count: int) -> str:
    """`1 module`, `8 modules`."""
    return f"{count} module" + ("s" if count != 1 else "")


def draw(graph: dict[str, set[str]], counts: dict[str, int]) -> str:
    """The picture as SVG."""
    rows: dict[int, list[str]] = {}
    for folder in sorted(graph):
        rows.setdefault(level_of(graph, folder), []).append(folder)
    width = max(map(len, rows.values())) * (BOX[0] + GAP[0]) + GAP[0]
    height = len(rows) * (BOX[1] + GAP[1]) + GAP[1]
    places = {}
    for level, row in rows.items():
        left = (width - len(row) * (BOX[0] + GAP[0]) + GAP[0]) / 2
        top = height - (level + 1) * (BOX[1] + GAP[1])
        for i, folder in enumerate(row):
            places[folder] = (left + i * (BOX[0] + GAP[0]), top)
    lines = []
    for folder, below in sorted(graph.items()):
        indirect = set().union(*(reachable(graph, one) for one in below))
        for one in sorted(below - indirect):
            x1, y1 = places[folder][0] + BOX[0] / 2, places[folder][1] + BOX[1]
            x2, y2 = places[one][0] + BOX[0] / 2, places[one][1]
            lines.append(f'<path d="M{x1:.0f} {y1:.0f} L{x2:.0f} {y2:.0f}" class="arrow"/>')
    boxes = []
    for folder, (x, y) in sorted(places.items()):
        center = x + BOX[0] / 2
        boxes += [
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX[0]}" height="{BOX[1]}" rx="6"/>',
            f'<text x="{center:.0f}" y="{y + 20:.0f}" class="name">{escape(folder)}</text>',
            f'<text x="{center:.0f}" y="{y + 36:.0f}" class="count">{count_modules(counts[folder])}'
            "</text>",
        ]
    style = (
        "rect{fill:#f4f6fa;stroke:#44546a}text{font-family:sans-serif;text-anchor:middle}"
        ".name{font-size:14px;font-weight:bold;fill:#1d2733}.count{font-size:11px;fill:#5b6b7f}"
        ".arrow{stroke:#8a99ad;fill:none;marker-end:url(#tip)}"
    )
    tip = (
        '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#8a99ad"/></marker>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">\n'
        f"<style>{style}</style>\n<defs>{tip}</defs>\n"
        f'<rect width="{width}" height="{height}" style="fill:#fff;stroke:none"/>\n'
        + "\n".join(lines + boxes)
        + "\n</svg>\n"
    )


def main() -> None:
    modules = find_modules()
    graph = folder_imports(modules)
    counts = {folder: sum(folder_of(name) == folder for name in modules) for folder in graph}
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(draw(graph, counts), encoding="utf-8")
    print(PICTURE.relative_to(REPO), file=sys.stderr)


if __name__ == "__main__":
    main()
