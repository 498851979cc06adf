"""`lipsync cache info`, `prune` and `clear`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from lipsync.cli.console import print_out
from lipsync.cli.parameters import AsJson
from lipsync.errors import OptionsError, OutputError
from lipsync.report.results import as_text
from lipsync.runtime.cache import DEFAULT_SIZE, Cache
from lipsync.runtime.cache_pruning import CacheInfo, PruneResult, clear, describe_cache, prune
from lipsync.runtime.disk_space import format_size, parse_size

cache = App(name="cache", help="What is kept on disk, so that the next render is quicker.")


@cache.command(name="info")
def info_command(*, as_json: AsJson = False) -> None:
    """Show where the cache is and what it holds: sizes, counts and ages by kind."""
    info = describe_cache(Cache.default_root())
    print_out(as_text(info) if as_json else "\n".join(describe_info(info)))


@cache.command(name="prune")
def prune_command(
    *, cache_size: Annotated[str, Parameter()] = DEFAULT_SIZE, as_json: AsJson = False
) -> None:
    """Remove what has not been used for longest, and what killed runs left behind.

    Parameters
    ----------
    cache_size:
        Room that the rest may take, e.g. 500M or 20G.
    """
    try:
        limit = parse_size(cache_size)
    except ValueError as error:
        raise OptionsError(f"--cache-size {cache_size}: {error}") from None
    _print(prune(_writable_root(), limit), as_json)


@cache.command(name="clear")
def clear_command(*, as_json: AsJson = False) -> None:
    """Remove everything that is not in use."""
    _print(clear(_writable_root()), as_json)


def describe_info(info: CacheInfo) -> list[str]:
    """The cache in a few lines."""
    state = "" if info.writable else f"; cannot be written ({info.fault})"
    lines = [
        f"{info.root}{state}",
        f"{format_size(info.size)} in {_count(info.entries)}; {format_size(info.free)} are free",
    ]
    for kind in info.kinds:
        ages = f"used {_age(kind.newest_use_s)} to {_age(kind.oldest_use_s)} ago"
        if kind.entries == 1:
            ages = f"used {_age(kind.newest_use_s)} ago"
        lines.append(f"{kind.kind:>10}  {format_size(kind.size):>8}  {kind.entries:>5}  {ages}")
    return lines


def _print(result: PruneResult, as_json: bool) -> None:
    if as_json:
        print_out(as_text(result))
        return
    kept = f"; {_count(result.in_use)} in use stayed" if result.in_use else ""
    print_out(
        f"removed {_count(result.removed)}, {format_size(result.freed)}; "
        f"{_count(result.entries)}, {format_size(result.size)} are left{kept}"
    )


def _writable_root() -> Path:
    """The cache's folder; OutputError: nothing can be removed from it."""
    root = Cache.default_root()
    if root.exists() and not os.access(root, os.W_OK | os.X_OK):
        raise OutputError(f"{root}: nothing can be removed there: it cannot be written")
    return root


def _count(entries: int) -> str:
    return "1 entry" if entries == 1 else f"{entries} entries"


def _age(seconds: float) -> str:
    for name, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} s"
