"""The reference of the command line, the options and the API, generated from the code.

    python scripts/reference_pages.py FOLDER     # the pages as Markdown, to look at

The site gets these pages while it is built (scripts/site_hooks.py). They are not in the repository:
what a page would say is in the code already, and changes to options would conflict in it.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import types
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import BaseMetadata

REPO = Path(__file__).resolve().parents[1]
PACKAGE = REPO / "lipsync"
FOLDER = "reference"
MEANINGS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
COMMANDS = {  # the options of which command a class of `lipsync.options` has
    "RenderOptions": "render",
    "SwapOptions": "swap",
    "ExtractOptions": "faces extract",
    "PersonOptions": "adapt",
    "MouthOptions": "train-mouth",
    "InspectOptions": "inspect",
}


def make_pages() -> dict[str, str]:
    """Place in the site → Markdown."""
    pages = {
        f"{FOLDER}/command-line.md": command_line(),
        f"{FOLDER}/options.md": options(),
        f"{FOLDER}/python.md": public_api(),
    }
    for package in sorted(PACKAGE.iterdir()):
        if (package / "__init__.py").is_file():
            pages[f"{FOLDER}/modules/{package.name}.md"] = package_page(package)
    return pages


def title_of(page: str) -> str:
    """The first heading of a page."""
    return next(line[2:] for line in page.splitlines() if line.startswith("# "))


def command_line() -> str:
    """Every command with its options, from the parser itself."""
    from lipsync.cli.app import app

    text = app.generate_docs(heading_level=1)
    text = text.replace("# lipsync\n", "# Command line\n", 1)
    text = re.sub(r"## Table of Contents\n.*?(?=\*\*Commands\*\*)", "", text, flags=re.DOTALL)
    # Help texts keep the indentation of the code; within a list it would make them code blocks.
    text = re.sub(r"(?<=\S)\n[ ]{4,}(?=\S)(?![*-] )", " ", text)
    return text.replace("**Commands**:", "**Commands**\n")


def options() -> str:
    """Every option of every stage: name, values, default, help, and which commands take it."""
    from lipsync import options as composed

    takers: dict[type, list[str]] = {}
    for name, command in COMMANDS.items():
        for kind in get_type_hints(getattr(composed, name)).values():
            takers.setdefault(kind, []).append(command)
    parts = [
        "# Options\n",
        "A name means the same everywhere: `candidates` is `--candidates` on the command line,",
        "`candidates:` in a YAML file (`--options`), `RenderOptions.of(candidates=…)` in Python.",
        "An option that is on by default is turned off by `--no-NAME`.\n",
    ]
    for kind, commands in takers.items():
        if not hasattr(kind, "__dataclass_fields__"):
            continue
        parts += [f"## {kind.__name__}\n", f"{first_line(kind)}\n"]
        parts += ["Commands: " + ", ".join(f"`lipsync {c}`" for c in commands) + "\n"]
        parts += ["| option | values | default | what it does |", "| --- | --- | --- | --- |"]
        parts += [*rows(kind), ""]
    return "\n".join(parts)


def first_line(kind: type) -> str:
    """The sentence that says what a class is."""
    return (kind.__doc__ or "").strip().splitlines()[0]


def rows(kind: type) -> Iterator[str]:
    """The rows of a stage's table."""
    hints = get_type_hints(kind, include_extras=True)
    known = kind.__pydantic_fields__  # type: ignore[attr-defined]
    for option in fields(kind):  # type: ignore[arg-type]
        default = known[option.name].get_default(call_default_factory=True)
        value = ("off", "on")[default] if isinstance(default, bool) else default
        shown = "–" if default in (None, ()) else f"`{value}`"
        words = " ".join((known[option.name].description or "").split()).replace("|", "\\|")
        yield f"| `{option.name}` | {values_of(hints[option.name])} | {shown} | {words} |"


def values_of(hint: Any) -> str:
    """The values that a type hint allows, in words."""
    if get_origin(hint) in (Union, types.UnionType):
        return ", ".join(values_of(h) for h in get_args(hint) if h is not type(None))
    if get_origin(hint) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    if get_origin(hint) is tuple:
        return f"{values_of(get_args(hint)[0])} …"
    if hasattr(hint, "__metadata__"):
        limits = [_limits(extra) for extra in hint.__metadata__]
        return " ".join([values_of(hint.__origin__), *filter(None, limits)])
    names = {bool: "on, off", int: "whole number", float: "number", str: "text", Path: "path"}
    return names.get(hint, getattr(hint, "__name__", str(hint)))


def _limits(extra: Any) -> str:
    """The limits of a pydantic field in words: ≥ 0, ≤ 1."""
    found: list[Any] = getattr(extra, "metadata", [extra])
    words = []
    for one in found:
        if isinstance(one, BaseMetadata):
            pairs = ((sign, getattr(one, name, None)) for name, sign in MEANINGS.items())
            words += [f"{sign} {value}" for sign, value in pairs if value is not None]
    return ", ".join(words)


def public_api() -> str:
    """The names of `import lipsync`."""
    import lipsync

    parts = [
        "# Python\n",
        "What `import lipsync` offers. [api.md](../api.md) shows how to use it in a program.\n",
        "The classes of options have these methods in common:\n",
        *_described("lipsync.options.Composed"),
    ]
    for name in lipsync.__all__:
        if name.startswith("_"):
            continue
        kind = getattr(lipsync, name)
        parts += [f"## `lipsync.{name}`\n"]
        if name.endswith("Options"):
            parts += [f"{first_line(kind)} All of them: [options](options.md).\n"]
        elif name.endswith("Result"):
            parts += [f"{first_line(kind)}\n", *_fields_of(kind), ""]
        else:
            parts += _described(f"{kind.__module__}.{name}")
    return "\n".join(parts)


def _described(name: str) -> list[str]:
    """What mkdocstrings makes of a name; links to the name lead to its module's page."""
    settings = ("skip_local_inventory: true", "show_root_toc_entry: false")
    more = ("show_root_heading: false", "heading_level: 3")
    return [f"::: {name}", "    options:", *(f"      {one}" for one in (*settings, *more)), ""]


def _fields_of(kind: type) -> Iterator[str]:
    """A table of a result's fields: their comments are beside or above them in the code."""
    yield from ("| field | type | what it is |", "| --- | --- | --- |")
    above: list[str] = []
    for line in inspect.getsource(kind).splitlines():
        comment = re.match(r"    # (.+)", line)
        found = re.match(r"    (\w+): ([^=#]+?)(?: = [^#]+?)?(?:  # (.+))?$", line)
        if comment:
            above.append(comment[1])
        elif found:
            words = " ".join([*above, found[3] or ""]).strip().replace("|", "\\|")
            yield f"| `{found[1]}` | `{found[2]}` | {words} |"
            above = []


def package_page(package: Path) -> str:
    """All modules of a folder; the map of each package first."""
    parts = [f"# lipsync.{package.name}\n"]
    for file in sorted(package.rglob("*.py")):
        names = file.relative_to(REPO).with_suffix("").parts
        own = file.name == "__init__.py"
        module = ".".join(names[:-1] if own else names)
        if own:
            docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
            parts += [f"## {module}\n", "```text", docstring, "```", ""]
        elif not file.name.startswith("_"):
            parts += [f"## {module}\n", f"::: {module}", "    options:"]
            parts += ["      show_root_heading: false", "      heading_level: 3", ""]
    return "\n".join(parts)


def main() -> None:
    """Write the pages."""
    if len(sys.argv) != 2:
        raise SystemExit((__doc__ or "").splitlines()[2].strip())
    for place, text in make_pages().items():
        path = Path(sys.argv[1]) / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
