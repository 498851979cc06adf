"""What every test gets: real footage where there is some, its own cache, no silent errors."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real footage (`data/…`); tests that ask for it skip where it is not."""
    place = Path(os.environ.get("LIPSYNC_SHARED") or REPO.parent / "shared")
    if not (place / "data").is_dir():
        pytest.skip(f"no real footage: {place}/data does not exist (set LIPSYNC_SHARED)")
    return place


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache for the whole run: the user's stays untouched, real tracks are found once.

    Likewise one folder of configuration, for the certificate that signs outputs.
    """
    base = tmp_path_factory.getbasetemp()
    # The folders of the workers of one run (pytest-xdist) lie in the run's own.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setenv("XDG_CONFIG_HOME", str(folder.with_name("config")))
        yield


class _Errors(logging.Handler):
    """Keeps every record at ERROR or above."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def _no_logged_errors() -> Iterator[None]:
    """A logged error fails the test; so does a warning that was turned into a log record."""
    errors, warnings = _Errors(), _Errors()
    warnings.setLevel(logging.WARNING)
    handlers = [
        (logging.getLogger("lipsync"), errors),
        (logging.getLogger("py.warnings"), warnings),
    ]
    for logger, handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, handler in handlers:
            logger.removeHandler(handler)
    logged = [f"{r.name}: {r.getMessage()}" for r in errors.records + warnings.records]
    if logged:
        pytest.fail("logged during the test: " + "; ".join(logged))
