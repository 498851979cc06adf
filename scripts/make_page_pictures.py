"""Make the pictures of docs/ui.md: the page in each of its states, with the bundled sample.

    python scripts/make_page_pictures.py

Needs chromium and chromium-driver. The pictures go to docs/images/ui/; look at each of them.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from tests.support.browser import open_chromium  # noqa: E402
from tests.support.pages import StudioPage, serving  # noqa: E402

SAMPLE, PLACE = REPO / "assets" / "sample", REPO / "docs" / "images" / "ui"
SPEECH, TARGET = SAMPLE / "speech.wav", SAMPLE / "target.mp4"
DESK, PHONE = (1280, 900), (390, 844)


def main() -> None:
    """Go the whole way and take a picture of every state."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder, "data")) as server,
        open_chromium(Path(folder, "profile")) as driver,
    ):
        page = StudioPage(driver)
        page.resize(*DESK)
        page.open(server.address)
        take(page, "empty")
        _fault(page, Path(folder))
        _whole_way(page)
        _others(page, server.address)


def _fault(page: StudioPage, folder: Path) -> None:
    wrong = folder / "notes.wav"
    wrong.write_text("this is no sound")
    page.upload("speech", wrong)
    page.wait("document.querySelector('#speech-said [role=alert]')")
    page.click("#render")
    page.wait("document.querySelector('#render-said [role=alert]')")
    take(page, "fault")
    page.click("#speech button[aria-label=Clear]")


def _whole_way(page: StudioPage) -> None:
    page.upload("speech", SPEECH)
    page.wait_text("#speech-said", SPEECH.name)
    page.upload("video", TARGET)
    page.wait("document.querySelector('.faces img')?.naturalWidth")
    page.click("#preview")
    page.wait("document.querySelector('#preview-shown .lp canvas')?.width > 300", 120)
    page.wait_text("#preview-shown", "made in", 60)
    page.evaluate("scrollTo(0, 0)")
    take(page, "preview")
    page.click("#render")
    page.wait("document.querySelector('.lq progress[value]')", 120)
    page.evaluate("document.querySelector('.lq').scrollIntoView({block: 'end'})")
    take(page, "rendering")
    page.wait_item("COMPLETED", seconds=600)
    page.wait("document.querySelector('#result-player .lp canvas')?.width > 300")
    _show(page, "document.querySelector('#result-player')")
    take(page, "result")
    page.press("v", "v")
    page.wait("document.querySelector('#result-player lipsync-player').dataset.view === 'mouth'")
    take(page, "mouths")
    page.click("#commands button")
    page.wait("document.querySelector('#command textarea')")
    _show(page, "document.querySelector('#reset')")
    take(page, "settings")


def _others(page: StudioPage, address: str) -> None:
    for number, name in ((2, "batch"), (3, "inspect"), (4, "swap")):
        page.evaluate("scrollTo(0, 0)")
        page.click(f"button[role=tab]:nth-of-type({number})")
        take(page, name)
    page.resize(*DESK, dark=True)
    page.open(address)
    page.wait("document.querySelector('.faces img')?.naturalWidth")
    take(page, "dark")
    page.resize(*PHONE)
    page.open(address)
    page.wait("document.querySelector('.faces img')?.naturalWidth")
    page.click(".lq button")
    page.wait("document.querySelector('#result-player .lp canvas')?.width > 300")
    _show(page, "document.querySelector('#result-player')")
    take(page, "phone")


def _show(page: StudioPage, element: str) -> None:
    page.evaluate(f"{element}.scrollIntoView({{block: 'center'}})")


def take(page: StudioPage, name: str) -> None:
    """Take a picture of what the window shows."""
    time.sleep(1.0)  # what fades in has
    data = np.frombuffer(page.driver.get_screenshot_as_png(), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    place = PLACE / f"{name}.png"
    cv2.imwrite(str(place), picture, (cv2.IMWRITE_PNG_COMPRESSION, 9))
    print(place.relative_to(REPO), f"{place.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
