"""Small pieces of HTML, with everything that users wrote escaped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, TypeVar

from lipsync.errors import LipsyncError
from lipsync.jobs.service.refusal import Refusal
from lipsync.web.texts import Texts

T = TypeVar("T")
Chosen = Mapping[str, Any]


def fault(line: str) -> str:
    """A line that says what is wrong, read out at once by screen readers."""
    return f'<p class="fault" role="alert">{escape(line)}</p>'


def note(line: str) -> str:
    """A line that says what has happened."""
    return f'<p class="hint" role="status">{escape(line)}</p>'


def hint(line: str) -> str:
    """A line that explains."""
    return f'<p class="hint">{escape(line)}</p>'


def attempt(work: Callable[[], T]) -> tuple[T | None, str]:
    """The result of some work and no line, or none and the line that says why."""
    try:
        return work(), ""
    except Refusal as refusal:
        return None, fault(_in_terms_of_the_page(refusal.error.message))
    except LipsyncError as error:
        return None, fault(str(error))


def _in_terms_of_the_page(line: str) -> str:
    """A message of the service with the names that the page has for what is wrong."""
    return line.replace("lipsyncSpans: ", "--segment: ").replace("lipsyncOptions: ", "")


def describe_sound(texts: Texts, chosen: Chosen) -> str:
    """A sound that was taken in, in words."""
    return texts.fill("file_sound", name=chosen["name"], seconds=f"{chosen['seconds']:.1f}")


def show_sound(texts: Texts, chosen: Chosen) -> str:
    """A sound that was taken in, to listen to."""
    source = f"/v2/assets/{chosen['id']}/content"
    label = escape(str(chosen["name"]), quote=True)
    player = f'<audio controls preload="none" src="{source}" aria-label="{label}"></audio>'
    return f"{note(describe_sound(texts, chosen))}{player}"


def describe_video(texts: Texts, chosen: Chosen) -> str:
    """A video or a picture that was taken in."""
    name = "file_picture" if chosen.get("still") else "file_video"
    values = {key: chosen[key] for key in ("name", "width", "height")}
    return note(texts.fill(name, **values, seconds=f"{chosen['seconds']:.1f}"))


def player(source: str, name: str, facts: Mapping[str, Any]) -> str:
    """A player of a comparison; `facts`: its rate and where the parts of its picture are."""
    layout = escape(json.dumps(facts.get("compare")), quote=True)
    return (
        f'<lipsync-player src="{escape(source, quote=True)}" name="{escape(name, quote=True)}" '
        f'fps="{facts["fps"]}" layout="{layout}"></lipsync-player>'
    )
