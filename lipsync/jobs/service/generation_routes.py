"""Routes of generations: asking for them, looking at them, ending them, and their outputs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse

from lipsync._version import __version__
from lipsync.jobs.service.generations import COMPLETED, STATUSES
from lipsync.jobs.service.refusal import Refusal, not_found
from lipsync.jobs.service.request_reading import read_generate, read_idempotency_key
from lipsync.jobs.service.routes import body_of, check_link, owner_of, split_list
from lipsync.jobs.service.schema import CostView, GenerateRequest, GenerationView, ModelView
from lipsync.jobs.service.service import Service
from lipsync.jobs.service.translation import EXTRAS, MODELS
from lipsync.runtime.disk_space import parse_size

FORM = "multipart/form-data"
MOST_IDS = 500
OUTPUT_TYPES = {
    ".mp4": "video/mp4", ".mp4.json": "application/json", EXTRAS["sheet"]: "image/png",
    EXTRAS["compare"]: "video/mp4",
}  # fmt: skip
Values = Annotated[list[str], Query(max_length=MOST_IDS)]


def generation_routes(service: Service) -> APIRouter:
    """The routes of a service."""
    router = APIRouter(prefix="/v2", tags=["generations"])
    _add_asking(router, service)
    _add_reading(router, service)
    _add_ending(router, service)
    _add_outputs(router, service)
    return router


def _add_asking(router: APIRouter, service: Service) -> None:
    most = parse_size(service.options.max_upload)

    @router.post(
        "/generate", status_code=201, response_model=GenerationView,
        openapi_extra=body_of(GenerateRequest, FORM),
    )  # fmt: skip
    async def create(request: Request) -> JSONResponse:
        """Add a generation to the queue."""
        owner, key = owner_of(request), read_idempotency_key(request)
        asked = await read_generate(request, service.assets, most)
        one, new = await run_in_threadpool(service.submit, owner, asked, key)
        headers = {} if new else {"Idempotent-Replayed": "true"}
        return JSONResponse(service.views.generation(one), 201, headers=headers)

    @router.post(
        "/analyze/cost", response_model=list[CostView], openapi_extra=body_of(GenerateRequest)
    )
    async def estimate(request: Request) -> JSONResponse:
        """Say what a generation would take, without making it."""
        owner = owner_of(request)
        asked = await read_generate(request, service.assets, most)
        try:
            if asked.files:
                raise Refusal(400, "invalid_request", "estimates are of URLs, assets and paths")
            found = await run_in_threadpool(service.estimate, owner, asked)
        finally:
            asked.drop()
        return JSONResponse([found])


def _add_reading(router: APIRouter, service: Service) -> None:
    @router.get("/generate/{id}", response_model=GenerationView)
    def get(id: str, request: Request) -> JSONResponse:  # noqa: A002
        """Say how a generation is."""
        one = service.find(id, owner_of(request))
        return JSONResponse(service.views.generation(one))

    @router.get("/generations", response_model=list[GenerationView])
    def page(
        request: Request,
        status: Values = [],  # noqa: B006 — FastAPI copies it
        ids: Values = [],  # noqa: B006
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        cursor: str | None = None,
    ) -> JSONResponse:
        """List generations, the newest first; the header X-Next-Cursor names the next page."""
        statuses = split_list(status)
        if unknown := set(statuses) - set(STATUSES):
            line = (
                f"status: there is no {sorted(unknown)[0][:32]!r}; there are {', '.join(STATUSES)}"
            )
            raise Refusal(400, "invalid_request", line)
        found = service.generations.page(
            owner_of(request), statuses=statuses, ids=split_list(ids)[:MOST_IDS], limit=limit + 1,
            before=cursor,
        )  # fmt: skip
        headers = {"X-Next-Cursor": found[limit - 1].id} if len(found) > limit else {}
        told = [service.views.generation(one) for one in found[:limit]]
        return JSONResponse(told, headers=headers)

    @router.get("/models", response_model=list[ModelView])
    def models(request: Request) -> list[dict[str, Any]]:
        """List the names of models that requests may give; all are the same renderer."""
        owner_of(request)
        return [_describe_model(name) for name in MODELS]


def _describe_model(name: str) -> dict[str, Any]:
    same = name == MODELS[0]
    text = "Re-renders the mouth to speak the audio." if same else f"Another name for {MODELS[0]}."
    return {
        "id": name, "name": name, "type": "lipsync", "version": __version__, "description": text
    }  # fmt: skip


def _add_ending(router: APIRouter, service: Service) -> None:
    @router.post("/generate/{id}/cancel", response_model=GenerationView)
    def cancel(id: str, request: Request) -> JSONResponse:  # noqa: A002
        """End a generation that is not finished."""
        one = service.cancel(id, owner_of(request))
        return JSONResponse(service.views.generation(one))

    @router.delete("/generate/{id}")
    def delete(id: str, request: Request) -> dict[str, str]:  # noqa: A002
        """End a generation if it is not finished; forget it and its output."""
        service.delete(id, owner_of(request))
        return {"id": id}


def _add_outputs(router: APIRouter, service: Service) -> None:
    @router.head("/outputs/{name}", include_in_schema=False)
    @router.get("/outputs/{name}", response_class=FileResponse)
    def output(name: str, request: Request) -> FileResponse:
        """Send an output, what was made besides it, or a range of that."""
        id, _, rest = name.partition(".")  # noqa: A001
        owner = check_link(request, service.links.opens)
        one = service.generations.find_any(id) if owner is None else service.find(id, owner)
        path = service.preparation.output(id).with_suffix(f".{rest}")
        kind = OUTPUT_TYPES.get(f".{rest}")
        if one is None or kind is None or one.status != COMPLETED or not path.is_file():
            raise not_found("output", name)
        called = one.request.get("outputFileName") or id
        return FileResponse(path, media_type=kind, filename=f"{called}.{rest}")
