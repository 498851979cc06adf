"""A page for people beside the API, in the same process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from lipsync.jobs.service.service import Service

# A page may use nothing but what this process sends. Its libraries write styles and compile
# templates as they run.
SAFE_PAGE = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' "
    "'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' "
    "data:; connect-src 'self' data: blob:; worker-src 'self' blob:; frame-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)


@dataclass(frozen=True)
class Page:
    """What is under some paths; its many small requests are neither counted nor logged."""

    paths: tuple[str, ...]  # each begins with a slash and ends with none
    mount: Callable[[FastAPI, Service], None]

    def holds(self, scope: Mapping[str, Any]) -> bool:
        """Whether a request is for the page."""
        path = str(scope["path"])
        return path in ("/", "/favicon.ico") or f"{path}/".startswith(
            tuple(f"{one}/" for one in self.paths)
        )
