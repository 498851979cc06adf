"""TTML and its profiles IMSC and DFXP: an XML document of timed paragraphs.

A cue's speaker is the agent (`ttm:agent`) that it or an element around it refers to, by the name
that the document gives. A document type declaration is refused: none of these formats has one, and
its entities could fill the memory or name other files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

from lipsync.dialogue.span_formats.cue import Cue
from lipsync.dialogue.span_formats.ttml_times import TtmlClock
from lipsync.dialogue.span_formats.ttml_tree import TtmlTree
from lipsync.errors import SpansError

_XML_ID = "http://www.w3.org/XML/1998/namespace id"
_NAMES = ("full", "alias", "family", "given", "other")  # types of an agent's names, best first


class _Document:
    """What is known of a document while it is parsed."""

    def __init__(self, parser: Any) -> None:
        self.parser = parser
        self.tree = TtmlTree()
        self.names: dict[str, dict[str, str]] = {}  # agent's id → type of name → name
        self.namespace: str | None = None  # of the root
        self._foreign = 0  # depth in elements that are no content, such as metadata
        self._agent: dict[str, str] = {}  # names of the agent that is open
        self._name: str | None = None  # type of the name that is open
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse

    def _refuse(self, *_: object) -> None:
        raise ValueError("has a document type declaration, which no TTML needs: remove it")

    def _start(self, name: str, given: dict[str, str]) -> None:
        space, _, tag = name.rpartition(" ")
        if self.namespace is None:
            self._start_root(space, tag, given)
        if space != self.namespace or self._foreign:
            self._foreign += 1
            if space.endswith("#metadata"):
                self._start_metadata(tag, given)
            return
        agent = next((v for k, v in given.items() if k.endswith("#metadata agent")), None)
        self.tree.start(tag, given, agent, self.parser.CurrentLineNumber)

    def _start_root(self, space: str, tag: str, given: dict[str, str]) -> None:
        if tag != "tt" or not ("ttml" in space or "ttaf1" in space):
            raise ValueError(f"is XML, but no TTML: its first element is <{tag}>")
        self.namespace = space
        self.tree.clock = TtmlClock.of(
            {k.rpartition(" ")[2]: v for k, v in given.items() if "#parameter " in k}
        )

    def _start_metadata(self, tag: str, given: dict[str, str]) -> None:
        if tag == "agent" and _XML_ID in given:
            self._agent = self.names.setdefault(given[_XML_ID], {})
        elif tag == "name":
            self._name = given.get("type", "other")
            self._agent[self._name] = ""

    def _end(self, _: str) -> None:
        self._name = None
        if self._foreign:
            self._foreign -= 1
        else:
            self.tree.stop()

    def _text(self, text: str) -> None:
        if self._name is not None:
            self._agent[self._name] += text
        elif not self._foreign:
            self.tree.text(text.replace("\n", " "))  # <br/> alone breaks a line


def parse_ttml(path: Path, text: str) -> Iterator[Cue]:
    """Cues of a document.

    Raises:
        SpansError: it is no XML or no TTML, a time or an end is missing or cannot be read, or two
            agents speak one cue.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    document = _Document(parser)
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        why = expat.ErrorString(error.code)
        raise SpansError(f"{path}: is not XML: line {error.lineno}: {why}") from None
    except ValueError as error:
        raise SpansError(f"{path}: line {parser.CurrentLineNumber}: {error}") from None
    for number, one in enumerate(document.tree.cues, 1):
        if len(one.agents) > 1:
            raise SpansError(
                f"{path}: line {one.line}: {len(one.agents)} agents speak at once; "
                "give each a paragraph of its own"
            )
        speaker = _speaker(one.agents[0], document.names) if one.agents else None
        name = f"{path.name} cue {number}"
        yield Cue(one.begin, one.end, speaker, None, one.text, name)


def _speaker(agent: str, names: dict[str, dict[str, str]]) -> str:
    """The name of an agent; its id, if it has none."""
    known = {kind: " ".join(name.split()) for kind, name in names.get(agent, {}).items()}
    return next((known[kind] for kind in _NAMES if known.get(kind)), agent)
