"""Who speaks, with which face, what, and when.

One voice throughout is the simple case: a single part without spans. With spans, each part has
those in which its speaker's mouth is new; everything else stays the target's own.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsync.dialogue.spans import Span, spoken_by
from lipsync.errors import OptionsError, SpansError
from lipsync.types import F32, Speaker

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """What one speaker has to say."""

    speaker: Speaker
    spans: tuple[Span, ...] | None = None  # ascending, apart; None: throughout

    @property
    def sources(self) -> list[Path]:
        """Every file with speech of this part, once."""
        own = [span.audio for span in self.spans or () if span.audio is not None]
        whole = [self.speaker.audio] if self.speaker.audio is not None else []
        return list(dict.fromkeys([*whole, *own]))

    def described(self) -> dict[str, Any]:
        """Who speaks, from what, with which face, and where (s); JSON-able."""
        spans = None
        if self.spans is not None:
            spans = [[float(span.start), float(span.end)] for span in self.spans]
        sounds = [path.name for path in self.sources]
        return {
            "name": self.speaker.name,
            "face": self.speaker.face,
            "audio": sounds,
            "spans": spans,
        }

    def share(self, times: Times, fade: float, end: float) -> F32:
        """How much of the new mouth each of these times (s) shows, (n,) 0..1.

        0 outside of the spans, eased over `fade` seconds inside their borders, but not where the
        video itself begins or ends.
        """
        if self.spans is None:
            return np.ones(len(times), np.float32)
        shown = np.zeros(len(times))
        for first, last in _runs(self.spans):
            inside = (times >= first) & (times < last)
            rise = (times - first) / fade if fade > 0 and first > 0 else np.ones(len(times))
            fall = (last - times) / fade if fade > 0 and last < end else np.ones(len(times))
            ramp = np.clip(np.minimum(rise, fall), 0, 1) * inside
            shown = np.maximum(shown, ramp * ramp * (3 - 2 * ramp))
        return shown.astype(np.float32)

    def named(self, line: str) -> str:
        """A line about this part: with the speaker's name, if there is one."""
        return f"{self.speaker.name}: {line}" if self.speaker.name else line


def _runs(spans: Sequence[Span]) -> list[tuple[float, float]]:
    """(first, end) of stretches of spans that follow on one another without a gap."""
    joined: list[tuple[float, float]] = []
    for span in spans:
        first, end = float(span.start), float(span.end)
        if joined and first - joined[-1][1] < 1e-3:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((first, end))
    return joined


def speaker_of(text: str) -> Speaker:
    """A speaker, as `NAME=AUDIO`, `NAME=AUDIO:FACE` or `NAME=:FACE`.

    Raises:
        OptionsError: it is not written so.
    """
    name, equals, rest = text.partition("=")
    if not equals or not name.strip() or not rest:
        raise OptionsError(f"speaker {text!r}: wanted NAME=AUDIO:FACE, as ANNA=anna.wav:left")
    # A file may have colons in its name, and so may a picture of the face: the first that exists.
    places = [i for i, character in enumerate(rest) if character == ":"]
    if not places or Path(rest).expanduser().is_file():
        return Speaker(name.strip(), Path(rest).expanduser())
    ends = [i for i in reversed(places) if Path(rest[:i]).expanduser().is_file()]
    at = ends[0] if ends else places[0] if places[0] == 0 else places[-1]
    audio = Path(rest[:at]).expanduser() if at else None
    return Speaker(name.strip(), audio, rest[at + 1 :])


def parts_of(
    audio: Path | None, speakers: Sequence[Speaker], spans: Sequence[Span] | None, face: str
) -> list[Part]:
    """Who speaks what, in the order of the speakers.

    Args:
        audio: of whoever has none of their own.
        speakers: none: one without a name, with `face`.
        spans: None: everybody speaks throughout.

    Raises:
        OptionsError: a speaker twice, or none of the sound that one needs.
        SpansError: a span's speaker is not known.
    """
    if speakers and face != "largest":
        raise OptionsError("option 'face': with speakers, each has its own: NAME=AUDIO:FACE")
    cast = [replace(s, audio=s.audio or audio) for s in speakers] or [Speaker("", audio, face)]
    names = [speaker.name.casefold() for speaker in cast]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise OptionsError(f"speaker {cast[i].name!r} is given twice")
    if spans is None:
        parts = [Part(speaker) for speaker in cast]
    else:
        known = tuple(speaker.name for speaker in cast)
        lines: list[list[Span]] = [[] for _ in cast]
        for span in spans:
            lines[_speaks(span, spans, known)].append(span)
        parts = [Part(s, tuple(line)) for s, line in zip(cast, lines, strict=True) if line]
    for part in parts:
        wanting = part.spans is None or any(span.audio is None for span in part.spans)
        if part.speaker.audio is None and wanting:
            raise OptionsError(part.named("no speech was given: use --audio, or NAME=AUDIO"))
    return parts


def _speaks(span: Span, spans: Sequence[Span], known: tuple[str, ...]) -> int:
    """Which speaker a span belongs to."""
    name = spoken_by(span, known)
    if known == ("",):  # one without a name: whoever it is, but only one
        named = {n.casefold(): n for one in spans if (n := spoken_by(one, known))}
        if len(named) > 1:
            raise SpansError(
                f"{span}: the spans name {len(named)} speakers ({', '.join(named.values())}); "
                "say who they are with --speaker NAME=AUDIO:FACE"
            )
        return 0
    if name is None:
        if len(known) == 1:
            return 0
        raise SpansError(f"{span}: does not say which of {', '.join(known)} speaks")
    folded = [one.casefold() for one in known]
    if name.casefold() in folded:
        return folded.index(name.casefold())
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"
    raise SpansError(f"{span}: unknown speaker {name!r}{hint}")


def fitted(parts: Sequence[Part], duration: Fraction) -> tuple[list[Part], list[str]]:
    """The parts with spans in order and inside a target of this duration, and what was done.

    Raises:
        SpansError: two spans of one speaker overlap, or one lies wholly beyond the target.
    """
    done, notes = [], []
    for part in parts:
        if part.spans is None:
            done.append(part)
            continue
        spans = sorted(part.spans, key=lambda span: span.start)
        if spans != list(part.spans):
            notes.append(part.named("the spans are out of order; they were sorted by time"))
        for i, span in enumerate(spans):
            if i and span.start < spans[i - 1].end:
                raise SpansError(f"{spans[i - 1]} and {span} overlap; one speaker has one mouth")
            if span.start >= duration:
                raise SpansError(f"{span}: begins after the target's end at {float(duration):.3f}s")
            if span.end > duration:
                notes.append(f"{span}: goes on after the target's end and is cut there")
                spans[i] = replace(span, end=duration)
        done.append(replace(part, spans=tuple(spans)))
    return done, notes
