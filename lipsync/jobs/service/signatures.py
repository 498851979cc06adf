"""Secrets of the service, and what is signed with them: messages, and links to results."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from lipsync.errors import InputError, OutputError
from lipsync.runtime.portable import create_file

LINK_LIFE_S = 7 * 24 * 3600.0
WEBHOOK_PREFIX = "whsec_"


def read_secret(path: Path, *, make: bool, prefix: str = "") -> str:
    """The secret in a file.

    Args:
        make: one if there is none; only its owner may read it.

    Raises:
        InputError: it cannot be read, or is too short.
        OutputError: it cannot be made.
    """
    if make and not path.exists():
        try:
            with os.fdopen(create_file(path, 0o600), "w", encoding="utf-8") as file:
                file.write(f"{prefix}{secrets.token_hex(32)}\n")
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from None
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: this secret cannot be read ({error})") from None
    if len(secret) < 16:
        raise InputError(f"{path}: a secret has at least 16 characters")
    return secret


def sign_message(secret: str, body: str, at: int) -> str:
    """The value of Sync-Signature for a message that is sent at a time (Unix seconds)."""
    digest = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


@dataclass(frozen=True)
class Links:
    """Links that open one file without a key, for a while."""

    base: str  # address of the service
    secret: str

    def make(self, path: str) -> str:
        """The link to a path of the service."""
        until = int(time.time() + LINK_LIFE_S)
        return f"{self.base}{path}?expires={until}&signature={self._sign(path, until)}"

    def opens(self, path: str, expires: str, signature: str) -> bool:
        """Whether a link's values are ours, and still hold."""
        if not expires.isascii() or not expires.isdigit() or len(expires) > 12:
            return False
        right = hmac.compare_digest(self._sign(path, int(expires)).encode(), signature.encode())
        return right and int(expires) > time.time()

    def _sign(self, path: str, until: int) -> str:
        text = f"{path} {until}".encode()
        return hmac.new(self.secret.encode(), text, hashlib.sha256).hexdigest()
