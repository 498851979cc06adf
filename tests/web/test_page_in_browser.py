"""`lipsync ui` in a real browser: all the way, faults, a cancel, reloads, two users, keys only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import clips
from tests.support.browser import open_chromium
from tests.support.pages import PageServer, StudioPage, serving

pytestmark = [pytest.mark.real, pytest.mark.slow]
pytest.importorskip("gradio")
# The ids of all that the focus is in.
WHERE = """(() => {
  const found = [];
  for (let one = document.activeElement; one; one = one.parentElement) found.push(one.id);
  return found;
})()"""


@pytest.fixture(scope="module")
def speech(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("speech") / "speech.wav"
    clips.run("-i", str(shared / "data" / "grid_s4" / "bgbu2a.mp4"), str(place))
    return place


@pytest.fixture(scope="module")
def target(shared: Path) -> Path:
    return shared / "data" / "grid_s4" / "bbilzs.mp4"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    with serving(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with open_chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def page(chromium: Any, server: PageServer) -> StudioPage:
    """The page as a new user sees it, on a desk; nothing is in the queue."""
    for one in httpx.get(f"{server.address}v2/generations").json():
        httpx.delete(f"{server.address}v2/generate/{one['id']}")
    opened = StudioPage(chromium)
    opened.forget(server.address)
    opened.resize(1400, 1000)
    for kind in ("browser", "performance"):
        chromium.get_log(kind)
    return opened.open(server.address)


def give_files(page: StudioPage, speech: Path, target: Path) -> None:
    page.upload("speech", speech)
    page.wait_text("#speech-said", speech.name)
    page.upload("video", target)
    page.wait_text("#video-said", target.name)
    page.wait("document.querySelector('.faces img')")


def test_the_whole_way_from_upload_to_download(
    page: StudioPage, server: PageServer, speech: Path, target: Path
) -> None:
    give_files(page, speech, target)
    assert "720 × 576" in page.text("#video-said")
    page.click(".faces button[data-face]")
    page.wait("document.querySelector('.faces button').getAttribute('aria-pressed') === 'true'")
    page.click("#preview")
    page.wait("document.querySelector('#preview-shown .lp canvas')", 60)
    page.wait_text("#preview-shown .lp-readout", "frame 0")
    page.click("#setting-teeth input[value=off]")
    page.click("#commands button")
    page.wait("document.querySelector('#command textarea')?.value.includes('--teeth off')")
    assert "--face" in page.evaluate("document.querySelector('#command textarea').value")
    options = page.evaluate("document.querySelector('#options-file textarea').value")
    assert "teeth: 'off'" in options
    page.click("#render")
    page.wait_item("COMPLETED")
    (one,) = httpx.get(f"{server.address}v2/generations").json()
    assert one["lipsyncOptions"]["teeth"] == "off"
    assert "@" in one["lipsyncOptions"]["face"]
    page.wait("document.querySelector('#result-player .lp canvas')?.width > 100")
    links = page.driver.find_elements("css selector", ".lq a")
    for link in links:
        answer = httpx.get(link.get_attribute("href"))
        assert answer.is_success, link.text
    assert len(links) == 4  # result, sheet, comparison, record


def test_nothing_leaves_this_machine(page: StudioPage, server: PageServer) -> None:
    asked = page.read_requests()
    assert any("/ui/" in url for url in asked)
    allowed = (server.address, "data:", "blob:")
    assert [url for url in asked if not url.startswith(allowed)] == []
    severe = [one for one in page.driver.get_log("browser") if one["level"] == "SEVERE"]
    assert severe == []


def test_no_other_file_of_this_machine_is_sent(server: PageServer, target: Path) -> None:
    secret = server.folder / "webhook-secret"
    assert secret.is_file()
    for path in (secret, target, Path("/etc/passwd")):
        for way in (f"ui/gradio_api/file={path}", f"ui-files/{path}", f"ui-files/..%2f{path.name}"):
            answer = httpx.get(server.address + way)
            assert answer.status_code in (403, 404), way
    foreign = {"Host": "page.example.org"}  # a name of its own for this address
    assert httpx.get(f"{server.address}ui/", headers=foreign).status_code == 403


def test_the_player_shows_original_and_result_frame_by_frame(
    page: StudioPage, speech: Path, target: Path
) -> None:
    from selenium.webdriver import Keys

    give_files(page, speech, target)
    page.click("#render")
    page.wait_item("COMPLETED")
    player = "document.querySelector('#result-player lipsync-player')"
    page.wait(f"{player}?.dataset.frame === '0'")
    page.wait("document.activeElement.className === 'lp'")
    both = picture(page)
    page.press("b")
    page.wait(f"{player}.dataset.shown === 'original'")
    original = picture(page)
    page.press(*[Keys.ARROW_RIGHT] * 6)
    page.wait(f"{player}.dataset.frame === '6'")
    page.press("b")
    page.wait(f"{player}.dataset.shown === 'result'")
    page.press("v")
    page.wait(f"{player}.dataset.view === 'mouth'")
    assert len({both, original, picture(page)}) == 3
    page.press(Keys.HOME)
    page.wait(f"{player}.dataset.frame === '0'")
    page.press(" ")
    page.wait(f"Number({player}.dataset.frame) > 10")
    page.press(" ")
    page.wait(f"{player}.video.paused")


def picture(page: StudioPage) -> str:
    """What the player shows."""
    page.wait("!document.querySelector('#result-player lipsync-player').video.seeking")
    told: str = page.evaluate("document.querySelector('#result-player canvas').toDataURL()")
    return told


def test_a_wrong_file_is_told_beside_its_field(
    page: StudioPage, tmp_path: Path, target: Path
) -> None:
    wrong = tmp_path / "notes.wav"
    wrong.write_text("no sound at all")
    page.upload("speech", wrong)
    page.wait("document.querySelector('#speech-said [role=alert]')")
    assert page.text("#speech-said").startswith("audio:")
    page.click("#render")
    page.wait_text("#render-said [role=alert]", "speech: is missing")
    page.upload("video", target)
    page.wait("document.querySelector('.faces img')")
    page.evaluate("document.querySelector('#spans input, #spans textarea').focus()")
    page.press("backwards")
    page.wait_text("#settings-said [role=alert]", "--segment")


def test_a_cancelled_render_goes_on(page: StudioPage, speech: Path, target: Path) -> None:
    give_files(page, speech, target)
    page.click("#render")
    page.wait_item("PROCESSING", seconds=20)
    page.click(".lq li[data-status=PROCESSING] button")
    page.wait_item("CANCELED", seconds=20)
    page.wait("document.activeElement.closest('.lq li')")  # the keyboard is not lost
    page.click(".lq li[data-status=CANCELED] button")
    page.wait_item("COMPLETED")


def test_a_reload_and_a_restart_lose_nothing(
    page: StudioPage, server: PageServer, speech: Path, target: Path
) -> None:
    give_files(page, speech, target)
    page.click("#setting-silence input[value=rest]")
    page.click("#commands button")
    page.wait("document.querySelector('#command textarea')?.value.includes('--silence rest')")
    page.click("#render")
    page.wait_item("PROCESSING", seconds=20)
    page.open(server.address)
    page.wait_text("#speech-said", speech.name)
    page.wait_text("#video-said", target.name)
    page.wait("document.querySelector('.faces img')")
    page.wait("document.querySelector('#setting-silence input[value=rest]').checked")
    server.kill()
    page.wait_text(".lq-said", "does not answer")
    server.start()
    page.wait_item("COMPLETED", seconds=180)
    (one,) = httpx.get(f"{server.address}v2/generations").json()
    assert one["lipsyncOptions"] == {"silence": "rest"}


def test_two_users_do_not_meet(
    page: StudioPage, server: PageServer, speech: Path, target: Path, shared: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    other_target = shared / "data" / "grid_s1" / "bbaf2n.mpg"
    if not other_target.exists():
        other_target = next((shared / "data" / "grid_s1").glob("*.m*"))
    with open_chromium(tmp_path / "other") as driver:
        other = StudioPage(driver).open(server.address)
        other.resize(1400, 1000)
        give_files(page, speech, target)
        give_files(other, speech, other_target)
        page.click("#setting-teeth input[value=off]")
        other.click("#render")
        page.click("#render")
        for one in (page, other):
            one.wait_item("COMPLETED", 2)
    made = httpx.get(f"{server.address}v2/generations").json()
    chosen = {one["outputFileName"]: one["lipsyncOptions"] for one in made}
    assert chosen == {
        f"{target.stem}_{speech.stem}": {"teeth": "off"},
        f"{other_target.stem}_{speech.stem}": {},
    }


def test_many_speeches_go_onto_one_video(
    page: StudioPage, server: PageServer, speech: Path, target: Path
) -> None:
    page.click("button[role=tab]:nth-of-type(2)")
    page.upload("batch-sounds", speech, target)
    page.upload("batch-videos", target)
    page.wait("document.querySelectorAll('#batch-sounds tr, #batch-videos tr').length >= 3")
    assert page.find_barriers() == []
    page.click("#batch-add")
    page.wait_text("#batch-said", "2 renders")
    assert len(httpx.get(f"{server.address}v2/generations").json()) == 2


def test_a_video_is_inspected(page: StudioPage, target: Path) -> None:
    page.click("button[role=tab]:nth-of-type(3)")
    page.upload("inspect-video", target)
    page.wait("document.querySelector('#inspect-video tr, #inspect-video .file-preview')")
    page.click("#inspect-run")
    page.wait("document.querySelector('iframe.report')", 120)
    page.driver.switch_to.frame(page.find("iframe.report"))
    page.wait("document.querySelector('.timeline')")
    page.driver.switch_to.default_content()


def test_a_swap_asks_for_consent_first(page: StudioPage, target: Path) -> None:
    page.click("button[role=tab]:nth-of-type(4)")
    for side in "ab":
        page.upload(f"swap-{side}", target)
        page.wait_text(f"#swap-{side}-said", "Files of person")
    page.click("#swap-start")
    page.wait_text("#swap-said [role=alert]", "consent")
    assert page.find_barriers() == []
    page.find("#swap-consent textarea").send_keys("the speaker of the corpus: research")
    page.click("#swap-start")
    page.wait_text("#swap-said", "1 of 4")
    page.click("#swap-stop")
    page.wait_text("#swap-said", "Stopped in step 1 of 4")


def test_keys_alone_reach_everything_in_order(page: StudioPage, speech: Path, target: Path) -> None:
    from selenium.webdriver import Keys

    give_files(page, speech, target)
    page.evaluate("(document.activeElement.blur(), scrollTo(0, 0))")
    reached: list[str] = []
    page.evaluate("document.querySelector('#commands button').click()")
    for _ in range(120):
        page.press(Keys.TAB)
        if page.evaluate("document.activeElement === document.body"):
            break
        reached += page.evaluate(WHERE)
        style = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(style) != "none", page.evaluate("document.activeElement.outerHTML")
    wanted = ("speech", "video", "faces", "preview", "render", "setting-jaw", "spans", "reset")
    at = [reached.index(name) for name in wanted]
    assert at == sorted(at), json.dumps(reached)


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (1400, True), (390, False)])
def test_axe_finds_no_fault(
    page: StudioPage, server: PageServer, speech: Path, target: Path, width: int, dark: bool
) -> None:
    page.resize(width, 900, dark)
    page.open(server.address)  # colors change slowly when they change in an open page
    assert page.find_barriers() == []
    give_files(page, speech, target)
    page.click("#preview")
    page.wait_text("#preview-shown", "made in", 60)
    assert page.find_barriers() == []


def test_a_phone_shows_all_without_scrolling_sideways(
    page: StudioPage, speech: Path, target: Path
) -> None:
    page.resize(390, 844)
    give_files(page, speech, target)
    page.click("#preview")
    page.wait_text("#preview-shown", "made in", 60)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = page.evaluate(
        "[...document.querySelectorAll('button, input, select, canvas, p, h1, h2, h3')].filter("
        "(one) => one.offsetParent && one.getBoundingClientRect().right > 391)"
        ".map((one) => one.outerHTML.slice(0, 200))"
    )
    assert wide == []
