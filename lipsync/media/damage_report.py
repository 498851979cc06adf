"""Damage met while frames were read, in words."""

from __future__ import annotations

from collections.abc import Iterator

from lipsync.runtime.wording import count_of
from lipsync.types import VideoInfo


def describe_damage(info: VideoInfo) -> Iterator[str]:
    """A line for each kind of damage met while frames of `info` were read; none if all was well."""
    damage = info.damage
    if damage.replaced:
        first = min(damage.replaced)
        does = "is damaged and shows" if len(damage.replaced) == 1 else "are damaged and show"
        yield (
            f"{info.path}: {len(damage.replaced)} of its {count_of(info.frame_count, 'frame')} "
            f"{does} the picture before (the first is frame {first})"
        )
    if damage.partly_decoded:
        yield (
            f"{info.path}: damaged; {count_of(damage.partly_decoded, 'picture')} could be decoded "
            "only in part"
        )
