"""Dynamic program for a path through the target on which the head rests in pauses of the speech.

docs/method.md §6. For every output frame i a target frame j is chosen: the successor of the
previous one, or the same frame a second time, never a third. With A(i) whether there is speech,
H(j) the speed of the head and V(j) the speed of head and lids:

    G(i, j)    = H(j) where A(i) = 0;  −α_u H(j) two frames after the speech resumes;  else 0
    F(i, j, 0) = min F(i−1, j−1, ·) + G(i, j) + N(j)            shown for the first time
    F(i, j, 1) = F(i−1, j, 0) + α_s (V(j) + ε) + N(j)           shown again

Start and end are free, and cuts of the footage stay cuts. Differences from the source:

* A frame shown again does not stop the motion. It is replaced by the picture half-way to the next
  frame, so that each of the two moves half as far; it therefore pays no G, and α_s is smaller.
* Lids count only for repeated frames, so that no blink is slowed down. People blink in pauses; with
  lids in G the segment is chosen by its blinks, and 8 to 30 % less motion in the pauses costs at
  least 50 % more interpolated pictures.
* N(j) is added where a frame shows no face: there is no mouth to re-render.
* Skipping a frame, as a third move, was tried: the head rested no better, and moved in jumps.

Symbols: n output frames i, m target frames j.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lipsync.types import F32, I64, U8, Bools

Floats = NDArray[np.float64]

# Measured on three targets (docs/benchmarks/timing.md has the chosen values). With α_s = 2 the head
# keeps 0.62 to 0.74 of its speed in the pauses of jfk.flac, with 0.5 it keeps 0.41 to 0.43; with
# 0.25 it keeps 0.26 to 0.36, but up to a sixth of all pictures are interpolated. With α_u = 2 one
# lively frame at the resumption can outweigh a whole pause.
RESUME = 1.0  # α_u: reward of motion when the speech resumes
REPEAT = 0.5  # α_s: cost of a repeated frame
FACELESS = 1.0  # N: per frame, as much as a quick nod in a pause
IDLE = 0.02  # ε, outer-eye distances per second: keeps frames of a resting head from being repeated
# Size of a frame in a kept row, against one bit per move: balances the memory of both.
BITS_PER_KEPT_FRAME = 64


def motion_gains(speaking: Bools) -> F32:
    """Cost of motion at every output frame, (n,): the factor of H(j) in G(i, j)."""
    before = np.concatenate([speaking[:1], speaking[:-1]])
    earlier = np.concatenate([before[:1], before[:-1]])
    resumed = speaking & before & ~earlier
    return np.where(speaking, np.where(resumed, -RESUME, 0.0), 1.0).astype(np.float32)


def find_best_path(speaking: Bools, head: F32, motion: F32, found: Bools) -> I64:
    """Find the cheapest path, (n,) target frames, ascending.

    Only a few rows of F are kept; the moves between them are computed again while backtracking. An
    hour of speech over an hour of target at 25 frames per second takes 0.1 GB instead of 130, and
    half a minute.

    Args:
        speaking: (n,), A(i), with short gaps filled.
        head, motion: (m,), H(j) and V(j), finite.
        found: (m,), whether a frame shows the face.

    Raises:
        ValueError: the target is too short to fill the output even if every frame is repeated.
    """
    n, m = len(speaking), len(head)
    if n > 2 * m:
        raise ValueError(f"best_path: wanted at least {-(-n // 2)} target frames, got {m}")
    path = np.empty(n, np.int64)
    if n == 0:
        return path
    costs = _Costs(motion_gains(speaking), head, motion, found)
    every = max(1, int(np.sqrt(BITS_PER_KEPT_FRAME * n)))
    kept: list[F32] = []
    last = costs.first()
    for i, row in enumerate(costs.rows(last, 1, n)):
        if i % every == 0:
            kept.append(row.astype(np.float32))
        last = row
    again, j = (int(index) for index in np.unravel_index(int(last.argmin()), last.shape))
    path[-1] = j
    for block in range((n - 1) // every, -1, -1):
        first, end = block * every, min((block + 1) * every, n - 1)
        twice = np.empty((end - first, -(-m // 8)), np.uint8)
        for _ in costs.rows(kept[block].astype(np.float64), first + 1, end + 1, twice):
            pass
        for i in range(end, first, -1):
            if again:
                again = 0
            else:
                j -= 1
                again = int(twice[i - first - 1, j >> 3] >> (7 - (j & 7))) & 1
            path[i - 1] = j
    return path


class _Costs:
    """The recurrence; a row is (2, m): F(i, ·, 0) and F(i, ·, 1), minus their minimum."""

    def __init__(self, gain: F32, head: F32, motion: F32, found: Bools) -> None:
        self._gain = gain.tolist()
        self._head = head.astype(np.float64)
        self._faceless = None if found.all() else np.where(found, 0, FACELESS)
        self._again = REPEAT * (motion.astype(np.float64) + IDLE)

    def first(self) -> Floats:
        """F(0, ·, ·): the path may start anywhere."""
        row = np.stack([self._gain[0] * self._head, np.full(len(self._head), np.inf)])
        return row if self._faceless is None else row + self._faceless

    def rows(self, row: Floats, start: int, end: int, twice: U8 | None = None) -> Iterator[Floats]:
        """Yield `row`, which is F(start − 1), then F(start) … F(end − 1).

        Args:
            twice: (end − start, ⌈m / 8⌉), filled with bits: whether the cheaper path to each frame
                of the row *before* shows it twice.
        """
        yield row
        for i in range(start, end):
            if twice is not None:
                twice[i - start] = np.packbits(row[1] < row[0])
            new = np.empty_like(row)
            new[0, 0] = np.inf
            np.minimum(row[0, :-1], row[1, :-1], out=new[0, 1:])
            if self._gain[i]:
                new[0] += self._gain[i] * self._head
            np.add(row[0], self._again, out=new[1])
            if self._faceless is not None:
                new += self._faceless
            # Keeps sums over hours small, so that float32 is exact enough for kept rows.
            new -= new.min()
            row = new
            yield row
