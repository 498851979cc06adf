"""`lipsync ui` in a process of its own, and its page in a browser."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support import browser

START_S = 60.0


@dataclass
class PageServer:
    """A page that is served; it can be killed and started again."""

    folder: Path
    port: int = 0
    lines: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """Of the page."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start it, on the port that it had."""
        command = [sys.executable, "-m", "lipsync", "ui", "--no-browser", "--data",
                   str(self.folder), "--port", str(self.port)]  # fmt: skip
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, args=[self.process], daemon=True).start()
        until = time.monotonic() + START_S
        while not self.port or not self._answers():
            assert time.monotonic() < until, "".join(self.lines)
            assert self.process.poll() is None, "".join(self.lines)
            time.sleep(0.1)

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Stop it as Ctrl-C does; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                self.lines.append(line)
                if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                    self.port = int(found[1])

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}healthz").is_success
        except httpx.TransportError:
            return False


@contextmanager
def serving(folder: Path) -> Iterator[PageServer]:
    """A page that is served."""
    server = PageServer(folder)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop()


class StudioPage(browser.Page):
    """The page of `lipsync ui`."""

    def open(self, address: str) -> StudioPage:
        """Open it and wait until it can be used."""
        self.driver.get(address)
        self.wait("document.querySelector('#render') && document.querySelector('lipsync-queue ul')")
        self.wait("document.querySelector('#command textarea, #commands')")
        return self

    def forget(self, address: str) -> None:
        """Remove what this browser keeps of the page."""
        self.driver.get(f"{address}healthz")
        self.evaluate("localStorage.clear()")

    def upload(self, name: str, *files: Path) -> None:
        """Give files to a field."""
        field = self.find(f"#{name} input[type=file]")
        field.send_keys("\n".join(map(str, files)))

    def text(self, selector: str) -> str:
        """What an element says."""
        told: str = self.evaluate(f"document.querySelector({selector!r}).innerText")
        return told

    def wait_text(self, selector: str, part: str, seconds: float = 30) -> None:
        """Until an element says something."""
        said = f"(document.querySelector({selector!r})?.innerText ?? '')"
        self.wait(f"{said}.includes({part!r})", seconds)

    def click(self, selector: str) -> None:
        """Click, wherever it is on the page."""
        element = self.find(selector)
        self.evaluate("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def items(self, status: str) -> list[Any]:
        """The entries of the queue with this status."""
        found: list[Any] = self.driver.find_elements(
            "css selector", f".lq li[data-status={status}]"
        )
        return found

    def wait_item(self, status: str, count: int = 1, seconds: float = 120) -> None:
        """Until so many entries of the queue have this status."""
        self.wait(
            f"document.querySelectorAll('.lq li[data-status={status}]').length >= {count}", seconds
        )
