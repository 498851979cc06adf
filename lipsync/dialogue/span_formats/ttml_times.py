"""Time expressions of TTML, and the clock that a document counts by.

Clock time is `hh:mm:ss`, with a fraction, or with `:frames` and `.subframes`. Offset time is a
number with a unit: `h`, `m`, `s`, `ms`, `f` (frames) or `t` (ticks). Frames last
1 / (frameRate × frameRateMultiplier) seconds; of SMPTE time codes seconds do so too.
Source: TTML2 (W3C Recommendation), sections 6.2, 12.3 and annex H.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

_CLOCK = re.compile(
    r"(?P<h>\d{2,}):(?P<m>[0-5]\d):(?P<s>[0-5]\d|60)"
    r"(?:(?P<part>\.\d+)|:(?P<f>\d{2,})(?:\.(?P<sub>\d+))?)?"
)
_OFFSET = re.compile(r"(?P<n>\d+(?:\.\d+)?)(?P<unit>h|ms|m|s|f|t)")
_MULTIPLIER = re.compile(r"(\d+)[\s:]+(\d+)")  # drafts wrote a colon between the two
_DROPPED = {"nonDrop": 0, "dropNTSC": 2}  # time codes left out in most minutes


@dataclass(frozen=True)
class TtmlClock:
    """What a document says of its time, in the attributes of its root."""

    frame_rate: int = 30  # nominal, frames a second
    rate: Fraction = Fraction(30)  # frames a second
    sub_frames: int = 1
    tick_rate: Fraction = Fraction(1)  # ticks a second
    dropped: int | None = None  # of SMPTE time codes; None: media time

    @staticmethod
    def of(parameters: Mapping[str, str]) -> TtmlClock:
        """The clock of a root with these parameters, by their names without a namespace.

        Raises:
            ValueError: one is no number above zero, or counts time in a way that is not known.
        """
        frame_rate = _whole(parameters, "frameRate", 30)
        sub_frames = _whole(parameters, "subFrameRate", 1)
        rate = frame_rate * _multiplier(parameters.get("frameRateMultiplier", "1 1"))
        ticks = rate * sub_frames if "frameRate" in parameters else Fraction(1)
        tick_rate = Fraction(_whole(parameters, "tickRate", 0) or ticks)
        base = parameters.get("timeBase", "media")
        if base not in ("media", "smpte"):
            raise ValueError(f"timeBase {base!r} is no time of a video: wanted 'media' or 'smpte'")
        drop = parameters.get("dropMode", "nonDrop")
        if drop not in _DROPPED:
            raise ValueError(f"dropMode {drop!r} is not known: wanted {' or '.join(_DROPPED)}")
        dropped = _DROPPED[drop] if base == "smpte" else None
        return TtmlClock(frame_rate, rate, sub_frames, tick_rate, dropped)

    def parse(self, text: str) -> Fraction:
        """Seconds of a time expression.

        Raises:
            ValueError: it is none.
        """
        text = text.strip()
        clock, offset = _CLOCK.fullmatch(text), _OFFSET.fullmatch(text)
        if offset:
            return Fraction(offset["n"]) * self._unit(offset["unit"])
        if clock is None:
            raise ValueError(f"{text!r} is no time: write 00:00:10.500, 00:00:10:12, 10.5s or 12f")
        minutes = int(clock["h"]) * 60 + int(clock["m"])
        seconds = Fraction(minutes * 60 + int(clock["s"])) + Fraction(clock["part"] or 0)
        frames = Fraction(clock["f"] or 0)
        if frames >= self.frame_rate:
            raise ValueError(f"{text!r} has frame {frames} of {self.frame_rate} in a second")
        frames += Fraction(int(clock["sub"] or 0), self.sub_frames)
        if self.dropped is None:
            return seconds + frames / self.rate
        left_out = self.dropped * (minutes - minutes // 10)
        return (seconds * self.frame_rate + frames - left_out) / self.rate

    def _unit(self, unit: str) -> Fraction:
        """Seconds of a unit of offset time."""
        known = {"h": Fraction(3600), "m": Fraction(60), "s": Fraction(1), "ms": Fraction(1, 1000)}
        return known.get(unit) or 1 / (self.rate if unit == "f" else self.tick_rate)


def _whole(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    if not text.strip().isdecimal() or not int(text):
        raise ValueError(f"{name} {text!r} is not a whole number above zero")
    return int(text)


def _multiplier(text: str) -> Fraction:
    found = _MULTIPLIER.fullmatch(text.strip())
    if found is None or not int(found[1]) or not int(found[2]):
        raise ValueError(f"frameRateMultiplier {text!r} is not two numbers above zero: '1000 1001'")
    return Fraction(int(found[1]), int(found[2]))
