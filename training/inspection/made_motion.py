"""Motion that nobody made: what made lips do, without rendering a picture.

Every kind takes the trajectories of real clips and spoils them as some way of making videos does.
Landmarks that are found in a rendered picture shake like those of any other: so real and made
motion get the same noise afterwards (`disturb`), and cleanness betrays neither.

Symbols: m samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lipsync.inspection.trajectories import Trajectories
from lipsync.types import F32

Rng = np.random.Generator
F64 = NDArray[np.floating]
LENGTH = 48  # samples of a piece: a window of the detector and some more


@dataclass(frozen=True, eq=False)
class Motion:
    """Lips, jaw and head of a piece of a clip."""

    lips: F64  # (m, 18, 2)
    jaw: F64  # (m, 15, 2)
    head: F64  # (m, 6)


@dataclass(frozen=True, eq=False)
class Source:
    """A clip, and lips that the speech model predicts for its sound."""

    name: str
    person: str
    moves: Trajectories
    predicted: F32 | None  # (m, 18, 2), in this person's space


def cut(source: Source, rng: Rng, tempo: float = 1.0, predicted: bool = False) -> Motion:
    """A random piece of LENGTH samples, this much faster than it was."""
    moves = source.moves
    m = len(moves.lips)
    first = rng.uniform(0, max(m - 1 - LENGTH * tempo, 0))
    at = np.clip(first + tempo * np.arange(LENGTH), 0, m - 1)
    lips = source.predicted if predicted and source.predicted is not None else moves.lips
    return Motion(_sample(lips, at), _sample(moves.jaw, at), _sample(moves.head, at))


def _sample(values: F32, at: F64) -> F64:
    flat = values.reshape(len(values), -1)
    left = np.minimum(at.astype(np.int64), len(flat) - 2)
    share = (at - left)[:, None]
    mixed = flat[left] * (1 - share) + flat[left + 1] * share
    return np.asarray(mixed.reshape(-1, *values.shape[1:]))


Maker = Callable[[Sequence[Source], Source, Rng], Motion]


def _follow(body: Motion, lips: F64, share: float) -> Motion:
    """New lips on a body: the chin is drawn along by a share of how the lower lip moves.

    In renders of lipsync it is so loosely that the two correlate by 0.5, not by 0.85 as in people.
    """
    place = lips - lips.mean(0) + body.lips.mean(0)
    drawn = place[:, 8:11].mean(1, keepdims=True)
    drawn = drawn - drawn.mean(0)
    depth = np.sin(np.linspace(0, np.pi, body.jaw.shape[1]))[None, :, None] ** 2
    still = body.jaw.mean(0) + 0.3 * (body.jaw - body.jaw.mean(0))
    return Motion(place, still + share * depth * drawn, body.head)


def _predicted(others: Sequence[Source], source: Source, rng: Rng) -> Motion:
    """Lips that the speech model predicts for other speech, as a render draws them."""
    other = others[int(rng.integers(len(others)))]
    body, said = cut(source, rng), cut(other, rng, predicted=True)
    scale = np.exp(rng.uniform(-0.2, 0.3))
    lips = said.lips.mean(0) + scale * (said.lips - said.lips.mean(0))
    return _follow(body, lips, rng.uniform(0, 1))


def _pasted(others: Sequence[Source], source: Source, rng: Rng) -> Motion:
    """Another clip's lips on this head, with little of their jaw."""
    other = others[int(rng.integers(len(others)))]
    return _follow(cut(source, rng), cut(other, rng).lips, rng.uniform(0, 0.5))


def _smoothed(others: Sequence[Source], source: Source, rng: Rng) -> Motion:
    body, width = cut(source, rng), rng.uniform(1.2, 3.0)
    return replace(
        body,
        lips=gaussian_filter1d(body.lips, width, axis=0),
        jaw=gaussian_filter1d(body.jaw, width, axis=0),
    )


def _jittered(others: Sequence[Source], source: Source, rng: Rng) -> Motion:
    body, size = cut(source, rng), rng.uniform(0.006, 0.02)
    shake = rng.normal(0, size, (LENGTH, 1, 2)) * np.exp(rng.normal(0, 0.5, (LENGTH, 1, 1)))
    own = rng.normal(0, size / 2, body.lips.shape)
    return replace(body, lips=body.lips + shake + own, jaw=body.jaw + rng.uniform(0, 1) * shake)


def _stretched(others: Sequence[Source], source: Source, rng: Rng) -> Motion:
    """Lips of another tempo than head and jaw."""
    tempo = float(rng.choice([rng.uniform(0.45, 0.65), rng.uniform(1.5, 2.0)]))
    return _follow(cut(source, rng), cut(source, rng, tempo).lips, rng.uniform(0.3, 1))


def _frozen(others: Sequence[Source], source: Source, rng: Rng) -> Motion:
    body = cut(source, rng)
    first = int(rng.integers(0, LENGTH // 3))
    end = int(rng.integers(first + LENGTH // 3, LENGTH + 1))
    lips, jaw = body.lips.copy(), body.jaw.copy()
    lips[first:end] = lips[first]
    if rng.random() < 0.7:
        jaw[first:end] = jaw[first]
    return replace(body, lips=lips, jaw=jaw)


def _repeated(others: Sequence[Source], source: Source, rng: Rng) -> Motion:
    """Lips of a lower frame rate than the picture's."""
    body, every = cut(source, rng), int(rng.integers(2, 5))
    held = np.arange(LENGTH) // every * every
    return replace(body, lips=body.lips[held], jaw=body.jaw[held])


def _nearest(others: Sequence[Source], source: Source, rng: Rng) -> Motion:
    """Lips of the nearest of a few pictures, which jump from one to the next."""
    body, said = cut(source, rng), cut(others[int(rng.integers(len(others)))], rng, predicted=True)
    bank = source.moves.lips[rng.choice(len(source.moves.lips), int(rng.integers(6, 30)))]
    wanted = said.lips - said.lips.mean(0)
    had = bank - bank.mean(0)
    away = np.square(wanted[:, None] - had[None]).sum((2, 3))
    chosen = gaussian_filter1d(had[away.argmin(1)], rng.uniform(0.2, 0.8), axis=0)
    return _follow(body, chosen, rng.uniform(0, 1))


def _few_shapes(others: Sequence[Source], source: Source, rng: Rng) -> Motion:
    """A mouth that only opens and shuts."""
    body = cut(source, rng)
    flat = (body.lips - body.lips.mean(0)).reshape(LENGTH, -1)
    axes = np.linalg.svd(flat, full_matrices=False)[2][:1]
    lips = (flat @ axes.T @ axes).reshape(body.lips.shape) + body.lips.mean(0)
    return _follow(body, lips, rng.uniform(0, 1))


MAKERS: dict[str, Maker] = {
    "predicted": _predicted,
    "pasted": _pasted,
    "smoothed": _smoothed,
    "jittered": _jittered,
    "stretched": _stretched,
    "frozen": _frozen,
    "repeated": _repeated,
    "nearest": _nearest,
    "few_shapes": _few_shapes,
}

TEMPO = 1.2  # of real motion, either way
NOISE = (0.0008, 0.006)  # outer-eye distances: of landmarks in sharp and in bad pictures
STRETCH, SHEAR = 0.3, 0.1  # of the mouth's width and height (log range); its slant
DRIFT = 0.1  # slow changes of the face's shape: turns of the head, smiles
HEAD_MOST = 8.0  # most that the head's motion is magnified by


def real(source: Source, rng: Rng) -> Motion:
    """A piece as it was recorded, perhaps spoken faster or more slowly."""
    return cut(source, rng, float(np.exp(rng.uniform(-1, 1) * np.log(TEMPO))))


def disturb(motion: Motion, source: Source, rng: Rng) -> Motion:
    """Another person's face, another camera, another head: the same for real and made motion."""
    points = np.concatenate([motion.lips, motion.jaw], axis=1)
    mean = points.mean(0)
    width, height = np.exp(rng.uniform(-STRETCH, STRETCH, 2))
    shape = np.array([[width, rng.normal(0, SHEAR)], [rng.normal(0, SHEAR), height]])
    points = (points - mean) @ shape + mean
    slow = gaussian_filter1d(rng.normal(0, 1, (LENGTH + 40, 6)), 12.0, axis=0)[20:-20] * 6
    turn = rng.uniform(0, DRIFT) * slow[:, :4].reshape(-1, 2, 2)
    center = mean.mean(0)
    points = points + (points - center) @ turn + rng.uniform(0, 0.04) * slow[:, None, 4:]
    size = np.exp(rng.uniform(*np.log(NOISE)))
    # Neighboring landmarks shake together, and from one frame to the next.
    shake = gaussian_filter1d(rng.normal(0, 1, points.shape), 1.0, axis=1) * 1.9
    shake = gaussian_filter1d(shake, rng.uniform(0.01, 0.7), axis=0)
    points = points + size * shake + 0.5 * size * rng.normal(0, 1, (LENGTH, 1, 2))
    if rng.random() < 0.5:
        points = gaussian_filter1d(points, rng.uniform(0.01, 0.6), axis=0)
    if rng.random() < 0.5:
        points = points[:, mirror(motion.jaw.shape[1])] * (-1, 1)
    head = motion.head * rng.uniform(0.2, HEAD_MOST) + rng.normal(0, size, motion.head.shape)
    return Motion(points[:, :18], points[:, 18:], head)


def mirror(jaw: int) -> list[int]:
    """Mirror counterparts of the 18 lip points (without inner corners) and a jaw line's."""
    outer = [6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7]
    inner = [14, 13, 12, 17, 16, 15]
    return outer + inner + list(range(17 + jaw, 17, -1))
