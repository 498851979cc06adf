"""Reading what clients send: JSON, or forms with files in them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from lipsync.jobs.service.assets import Assets, StoredFile
from lipsync.jobs.service.refusal import Refusal
from lipsync.jobs.service.schema import GenerateRequest, read_said

_KEY = re.compile(r"[A-Za-z0-9._~-]{1,128}")
KINDS_OF = {"video": ("VIDEO", "IMAGE"), "audio": ("AUDIO", "VIDEO")}  # a film has sound, too
_TEXTS = ("model", "webhookUrl", "webhook_url", "outputFileName", "output_file_name")
MOST_FIELD = 1 << 20  # bytes of a text in a form


@dataclass
class Asked:
    """A request to generate, and the files that came with it."""

    request: GenerateRequest
    files: dict[str, tuple[str, StoredFile]] = field(default_factory=dict)  # by video, audio
    digest: str = ""  # of all that decides the result

    def drop(self) -> None:
        """Remove the files that came."""
        for _, stored in self.files.values():
            stored.path.unlink(missing_ok=True)


async def read_json(request: Request) -> Any:
    """The JSON of a request.

    Raises:
        Refusal: it is none.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        line = f"wanted Content-Type application/json, got {kind[:64] or 'none'}"
        raise Refusal(415, "unsupported_media_type", line)
    return parse_json(await request.body(), "body")


def parse_json(text: bytes | str, what: str) -> Any:
    """JSON as the standard has it.

    Raises:
        Refusal: it is none.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise Refusal(400, "invalid_json", f"{what}: too many brackets") from None
    except ValueError as error:
        raise Refusal(400, "invalid_json", f"{what}: is not JSON ({str(error)[:120]})") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def read_idempotency_key(request: Request) -> str | None:
    """The key by which a client tells a repeated request.

    Raises:
        Refusal: it is malformed, or there are several.
    """
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        line = "Idempotency-Key: wanted one, of 1 to 128 letters, digits and ._~-"
        raise Refusal(400, "invalid_idempotency_key", line)
    return keys[0]


async def read_generate(request: Request, assets: Assets, most: int) -> Asked:
    """A request to generate, as JSON or as a form; files of a form are taken in.

    Raises:
        Refusal: something is wrong with it; nothing was kept.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        said = await read_json(request)
        asked = Asked(read_said(GenerateRequest, said))
        asked.digest = _digest(asked)
        return asked
    async with request.form(max_files=2, max_fields=80, max_part_size=MOST_FIELD) as form:
        files = {name: form[name] for name in ("video", "audio") if name in form}
        said = _form_values(form, files)
        request_said = read_said(GenerateRequest, said)
        asked = Asked(request_said)
        try:
            for name, file in files.items():
                assert isinstance(file, UploadFile)  # noqa: S101 — see _form_values
                stored = await run_in_threadpool(assets.take, file.file, name, most)
                asked.files[name] = (file.filename or f"{name}{stored.kind.suffix}", stored)
                if stored.kind.kind not in KINDS_OF[name]:
                    line = f"{name}: is {stored.kind.kind.lower()}, not {name}"
                    raise Refusal(400, "not_media", line)
        except BaseException:
            asked.drop()
            raise
    asked.digest = _digest(asked)
    return asked


def _form_values(form: FormData, files: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a form as JSON has them; those that are objects are JSON in a text.

    Raises:
        Refusal: a field is not what it should be.
    """
    said: dict[str, Any] = {}
    for name, file in files.items():
        if not isinstance(file, UploadFile):
            raise Refusal(400, "invalid_request", f"{name}: wanted a file")
    inputs: list[Any] = [{"type": name, "assetId": f"uploaded {name}"} for name in files]
    for name, value in form.multi_items():
        if name in files:
            continue
        if not isinstance(value, str):
            raise Refusal(400, "invalid_request", f"{name[:32]}: wanted a text, got a file")
        if name in _TEXTS:
            said[name] = value
            continue
        parsed = parse_json(value, name[:32])
        if name == "input":
            inputs += parsed if isinstance(parsed, list) else [parsed]
        else:
            said[name] = parsed
    return {**said, "input": inputs}


def _digest(asked: Asked) -> str:
    """What a repeated request has to have in common with the first."""
    files = {name: stored.digest for name, (_, stored) in asked.files.items()}
    text = json.dumps([asked.request.told(), files], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
