"""Spans fitted to the target: in order, apart from one another, cut at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from lipsync.dialogue.spans import Span
from lipsync.dialogue.speaker_parts import SpeakerPart
from lipsync.errors import SpansError

MOST_CUT_S = Fraction(1, 2)  # of a span with a file of its own, where the next one begins


def fit_spans_to_target(
    parts: Sequence[SpeakerPart], duration: Fraction
) -> tuple[list[SpeakerPart], list[str]]:
    """Sort the spans by time, join those that overlap, cut them at the end of the target.

    Args:
        duration: of the target, seconds.

    Returns:
        The parts, and a line for every change.

    Raises:
        SpansError: two files would be spoken at a time by one mouth, or a span begins after the
            target's end.
    """
    fitted, notes = [], []
    for part in parts:
        if part.spans is None:
            fitted.append(part)
            continue
        spans = sorted(part.spans, key=lambda span: span.start)
        if spans != list(part.spans):
            notes.append(part.label("the spans are out of order; they were sorted by time"))
        spans, joined = _part_overlaps(spans)
        notes += [part.label(line) for line in joined]
        for i, span in enumerate(spans):
            if span.start >= duration:
                raise SpansError(f"{span}: begins after the target's end at {float(duration):.3f}s")
            if span.end > duration:
                notes.append(f"{span}: goes on after the target's end and is cut there")
                spans[i] = replace(span, end=duration)
        fitted.append(replace(part, spans=tuple(spans)))
    return fitted, notes


def _part_overlaps(spans: Sequence[Span]) -> tuple[list[Span], list[str]]:
    """Sorted spans of one speaker made disjoint, and a warning for each way in which that was done.

    Spans on the speaker's own time line are joined: the same speech lies under both. A file of
    its own ends where the next span begins, if little of it is lost.

    Raises:
        SpansError: much of it would be lost.
    """
    apart: list[Span] = []
    joined: list[Span] = []
    cut: list[Span] = []
    for span in spans:
        last = apart[-1] if apart else None
        if last is None or span.start >= last.end:
            apart.append(span)
        elif last.audio is None and span.audio is None:
            apart[-1] = replace(last, end=max(last.end, span.end))
            joined.append(span)
        elif last.start < span.start and last.end - span.start <= MOST_CUT_S:
            apart[-1:] = [replace(last, end=span.start), span]
            cut.append(last)
        else:
            raise SpansError(f"{last} and {span} overlap; one speaker has one mouth")
    ways = ((joined, "overlap the one before and were joined with it"),
            (cut, "overlap the one after and were cut where it begins"))  # fmt: skip
    notes = []
    for some, what in ways:
        if len(some) == 1:
            notes.append(f"{some[0]}: {what.replace('overlap', 'overlaps').replace('were', 'was')}")
        elif some:
            notes.append(f"{len(some)} spans {what} (the first: {some[0]})")
    return apart, notes
