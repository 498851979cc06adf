"""Which elements of a TTML document are cues, when, and spoken by whom.

Elements come as a stream, so that neither depth nor length of a document costs memory. A
paragraph is a cue, and so is a timed span in one; its times are relative to its parent's beginning,
or to its elder sibling's end where the parent is a sequence, and it ends no later than its parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from lipsync.dialogue.span_formats.ttml_times import TtmlClock

MOST_DEEP = 200  # elements within one another; real documents have about six

_TIMED = ("body", "div", "p", "span", "region", "set")


@dataclass
class Element:
    """An element that is open."""

    tag: str
    line: int
    begin: Fraction = Fraction(0)
    end: Fraction | None = None  # None: whenever its parent ends
    sequence: bool = False
    cursor: Fraction = Fraction(0)  # where the next child of a sequence begins
    agents: tuple[str, ...] = ()
    texts: list[str] | None = None  # of a cue


@dataclass(frozen=True)
class TtmlCue:
    """A cue as it stands in a document."""

    line: int
    begin: Fraction
    end: Fraction
    agents: tuple[str, ...]  # their ids
    text: str


@dataclass
class TtmlTree:
    """Follows the elements of one document."""

    clock: TtmlClock = field(default_factory=TtmlClock)
    open: list[Element] = field(default_factory=list)
    cues: list[TtmlCue] = field(default_factory=list)

    def start(self, tag: str, attributes: Mapping[str, str], agent: str | None, line: int) -> None:
        """Open an element of the document's own namespace.

        Args:
            agent: ids of the agents it names; None: it has those of its parent.

        Raises:
            ValueError: a time that is none, or too many elements within one another.
        """
        if len(self.open) >= MOST_DEEP:
            raise ValueError(f"more than {MOST_DEEP} elements within one another")
        parent = self.open[-1] if self.open else Element("", 0)
        one = Element(tag, line, parent.begin, parent.end, agents=parent.agents)
        if agent is not None:
            one.agents = tuple(agent.split())
        timed = any(name in attributes for name in ("begin", "end", "dur"))
        if tag in _TIMED:
            self._place(one, parent, attributes)
        one.sequence = attributes.get("timeContainer") == "seq"
        one.cursor = one.begin
        inside = any(element.tag == "p" for element in self.open)
        if tag == "p" or (tag == "span" and timed and inside):
            one.texts = []
        if tag == "br":
            self.text("\n")
        self.open.append(one)

    def _place(self, one: Element, parent: Element, attributes: Mapping[str, str]) -> None:
        """Give an element its times."""
        zero = parent.cursor if parent.sequence else parent.begin
        times = {
            name: self.clock.parse(attributes[name])
            for name in ("begin", "end", "dur")
            if name in attributes
        }
        one.begin = zero + times.get("begin", 0)
        ends = [parent.end] if parent.end is not None else []
        if "dur" in times:
            ends.append(one.begin + times["dur"])
        if "end" in times:
            ends.append(zero + times["end"])
        elif parent.sequence and "dur" not in times:
            ends.append(one.begin)  # in a sequence, what has no end has no length
        one.end = min(ends, default=None)
        if one.end is not None and parent.end is not None and one.begin >= parent.end:
            one.begin = one.end = parent.end  # it never comes

    def text(self, text: str) -> None:
        """Text of the innermost cue, if it is not in an element of another namespace."""
        for element in reversed(self.open):
            if element.texts is not None:
                element.texts.append(text)
                return
            if element.tag not in ("span", "br"):
                return

    def stop(self) -> None:
        """Close the innermost element.

        Raises:
            ValueError: it is a cue without an end.
        """
        one = self.open.pop()
        if self.open and self.open[-1].sequence and one.tag in _TIMED and one.end is not None:
            self.open[-1].cursor = one.end
        words = "\n".join(" ".join(line.split()) for line in "".join(one.texts or ()).split("\n"))
        if not words.strip():
            return
        if one.end is None:
            raise ValueError(f"<{one.tag}> of line {one.line} has no end")
        self.cues.append(TtmlCue(one.line, one.begin, one.end, one.agents, words.strip()))
