"""The commands together: options files, messages and exit codes.

Exit codes: 0 done; 2 an error that the user can fix (one line says how); 130 interrupted (Ctrl-C),
143 terminated, 129 hung up; `marks verify` and `doctor` have more. A bug keeps its traceback.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import App, CycloptsError, Token
from pydantic import ValidationError

from lipsync.cli.console import LogLines, flush_out, has_odd_bytes, help_console, print_line
from lipsync.errors import LipsyncError
from lipsync.runtime.atomic import record_outputs
from lipsync.runtime.commit import describe_version
from lipsync.runtime.interrupt import stop_on_signals
from lipsync.runtime.memory import return_large_arrays

# Where each command is, and what the list of commands says of it. It is imported when it is used:
# the libraries that all of them need take seconds to load.
COMMANDS = {
    "demo": (
        "demo:demo_command",
        "Render the bundled sample: an animated portrait speaks other words.",
    ),
    "render": ("render:render_command", "Make the person in a video speak."),
    "batch": (
        "batch:batch_command",
        "Render all jobs of a manifest; what an earlier run has done is skipped.",
    ),
    "plan": (
        "shards:plan_command",
        "Decide all of a render but make no frame, so that machines can share its frames.",
    ),
    "shard": (
        "shards:shard_command",
        "Make one shard of a planned render; what is finished is not made again.",
    ),
    "join": (
        "shards:join_command",
        "Join the shards of a planned render, with its sound and its marks.",
    ),
    "serve": (
        "serve:serve_command",
        "Render for other programs, over HTTP, as sync.so's API does (docs/serve.md).",
    ),
    "ui": (
        "ui:ui_command",
        "Open the page in a browser: files in, preview, result beside the original.",
    ),
    "adapt": (
        "adapt:adapt_command",
        "Adapt the speech model to a person, from footage in which they speak.",
    ),
    "train-mouth": (
        "train_decoder:train_mouth_command",
        "Train a decoder of a person's mouth, for render --texture decoder.",
    ),
    "swap": (
        "swap:swap_command",
        "Replace a person's face with another person's, both of whom have agreed.",
    ),
    "inspect": (
        "inspect:inspect_command",
        "Look for evidence that a video was made, and read the marks it carries.",
    ),
    "faces": ("faces:faces", "Face sets, for training a face swap."),
    "marks": ("marks:marks", "Marks that say what was generated."),
    "cache": ("cache:cache", "What is kept on disk, so that the next render is quicker."),
    "doctor": (
        "doctor:doctor_command",
        "Check the installation and the machine, and say what to do about what is not right.",
    ),
    "completion": (
        "completion:completion_command",
        "Print the script by which a shell completes commands, options and what they take.",
    ),
}
# Options of the commands that take an --options file, in `lipsync.options`.
OPTIONS = {
    "render": "RenderOptions",
    "plan": "RenderOptions",
    "swap": "SwapOptions",
    "train-mouth": "MouthOptions",
}

ODD_NAME = (
    "the name of a file or folder is not UTF-8, which a library that is needed here cannot take; "
    "rename it, or give a link to it"
)


def _read_options_file(app: App, commands: tuple[str, ...], arguments: Any) -> None:
    """Fill what the command line leaves open from the file given with --options."""
    file = next((a for a in arguments if a.names == ("--options",) and a.has_tokens), None)
    if file is None or commands[-1] not in OPTIONS:  # others read it themselves
        return
    from lipsync import options

    path = file.tokens[0].value
    values = options.read_options(Path(path), getattr(options, OPTIONS[commands[-1]]))
    for argument in arguments:
        name = argument.keys[-1] if argument.keys else None
        # A stage may be called as one of its options: timing, adapt.
        if name in values and not argument.has_tokens and not argument.children:
            text = str(values[name])
            argument.append(Token(keyword=argument.name, value=text, source=path))


app = App(
    name="lipsync",
    help="Speech and a video of a person in; the video with the mouth speaking it out.",
    version=lambda: f"lipsync {describe_version()}",
    version_format="plaintext",
    config=_read_options_file,
    console=help_console,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
for _name, (_place, _help) in COMMANDS.items():
    app.command(f"lipsync.cli.{_place}", name=_name, help=_help)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    logging.basicConfig(level=logging.WARNING, handlers=[LogLines()])
    return_large_arrays()
    with stop_on_signals() as stop, record_outputs() as written:
        try:
            app(arguments, exit_on_error=False, print_error=False)
            flush_out()  # help and version are printed by the parser
        except (LipsyncError, CycloptsError) as error:
            if not stop.is_set():
                print_line(f"lipsync: error: {_one_line(error)}")
                sys.exit(2)
        except KeyboardInterrupt as error:
            print_line(f"lipsync: {stop.word}; {str(error) or _what_was_written(written)}")
            sys.exit(stop.exit_code)
        except UnicodeEncodeError as error:
            if not stop.is_set() and not has_odd_bytes(error.object):
                raise
            if not stop.is_set():
                print_line(f"lipsync: error: {ODD_NAME}")
                sys.exit(2)
        except Exception:
            if not stop.is_set():
                raise
        # Libraries make other errors of an interrupt, or swallow it.
        if stop.is_set():
            print_line(f"lipsync: {stop.word}; {_what_was_written(written)}")
            sys.exit(stop.exit_code)


def _what_was_written(record: Sequence[Path]) -> str:
    """What an interrupted command leaves, and how to go on."""
    there = [str(path) for path in dict.fromkeys(record) if path.exists()]
    if not there:
        return "nothing was written; run the command again to go on"
    return f"{' and '.join(there)} was written, the rest was not; --overwrite goes on"


def _one_line(error: Exception) -> str:
    """An error as one line; the parser may have wrapped one of ours."""
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        from lipsync.options import validation_line

        return validation_line(cause)
    if isinstance(cause, LipsyncError):
        error = cause
    # Two spaces in the name of a file are two spaces.
    return re.sub(r"\s*\n\s*", " ", str(error).strip())
