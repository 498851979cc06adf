"""The command line of lipsync, which writes down when it enters which stage.

A line a stage: seconds of the system's monotonic clock, and the stage. Parts of outputs are short,
so that a short output has several.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from lipsync.media import parts
from lipsync.pipelines import render_parts
from lipsync.runtime.timer import StageTimer

JOIN = "join"  # the parts of the output are complete


def trace_stages(place: str) -> None:
    """Have every stage that is entered written down, also by processes that this one starts."""
    file = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    enter, join = StageTimer.stage, parts.join_parts

    def note(name: str) -> None:
        os.write(file, f"{time.monotonic():.4f} {name}\n".encode())

    def stage(timer: StageTimer, name: str) -> AbstractContextManager[None]:
        note(name)
        return enter(timer, name)

    def join_parts(*values: Any) -> None:
        note(JOIN)
        join(*values)

    StageTimer.stage = stage  # type: ignore[method-assign,assignment]
    render_parts.join_parts = join_parts  # type: ignore[attr-defined,assignment]


def run_traced(arguments: Sequence[str]) -> None:
    """Run a command of lipsync; TRACE names the file, PART_S the seconds of a part."""
    from lipsync.cli import main

    trace_stages(os.environ["TRACE"])
    parts.PART_S = float(os.environ["PART_S"])
    main(arguments)
