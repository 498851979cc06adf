"""What a dry run of a render finds."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """A part of the work, and what it is expected to take."""

    name: str
    seconds: float
    cached: bool = False  # it is read from the cache


@dataclass(frozen=True)
class RenderEstimate:
    """Result of `estimate_render`: all checks passed, nothing was written."""

    output: Path  # that a render would write
    frames: int
    fps: Fraction
    width: int
    height: int
    duration: float  # seconds of the output
    steps: tuple[Step, ...]
    seconds: float  # of all steps
    memory: int  # bytes at most
    output_size: int  # bytes
    cache_size: int  # bytes that the cache would grow by
    temporary_size: int  # bytes, while it runs
    output_free: int  # bytes on the disk of the output
    cache_free: int  # bytes on the disk of the cache
    warnings: tuple[str, ...]
