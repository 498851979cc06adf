"""The documentation names only what exists: commands, modules, files, defaults, sections."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import lipsync

REPO = Path(__file__).resolve().parents[1]
OURS = ("lipsync", "training", "bench")
PAGES = [
    *(REPO / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "assets/README.md")),
    *sorted((REPO / "docs").glob("*.md")),
    *sorted((REPO / "docs" / "guides").glob("*.md")),
    REPO / "docs" / "benchmarks" / "README.md",
]
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
MODULE = rf"(?:{'|'.join(OURS)})(?:\.\w+)+"
FOLDERS = (*OURS, "tests", "scripts", "configs", "docs", "assets")


def module_file(name: str) -> Path | None:
    """The file of a module or package of ours; None: there is none."""
    place = REPO.joinpath(*name.split("."))
    files = place.with_suffix(".py"), place / "__init__.py"
    return next((file for file in files if file.is_file()), None)


def names_something(dotted: str) -> bool:
    """Whether this is a module, or an attribute path of one."""
    parts = dotted.split(".")
    for i in range(len(parts), 0, -1):
        if module_file(".".join(parts[:i])) is not None:
            found: Any = importlib.import_module(".".join(parts[:i]))
            for part in parts[i:]:
                if not hasattr(found, part):
                    return False
                found = getattr(found, part)
            return True
    return False


@pages
def test_commands_name_modules_that_can_be_run(page: Path) -> None:
    for name in re.findall(rf"-m ({MODULE})", page.read_text()):
        file = module_file(name)
        assert file is not None, name
        if file.name == "__init__.py":
            file = file.with_name("__main__.py")
        assert '__name__ == "__main__"' in file.read_text(), f"{name} does nothing when it is run"


@pages
def test_options_in_commands_exist(page: Path) -> None:
    """Those of `lipsync render`, in lines of code and within sentences."""
    from lipsync.cli.render import render_command

    parameters = [*inspect.signature(render_command).parameters, *lipsync.RenderOptions().flat()]
    known = {f"--{name.replace('_', '-')}" for name in parameters}
    known |= {f"--no-{name[2:]}" for name in known} | {"-a", "-v", "-o", "--json", "--help"}
    text = page.read_text().replace("\\\n", " ")
    for command in re.findall(r"lipsync render ([^`|\n]*)", text):
        given = re.findall(r"(?<!\S)(--?[a-z][a-z-]*)", command)
        assert set(given) <= known, f"lipsync render {command}"


@pages
def test_modules_and_attributes_exist(page: Path) -> None:
    text = page.read_text()
    named = re.findall(rf"`({MODULE})", text)
    for module, names in re.findall(rf"^\s*from ({MODULE}) import (.+)$", text, re.MULTILINE):
        named += [f"{module}.{name.strip()}" for name in names.split(",")]
    unknown = sorted({name for name in named if not names_something(name)})
    assert not unknown


@pages
def test_files_exist(page: Path) -> None:
    """Paths from the root of the repository; `*` and `<name>` stand for anything."""
    pattern = rf"(?<![\w/.:-])(?:{'|'.join(FOLDERS)})/[\w.*<>/-]*[\w*>]"
    named = {re.sub(r"<\w+>", "*", path) for path in re.findall(pattern, page.read_text())}
    unknown = sorted(path for path in named if not list(REPO.glob(path)))
    assert not unknown


@pages
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def anchors(page: Path) -> set[str]:
    """The anchors that a code host gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


@pages
def test_anchors_exist(page: Path) -> None:
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", page.read_text()):
        target = page.parent / path if path else page
        assert anchor in anchors(target), f"{path}#{anchor}"


@cache
def texts_of_the_code() -> str:
    """Every text in the program, one a line; what differs in it is …."""

    def read(node: ast.expr) -> str:
        if isinstance(node, ast.JoinedStr):
            return "".join(read(part) for part in node.values)
        return str(node.value) if isinstance(node, ast.Constant) else "…"

    found = []
    for file in (REPO / "lipsync").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            text = isinstance(node, ast.JoinedStr) or (
                isinstance(node, ast.Constant) and isinstance(node.value, str)
            )
            if text and isinstance(node, (ast.JoinedStr, ast.Constant)):
                found.append(" ".join(read(node).split()))
    return "\n".join(found)


def quoted_messages() -> list[str]:
    """The messages of the page of troubleshooting, by the first cells of its tables."""
    text = (REPO / "docs" / "troubleshooting.md").read_text()
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


@pytest.mark.parametrize("message", quoted_messages())
def test_messages_of_troubleshooting_are_those_of_the_code(message: str) -> None:
    """… in a message stands for anything on the same line of the program."""
    parts = [re.escape(part) for part in message.split("…")]
    assert sum(len(part) for part in parts) >= 8
    assert re.search("[^\n]*?".join(parts), texts_of_the_code()), message


def test_there_are_messages_and_a_wrong_one_is_noticed() -> None:
    assert len(quoted_messages()) >= 50
    assert "there is no such message" not in texts_of_the_code()


def table(page: Path) -> list[tuple[list[str], list[str]]]:
    """Names and defaults in the rows of the page's tables with the columns option and default."""
    rows = []
    inside = False
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if cells[:2] == ["option", "default"]:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("| ---"):
            names, defaults = ([part.strip(" `") for part in c.split(",")] for c in cells[:2])
            rows.append((names, defaults))
    return rows


def as_written(value: object) -> set[str]:
    """How a default may stand in a table; – is for nothing."""
    if value is None or value == ():
        return {"–"}
    if isinstance(value, bool):
        return {str(value), "on" if value else "off"}
    return {str(value), f"{value:g}"} if isinstance(value, float) else {str(value)}


@pytest.mark.parametrize(
    ("page", "options", "rows"),
    [("README.md", "RenderOptions", 25), ("docs/face-swap.md", "SwapOptions", 9)],
)
def test_tables_of_options_have_the_true_defaults(page: str, options: str, rows: int) -> None:
    known = getattr(lipsync, options)().flat()
    found = table(REPO / page)
    assert len(found) >= rows
    for names, defaults in found:
        assert len(names) == len(defaults), names
        for name, default in zip(names, defaults, strict=True):
            assert default in as_written(known[name]), name


def test_sections_of_the_method_that_code_cites_exist() -> None:
    there = set(re.findall(r"^## §(\d+)", (REPO / "docs" / "method.md").read_text(), re.MULTILINE))
    assert len(there) == 13
    for folder in (*OURS, "tests", "configs"):
        for file in (REPO / folder).rglob("*.*"):
            if file.suffix not in (".py", ".yaml"):
                continue
            text = file.read_text()
            assert not re.search(r"\bMETHOD\.md", text.replace(r"\bMETHOD\.md", "")), file
            cited = re.findall(r"docs/method\.md[ \n#]*§+(\d+)(?:[–,] ?(\d+))?", text)
            assert {number for pair in cited for number in pair if number} <= there, file


def test_the_table_of_layers_is_the_one_that_is_checked() -> None:
    from tests.test_architecture import MAY_IMPORT

    lines = (REPO / "CONTRIBUTING.md").read_text().splitlines()
    head = next(line for line in lines if line.startswith("| folder |"))
    columns = [cell.strip() for cell in head.strip("|").split("|")][1:]
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| `") and "•" in line]
    table = {
        cells[0].strip(" `"): {
            c for c, mark in zip(columns, cells[1:], strict=True) if mark.strip()
        }
        for cells in rows
    }
    everybody = {"errors", "_version"}  # which all may import
    law = {folder: set(below) - everybody for folder, below in MAY_IMPORT.items()}
    folders = {folder: below for folder, below in law.items() if below and folder[:1].isalpha()}
    assert table == folders
