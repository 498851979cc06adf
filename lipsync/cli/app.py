"""The commands together: options files, messages and exit codes.

Exit codes: 0 done; 2 an error that the user can fix (one line says how); 130 interrupted; 143
terminated; `marks verify` has more. A bug keeps its traceback.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import App, CycloptsError, Token
from pydantic import ValidationError
from rich.logging import RichHandler

from lipsync._version import __version__
from lipsync.cli.adapt import adapt_command
from lipsync.cli.console import console
from lipsync.cli.faces import faces
from lipsync.cli.inspect import inspect_command
from lipsync.cli.marks import marks
from lipsync.cli.render import render_command
from lipsync.cli.swap import swap_command
from lipsync.cli.train_decoder import train_mouth_command
from lipsync.errors import LipsyncError
from lipsync.options import (
    Composed,
    MouthOptions,
    RenderOptions,
    SwapOptions,
    read_options,
    validation_line,
)

# Options of the commands that take an --options file.
OPTIONS: dict[str, type[Composed]] = {
    "render": RenderOptions,
    "swap": SwapOptions,
    "train-mouth": MouthOptions,
}


def _read_options_file(app: App, commands: tuple[str, ...], arguments: Any) -> None:
    """Fill what the command line leaves open from the file given with --options."""
    file = next((a for a in arguments if a.names == ("--options",) and a.has_tokens), None)
    if file is None:
        return
    path = file.tokens[0].value
    values = read_options(Path(path), OPTIONS[commands[-1]])
    for argument in arguments:
        name = argument.keys[-1] if argument.keys else None
        if name in values and not argument.has_tokens:
            text = str(values[name])
            argument.append(Token(keyword=argument.name, value=text, source=path))


app = App(
    name="lipsync",
    help="Speech and a video of a person in; the video with the mouth speaking it out.",
    version=__version__,
    config=_read_options_file,
    result_action="return_value",
)
app.command(render_command, name="render")
app.command(adapt_command, name="adapt")
app.command(train_mouth_command, name="train-mouth")
app.command(swap_command, name="swap")
app.command(inspect_command, name="inspect")
app.command(faces)
app.command(marks)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    # Raise SystemExit on SIGTERM, so that a terminated run cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    handler = RichHandler(console=console, show_path=False, show_time=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
    try:
        app(arguments, exit_on_error=False, print_error=False)
    except (LipsyncError, CycloptsError) as error:
        print(f"lipsync: error: {_one_line(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        print(f"lipsync: {stop or 'interrupted; nothing was written'}", file=sys.stderr)
        sys.exit(130)


def _one_line(error: Exception) -> str:
    """An error as one line; the parser may have wrapped one of ours."""
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        return validation_line(cause)
    if isinstance(cause, LipsyncError):
        error = cause
    return " ".join(str(error).split())
