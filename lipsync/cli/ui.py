"""`lipsync ui`."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from cyclopts import Parameter

from lipsync.cli.console import print_line
from lipsync.errors import MissingPackageError
from lipsync.jobs.service.options import ServeOptions
from lipsync.options import RenderOptions, read_options
from lipsync.runtime.atomic import os_errors_as_output_errors

RATE = 60_000.0  # requests a minute: those of the page, in many windows
OPTIONS_HELP = "A YAML file of options for every render; those set on the page take precedence."


def ui_command(
    *,
    port: int = 8770,
    data: Path | None = None,
    root: tuple[Path, ...] = (),
    texts: Path | None = None,
    options: Annotated[Path | None, Parameter(help=OPTIONS_HELP)] = None,
    browser: bool = True,
) -> None:
    """Open the page in a browser: files in, preview, result beside the original.

    Only this machine can reach it, and it reaches nothing else. The API of `lipsync serve` is
    there as well, at /v2. Ctrl-C stops both; what is not finished goes on at the next start.

    Parameters
    ----------
    port:
        Port of this machine to listen on; 0: any that is free.
    data:
        Folder of the queue, uploads and results. Default: lipsync's folder among the user's data.
    root:
        Folder whose files clients of the API may name by their paths; can be repeated.
    texts:
        A YAML file with the words of the page in another language.
    browser:
        Open the browser.
    """
    try:
        from lipsync.jobs.service.event_log import EventLog
        from lipsync.jobs.service.server import serve
        from lipsync.jobs.service.service import Service, Setup
        from lipsync.web.page import make_page
        from lipsync.web.texts import read_texts
    except ModuleNotFoundError as error:
        if str(error.name).startswith("lipsync"):
            raise
        raise MissingPackageError(str(error.name), "lipsync ui", "ui") from None
    defaults: dict[str, Any] = {} if options is None else read_options(options, RenderOptions)
    words = read_texts(texts)
    folder = data or Path(platformdirs.user_data_dir("lipsync")) / "ui"
    settings = ServeOptions(port=port, rate=RATE)
    with os_errors_as_output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        events = (folder / "events.log").open("a", encoding="utf-8")

    def opened(address: str, service: Service) -> None:
        print_line(f"the page is at {address}/ (Ctrl-C stops it)")
        if browser:
            webbrowser.open(f"{address}/")

    with events:
        page = make_page((folder / "page").resolve(), words)
        log = EventLog(events, without=("request",))  # the page asks twice a second
        setup = Setup(folder, root, defaults=defaults, options=settings, log=log)
        serve(setup, page=page, started=opened)
