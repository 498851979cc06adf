"""Routes of assets: files that clients give once and use many times.

A file comes as a form, from its URL, or in the API's three steps: it is announced, put to the
address that was told, and registered by the other address.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse

from lipsync.jobs.service.assets import UPLOAD_LIFE_S, Asset, StoredFile
from lipsync.jobs.service.file_kinds import HEAD, tell_kind
from lipsync.jobs.service.refusal import Refusal, not_found
from lipsync.jobs.service.request_reading import read_json
from lipsync.jobs.service.routes import body_of, check_link, owner_of, split_list
from lipsync.jobs.service.schema import (
    AssetRequest,
    AssetsView,
    AssetView,
    UploadRequest,
    UploadView,
    read_said,
)
from lipsync.jobs.service.service import Service
from lipsync.jobs.service.upload_stream import receive_file
from lipsync.runtime.disk_space import parse_size

TYPES = ("AUDIO", "VIDEO", "IMAGE")
FORM = "multipart/form-data"


def asset_routes(service: Service) -> APIRouter:
    """The routes of a service."""
    router = APIRouter(prefix="/v2", tags=["assets"])
    _add_giving(router, service)
    _add_steps(router, service)
    _add_reading(router, service)
    return router


def _add_giving(router: APIRouter, service: Service) -> None:
    most = parse_size(service.options.max_upload)

    @router.post(
        "/assets", status_code=201, response_model=AssetView,
        openapi_extra=body_of(AssetRequest, FORM),
    )  # fmt: skip
    async def create(request: Request) -> JSONResponse:
        """Register a file: a form's field `file`, an uploaded one, or one at a URL."""
        owner = owner_of(request)
        if request.headers.get("content-type", "").startswith(FORM):
            async with request.form(max_files=1, max_fields=8) as form:
                file = form.get("file")
                if not isinstance(file, UploadFile):
                    raise Refusal(400, "invalid_request", "file: wanted a file in this field")
                stored = await run_in_threadpool(service.assets.take, file.file, "file", most)
                name, source = file.filename or stored.path.name, "UPLOAD"
        else:
            said: AssetRequest = read_said(AssetRequest, await read_json(request))
            stored, name, source = await run_in_threadpool(_take, service, owner, said)
        asset = await run_in_threadpool(_register, service, owner, name, stored, source)
        return JSONResponse(service.views.asset(asset), 201)


def _take(service: Service, owner: str, said: AssetRequest) -> tuple[StoredFile, str, str]:
    """The file that a client registers, what it is called, and where it came from."""
    token = said.url.removeprefix(f"{service.links.base}/v2/uploads/")
    if token == said.url:
        most = parse_size(service.options.max_download)
        with service.fetcher.open(said.url, "url") as body:
            stored = service.assets.take(body, "url", most)
        return stored, said.name or stored.path.name, "URL"
    upload = service.assets.announced(token)
    if upload["owner"] != owner or upload["file"] is None:
        raise Refusal(400, "upload_missing", "url: nothing was uploaded there")
    path: Path = service.assets.folder / upload["file"]
    with path.open("rb") as file:
        kind = tell_kind(file.read(HEAD), "url")
    service.assets.forget_upload(token)
    stored = StoredFile(path, kind, path.stat().st_size, "")
    return stored, said.name or upload["name"], "UPLOAD"


def _register(service: Service, owner: str, name: str, stored: StoredFile, source: str) -> Asset:
    """Look at a file, and keep it if it can be used."""
    limits: dict[str, Any] = {"max_seconds": service.options.max_seconds}
    ask = "audio"
    if stored.kind.kind != "AUDIO":
        ask, limits = "video", {**limits, "max_pixels": service.options.max_pixels}
    try:
        facts = service.look.ask(ask, name[:64], path=str(stored.path), **limits)
        return service.assets.add(owner, name, stored, source, dict(facts))
    except BaseException:
        stored.path.unlink(missing_ok=True)
        raise


def _add_steps(router: APIRouter, service: Service) -> None:
    most = parse_size(service.options.max_upload)

    @router.post(
        "/assets/upload", status_code=201, response_model=UploadView,
        openapi_extra=body_of(UploadRequest),
    )  # fmt: skip
    async def announce(request: Request) -> JSONResponse:
        """Announce a file; it is put to `uploadUrl`, and registered by `url`."""
        owner = owner_of(request)
        said: UploadRequest = read_said(UploadRequest, await read_json(request))
        if said.size > most:
            raise Refusal(413, "too_large", f"size: {most} bytes at most are taken")
        service.assets.check_room(said.size)
        token = await run_in_threadpool(service.assets.announce, owner, said.file_name, said.size)
        place = f"{service.links.base}/v2/uploads/{token}"
        told = {"uploadUrl": place, "url": place, "expiresIn": int(UPLOAD_LIFE_S)}
        return JSONResponse(told, 201)

    @router.put("/uploads/{token}")
    async def put(token: str, request: Request) -> JSONResponse:
        """Upload an announced file; its address is all that is needed."""
        upload = await run_in_threadpool(service.assets.announced, token)
        if upload["file"] is not None:
            raise Refusal(409, "uploaded_already", "this file was uploaded already")
        stored = await receive_file(request, service.assets, upload["size"])
        await run_in_threadpool(service.assets.note_uploaded, token, stored)
        return JSONResponse({"size": stored.size})


def _add_reading(router: APIRouter, service: Service) -> None:
    def find(id: str, owner: str | None) -> Asset:  # noqa: A002
        asset = service.assets.find(id, owner)
        if asset is None:
            raise not_found("asset", id)
        return asset

    @router.get("/assets", response_model=AssetsView)
    def page(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
        cursor: Annotated[int, Query(ge=0, le=10**9)] = 0,
        searchQuery: Annotated[str, Query(max_length=255)] = "",  # noqa: N803 — of the API
        sortBy: str = "dateDesc",  # noqa: N803
        types: Annotated[list[str], Query(max_length=8)] = [],  # noqa: B006 — FastAPI copies it
    ) -> JSONResponse:
        """List assets."""
        wanted = [one for one in split_list(types) if one in TYPES]
        found, total = service.assets.page(
            owner_of(request), limit=limit, offset=cursor, search=searchQuery, types=wanted,
            sort=sortBy,
        )  # fmt: skip
        end = cursor + len(found)
        return JSONResponse({
            "items": [service.views.asset(one) for one in found],
            "nextCursor": str(end) if end < total else None,
            "totalCount": total,
        })  # fmt: skip

    @router.get("/assets/{id}", response_model=AssetView)
    def get(id: str, request: Request) -> JSONResponse:  # noqa: A002
        """Say what an asset is."""
        return JSONResponse(service.views.asset(find(id, owner_of(request))))

    @router.delete("/assets/{id}")
    def delete(id: str, request: Request) -> dict[str, str]:  # noqa: A002
        """Forget an asset; generations that need it and have not begun will fail."""
        service.assets.delete(find(id, owner_of(request)))
        return {"id": id}

    @router.get("/assets/{id}/content", response_class=FileResponse)
    def content(id: str, request: Request) -> FileResponse:  # noqa: A002
        """Send the file of an asset, or a range of it."""
        asset = find(id, check_link(request, service.links.opens))
        path = service.assets.path(asset)
        if not path.is_file():
            raise not_found("asset", id)
        return FileResponse(path, media_type="application/octet-stream", filename=asset.name)
