"""The service over HTTP: all routes together, and the errors of all of them in one form."""

from __future__ import annotations

import sqlite3
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lipsync._version import __version__
from lipsync.jobs.outcome import SYSTEM
from lipsync.jobs.service.asset_routes import asset_routes
from lipsync.jobs.service.batch_routes import batch_routes
from lipsync.jobs.service.door import Door
from lipsync.jobs.service.gate import Gate, Limits
from lipsync.jobs.service.generation_routes import generation_routes
from lipsync.jobs.service.keys import Keys
from lipsync.jobs.service.page import Page
from lipsync.jobs.service.rates import Rates
from lipsync.jobs.service.refusal import Refusal
from lipsync.jobs.service.routes import as_refusal, owner_of
from lipsync.jobs.service.schema import AssetRequest, GenerateRequest, UploadRequest
from lipsync.jobs.service.service import Service
from lipsync.runtime.disk_space import parse_size

CODES = {404: "not_found", 405: "method_not_allowed"}  # of what is refused before it has a route
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def build_app(service: Service, keys: Keys, page: Page | None = None) -> Gate:
    """The service as uvicorn sees it; `page`: for people, beside the API."""
    app = FastAPI(
        title="lipsync", version=__version__, docs_url=None, redoc_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    app.include_router(generation_routes(service))
    app.include_router(asset_routes(service))
    app.include_router(batch_routes(service))
    _add_operation(app, service)
    _add_errors(app, service)
    _describe(app)
    if page is not None:
        page.mount(app, service)
    options = service.options
    limits = Limits(parse_size(options.max_upload), options.upload_timeout, options.read_timeout)
    door = Door(keys, Rates(options.rate))
    return Gate(app, door, limits, service.log, service.metrics, page)


def _add_operation(app: FastAPI, service: Service) -> None:
    """Routes for who operates the service."""

    @app.get("/healthz", tags=["operation"])
    async def healthz() -> dict[str, Any]:
        """Say that the service works."""
        return service.health()

    @app.get("/metrics", tags=["operation"])
    def metrics(request: Request) -> Response:
        """Say what Prometheus wants to know."""
        owner_of(request)
        return Response(service.metrics.text(), media_type=METRICS_TYPE)


def _add_errors(app: FastAPI, service: Service) -> None:
    @app.exception_handler(Refusal)
    def refused(request: Request, error: Refusal) -> JSONResponse:
        return as_refusal(error)

    @app.exception_handler(HTTPException)
    def failed(request: Request, error: HTTPException) -> JSONResponse:
        code = CODES.get(error.status_code, "invalid_request")
        return as_refusal(Refusal(error.status_code, code, str(error.detail)))

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        return as_refusal(Refusal(400, "invalid_request", f"{place}: {first['msg'].lower()}"))

    @app.exception_handler(sqlite3.Error)
    def stuck(request: Request, error: sqlite3.Error) -> JSONResponse:
        service.log.tell("fault", text=f"the database: {error}")
        line = "the service cannot write now; try again later"
        told = Refusal(503, "unavailable", line, kind=SYSTEM, retryable=True, wait_s=30)
        return as_refusal(told)


def _describe(app: FastAPI) -> None:
    """Complete the description of the routes by what they read themselves."""
    usual = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schemas = usual().setdefault("components", {}).setdefault("schemas", {})
            for kind in (GenerateRequest, AssetRequest, UploadRequest):
                told = kind.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas.update(told.pop("$defs", {}))
                schemas[kind.__name__] = told
        return usual()

    app.openapi = openapi  # type: ignore[method-assign]
