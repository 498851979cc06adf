"""Two sets of faces as batches.

Every sample's randomness comes from (seed, step, row), never from what was drawn before: a run
that was stopped goes on exactly as if it had not been.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lipsync.errors import FacesError
from lipsync.face import identity
from lipsync.face.similarity import apply, compose
from lipsync.faceswap.autoencoder import SIDES, FaceAutoencoder, Side, expression, light
from lipsync.faceswap.autoencoder.network import to_tensor
from lipsync.faceswap.face_crop import INNER, eye_boxes, face_matrix, inverse, mouth_box
from lipsync.faceswap.faceset.store import LEAST_FACES, FaceSet, face_mask
from lipsync.types import F32, I64, U8
from training.face_autoencoder import augment
from training.face_autoencoder.augment import Sample
from training.face_autoencoder.options import AutoencoderOptions
from training.parallel.distributed import Ranks

MEAN_OF = 256  # faces from which mean colours and mean faces are made
HELD_MOST = 48  # held-out faces that are measured


@dataclass(frozen=True, eq=False)
class FaceBatch:
    """Samples of one person; pictures (b, 3, R, R) and masks (b, 1, R, R), 0..1."""

    warped: Tensor
    target: Tensor
    shown: Tensor
    mask: Tensor
    eyes: Tensor
    mouth: Tensor
    marks: (
        Tensor  # (b, COUNT, 2) landmarks of `lipsync.faceswap.autoencoder.expression`, see `Drawn`
    )


@dataclass(frozen=True, eq=False)
class People:
    """Both sets, split into what is learnt from and what is held out."""

    sets: dict[Side, FaceSet]
    learnt: dict[Side, I64]  # rows of the sets
    held: dict[Side, I64]
    shift: F32  # (3,), added to A's colours, 0..1


def open_people(a: Path, b: Path, options: AutoencoderOptions) -> People:
    """Open two sets and check that they can be learnt from.

    Raises:
        FacesError: missing, damaged, too few faces, or the same person twice.
    """
    sets: dict[Side, FaceSet] = {"a": FaceSet(a), "b": FaceSet(b)}
    for one in sets.values():
        if len(one) < LEAST_FACES:
            raise FacesError(
                f"{one.path}: {len(one)} faces, at least {LEAST_FACES} are needed; give lipsync "
                "faces extract more footage"
            )
        damaged = one.damaged()
        if damaged:
            raise FacesError(f"{one.path}: {damaged} is damaged; extract the faces again")
    schemes = {one.scheme.name for one in sets.values()}
    if options.marks and len(schemes) > 1:
        raise FacesError(
            f"{a} and {b} have landmarks of different detectors ({', '.join(sorted(schemes))}); "
            "extract both with the same one"
        )
    alike = identity.likeness(sets["a"].some_upper(), sets["b"].some_upper())
    if alike >= identity.SAME:
        raise FacesError(
            f"{a} and {b} show the same person (likeness {alike:.2f}, two people are below "
            f"{identity.SAME}); a swap needs two"
        )
    learnt, held = {}, {}
    for side, one in sets.items():
        learnt[side], held[side] = split(one.shot, options.held_out)
    colours = {side: _mean_colour(one, learnt[side], options.size) for side, one in sets.items()}
    shift = colours["b"] - colours["a"] if options.tone else np.zeros(3, np.float32)
    return People(sets, learnt, held, shift.astype(np.float32))


def split(shots: I64, share: float) -> tuple[I64, I64]:
    """Rows to learn from and rows held out: whole shots, since neighbours are alike.

    Of a single shot it is the end.
    """
    different = np.unique(shots)
    count = round(share * len(different))
    if share > 0 and len(different) > 1:
        places = np.linspace(0, len(different) - 1, max(1, count) + 2)[1:-1]
        out = np.isin(shots, different[np.round(places).astype(int)])
    else:
        out = np.arange(len(shots)) >= round(len(shots) * (1 - share))
    return np.flatnonzero(~out), np.flatnonzero(out)


def _mean_colour(faces: FaceSet, rows: I64, size: int) -> F32:
    some = _some(rows, MEAN_OF)
    means = [augment.plain(faces.face(i), size).mean((0, 1)) for i in some]
    return np.asarray(np.mean(means, axis=0) / 255, np.float32)


def _some(rows: I64, most: int) -> list[int]:
    return [int(i) for i in rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]]


def plain_faces(faces: FaceSet, rows: I64, size: int, most: int = HELD_MOST) -> tuple[U8, U8]:
    """Some faces as a swap sees them, (n, R, R, 3), and their masks (n, R, R), 255."""
    some = _some(rows, most)
    pictures = np.stack([augment.plain(faces.face(i), size) for i in some])
    to_inner = compose(face_matrix(size, INNER), inverse(face_matrix(faces.size)))
    masks = [face_mask(apply(to_inner, faces.points[i]), size) for i in some]
    return pictures, np.stack(masks).astype(np.uint8) * 255


def plain_marks(faces: FaceSet, rows: int | I64 | list[int], size: int) -> F32:
    """The marks of faces as a swap sees them, (..., COUNT, 2) of their pixels."""
    to_inner = compose(face_matrix(size, INNER), inverse(face_matrix(faces.size)))
    return apply(to_inner, expression.of_scheme(faces.scheme.name, faces.points[rows]))


def habits(people: People, size: int) -> Tensor:
    """Of both people's marks, (2, 2, COUNT, 2): see `marks.habits`."""
    everything = (plain_marks(people.sets[side], people.learnt[side], size) for side in SIDES)
    return torch.stack([expression.habits(of_one, size) for of_one in everything])


def expressions(
    network: FaceAutoencoder, people: People, side: Side, most: int = HELD_MOST
) -> Tensor | None:
    """What the held-out faces do, those of `plain_faces`, as the network wants to be told.

    None: it does not.
    """
    rows = _some(people.held[side], most)
    known = plain_marks(people.sets[side], rows, network.dims.size)
    return network.expression(torch.from_numpy(known), side)


def mean_face(people: People, side: Side, size: int) -> Tensor:
    """Mean colours and mean mask, (4, R, R), 0..1."""
    pictures, masks = plain_faces(people.sets[side], people.learnt[side], size, MEAN_OF)
    toned = toned_faces(to_tensor(pictures), people.shift, side).mean(0)
    mask = torch.from_numpy(masks.mean(0, dtype=np.float32) / 255)
    return torch.cat([toned, mask[None]])


def toned_faces(faces: Tensor, shift: F32, side: Side) -> Tensor:
    """Faces (b, 3, R, R) with A's mean colour moved to B's."""
    return (faces + torch.from_numpy(shift)[:, None, None]).clamp(0, 1) if side == "a" else faces


def batches(
    people: People, options: AutoencoderOptions, first: int, last: int, here: Ranks
) -> Iterator[dict[Side, FaceBatch]]:
    """The batches of steps first … last − 1, this process's rows; made one ahead, in threads."""
    share = options.batch // here.count
    with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(2) as makers:

        def make(step: int) -> dict[Side, FaceBatch]:
            found = {}
            for number, side in enumerate(SIDES):
                rows = range(here.rank * share, (here.rank + 1) * share)
                keys = [(options.seed, step, number, row) for row in rows]
                samples = list(
                    makers.map(lambda key, side=side: _drawn(people, side, key, options), keys)
                )
                found[side] = _stacked(samples, people.shift, side)
            return found

        coming = ahead.submit(make, first) if first < last else None
        for step in range(first, last):
            assert coming is not None  # noqa: S101  (there is a next step)
            ready = coming.result()
            coming = ahead.submit(make, step + 1) if step + 1 < last else None
            yield ready


@dataclass(frozen=True, eq=False)
class Drawn:
    """A sample, and what its face does."""

    sample: Sample
    marks: F32  # (COUNT, 2), pixels of the face as a swap aligns it: neither turned nor shifted


def _drawn(people: People, side: Side, key: tuple[int, ...], options: AutoencoderOptions) -> Drawn:
    """The sample of a row, key (seed, step, person, row, ...).

    Networks that are told marks get some pairs: two faces of one shot, turned, bent and covered
    alike, so that only their marks tell them apart (see `lipsync.faceswap.autoencoder.light`).
    """
    faces = people.sets[side]
    i = chosen(people, side, key, options)
    rng = np.random.default_rng((*(_first_of_pair(key) if options.marks else key), 1))
    eyes = eye_boxes(faces.points[i], faces.scheme)
    how = options.augmentation_at(key[1])
    mouth = [mouth_box(faces.points[i], faces.scheme)]
    sample = augment.sample(faces.face(i), faces.points[i], eyes, rng, options.size, how, mouth)
    return Drawn(sample, plain_marks(faces, i, options.size))


def chosen(people: People, side: Side, key: tuple[int, ...], options: AutoencoderOptions) -> int:
    """Which face of a set a row shows."""
    learnt = people.learnt[side]
    if options.marks and key[3] != light.shown_as(key[3]):
        before = np.random.default_rng(_first_of_pair(key)).choice(learnt)
        shots = people.sets[side].shot
        learnt = learnt[shots[learnt] == shots[before]]
    return int(np.random.default_rng(key).choice(learnt))


def _first_of_pair(key: tuple[int, ...]) -> tuple[int, ...]:
    return (*key[:3], light.shown_as(key[3]), *key[4:])


def _stacked(drawn: list[Drawn], shift: F32, side: Side) -> FaceBatch:
    samples = [one.sample for one in drawn]

    def pictures(name: str) -> Tensor:
        faces = to_tensor(np.stack([getattr(s, name) for s in samples]))
        return toned_faces(faces, shift, side)

    def masks(name: str) -> Tensor:
        return (
            torch.from_numpy(np.stack([getattr(s, name) for s in samples]))[:, None].float() / 255
        )

    places = np.stack([one.marks for one in drawn])
    return FaceBatch(
        pictures("warped"), pictures("target"), pictures("shown"), masks("mask"), masks("eyes"),
        masks("mouth"), torch.from_numpy(places).float(),
    )  # fmt: skip


def landmark_batch(
    people: People, options: AutoencoderOptions, step: int, indices: list[int], count: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Faces (2 · count, 3, R, R), chosen landmarks (·, k, 2), −1..1, and who it is (·,), 0 or 1."""
    faces, places, who = [], [], []
    for number, side in enumerate(SIDES):
        samples = [
            _drawn(people, side, (options.seed, step, number, row, 7), options).sample
            for row in range(count)
        ]
        faces.append(
            toned_faces(to_tensor(np.stack([s.target for s in samples])), people.shift, side)
        )
        found = np.stack([s.points[indices] for s in samples])
        places.append(torch.from_numpy((found + 0.5) / options.size * 2 - 1).float())
        who += [number] * count
    return torch.cat(faces), torch.cat(places), torch.tensor(who)
