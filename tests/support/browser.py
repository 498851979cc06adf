"""A real browser, an open page in it, and what a person does with that."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

BINARIES = [shutil.which("chromium"), shutil.which("chromedriver")]
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required", "--force-prefers-reduced-motion",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip
# The rules of the Web Content Accessibility Guidelines, run by axe-core.
GUIDELINES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: %s, preload: false}).then((found) => done(
  found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(", ")}`)));
"""


@contextmanager
def open_chromium(profile: Path) -> Iterator[Any]:
    """A browser with a new profile; its logs tell what pages log and ask for."""
    if None in BINARIES:
        pytest.skip("no browser: install chromium and chromium-driver (Debian's packages)")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = BINARIES[0]
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(BINARIES[1]))
    try:
        driver.set_script_timeout(120)
        yield driver
    finally:
        driver.quit()


class Page:
    """An open page."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def resize(self, width: int, height: int, dark: bool = False) -> None:
        """Show it in a window of this size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def find(self, selector: str) -> Any:
        """The first element that a selector names."""
        return self.driver.find_element("css selector", selector)

    def evaluate(self, script: str, *arguments: Any) -> Any:
        """The value of an expression in the page."""
        return self.driver.execute_script(f"return {script}", *arguments)

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def click_at(self, element: Any, share: float) -> None:
        """Click at a share of an element's width."""
        from selenium.webdriver import ActionChains

        offset = round((share - 0.5) * self.evaluate("arguments[0].clientWidth", element))
        place = ActionChains(self.driver).move_to_element_with_offset(element, offset, 0)
        place.click().perform()

    def wait(self, condition: str, seconds: float = 30) -> None:
        """Until an expression of the page is true."""
        end = time.monotonic() + seconds
        while not self.evaluate(condition):
            assert time.monotonic() < end, condition
            time.sleep(0.05)

    def read_requests(self) -> list[str]:
        """The addresses that were asked for since the log was read last."""
        messages = [json.loads(one["message"]) for one in self.driver.get_log("performance")]
        told = [one["message"] for one in messages]
        sent = [one["params"] for one in told if one["method"] == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent]

    def find_barriers(self, *more: str) -> list[str]:
        """What axe-core finds against the guidelines, and against `more` rules."""
        axe = resources.files("axe_playwright_python").joinpath("axe.min.js")
        self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": axe.read_text("utf-8")})
        found: list[str] = self.driver.execute_async_script(AXE % json.dumps([*GUIDELINES, *more]))
        return found
