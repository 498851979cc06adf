"""What every stage of one run shares: cache, timer, device, progress."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lipsync.runtime.cache import Cache
from lipsync.runtime.loaded import LoadedValues
from lipsync.runtime.timer import StageTimer
from lipsync.types import Progress

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class RunContext:
    """The services of one run, handed from the pipeline to its stages."""

    cache: Cache
    device: str = "cpu"  # where networks run
    progress: Progress | None = None
    timer: StageTimer = field(default_factory=StageTimer)

    @staticmethod
    @contextmanager
    def open(
        use_cache: bool,
        device: str,
        progress: Progress | None,
        cache_size: int | None = None,
        loaded: LoadedValues | None = None,
    ) -> Iterator[RunContext]:
        """A context whose cache is the user's, or a temporary one that is removed at the end.

        What the user should know of the cache and no result tells is logged as a warning.

        Args:
            cache_size: bytes to which the user's cache is pruned at the end; None: the default.
            loaded: what earlier runs of this process keep in memory, and this one will.
        """
        with Cache(Cache.default_root() if use_cache else None, cache_size, loaded) as cache:
            yield RunContext(cache, device, progress)
            for line in cache.take_warnings():  # not after an error, which is one line
                LOG.warning(line)

    def report(self, stage: str, done: int, total: int | None) -> None:
        """Report that `done` of `total` steps of a stage are done; `total` None: unknown."""
        if self.progress is not None:
            self.progress(stage, done, total)

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds per stage so far, rounded for a result."""
        return {name: round(value, 3) for name, value in self.timer.seconds.items()}

    @property
    def cpu_seconds(self) -> dict[str, float]:
        """Likewise, CPU time."""
        return {name: round(value, 3) for name, value in self.timer.cpu_seconds.items()}
