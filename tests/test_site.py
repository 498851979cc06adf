"""The site of the documents: built without a warning, offline; all its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import lipsync
from lipsync.cli.app import COMMANDS

REPO = Path(__file__).resolve().parents[1]
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
NAVIGATION = ("canonical", "next", "prev", "edit")  # <link> that nothing is loaded from


class Page(HTMLParser):
    """What a page of the site refers to, and what can be referred to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def has(self, anchor: str) -> bool:
        """Whether it has this anchor; without one, the page itself is meant."""
        return not anchor or anchor in self.ids

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        place = values.get(LOADED.get(tag, ""), "")
        if place and values.get("rel") not in NAVIGATION:
            self.loaded.append(place)


def read_pages(site: Path) -> dict[Path, Page]:
    """Every page of a site but that of a wrong address, which may be shown in any folder."""
    paths = [path for path in sorted(site.rglob("*.html")) if path.name != "404.html"]
    return {path: Page(path.read_text(encoding="utf-8")) for path in paths}


def is_external(place: str) -> bool:
    """Whether a link leaves the site."""
    return bool(re.match(r"([a-z][a-z0-9+.-]*:|//)", place))


def broken_links(pages: dict[Path, Page]) -> Iterator[str]:
    """Links inside of a site that lead nowhere, anchors included."""
    known = {path.resolve(): page for path, page in pages.items()}
    for path, page in pages.items():
        for place in {*page.links, *page.loaded}:
            if is_external(place):
                continue
            parts = urlsplit(place)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{path}: {place}"
            elif target in known and not known[target].has(unquote(parts.fragment)):
                yield f"{path}: {place} (no such anchor)"


def malformed(place: str) -> bool:
    """Whether an address of another site cannot be right."""
    parts = urlsplit(place)
    if parts.scheme == "mailto":
        return "@" not in parts.path
    host = parts.hostname or ""
    return parts.scheme not in ("http", "https") or "." not in host or bool(re.search(r"\s", place))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    out = tmp_path_factory.mktemp("site")
    words = ["-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)]
    place = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(
        [sys.executable, *words], cwd=REPO, env=place, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    assert not built.stderr.strip(), built.stderr
    return out


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Its pages."""
    return read_pages(site)


@pytest.mark.slow
def test_links_inside_lead_somewhere(pages: dict[Path, Page]) -> None:
    assert len(pages) > 80
    assert not list(broken_links(pages))


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(pages: dict[Path, Page], site: Path) -> None:
    loaded = {place for page in pages.values() for place in page.loaded}
    assert loaded
    assert not [place for place in loaded if is_external(place)]
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", style.read_text()), style


@pytest.mark.slow
def test_links_to_other_sites_are_well_formed(pages: dict[Path, Page]) -> None:
    places = {p for page in pages.values() for p in page.links if is_external(p)}
    assert len(places) > 30
    assert not sorted(place for place in places if malformed(place))


@pytest.mark.slow
def test_the_reference_has_everything(site: Path) -> None:
    folder = site / "reference"
    commands, options, python = (
        (folder / f"{name}.html").read_text() for name in ("command-line", "options", "python")
    )
    for name in COMMANDS:
        assert f"lipsync {name}" in commands, name
    for kind in ("RenderOptions", "SwapOptions", "ExtractOptions", "MouthOptions"):
        for name in getattr(lipsync, kind)().flat():
            assert f"<code>{name}</code>" in options, name
    for name in set(lipsync.__all__) - {"__version__"}:
        assert f"lipsync.{name}" in python, name
    packages = {path.parent.name for path in (REPO / "lipsync").glob("*/__init__.py")}
    assert packages == {path.stem for path in (folder / "modules").glob("*.html")}


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="b.html#no">b</a><a href="c.html">c</a>')
    (tmp_path / "b.html").write_text('<p id="yes"><a href="a.html">a</a><a href="#yes">b</a>')
    found = list(broken_links(read_pages(tmp_path)))
    assert sorted(line.split(": ")[1] for line in found) == ["b.html#no (no such anchor)", "c.html"]
    assert malformed("http://exa mple.org/")
    assert malformed("https:/example.org")
    assert not malformed("https://example.org/a#b")


@pytest.mark.parametrize("folder", ["start", "gallery", "footage", "how"])
def test_pictures_are_small(folder: str) -> None:
    pictures = list((REPO / "docs" / "images" / folder).iterdir())
    assert pictures
    for picture in pictures:
        assert picture.stat().st_size <= 300_000, picture
