"""Which speaker speaks what, when, and with which face.

The simple case is one voice throughout: a single part without spans. With spans, a part holds
those in which its speaker's mouth is replaced; everything else stays the target's own.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsync.dialogue.spans import Span, cue_speaker
from lipsync.errors import OptionsError, SpansError
from lipsync.runtime.numeric import smoothstep
from lipsync.types import F32, Speaker

Times = NDArray[np.float64]


@dataclass(frozen=True)
class SpeakerPart:
    """One speaker and the spans in which they speak."""

    speaker: Speaker
    spans: tuple[Span, ...] | None = None  # ascending, disjoint; None: throughout

    @property
    def audio(self) -> Path:
        """The speaker's file, which all spans without a file of their own are spoken from.

        Raises:
            ValueError: the speaker has none.
        """
        if self.speaker.audio is None:
            raise ValueError("SpeakerPart: wanted a speaker with sound")
        return self.speaker.audio

    @property
    def sources(self) -> list[Path]:
        """Every file with speech of this part, once."""
        own = [span.audio for span in self.spans or () if span.audio is not None]
        whole = [self.speaker.audio] if self.speaker.audio is not None else []
        return list(dict.fromkeys([*whole, *own]))

    def describe(self) -> dict[str, Any]:
        """Speaker, files, face and spans (s), for JSON."""
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

    def blend_weight(self, times: Times, fade: float, end: float) -> F32:
        """The weight of the new mouth at each of these times (s), (n,) 0..1.

        0 outside the spans, eased over `fade` seconds inside their borders, except at the
        beginning and the `end` (s) of the video.
        """
        if self.spans is None:
            return np.ones(len(times), np.float32)
        weight = np.zeros(len(times))
        for first, last in _join_adjacent(self.spans):
            inside = (times >= first) & (times < last)
            rise = (times - first) / fade if fade > 0 and first > 0 else np.ones(len(times))
            fall = (last - times) / fade if fade > 0 and last < end else np.ones(len(times))
            ramp = np.clip(np.minimum(rise, fall), 0, 1) * inside
            weight = np.maximum(weight, smoothstep(ramp))
        return weight.astype(np.float32)

    def label(self, line: str) -> str:
        """Prefix a line with the speaker's name, if there is one."""
        return f"{self.speaker.name}: {line}" if self.speaker.name else line


def _join_adjacent(spans: Sequence[Span]) -> list[tuple[float, float]]:
    """(first, end) of runs of spans without a gap between them, seconds."""
    joined: list[tuple[float, float]] = []
    for span in spans:
        first, end = float(span.start), float(span.end)
        if joined and first - joined[-1][1] < 1e-3:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((first, end))
    return joined


def parse_speaker(text: str) -> Speaker:
    """Parse a speaker: `NAME=AUDIO`, `NAME=AUDIO:FACE` or `NAME=:FACE`.

    Raises:
        OptionsError: another format.
    """
    name, equals, rest = text.partition("=")
    if not equals or not name.strip() or not rest:
        raise OptionsError(f"speaker {text!r}: wanted NAME=AUDIO:FACE, as ANNA=anna.wav:left")
    # Both the file and the face may contain colons: split at the last one behind an existing file.
    places = [i for i, character in enumerate(rest) if character == ":"]
    if not places or Path(rest).expanduser().exists():
        return Speaker(name.strip(), Path(rest).expanduser())
    ends = [i for i in reversed(places) if Path(rest[:i]).expanduser().exists()]
    at = ends[0] if ends else places[0] if places[0] == 0 else places[-1]
    audio = Path(rest[:at]).expanduser() if at else None
    return Speaker(name.strip(), audio, rest[at + 1 :])


def assign_parts(
    audio: Path | None, speakers: Sequence[Speaker], spans: Sequence[Span] | None, face: str
) -> list[SpeakerPart]:
    """Assign the spans to the speakers; parts are in the order of the speakers.

    Args:
        audio: for speakers without a file of their own.
        speakers: empty: one without a name, with `face`.
        spans: None: every speaker speaks throughout.

    Raises:
        OptionsError: a speaker is given twice, or one has no sound, or nobody speaks `audio`.
        SpansError: a span's speaker is unknown.
    """
    if speakers and face != "largest":
        raise OptionsError("option 'face': with speakers, each has its own: NAME=AUDIO:FACE")
    cast = [replace(s, audio=s.audio or audio) for s in speakers] or [Speaker("", audio, face)]
    if audio is not None and speakers and all(speaker.audio for speaker in speakers):
        raise OptionsError(
            f"{audio}: nobody speaks it, since every speaker has a file of their own; leave out "
            "--audio, or write NAME=:FACE for the one who speaks it"
        )
    names = [speaker.name.casefold() for speaker in cast]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise OptionsError(f"speaker {cast[i].name!r} is given twice")
    if spans is None:
        parts = [SpeakerPart(speaker) for speaker in cast]
    else:
        known = tuple(speaker.name for speaker in cast)
        lines: list[list[Span]] = [[] for _ in cast]
        for span in spans:
            lines[_speaker_index(span, spans, known)].append(span)
        parts = [SpeakerPart(s, tuple(line)) for s, line in zip(cast, lines, strict=True) if line]
    for part in parts:
        needs_audio = part.spans is None or any(span.audio is None for span in part.spans)
        if part.speaker.audio is None and needs_audio:
            raise OptionsError(part.label("no speech was given: use --audio, or NAME=AUDIO"))
    return parts


def _speaker_index(span: Span, spans: Sequence[Span], known: tuple[str, ...]) -> int:
    """Index in `known` of the speaker that a span belongs to."""
    name = cue_speaker(span, known)
    if known == ("",):  # one speaker without a name: the spans may name one, but only one
        named = {n.casefold(): n for one in spans if (n := cue_speaker(one, known))}
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
