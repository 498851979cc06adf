"""Importing libraries late."""

from __future__ import annotations

import importlib
import threading


def import_apart(name: str) -> None:
    """Import a module in a thread of its own.

    MediaPipe keeps an exception of its import, and with it every frame of the stack on which it was
    imported: all that our functions hold there, such as the faces of a whole video, would stay in
    memory until the process ends.

    Raises:
        ImportError: it cannot be imported.
    """
    failed: list[BaseException] = []

    def run() -> None:
        try:
            importlib.import_module(name)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
