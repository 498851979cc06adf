"""What the build of the site adds to docs/: generated pages, the documents of the root, links.

MkDocs calls the functions by their names (`hooks` in mkdocs.yml). The pages stay plain Markdown
that a code host shows as well; only the site has the generated reference.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

import reference_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Section
from mkdocs.structure.pages import Page

REPO = Path(__file__).resolve().parents[1]
# Documents at the root of the repository and beside the assets → their place in the site.
ROOT = {
    "README.md": "project/readme.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
    "assets/README.md": "project/assets.md",
}
TITLES = {
    "README": "project/readme.md",
    "Contributing": "project/contributing.md",
    "Changelog": "project/changelog.md",
    "Security and misuse": "project/security.md",
    "Bundled files": "project/assets.md",
}
HOME = {place: name for name, place in ROOT.items()}
PLANNED = {"ui.md"}  # the navigation has a place for pages that are being written
MARKER = "<!-- The site lists the generated pages here. -->"
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")

_generated: dict[str, str] = {}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Complete the navigation."""
    _generated.update(reference_pages.make_pages())
    docs = Path(config.docs_dir)
    nav: list[Any] = config.nav or []
    for section in nav:
        for title, pages in section.items():
            missing = [p for p in PLANNED if p in pages and not (docs / p).exists()]
            section[title] = [p for p in pages if p not in missing]
            if title == "Reference":
                at = section[title].index("reference.md") + 1
                section[title][at:at] = [{"Generated": list(_generated)}]
            if title == "About":
                section[title] += [{name: place} for name, place in TITLES.items()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, the documents of the root, and the pictures that those show."""
    for place, text in _generated.items():
        files.append(File.generated(config, place, content=text))
    for name, place in ROOT.items():
        text = (REPO / name).read_text(encoding="utf-8")
        files.append(File.generated(config, place, content=text))
    return files


def on_nav(nav: Any, config: MkDocsConfig, files: Files) -> Any:
    """Fold the generated reference, which is long."""
    for item in nav.items:
        if isinstance(item, Section) and item.title == "Reference":
            item.children.sort(key=lambda child: child.title == "Generated")
    return nav


def on_page_markdown(text: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links that leave docs/ lead somewhere, and list the generated pages."""
    source = page.file.src_uri
    if source in _generated:
        return text
    if source == "reference.md":
        listed = [f"- [{reference_pages.title_of(t)}]({p})" for p, t in _generated.items()]
        assert MARKER in text, "docs/reference.md lost its marker"  # noqa: S101
        text = text.replace(MARKER, "\n".join(listed))
    origin = HOME.get(source, f"docs/{source}")
    blocks = re.split(r"(^```.*?^```)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(
        part if part.startswith("```") else LINK.sub(lambda m: _link(m, origin, source), part)
        for part in blocks
    )


def _link(match: re.Match[str], origin: str, source: str) -> str:
    """One link of the file `origin` of the repository, as the page `source` of the site has it."""
    picture, words, target = match.groups()
    path, hash_, anchor = target.partition("#")
    if not path or re.match(r"[a-z]+:", target):
        return match[0]
    found = posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))
    if found in ROOT:
        place = ROOT[found]
    elif found.startswith("docs/"):
        place = found[len("docs/") :]
        if (REPO / found).is_dir():
            place += "/README.md"
    elif (REPO / found).exists():
        return words if found in words else f"{words} (`{found}` in the repository)"
    else:
        return match[0]  # which the build complains of
    relative = posixpath.relpath(place, posixpath.dirname(source) or ".")
    return f"{picture}[{words}]({relative}{hash_}{anchor})"
