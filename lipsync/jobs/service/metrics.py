"""What Prometheus reads of the service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)


class Metrics:
    """The figures of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "lipsync_requests", "Requests answered", ("method", "route", "status"),
            registry=self.registry,
        )  # fmt: skip
        self.request_seconds = Histogram(
            "lipsync_request_seconds", "Time to the end of an answer", ("route",),
            registry=self.registry,
        )  # fmt: skip
        self.ended = Counter(
            "lipsync_generations_ended", "Generations that ended", ("status",),
            registry=self.registry,
        )  # fmt: skip
        self.render_seconds = Histogram(
            "lipsync_render_seconds", "Time of a render that succeeded", buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.video_seconds = Counter(
            "lipsync_video_seconds", "Seconds of video that were made", registry=self.registry
        )
        self.webhooks = Counter(
            "lipsync_webhooks", "Attempts at a message", ("result",), registry=self.registry
        )
        self.busy = Gauge("lipsync_workers_busy", "Workers that render", registry=self.registry)

    def watch(self, count: Callable[[], Mapping[str, int]], waiting: Callable[[], int]) -> None:
        """Have counts looked up when they are asked for: generations by status, and messages."""
        self.registry.register(_Counts(count, waiting))

    def text(self) -> bytes:
        """All of them, as Prometheus reads it."""
        return generate_latest(self.registry)


class _Counts(Collector):
    """Counts of the database."""

    def __init__(self, count: Callable[[], Mapping[str, int]], waiting: Callable[[], int]) -> None:
        self._count, self._waiting = count, waiting

    def collect(self) -> Iterable[Metric]:
        """Look them up."""
        name, text = "lipsync_generations", "Generations by status"
        generations = GaugeMetricFamily(name, text, labels=("status",))
        for status, number in self._count().items():
            generations.add_metric((status,), number)
        name, text = "lipsync_webhooks_waiting", "Messages that have not arrived"
        return generations, GaugeMetricFamily(name, text, value=self._waiting())
