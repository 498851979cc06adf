"""A process that makes parts: reads what to make from its standard input, answers on its output.

Started by `part_workers`; both speak in pickles, one after the other. It ends with its starter (see
`runtime.orphans`), also in the middle of a part.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

from lipsync.pipelines.part_making import PartMaker
from lipsync.runtime.memory import return_large_arrays
from lipsync.runtime.timer import StageTimer

FRAMES_A_REPORT = 10


def main() -> None:
    """Make parts until there are no more."""
    # The terminal sends its signals to every process; who started this one decides what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("lipsync").addHandler(logging.NullHandler())  # the starter has told it
    return_large_arrays()
    orders = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get into the answers
    try:
        maker: PartMaker = pickle.load(orders)  # noqa: S301 — from who started this process
        while True:
            part, place = pickle.load(orders)  # noqa: S301
            _make(maker, part, place, answers)
    except (EOFError, pickle.UnpicklingError):
        return  # who started this process is gone


def _make(maker: PartMaker, part: range, place: Path, answers: BinaryIO) -> None:
    """Make one part, and tell how it goes."""
    timer, done = StageTimer(), 0

    def report() -> None:
        nonlocal done
        done += 1
        if done % FRAMES_A_REPORT == 0:
            _send(answers, ("frames", FRAMES_A_REPORT))

    try:
        with timer.stage("encode"):
            log = maker.make(part, place, timer, report)
    except Exception as error:
        _send(answers, ("error", error))
        return
    _send(answers, ("frames", done % FRAMES_A_REPORT))
    _send(answers, ("part", (log, timer.seconds, timer.cpu_seconds)))


def _send(answers: BinaryIO, message: Any) -> None:
    try:
        answers.write(pickle.dumps(message))
    except (pickle.PicklingError, TypeError, AttributeError):  # an error that cannot travel
        answers.write(pickle.dumps((message[0], RuntimeError(repr(message[1])))))
    answers.flush()


if __name__ == "__main__":
    main()
