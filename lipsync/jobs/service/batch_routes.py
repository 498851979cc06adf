"""Routes of batches."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lipsync.jobs.service.batches import STATUSES, read_batch
from lipsync.jobs.service.refusal import Refusal, not_found
from lipsync.jobs.service.routes import check_link, owner_of
from lipsync.jobs.service.service import Service

MOST_BYTES = 8 << 20  # of the file with the requests


def batch_routes(service: Service) -> APIRouter:
    """The routes of a service."""
    router = APIRouter(prefix="/v2", tags=["batches"])

    @router.post("/batch", status_code=201)
    async def create(request: Request) -> JSONResponse:
        """Add all requests of a form's file `input` to the queue; `dry_run` only checks them."""
        owner = owner_of(request)
        async with request.form(max_files=1, max_fields=8) as form:
            file, webhook = form.get("input"), form.get("webhook_url")
            if not isinstance(file, UploadFile):
                raise Refusal(400, "invalid_request", "input: wanted a file in this field")
            data = await file.read(MOST_BYTES + 1)
            dry = str(form.get("dry_run", "")).lower() in ("true", "1")
        if len(data) > MOST_BYTES:
            raise Refusal(413, "too_large", f"input: is larger than {MOST_BYTES} bytes")
        lines = read_batch(data)
        url = webhook if isinstance(webhook, str) and webhook else None
        told = await run_in_threadpool(service.submit_batch, owner, lines, url, dry)
        return JSONResponse(told, 200 if dry else 201)

    @router.get("/batch")
    def page(
        request: Request,
        status: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> JSONResponse:
        """List batches, the newest first."""
        if status is not None and status not in STATUSES:
            raise Refusal(400, "invalid_request", f"status: wanted one of {', '.join(STATUSES)}")
        after = float("-inf") if created_after is None else created_after.timestamp()
        before = float("inf") if created_before is None else created_before.timestamp()
        rows = service.batches.all(owner_of(request))
        told = [service.batches.view(row) for row in rows if after < row["created"] < before]
        return JSONResponse([one for one in told if status in (None, one["status"])])

    @router.get("/batch/{id}")
    def get(id: str, request: Request) -> JSONResponse:  # noqa: A002
        """Say how a batch is."""
        return JSONResponse(service.batches.view(find(id, owner_of(request))))

    @router.get("/batch/{id}/results.jsonl")
    def results(id: str, request: Request) -> Response:  # noqa: A002
        """Send a line of JSON per generation of a batch."""
        row = find(id, check_link(request, service.links.opens))
        lines = [
            json.dumps({"request_id": name, "response": service.views.generation(one)})
            for name, one in service.batches.results(row)
        ]
        return Response("\n".join(lines) + "\n", media_type="application/jsonl")

    def find(id: str, owner: str | None) -> Any:  # noqa: A002
        row = service.batches.find(id, owner)
        if row is None:
            raise not_found("batch", id)
        return row

    return router
