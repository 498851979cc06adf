"""Which addresses the service may connect to on behalf of a client.

A URL comes from outside, and the service sees more of the network than its clients do. A name is
resolved once, every address it has must be public, and the connection goes to an address that was
checked: a name that changes in between gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore

from lipsync.jobs.service.refusal import Refusal

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class AddressRules:
    """What may be connected to."""

    private: bool = False  # everything
    hosts: frozenset[str] = frozenset()  # that may have an address that is not public

    def check_url(self, url: str, what: str) -> SplitResult:
        """A URL's parts, if it could be fetched; its name is not resolved.

        Raises:
            Refusal: another scheme, a user's name in it, no host, or an address not public.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise Refusal(400, "invalid_url", f"{what}: is no URL") from None
        if parts.scheme not in ("http", "https") or not host:
            raise Refusal(400, "invalid_url", f"{what}: wanted an http or https URL")
        if parts.username is not None or parts.password is not None or port == 0:
            raise Refusal(400, "invalid_url", f"{what}: a URL with a user name or port 0")
        if any(ord(one) <= 32 or ord(one) == 127 for one in url):
            raise Refusal(400, "invalid_url", f"{what}: has blanks or control characters")
        if not self._is_free(host) and (literal := _as_address(host)) is not None:
            _check(literal, what)
        return parts

    def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of a host, all of them allowed.

        Raises:
            Refusal: one of them is not public.
            OSError: the name is not known.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self._is_free(host):
            for address in addresses:
                _check(address, "the URL")
        return addresses

    def _is_free(self, host: str) -> bool:
        return self.private or host.lower().rstrip(".") in self.hosts


def is_public(address: str) -> bool:
    """Whether an address belongs to the public network, also the one that is inside of it."""
    one = ipaddress.ip_address(address.partition("%")[0])
    inside = list(_embedded(one))
    if inside:
        return all(is_public(str(inner)) for inner in inside)
    reserved = one.is_multicast or one.is_reserved or getattr(one, "is_site_local", False)
    return one.is_global and not reserved


class CheckedBackend(httpcore.SyncBackend):
    """Connects to allowed addresses only."""

    def __init__(self, rules: AddressRules) -> None:
        super().__init__()
        self._rules = rules

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that answers."""
        try:
            addresses = self._rules.resolve(host, port)
        except OSError:  # UnicodeError is a ValueError, and the name is checked by then
            raise httpcore.ConnectError("its name is not known") from None
        for number, address in enumerate(addresses, 1):
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):  # noqa: PERF203
                if number == len(addresses):
                    raise
        raise httpcore.ConnectError("it has no address")


def open_pool(rules: AddressRules) -> httpcore.ConnectionPool:
    """Connections under these rules; no proxy of the environment is used."""
    return httpcore.ConnectionPool(
        network_backend=CheckedBackend(rules), max_connections=16, max_keepalive_connections=0
    )


def _check(address: str, what: str) -> None:
    if not is_public(address):
        raise Refusal(400, "address_not_allowed", f"{what}: leads to an address that is not public")


def _as_address(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return None


def _embedded(one: _Address) -> Iterator[_Address]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if isinstance(one, ipaddress.IPv4Address):
        return
    for inner in (one.ipv4_mapped, one.sixtofour, *(one.teredo or ())):
        if inner is not None:
            yield inner
    if one in _NAT64:
        yield ipaddress.IPv4Address(int(one) & 0xFFFFFFFF)
