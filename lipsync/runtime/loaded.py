"""Values kept in memory between the runs of one process: tracks, banks, models of a target."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class LoadedValues:
    """The most recently used values, each made once; for several threads.

    What is kept is shared: nobody may change it.
    """

    def __init__(self, most: int) -> None:
        """`most`: how many values are kept; 0: none."""
        self.most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key; `make` is called if there is none, by one thread at a time.

        Raises:
            Exception: what `make` raises; nothing is kept then.
        """
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]  # type: ignore[no-any-return]
            turn = self._making.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._values:  # another thread was faster
                    return self._values[key]  # type: ignore[no-any-return]
            try:
                value = make()
            finally:
                with self._lock:
                    self._making.pop(key, None)
            with self._lock:
                self._values[key] = value
                while len(self._values) > self.most:
                    self._values.popitem(last=False)
            return value

    def clear(self) -> None:
        """Let everything go."""
        with self._lock:
            self._values.clear()

    def __len__(self) -> int:
        with self._lock:
            return len(self._values)
