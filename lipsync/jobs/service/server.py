"""Running the service until a signal stops it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import uvicorn

from lipsync._version import __version__
from lipsync.errors import OptionsError
from lipsync.jobs.service.app import build_app
from lipsync.jobs.service.event_log import LogEvents
from lipsync.jobs.service.gate import MOST_HEAD
from lipsync.jobs.service.http_protocol import protocol_class
from lipsync.jobs.service.keys import check_binding
from lipsync.jobs.service.page import Page
from lipsync.jobs.service.service import Service, Setup
from lipsync.runtime.interrupt import StopRequest, graceful_interrupt

MOST_CONNECTIONS = 512
# Between two requests of one connection. Clients keep theirs for 5 s (httpx) and longer; if the
# service ended one as they begin to use it again, they would see it as reset.
KEEP_ALIVE_S = 75
LAST_ANSWERS_S = 3  # for answers that are being sent when the service is stopped


def serve(
    setup: Setup,
    *,
    page: Page | None = None,
    stop: StopRequest | None = None,
    started: Callable[[str, Service], None] | None = None,
) -> None:
    """Run the service until it is to stop; all work is in a state to go on when this returns.

    Args:
        page: for people, beside the API.
        stop: asks it to; None: signals do.
        started: called with its address when it listens.

    Raises:
        LipsyncError: it cannot be started.
    """
    options = setup.options
    check_binding(options.host, setup.keys)
    with ExitStack() as stack:
        listener, address = stack.enter_context(_listen(options.host, options.port))
        asked = stop or stack.enter_context(graceful_interrupt())
        stack.enter_context(_logs_as_events(setup))
        service = Service(setup, (options.public_url or address).rstrip("/"))
        stack.callback(service.stop)
        server = make_server(service, setup, page)
        server.stop = asked
        service.start()
        setup.log.tell("listening", url=address, pid=os.getpid(), version=__version__)
        if started is not None:
            started(address, service)
        asyncio.run(server.serve(sockets=[listener]))
        setup.log.tell("stopping", signal=asked.word)
    setup.log.tell("stopped")


class Server(uvicorn.Server):
    """uvicorn, stopped by our own handling of signals."""

    stop: StopRequest | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to who runs the service."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if self.stop is not None and self.stop.is_set():
            self.should_exit = True
        return await super().on_tick(counter)


def make_server(service: Service, setup: Setup, page: Page | None = None) -> Server:
    """uvicorn for a service, with its limits."""
    config = uvicorn.Config(
        build_app(service, setup.keys, page),
        http=protocol_class(setup.options.read_timeout),
        ws="none",
        loop="asyncio",
        lifespan="off" if page is None else "on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=LAST_ANSWERS_S,
        h11_max_incomplete_event_size=MOST_HEAD,
    )
    return Server(config)


@contextmanager
def _listen(host: str, port: int) -> Iterator[tuple[socket.socket, str]]:
    """A socket that listens, and its address as a URL.

    Raises:
        OptionsError: it cannot listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OptionsError(f"--host {host} --port {port}: cannot listen there ({reason})") from None
    with listener:
        name = f"[{host}]" if family == socket.AF_INET6 else host
        yield listener, f"http://{name}:{listener.getsockname()[1]}"


@contextmanager
def _logs_as_events(setup: Setup) -> Iterator[None]:
    """Have what libraries log written as events, and nowhere else."""
    handler = LogEvents(setup.log)
    loggers = [logging.getLogger(name) for name in ("uvicorn", "lipsync", "asyncio")]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagate in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate
