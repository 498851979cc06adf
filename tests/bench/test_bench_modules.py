"""Every benchmark imports, explains its command line, and names its own command."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
MODULES = sorted(
    ".".join(path.relative_to(REPO).with_suffix("").parts)
    for path in (REPO / "bench").rglob("*.py")
    if path.name != "__init__.py"
)
COMMANDS = [
    name for name in MODULES if "\ndef main(" in (REPO / f"{name.replace('.', '/')}.py").read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports(name: str) -> None:
    importlib.import_module(name)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_its_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module(name)
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as stop:
        module.main()
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ")
    assert f"python -m {name}" in (module.__doc__ or "")


def test_pages_name_commands_that_exist() -> None:
    """docs/benchmarks/ mentions no module that is gone, and its README every command."""
    pages = [p.read_text(encoding="utf-8") for p in (REPO / "docs").rglob("*.md")]
    named = {
        name
        for page in pages
        for name in re.findall(r"python -m ((?:bench|training)\.[\w.]+\w)", page)
    }
    assert all((REPO / f"{name.replace('.', '/')}.py").is_file() for name in named)
    assert set(COMMANDS) - {"bench.regression.frame_hashes"} <= named
