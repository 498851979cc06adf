"""`lipsync serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from lipsync.errors import MissingPackageError
from lipsync.jobs.service.keys import read_keys
from lipsync.jobs.service.options import ServeOptions
from lipsync.options import RenderOptions, read_options

OPTIONS_HELP = "A YAML file of options for every render; those of a request take precedence."


def serve_command(
    *,
    data: Path,
    root: tuple[Path, ...] = (),
    keys: Path | None = None,
    webhook_secret: Path | None = None,
    options: Annotated[Path | None, Parameter(help=OPTIONS_HELP)] = None,
    settings: Annotated[ServeOptions | None, Parameter(name="*")] = None,
) -> None:
    """Render for other programs, over HTTP, as sync.so's API does (docs/serve.md).

    Events are printed on stderr, one JSON object a line. A signal (Ctrl-C, SIGTERM) stops the
    service; what it has not finished goes on at the next start.

    Parameters
    ----------
    data:
        Folder of the queue, uploads and outputs; made if it is not there. One service at a time
        can use it.
    root:
        Folder whose files clients may name by their paths; can be repeated.
    keys:
        File of API keys: NAME KEY on each line. Default: those in LIPSYNC_API_KEYS
        (NAME:KEY,NAME:KEY); with none, only this machine may use the service.
    webhook_secret:
        File with the secret that signs messages to webhooks. Default: webhook-secret in the data
        folder, made at the first start.
    """
    try:
        from lipsync.jobs.service.server import serve
        from lipsync.jobs.service.service import Setup
    except ModuleNotFoundError as error:
        if str(error.name).startswith("lipsync"):
            raise
        raise MissingPackageError(str(error.name), "lipsync serve", "serve") from None
    defaults = {} if options is None else read_options(options, RenderOptions)
    serve(Setup(data, root, read_keys(keys), webhook_secret, defaults, settings or ServeOptions()))
