"""Measure the size of the code: docs/benchmarks/code.md.

    python scripts/measure_code.py [OTHER_CHECKOUT ...]

One column per checkout, this one last; others are e.g. clones of earlier commits. Lines of code of
a function are those that are neither blank, nor comment, nor docstring.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

REPO = Path(__file__).resolve().parents[1]
PAGE = REPO / "docs" / "benchmarks" / "code.md"
LONG, MANY = 60, 6  # lines of code of a function; its parameters

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Sizes:
    """What is measured of one checkout."""

    name: str
    folders: dict[str, int]  # folder of lipsync → its modules
    files: list[int]  # lines per module of lipsync
    long: list[str]  # functions of lipsync over LONG lines of code, with the count
    many: int  # functions with more than MANY parameters
    functions: int
    rooms: int  # levels of what stands directly in lipsync/, folders and modules
    levels: int  # of modules: the longest way of imports downwards, circles counted once
    circles: int  # groups of modules that import one another in a circle


def modules_of(root: Path) -> dict[str, Path]:
    """Every module of lipsync by its full name."""
    found = {}
    for path in sorted((root / "lipsync").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(path: Path, known: dict[str, Path]) -> set[str]:
    """The known modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in known else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & set(known)


def code_lines(function: Function, source: list[str]) -> int:
    """Lines of code of a function, its signature included."""
    lines = set(range(function.lineno, (function.end_lineno or function.lineno) + 1))
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return sum(bool(t := source[i - 1].strip()) and not t.startswith("#") for i in lines)


def count_parameters(function: Function) -> int:
    """Parameters without `self` and `cls`."""
    given = function.args
    names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return sum(name not in ("self", "cls") for name in names)


def circles_of(graph: dict[str, set[str]]) -> list[set[str]]:
    """Groups of more than one module that reach one another (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for below in graph[name]:
            if below not in order:
                visit(below)
                low[name] = min(low[name], low[below])
            elif below in stack:
                low[name] = min(low[name], order[below])
        if low[name] == order[name]:
            group = set(stack[stack.index(name) :])
            del stack[stack.index(name) :]
            found.append(group)

    for name in graph:
        if name not in order:
            visit(name)
    return [group for group in found if len(group) > 1]


def count_levels(graph: dict[str, set[str]], circles: list[set[str]]) -> int:
    """Modules on the longest way down; a circle counts as one."""
    merged = {name: f"circle {i}" for i, group in enumerate(circles) for name in group}
    below: dict[str, set[str]] = {}
    for name, needs in graph.items():
        one = merged.get(name, name)
        below.setdefault(one, set()).update({merged.get(n, n) for n in needs} - {one})
    depth: dict[str, int] = {}

    def measure(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((measure(n) for n in below[name]), default=0)
        return depth[name]

    return max(measure(name) for name in below)


def merge_rooms(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The graph of what stands directly in lipsync/: `lipsync.face.schemes` counts as `face`."""

    def room(name: str) -> str:
        return ".".join(name.split(".")[:2])

    rooms: dict[str, set[str]] = {}
    for name, needs in graph.items():
        rooms.setdefault(room(name), set()).update({room(n) for n in needs} - {room(name)})
    return rooms


def measure(root: Path) -> Sizes:
    """The sizes of a checkout."""
    modules = modules_of(root)
    folders: Counter[str] = Counter()
    files, long, many, functions = [], [], 0, 0
    for name, path in modules.items():
        parts = name.split(".")
        folders["/".join(parts[1:-1]) if path.name != "__init__.py" else "/".join(parts[1:])] += 1
        source = path.read_text(encoding="utf-8").splitlines()
        files.append(len(source))
        for node in ast.walk(ast.parse("\n".join(source))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                functions += 1
                many += count_parameters(node) > MANY
                if (lines := code_lines(node, source)) > LONG:
                    long.append(f"{name.removeprefix('lipsync.')}.{node.name} ({lines})")
    graph = {name: imports_of(path, modules) - {name} for name, path in modules.items()}
    circles = circles_of(graph)
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True
    ).stdout.strip()
    rooms = merge_rooms(graph)
    return Sizes(
        commit, dict(folders), files, long, many, functions,
        rooms=count_levels(rooms, circles_of(rooms)),
        levels=count_levels(graph, circles), circles=len(circles),
    )  # fmt: skip


def write_page(columns: list[Sizes]) -> str:
    """The page as Markdown."""
    rows: list[tuple[str, list[object]]] = [
        ("modules directly in lipsync/", [c.folders.get("", 0) for c in columns]),
        ("folders", [len(c.folders) - 1 for c in columns]),
        ("modules", [sum(c.folders.values()) for c in columns]),
        ("lines of a module, median", [f"{median(c.files):.0f}" for c in columns]),
        ("lines of a module, most", [max(c.files) for c in columns]),
        ("functions", [c.functions for c in columns]),
        (f"functions of over {LONG} lines of code", [len(c.long) for c in columns]),
        (f"functions with more than {MANY} parameters", [c.many for c in columns]),
        ("levels of folders and modules at the root", [c.rooms for c in columns]),
        ("levels of modules", [c.levels for c in columns]),
        ("circles of modules", [c.circles for c in columns]),
    ]
    head = ["", *(c.name for c in columns)]
    lines = [
        "# The size of the code\n",
        "Written by `python scripts/measure_code.py`: `lipsync/` at each commit. Imports inside "
        "functions and under TYPE_CHECKING count.\n",
        "| " + " | ".join(head) + " |",
        "|" + " --- |" * len(head),
        *("| " + " | ".join([name, *map(str, values)]) + " |" for name, values in rows),
        "\n## Modules per folder\n",
    ]
    for column in columns:
        parts = [f"{name or '(root)'} {n}" for name, n in sorted(column.folders.items())]
        lines.append(f"{column.name}: {', '.join(parts)}.\n")
    lines += [
        f"Long functions at {column.name}: {', '.join(sorted(column.long))}.\n"
        for column in columns
        if column.long
    ]
    return "\n".join(lines)


def main() -> None:
    text = write_page([measure(Path(place)) for place in (*sys.argv[1:], str(REPO))])
    PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
