"""API keys: who may use the service, and where it may listen without any."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lipsync.errors import InputError, OptionsError

VARIABLE = "LIPSYNC_API_KEYS"  # NAME:KEY, several separated by commas
LEAST_LENGTH = 16  # of a key
HASHED = "sha256:"  # before the hash of a key, in hex, where the file is not to hold the key


@dataclass(frozen=True)
class Keys:
    """All keys by their hashes; keys of one name see the same generations."""

    known: tuple[tuple[str, bytes], ...] = ()  # (name, SHA-256 of the key)

    def find(self, given: str) -> str | None:
        """The name of a key; None: there is no such key. It takes as long for every key."""
        digest, found = hashlib.sha256(given.encode()).digest(), None
        for name, one in self.known:
            if hmac.compare_digest(one, digest):
                found = name
        return found


def read_keys(path: Path | None) -> Keys:
    """The keys of a file (NAME KEY on each line), or else of the environment.

    Raises:
        InputError: the file cannot be read, or a line is none of a key.
    """
    if path is None:
        listed = os.environ.get(VARIABLE, "")
        pairs = []
        for one in filter(str.strip, listed.split(",")):
            name, _, key = one.partition(":")
            pairs.append((name, key))
        return Keys(tuple(_keys(VARIABLE, "entry", pairs)))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"{path}: these keys cannot be read ({reason})") from None
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    named = [(line.split()[0], line[len(line.split()[0]) :]) for line in lines if line]
    keys = Keys(tuple(_keys(str(path), "key", named)))
    if not keys.known:
        raise InputError(f"{path}: holds no key; write NAME KEY on a line of its own")
    return keys


def _keys(place: str, what: str, pairs: list[tuple[str, str]]) -> Iterable[tuple[str, bytes]]:
    for number, (name, key) in enumerate(pairs, 1):
        name, key = name.strip(), key.strip()
        if not name or not key:
            raise InputError(f"{place}: {what} {number} has no name or no key")
        if key.startswith(HASHED):
            try:
                digest = bytes.fromhex(key.removeprefix(HASHED))
            except ValueError:
                digest = b""
            if len(digest) != hashlib.sha256().digest_size:
                raise InputError(f"{place}: {what} {number} ({name}) is no SHA-256 in hex")
            yield name, digest
            continue
        if len(key) < LEAST_LENGTH:
            raise InputError(
                f"{place}: {what} {number} ({name}) is shorter than {LEAST_LENGTH} characters"
            )
        yield name, hashlib.sha256(key.encode()).digest()


def is_local(host: str) -> bool:
    """Whether only this machine can reach an address to listen on."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_binding(host: str, keys: Keys) -> None:
    """See whether the service may listen there.

    Raises:
        OptionsError: others could use it without a key.
    """
    if not keys.known and not is_local(host):
        raise OptionsError(
            f"--host {host}: without keys only this machine may use the service; pass --keys FILE, "
            "or leave out --host"
        )
