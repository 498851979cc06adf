"""The page of an inspection in a real browser: plays, obeys mouse and keyboard, stays offline."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lipsync.report.inspection_page import write_report
from tests.support import browser
from tests.support.browser import open_chromium
from tests.support.inspections import Inspected, inspect_blurred

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def inspected(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Inspected:
    return inspect_blurred(shared, tmp_path_factory.mktemp("inspected"))


@pytest.fixture(scope="module")
def address(inspected: Inspected, tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("page") / "report.html"
    return write_report(place, inspected.result, face=inspected.face).as_uri()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with open_chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


class Page(browser.Page):
    """The page of an inspection."""

    @property
    def frame(self) -> int:
        """The frame that the page says it shows."""
        return int(self.evaluate("document.body.dataset.frame"))

    def shown(self, name: str = "video") -> float:
        """The time that a video shows, once it has got there."""
        for _ in range(2):  # the page seeks again when it was sent elsewhere in the meantime
            self.wait(f"(v => v.readyState > 1 && !v.seeking)(document.getElementById('{name}'))")
            time.sleep(0.05)
        return float(self.evaluate(f"document.getElementById('{name}').currentTime"))


@pytest.fixture
def page(chromium: Any, address: str) -> Page:
    """The page, just opened on a desk; all that it loaded and logged is still in the logs."""
    chromium.get("about:blank")
    for kind in ("browser", "performance"):
        chromium.get_log(kind)
    opened = Page(chromium)
    opened.resize(1280, 900)
    chromium.get(address)
    opened.wait("document.getElementById('video').readyState > 1")
    return opened


def test_it_opens_without_an_error_and_without_the_network(page: Page, address: str) -> None:
    page.find(".moment").click()
    page.press(" ")
    page.wait("document.getElementById('video').currentTime > 4")
    assert page.driver.get_log("browser") == []
    asked = page.read_requests()
    assert address in asked
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [address]


def test_a_click_on_the_timeline_goes_there(page: Page, inspected: Inspected) -> None:
    row = page.find(".timeline .row:nth-child(4) > svg")
    for share in (0.25, 0.8):
        page.click_at(row, share)
        assert abs(page.frame - share * inspected.result.frames) < 1.5
        assert page.shown() == pytest.approx((page.frame + 0.5) / 25, abs=0.002)
        left = page.evaluate("document.getElementById('playhead').style.left")
        assert float(left.rstrip("%")) == pytest.approx(100 * share, abs=1)


def test_keys_step_frames_and_play(page: Page) -> None:
    from selenium.webdriver import Keys

    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert page.frame == 2
    assert page.shown() == pytest.approx(2.5 / 25, abs=0.002)
    assert page.find("#position").get_attribute("aria-valuetext").startswith("0:00.08, frame 2")
    page.press(" ")
    page.wait("!document.getElementById('video').paused")
    page.wait("document.body.dataset.frame > 10")
    assert page.find("#play").text == "Pause"
    page.press("k")
    page.wait("document.getElementById('video').paused")
    assert page.frame == int(page.shown() * 25 + 1e-3)
    page.find("#shortcuts").click()  # whoever dictates to the computer turns them off
    before = page.frame
    page.press("l")
    assert page.frame == before


def test_the_slider_is_a_slider(page: Page) -> None:
    from selenium.webdriver import Keys

    slider = page.find("#position")
    slider.send_keys(Keys.END)
    assert page.frame == int(slider.get_attribute("max"))
    slider.send_keys(Keys.ARROW_LEFT)
    assert page.frame == int(slider.get_attribute("max")) - 1


def test_a_moment_shows_itself_and_escape_leads_back(page: Page, inspected: Inspected) -> None:
    from selenium.webdriver import Keys

    moment = inspected.result.answers[0].moments[0]
    button = page.find("#q-blur .moment")
    button.send_keys(Keys.ENTER)
    assert page.frame == moment.frame
    assert page.evaluate("document.activeElement.id") == "position"
    assert page.evaluate("document.getElementById('video').getBoundingClientRect().bottom") > 0
    page.press(Keys.ESCAPE)
    assert page.evaluate("document.activeElement === arguments[0]", button)


def test_heat_maps_are_shown_and_hidden(page: Page) -> None:
    heat, toggle = page.find("#q-blur .heat"), page.find("#q-blur .heat-toggle")
    assert heat.is_displayed()
    toggle.click()
    assert not heat.is_displayed()
    page.press("h")
    assert not any(one.is_displayed() for one in page.driver.find_elements("class name", "heat"))
    page.press("h")
    assert heat.is_displayed()
    assert toggle.is_selected()


def test_the_source_follows_beside_and_in_place(page: Page) -> None:
    both = [page.find("#video"), page.find("#video-source")]
    assert all(one.is_displayed() for one in both)
    page.press("l")
    assert page.shown("video-source") == pytest.approx(page.shown(), abs=0.01)
    page.press("b")
    assert [one.is_displayed() for one in both] == [True, False]
    page.press("b")
    assert [one.is_displayed() for one in both] == [False, True]
    assert page.find("#flip").get_attribute("aria-pressed") == "true"
    page.press(" ")
    page.wait("document.body.dataset.frame > 70")
    page.press(" ")
    assert page.shown("video-source") == pytest.approx(page.shown(), abs=0.05)


def test_a_link_to_a_question_opens_it(page: Page) -> None:
    block = page.find("#q-sync")
    assert block.get_attribute("open") is None
    page.find("a[href='#q-sync']").click()
    page.wait("document.getElementById('q-sync').open")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_phone_shows_all_without_scrolling_sideways(page: Page, dark: bool) -> None:
    page.resize(390, 844, dark)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths == [390, 390]
    wide = page.evaluate(
        "[...document.querySelectorAll('main *')].filter((one) => !one.closest('.scroll, svg, "
        ".hear, .stack thead') && one.getBoundingClientRect().right > 391).map((o) => o.outerHTML)"
    )
    assert wide == []


def test_every_control_is_reached_by_tab_and_shows_it(page: Page) -> None:
    from selenium.webdriver import Keys

    reached = []
    for _ in range(100):
        page.press(Keys.TAB)
        if page.evaluate("document.activeElement === document.body"):
            break
        reached.append(page.evaluate("document.activeElement.id"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", page.evaluate("document.activeElement.outerHTML")
    controls = ("play", "back", "forward", "speed", "sound", "view", "shortcuts", "position")
    at = [reached.index(name) for name in controls]
    assert at == sorted(at)


def test_paper_shows_every_answer(page: Page) -> None:
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("[...document.querySelectorAll('.block')].every((one) => one.open)")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not page.find("#video").is_displayed()
    assert not page.find("#play").is_displayed()
    assert page.find("#timeline").is_displayed()
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)])
def test_axe_finds_no_fault(page: Page, width: int, dark: bool) -> None:
    page.resize(width, 900, dark)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.find_barriers("best-practice") == []
