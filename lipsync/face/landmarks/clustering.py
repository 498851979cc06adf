"""Faces seen one by one → people: who is where in every frame, across gaps, crossings and cuts.

1. Pieces: from frame to frame a face goes on as the one that is nearest, where that is beyond
   doubt. A face that is lost, or meets another, ends its piece; so does a cut, and a moment at
   which all heads jump, which may be a cut that changes little else.
2. People: pieces are joined, the surest pair first, by the look of the upper face (`likeness`) and,
   over a short gap within a shot, by where the one ended and the other begins. Two pieces that are
   seen at the same time are never one person's.

Symbols: m faces, p pieces.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from lipsync.face.identity import SAME, units
from lipsync.face.landmarks.detections import Faces
from lipsync.face.landmarks.shot_detection import head_jumps
from lipsync.runtime.threads import small_products
from lipsync.types import F32, I64, Bools

NEAR = 0.5  # diagonals of a face that it moves at most from one frame to the next
CLEARLY, STILL = 3.0, 0.05  # times as far, and diagonals on top: one that is further is not meant
GROWTH = 1.6  # times that it grows or shrinks at most
GAP_S = 1.0  # over which a place still tells who it is
BONUS = 0.3  # likeness that ending where the other begins is worth …
JUMPED = 0.12  # … and where all heads jump in between: not more than parts two strangers
UNSEEN = 0.6  # likeness of what was too short to be looked at: that of two strangers
MEAN = 0.65  # likeness that all of two people's pieces have at least in the mean
LOOKS = 6  # of a piece that are compared
RIVAL = 0.3  # of the most prominent one's prominence, from which somebody may be meant as well
ALONE = 2.0  # affinity of pieces of a shot that never shows two faces: more than any likeness


@dataclass
class _Piece:
    """One face from where it appears to where it is lost or in doubt."""

    rows: list[int]  # of the m faces
    take: int  # counts cuts and jumps
    looks: list[F32] = field(default_factory=list)


@lru_cache(maxsize=4)
def people(faces: Faces) -> list[I64]:
    """Whose face is whose; found once for the same Faces.

    Returns:
        One array per person of indices of their faces, at most one per frame; the most prominent
        first, by the sum of their diagonals over all frames.
    """
    if not len(faces):
        return []
    pieces = _pieces(faces, faces.cuts)
    pieces = _pieces(faces, np.union1d(faces.cuts, _jumps(faces, pieces)))
    place = {row: i for i, piece in enumerate(pieces) for row in piece.rows}
    looks: list[list[int]] = [[] for _ in pieces]
    for look, face in enumerate(faces.looked.tolist()):
        looks[place[face]].append(look)
    for piece, own in zip(pieces, looks, strict=True):
        some = np.linspace(0, len(own) - 1, min(LOOKS, len(own))).round().astype(int)
        piece.looks = faces.look(np.asarray(own, np.int64)[some])
    size = faces.size
    found = [
        np.sort(np.concatenate([pieces[i].rows for i in group])).astype(np.int64)
        for group in _joined(faces, pieces)
    ]
    return sorted(found, key=lambda rows: -float(size[rows].sum()))


def rivals(faces: Faces) -> int:
    """How many people are about as prominent as the most prominent one, who counts as well."""
    size = faces.size
    shares = [float(size[rows].sum()) for rows in people(faces)]
    return sum(share >= RIVAL * shares[0] for share in shares)


def _jumps(faces: Faces, pieces: list[_Piece]) -> I64:
    """Frames at which every head that is seen before and after is suddenly elsewhere."""
    jumping, going = np.zeros(faces.count + 1, int), np.zeros(faces.count + 1, int)
    for piece in pieces:
        points = faces.points[piece.rows]
        first = faces.frame[piece.rows[0]]
        jumping[first + head_jumps(points, np.ones(len(points), bool), faces.scheme)] += 1
        going[first + 1 : first + len(points)] += 1
    return np.flatnonzero((jumping > 0) & (jumping == going)).astype(np.int64)


def _pieces(faces: Faces, cuts: I64) -> list[_Piece]:
    """Faces linked from frame to frame where there is no doubt."""
    centre, size = faces.centre, faces.size
    take = np.searchsorted(cuts, faces.frame, side="right")
    edges = np.searchsorted(faces.frame, np.arange(faces.count + 1))
    following = _possible(centre[:-1], size[:-1], centre[1:], size[1:])[0].tolist()
    done: list[_Piece] = []
    running: list[_Piece] = []
    for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        # Most videos show one face all the time: what `_near` says then is known for all at once.
        alone = end == first + 1 and len(running) == 1 and running[0].take == take[first]
        if alone and following[first - 1]:
            running[0].rows.append(first)
            continue
        here = np.arange(first, end)
        going: list[_Piece] = []
        free = set(here.tolist())
        if len(here) and running and running[0].take == take[first]:
            before = np.array([piece.rows[-1] for piece in running])
            near = _near(centre, size, before, here)
            for i, piece in enumerate(running):
                candidates = np.flatnonzero(near[i])
                # In doubt when either might be another one: then looks will tell.
                if len(candidates) == 1 and near[:, candidates[0]].sum() == 1:
                    piece.rows.append(int(here[candidates[0]]))
                    free.discard(piece.rows[-1])
                    going.append(piece)
                else:
                    done.append(piece)
        else:
            done += running
        running = going + [_Piece([row], int(take[row])) for row in sorted(free)]
    return done + running


def _near(centre: F32, size: F32, before: I64, after: I64) -> Bools:
    """Whether each face before (b) may be each one after (a), (b, a): none is much nearer."""
    possible, apart, smaller = _possible(
        centre[before][:, None], size[before][:, None], centre[after][None], size[after][None]
    )
    apart = np.where(possible, apart, np.inf)
    nearest = np.minimum(apart.min(1, keepdims=True), apart.min(0, keepdims=True))
    return np.asarray(possible & (apart <= CLEARLY * nearest + STILL * smaller))


def _possible(centre: F32, size: F32, later_centre: F32, later_size: F32) -> tuple[Bools, F32, F32]:
    """Whether faces (...) may be those of a frame later; how far apart they are; the lesser size.

    Args:
        centre, later_centre: (..., 2); size, later_size: (...).
    """
    apart = np.linalg.norm(centre - later_centre, axis=-1)
    smaller, larger = np.minimum(size, later_size), np.maximum(size, later_size)
    return (apart < NEAR * smaller) & (larger < GROWTH * smaller), apart, smaller


def _joined(faces: Faces, pieces: list[_Piece]) -> list[list[int]]:
    """Pieces grouped into people."""
    alike = _affinities(faces, pieces)
    together = _together(faces, pieces)
    groups = {i: [i] for i in range(len(pieces))}
    home = list(range(len(pieces)))
    i, j = np.nonzero(np.triu(alike >= SAME, 1))
    ranked = np.argsort(-alike[i, j], kind="stable")
    for one, other in zip(i[ranked].tolist(), j[ranked].tolist(), strict=True):
        a, b = home[one], home[other]
        if a == b:
            continue
        pairs = np.ix_(groups[a], groups[b])
        if together[pairs].any() or alike[pairs].mean() < MEAN:
            continue
        groups[a] += groups.pop(b)
        for member in groups[a]:
            home[member] = a
    return list(groups.values())


def _together(faces: Faces, pieces: list[_Piece]) -> Bools:
    """Which pieces are seen in one and the same frame, (p, p)."""
    first = faces.frame[[piece.rows[0] for piece in pieces]]
    last = faces.frame[[piece.rows[-1] for piece in pieces]]
    return np.asarray((first[:, None] <= last) & (first <= last[:, None]))


def _affinities(faces: Faces, pieces: list[_Piece]) -> F32:
    """How surely each two pieces show one person, (p, p)."""
    alike = _likenesses([piece.looks for piece in pieces])
    first = faces.frame[[piece.rows[0] for piece in pieces]]
    last = faces.frame[[piece.rows[-1] for piece in pieces]]
    shot = np.searchsorted(faces.cuts, first, side="right")
    take = np.array([piece.take for piece in pieces])
    gap = (first - last[:, None]) / float(faces.fps)  # from the end of one to the other
    near = (shot == shot[:, None]) & (gap > 0) & (gap <= GAP_S)
    for i, j in zip(*np.nonzero(near), strict=True):
        bonus = BONUS if take[i] == take[j] else JUMPED
        worth = bonus * (1 - 0.5 * gap[i, j] / GAP_S) * _meeting(faces, pieces[i], pieces[j])
        alike[i, j] = alike[j, i] = alike[i, j] + worth
    several = faces.frame[1:][np.diff(faces.frame) == 0]
    cuts = np.array([first[take == one].min() for one in np.unique(take)[1:]])
    crowded = np.unique(take)[np.unique(np.searchsorted(cuts, several, side="right"))]
    alone = (take == take[:, None]) & ~np.isin(take, crowded)
    alike[alone] = ALONE
    return alike


def _likenesses(looks: list[list[F32]]) -> F32:
    """Of the most alike looks of each two pieces, (p, p); UNSEEN where one has none."""
    alike = np.full((len(looks), len(looks)), UNSEEN, np.float32)
    seen = [i for i, own in enumerate(looks) if own]
    if not seen:
        return alike
    every = units([look for i in seen for look in looks[i]])
    starts = np.cumsum([0, *(len(looks[i]) for i in seen)])
    with small_products():
        for i, first, end in zip(seen, starts[:-1], starts[1:], strict=True):
            best = (every[first:end] @ every.T).max(0)
            alike[i, seen] = np.maximum.reduceat(best, starts[:-1])
    return alike


def _meeting(faces: Faces, one: _Piece, later: _Piece) -> float:
    """1: the later piece begins just where the earlier one ended … 0: far from there."""
    a, b = (faces.points[row, :, :2] for row in (one.rows[-1], later.rows[0]))
    smaller, larger = sorted(float(np.linalg.norm(np.ptp(p, axis=0))) for p in (a, b))
    if larger > GROWTH * smaller:
        return 0.0
    apart = float(np.linalg.norm(a.mean(0) - b.mean(0))) / (2 * NEAR * smaller)
    return max(0.0, 1 - apart)
