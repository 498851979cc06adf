"""What several spans of a video need is computed once for all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from lipsync.inspection.evidence import Evidence

T = TypeVar("T")


def once(compute: Callable[[Evidence], T]) -> Callable[[Evidence], T]:
    """Remember what a function makes of a video, for as long as its evidence is in use.

    A result must not hold the evidence itself: it would never be forgotten.
    """
    known: WeakKeyDictionary[Evidence, T] = WeakKeyDictionary()

    @wraps(compute)
    def remembered(evidence: Evidence) -> T:
        if evidence not in known:
            known[evidence] = compute(evidence)
        return known[evidence]

    return remembered
