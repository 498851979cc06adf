"""What all routes need: the owner of a request, and answers in JSON."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from lipsync.jobs.outcome import OPTIONS
from lipsync.jobs.service.door import Visitor
from lipsync.jobs.service.refusal import Refusal
from lipsync.jobs.service.schema import Said


def owner_of(request: Request) -> str:
    """The name of the key that a request came with.

    Raises:
        Refusal: it came with a link only.
    """
    visitor: Visitor = request.state.visitor
    if visitor.name is None:
        raise Refusal(401, "unauthorized", "the header x-api-key holds no valid key", kind=OPTIONS)
    return visitor.name


def check_link(request: Request, opens: Any) -> str | None:
    """The owner of what a request may read; None: a link opens it, whoever's it is.

    Raises:
        Refusal: neither a key nor a link.
    """
    asked = request.query_params
    if opens(request.url.path, asked.get("expires", ""), asked.get("signature", "")):
        return None
    if request.state.visitor.name is None:
        line = "this link has expired, or is not whole; ask for the generation again"
        raise Refusal(403, "link_expired", line, kind=OPTIONS)
    return owner_of(request)


def as_refusal(refusal: Refusal) -> JSONResponse:
    """The answer to a request that is not done."""
    return JSONResponse(refusal.body(), refusal.status, headers=dict(refusal.headers()))


def body_of(said: type[Said], *others: str) -> dict[str, Any]:
    """What the description of a route says of its body, which the route reads itself.

    Args:
        others: types of content besides JSON.
    """
    schema = {"$ref": f"#/components/schemas/{said.__name__}"}
    types = {kind: {"schema": schema} for kind in ("application/json", *others)}
    return {"requestBody": {"required": True, "content": types}}


def split_list(values: list[str]) -> list[str]:
    """A list that a query gives as several values, or as one with commas."""
    return [one.strip() for value in values for one in value.split(",") if one.strip()]
