"""The commands and Python programs of the guides work; see tests/test_document_commands.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.document_runs import PAGES, identify, run_page


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if "guides" in p.parts], ids=identify)
def test_commands_and_programs_of_a_guide_work(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run_page(page, tmp_path, monkeypatch, capfd)
