"""A body that is a file, written while it arrives."""

from __future__ import annotations

import hashlib
import os
import secrets

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from lipsync.jobs.service.assets import Assets, StoredFile
from lipsync.jobs.service.file_kinds import HEAD, tell_kind
from lipsync.jobs.service.refusal import Refusal


async def receive_file(request: Request, assets: Assets, size: int) -> StoredFile:
    """Take in the body of a request.

    Args:
        size: that it has to have, bytes.

    Raises:
        Refusal: it is no media, or has another size; nothing was kept.
    """
    await run_in_threadpool(assets.check_room, size)
    part = assets.folder / f".{secrets.token_hex(12)}.part"
    digest, head, got = hashlib.sha256(), bytearray(), 0
    try:
        with part.open("xb") as file:
            async for block in request.stream():
                got += len(block)
                if got > size:
                    raise Refusal(413, "too_large", f"the file has more than the {size} bytes told")
                head += block[: HEAD - len(head)]
                digest.update(block)
                await run_in_threadpool(file.write, block)
            if got != size:
                line = f"the file has {got} bytes; {size} were announced"
                raise Refusal(400, "wrong_size", line)
            kind = tell_kind(bytes(head), "the file")
            await run_in_threadpool(os.fsync, file.fileno())
        place = part.with_name(f"{secrets.token_hex(12)}{kind.suffix}")
        part.rename(place)
    finally:
        part.unlink(missing_ok=True)
    return StoredFile(place, kind, got, digest.hexdigest())
