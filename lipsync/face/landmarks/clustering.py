"""Identity clustering: detections → people, across gaps, crossings and cuts.

1. Tracklets: from frame to frame a face continues as the nearest one where that is unambiguous.
   A face that is lost, or meets another, ends its tracklet; so does a cut, and a moment at which
   all heads jump, which may be a cut that changes little else.
2. People: tracklets are merged, most certain pair first, by the appearance of the upper face
   (`identity.compare_faces`) and, over a short gap within a shot, by how near one begins to where
   the other ended. Two tracklets visible at the same time are never one person's.

Symbols: m faces, p tracklets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from lipsync.face.identity import SAME_PERSON, to_unit_vectors
from lipsync.face.landmarks.detections import Faces
from lipsync.face.landmarks.shot_detection import head_jumps
from lipsync.runtime.threads import single_threaded_blas
from lipsync.types import F32, I64, Bools

# Limits between one frame and the next, at any frame rate: beyond them boxes hardly overlap.
MAX_STEP = 0.5  # diagonals that a face moves
MAX_GROWTH = 1.6  # times that a face grows or shrinks
# A candidate is ruled out if it is RATIO times as far as the nearest one, and MARGIN diagonals.
RATIO, MARGIN = 3.0, 0.05
GAP_S = 1.0  # over which the place still counts as evidence
GAP_BONUS = 0.3  # added to the likeness where one tracklet begins just where the other ended …
JUMP_BONUS = 0.12  # … and where all heads jump in between: not more than parts two strangers
UNSEEN = 0.6  # likeness assumed without thumbnails (short tracklets): that of two strangers
MIN_MEAN = 0.65  # mean likeness over all tracklets of two people, below which they stay apart
# A shaken camera looks like cuts: a face seen for less than GLIMPSE_S between two of them is that
# of the person in about the same place in the frame before or after, unless it looks like another.
GLIMPSE_S, GLIMPSE_NEARNESS, GLIMPSE_LIKENESS = 0.2, 0.6, 0.6
THUMBNAILS = 6  # of a tracklet that are compared
PROMINENT = 0.3  # of the most prominent person's prominence
ALONE = 2.0  # affinity within a shot that never shows two faces: above any likeness


@dataclass
class _Tracklet:
    """One face from where it appears to where it is lost or ambiguous."""

    rows: list[int]  # of the m faces
    take: int  # counts cuts and jumps
    thumbnails: list[F32] = field(default_factory=list)


# Computed once per Faces, and freed with it: ten minutes of one face take 86 MB.
_PEOPLE: WeakKeyDictionary[Faces, list[I64]] = WeakKeyDictionary()


def cluster_identities(faces: Faces) -> list[I64]:
    """Group faces by person; computed once for the same Faces.

    Returns:
        One array per person of the indices of their faces, at most one per frame; the most
        prominent first, by the sum of face diagonals over all frames.
    """
    people = _PEOPLE.get(faces)
    if people is None:
        people = _PEOPLE[faces] = _cluster(faces)
    return people


def count_prominent(faces: Faces) -> int:
    """How many people are about as prominent as the most prominent one, who is counted too."""
    size = faces.size
    shares = [float(size[rows].sum()) for rows in cluster_identities(faces)]
    return sum(share >= PROMINENT * shares[0] for share in shares)


def _cluster(faces: Faces) -> list[I64]:
    if not len(faces):
        return []
    tracklets = _link(faces, faces.cuts)
    tracklets = _link(faces, np.union1d(faces.cuts, _common_jumps(faces, tracklets)))
    place = {row: i for i, tracklet in enumerate(tracklets) for row in tracklet.rows}
    owned: list[list[int]] = [[] for _ in tracklets]
    for thumbnail, face in enumerate(faces.thumbnail_faces.tolist()):
        owned[place[face]].append(thumbnail)
    for tracklet, own in zip(tracklets, owned, strict=True):
        some = np.linspace(0, len(own) - 1, min(THUMBNAILS, len(own))).round().astype(int)
        tracklet.thumbnails = faces.decoded_thumbnails(np.asarray(own, np.int64)[some])
    size = faces.size
    people = [
        np.sort(np.concatenate([tracklets[i].rows for i in group])).astype(np.int64)
        for group in _absorb_glimpses(faces, tracklets, _merge(faces, tracklets))
    ]
    return sorted(people, key=lambda rows: -float(size[rows].sum()))


def _common_jumps(faces: Faces, tracklets: list[_Tracklet]) -> I64:
    """Frames at which every head visible before and after is suddenly somewhere else."""
    jumping, going = np.zeros(faces.count + 1, int), np.zeros(faces.count + 1, int)
    for tracklet in tracklets:
        points = faces.points[tracklet.rows]
        first = faces.frame[tracklet.rows[0]]
        found = np.ones(len(points), bool)
        jumping[first + head_jumps(points, found, faces.scheme, faces.fps)] += 1
        going[first + 1 : first + len(points)] += 1
    return np.flatnonzero((jumping > 0) & (jumping == going)).astype(np.int64)


def _link(faces: Faces, cuts: I64) -> list[_Tracklet]:
    """Faces linked from frame to frame where that is unambiguous."""
    center, size = faces.center, faces.size
    take = np.searchsorted(cuts, faces.frame, side="right")
    edges = np.searchsorted(faces.frame, np.arange(faces.count + 1))
    following = _possible(center[:-1], size[:-1], center[1:], size[1:])[0].tolist()
    done: list[_Tracklet] = []
    running: list[_Tracklet] = []
    for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        # Most videos show one face all the time: there `following` answers for all frames at once.
        alone = end == first + 1 and len(running) == 1 and running[0].take == take[first]
        if alone and following[first - 1]:
            running[0].rows.append(first)
            continue
        here = np.arange(first, end)
        going: list[_Tracklet] = []
        free = set(here.tolist())
        if len(here) and running and running[0].take == take[first]:
            before = np.array([tracklet.rows[-1] for tracklet in running])
            near = _near(center, size, before, here)
            for i, tracklet in enumerate(running):
                candidates = np.flatnonzero(near[i])
                # Ambiguous where either could be another one: appearance decides later.
                if len(candidates) == 1 and near[:, candidates[0]].sum() == 1:
                    tracklet.rows.append(int(here[candidates[0]]))
                    free.discard(tracklet.rows[-1])
                    going.append(tracklet)
                else:
                    done.append(tracklet)
        else:
            done += running
        running = going + [_Tracklet([row], int(take[row])) for row in sorted(free)]
    return done + running


def _near(center: F32, size: F32, before: I64, after: I64) -> Bools:
    """Whether each face before (b) may be each one after (a), (b, a): none is much nearer."""
    possible, distance, smaller = _possible(
        center[before][:, None], size[before][:, None], center[after][None], size[after][None]
    )
    distance = np.where(possible, distance, np.inf)
    nearest = np.minimum(distance.min(1, keepdims=True), distance.min(0, keepdims=True))
    return np.asarray(possible & (distance <= RATIO * nearest + MARGIN * smaller))


def _possible(center: F32, size: F32, later_center: F32, later_size: F32) -> tuple[Bools, F32, F32]:
    """Whether faces (...) may be those of a frame later; their distance; the smaller size.

    Args:
        center, later_center: (..., 2).
        size, later_size: (...).
    """
    distance = np.linalg.norm(center - later_center, axis=-1)
    smaller, larger = np.minimum(size, later_size), np.maximum(size, later_size)
    possible = (distance < MAX_STEP * smaller) & (larger < MAX_GROWTH * smaller)
    return possible, distance, smaller


def _merge(faces: Faces, tracklets: list[_Tracklet]) -> list[list[int]]:
    """Tracklets grouped into people."""
    affinity = _affinities(faces, tracklets)
    together = _simultaneous(faces, tracklets)
    groups = {i: [i] for i in range(len(tracklets))}
    home = list(range(len(tracklets)))
    i, j = np.nonzero(np.triu(affinity >= SAME_PERSON, 1))
    ranked = np.argsort(-affinity[i, j], kind="stable")
    for one, other in zip(i[ranked].tolist(), j[ranked].tolist(), strict=True):
        a, b = home[one], home[other]
        if a == b:
            continue
        pairs = np.ix_(groups[a], groups[b])
        if together[pairs].any() or affinity[pairs].mean() < MIN_MEAN:
            continue
        groups[a] += groups.pop(b)
        for member in groups[a]:
            home[member] = a
    return list(groups.values())


def _absorb_glimpses(
    faces: Faces, tracklets: list[_Tracklet], groups: list[list[int]]
) -> list[list[int]]:
    """Join people seen for a moment to who is in the same place just before or after."""
    together = _simultaneous(faces, tracklets)
    looks = _likenesses([tracklet.thumbnails for tracklet in tracklets])
    first = faces.frame[[tracklet.rows[0] for tracklet in tracklets]]
    last = faces.frame[[tracklet.rows[-1] for tracklet in tracklets]]

    def is_joined(one: int, home: list[int]) -> bool:
        known = [i for i in home if tracklets[i].thumbnails] if tracklets[one].thumbnails else []
        unlike = bool(known) and looks[one, known].max() < GLIMPSE_LIKENESS
        if unlike or together[one, home].any():
            return False
        before = [i for i in home if last[i] == first[one] - 1]
        after = [i for i in home if first[i] == last[one] + 1]
        near = [_nearness(faces, tracklets[i], tracklets[one]) for i in before]
        near += [_nearness(faces, tracklets[one], tracklets[i]) for i in after]
        return max(near, default=0.0) >= GLIMPSE_NEARNESS

    shortest = GLIMPSE_S * float(faces.fps)
    people = sorted(groups, key=lambda group: -sum(len(tracklets[i].rows) for i in group))
    for home in [*people]:
        while home in people:
            short = [g for g in people if len(g) == 1 and len(tracklets[g[0]].rows) < shortest]
            joined = next((g for g in short if g is not home and is_joined(g[0], home)), None)
            if joined is None:
                break
            home += joined
            people.remove(joined)
    return people


def _simultaneous(faces: Faces, tracklets: list[_Tracklet]) -> Bools:
    """Which tracklets overlap in time, (p, p)."""
    first = faces.frame[[tracklet.rows[0] for tracklet in tracklets]]
    last = faces.frame[[tracklet.rows[-1] for tracklet in tracklets]]
    return np.asarray((first[:, None] <= last) & (first <= last[:, None]))


def _affinities(faces: Faces, tracklets: list[_Tracklet]) -> F32:
    """How certainly each two tracklets show one person, (p, p)."""
    affinity = _likenesses([tracklet.thumbnails for tracklet in tracklets])
    first = faces.frame[[tracklet.rows[0] for tracklet in tracklets]]
    last = faces.frame[[tracklet.rows[-1] for tracklet in tracklets]]
    shot = np.searchsorted(faces.cuts, first, side="right")
    take = np.array([tracklet.take for tracklet in tracklets])
    gap = (first - last[:, None]) / float(faces.fps)  # from the end of one to the other
    near = (shot == shot[:, None]) & (gap > 0) & (gap <= GAP_S)
    for i, j in zip(*np.nonzero(near), strict=True):
        bonus = GAP_BONUS if take[i] == take[j] else JUMP_BONUS
        nearness = _nearness(faces, tracklets[i], tracklets[j])
        worth = bonus * (1 - 0.5 * gap[i, j] / GAP_S) * nearness
        affinity[i, j] = affinity[j, i] = affinity[i, j] + worth
    several = faces.frame[1:][np.diff(faces.frame) == 0]
    cuts = np.array([first[take == one].min() for one in np.unique(take)[1:]])
    crowded = np.unique(take)[np.unique(np.searchsorted(cuts, several, side="right"))]
    alone = (take == take[:, None]) & ~np.isin(take, crowded)
    affinity[alone] = ALONE
    return affinity


def _likenesses(thumbnails: list[list[F32]]) -> F32:
    """Likeness of the most similar thumbnails of each two, (p, p); UNSEEN where one has none."""
    likeness = np.full((len(thumbnails), len(thumbnails)), UNSEEN, np.float32)
    seen = [i for i, own in enumerate(thumbnails) if own]
    if not seen:
        return likeness
    every = to_unit_vectors([one for i in seen for one in thumbnails[i]])
    starts = np.cumsum([0, *(len(thumbnails[i]) for i in seen)])
    with single_threaded_blas():
        for i, first, end in zip(seen, starts[:-1], starts[1:], strict=True):
            best = (every[first:end] @ every.T).max(0)
            likeness[i, seen] = np.maximum.reduceat(best, starts[:-1])
    return likeness


def _nearness(faces: Faces, one: _Tracklet, later: _Tracklet) -> float:
    """1: the later tracklet begins just where the earlier one ended … 0: far from there."""
    a, b = (faces.points[row, :, :2] for row in (one.rows[-1], later.rows[0]))
    smaller, larger = sorted(float(np.linalg.norm(np.ptp(p, axis=0))) for p in (a, b))
    if larger > MAX_GROWTH * smaller:
        return 0.0
    distance = float(np.linalg.norm(a.mean(0) - b.mean(0))) / (2 * MAX_STEP * smaller)
    return max(0.0, 1 - distance)
