"""The options of the service."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lipsync.runtime.disk_space import SizeText
from lipsync.runtime.option_spec import option_group


@option_group
class ServeOptions:
    """Where the service listens, and what it takes."""

    host: str = "127.0.0.1"
    """Address to listen on. Others than this machine's own need --keys."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8765
    """Port to listen on; 0: any that is free."""
    public_url: str | None = None
    """Address that clients use, such as https://dub.example.org, where a proxy stands before the
    service. Default: http://HOST:PORT."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Generations that are rendered side by side."""
    job_timeout: Annotated[float, Field(gt=0)] = 3600.0
    """Seconds after which an attempt at a generation is given up."""
    max_queue: Annotated[int, Field(ge=1)] = 200
    """Generations that may wait; more are answered with 429."""
    rate: Annotated[float, Field(gt=0)] = 600.0
    """Requests a minute of one key; more are answered with 429."""
    max_upload: SizeText = "2G"
    """Size of an upload at most."""
    max_download: SizeText = "2G"
    """Size of a file at most that is fetched from a URL."""
    download_timeout: Annotated[float, Field(gt=0)] = 600.0
    """Seconds that fetching one file may take."""
    upload_timeout: Annotated[float, Field(gt=0)] = 900.0
    """Seconds that an upload may take."""
    read_timeout: Annotated[float, Field(gt=0)] = 20.0
    """Seconds without a byte after which a client is given up; also those in which the head of a
    request has to be complete."""
    max_seconds: Annotated[float, Field(gt=0)] = 1800.0
    """Length of an input at most."""
    max_pixels: Annotated[int, Field(ge=1)] = 3840 * 2160
    """Pixels of a picture of the target at most."""
    min_free: SizeText = "1G"
    """Room on the disk below which uploads are refused."""
    allow_url_host: tuple[str, ...] = ()
    """Host that may be fetched from and told of results although its address is not public; can be
    repeated."""
    allow_private: bool = False
    """The same for every host: only where nobody else's requests arrive."""
    keep_days: Annotated[float, Field(gt=0)] = 30.0
    """Days after which finished generations and assets nobody uses are deleted."""
    grace: Annotated[float, Field(ge=0)] = 10.0
    """Seconds that running generations have to finish when the service is stopped; the others go on
    at the next start."""
