"""Two face sets → reproducible training batches.

The random numbers of a sample are seeded by (seed, step, row), never by earlier draws, so an
interrupted run resumes exactly.
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
from lipsync.face.similarity import apply_affine, compose_affine
from lipsync.faceswap.autoencoder import SIDES, FaceAutoencoder, Side, expression, light
from lipsync.faceswap.autoencoder.network import to_tensor
from lipsync.faceswap.face_crop import INNER, canonical_to_crop, eye_boxes, invert_affine, mouth_box
from lipsync.faceswap.faceset.store import MIN_FACES, FaceSet, face_mask
from lipsync.types import F32, I64, U8
from training.face_autoencoder import augment
from training.face_autoencoder.augment import Sample
from training.face_autoencoder.options import AutoencoderOptions
from training.parallel.distributed import ProcessGroup

MEAN_FACES = 256  # faces that mean colors and mean faces are averaged over
MAX_HELD_OUT = 48  # held-out faces that are evaluated


@dataclass(frozen=True, eq=False)
class FaceBatch:
    """Samples of one person; pictures (b, 3, R, R) and masks (b, 1, R, R), 0..1."""

    warped: Tensor
    target: Tensor
    shown: Tensor
    mask: Tensor
    eyes: Tensor
    mouth: Tensor
    marks: Tensor  # (b, COUNT, 2) expression landmarks, see `LandmarkedSample`


@dataclass(frozen=True, eq=False)
class TrainingFaces:
    """Both face sets, split into training and held-out rows."""

    sets: dict[Side, FaceSet]
    training: dict[Side, I64]  # rows of the sets
    held_out: dict[Side, I64]
    shift: F32  # (3,), added to A's colors, 0..1


def open_training_faces(a: Path, b: Path, options: AutoencoderOptions) -> TrainingFaces:
    """Open two face sets and check that they are usable.

    Raises:
        FacesError: missing, damaged, too few faces, or the same person twice.
    """
    sets: dict[Side, FaceSet] = {"a": FaceSet(a), "b": FaceSet(b)}
    for one in sets.values():
        if len(one) < MIN_FACES:
            raise FacesError(
                f"{one.path}: {len(one)} faces, at least {MIN_FACES} are needed; give lipsync "
                "faces extract more footage"
            )
        damaged = one.find_damage()
        if damaged:
            raise FacesError(f"{one.path}: {damaged} is damaged; extract the faces again")
    schemes = {one.scheme.name for one in sets.values()}
    if options.marks and len(schemes) > 1:
        raise FacesError(
            f"{a} and {b} have landmarks of different detectors ({', '.join(sorted(schemes))}); "
            "extract both with the same one"
        )
    alike = identity.compare_faces(sets["a"].sample_thumbnails(), sets["b"].sample_thumbnails())
    if alike >= identity.SAME_PERSON:
        raise FacesError(
            f"{a} and {b} show the same person (likeness {alike:.2f}, two people are below "
            f"{identity.SAME_PERSON}); a swap needs two"
        )
    training, held_out = {}, {}
    for side, one in sets.items():
        training[side], held_out[side] = split(one.shot, options.held_out)
    colors = {side: _mean_color(one, training[side], options.size) for side, one in sets.items()}
    shift = colors["b"] - colors["a"] if options.tone else np.zeros(3, np.float32)
    return TrainingFaces(sets, training, held_out, shift.astype(np.float32))


def split(shots: I64, share: float) -> tuple[I64, I64]:
    """Split rows into (training, held out) by whole shots, since neighboring frames are alike.

    A single shot is cut, and its end held out.
    """
    different = np.unique(shots)
    count = round(share * len(different))
    if share > 0 and len(different) > 1:
        places = np.linspace(0, len(different) - 1, max(1, count) + 2)[1:-1]
        out = np.isin(shots, different[np.round(places).astype(int)])
    else:
        out = np.arange(len(shots)) >= round(len(shots) * (1 - share))
    return np.flatnonzero(~out), np.flatnonzero(out)


def _mean_color(faces: FaceSet, rows: I64, size: int) -> F32:
    some = _spread_rows(rows, MEAN_FACES)
    means = [augment.crop_inner(faces.face(i), size).mean((0, 1)) for i in some]
    return np.asarray(np.mean(means, axis=0) / 255, np.float32)


def _spread_rows(rows: I64, most: int) -> list[int]:
    return [int(i) for i in rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]]


def load_aligned_faces(
    faces: FaceSet, rows: I64, size: int, most: int = MAX_HELD_OUT
) -> tuple[U8, U8]:
    """Some faces as a swap sees them, (n, R, R, 3), and their masks (n, R, R), 255."""
    some = _spread_rows(rows, most)
    pictures = np.stack([augment.crop_inner(faces.face(i), size) for i in some])
    to_inner = compose_affine(
        canonical_to_crop(size, INNER), invert_affine(canonical_to_crop(faces.size))
    )
    masks = [face_mask(apply_affine(to_inner, faces.points[i]), size) for i in some]
    return pictures, np.stack(masks).astype(np.uint8) * 255


def aligned_landmarks(faces: FaceSet, rows: int | I64 | list[int], size: int) -> F32:
    """Expression landmarks of faces as a swap sees them, (..., COUNT, 2) pixels."""
    to_inner = compose_affine(
        canonical_to_crop(size, INNER), invert_affine(canonical_to_crop(faces.size))
    )
    return apply_affine(
        to_inner, expression.select_landmarks(faces.scheme.name, faces.points[rows])
    )


def landmark_habits(people: TrainingFaces, size: int) -> Tensor:
    """Statistics of both people's expression landmarks, (2, 2, COUNT, 2)."""
    everything = (
        aligned_landmarks(people.sets[side], people.training[side], size) for side in SIDES
    )
    return torch.stack([expression.measure_statistics(of_one, size) for of_one in everything])


def held_out_expressions(
    network: FaceAutoencoder, people: TrainingFaces, side: Side, most: int = MAX_HELD_OUT
) -> Tensor | None:
    """Expression input of the held-out faces that `load_aligned_faces` returns.

    None: the network takes no expression.
    """
    rows = _spread_rows(people.held_out[side], most)
    known = aligned_landmarks(people.sets[side], rows, network.dims.size)
    return network.normalize_expression(torch.from_numpy(known), side)


def mean_face(people: TrainingFaces, side: Side, size: int) -> Tensor:
    """Mean colors and mean mask, (4, R, R), 0..1."""
    pictures, masks = load_aligned_faces(people.sets[side], people.training[side], size, MEAN_FACES)
    toned = shift_color(to_tensor(pictures), people.shift, side).mean(0)
    mask = torch.from_numpy(masks.mean(0, dtype=np.float32) / 255)
    return torch.cat([toned, mask[None]])


def shift_color(faces: Tensor, shift: F32, side: Side) -> Tensor:
    """Move the mean color of A's faces (b, 3, R, R) to B's; B's stay as they are."""
    return (faces + torch.from_numpy(shift)[:, None, None]).clamp(0, 1) if side == "a" else faces


def batches(
    people: TrainingFaces, options: AutoencoderOptions, first: int, last: int, group: ProcessGroup
) -> Iterator[dict[Side, FaceBatch]]:
    """Make the batches of steps first … last − 1: this process's rows.

    Each is prepared in threads while the one before is used.
    """
    share = options.batch // group.count
    with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(2) as makers:

        def make(step: int) -> dict[Side, FaceBatch]:
            found = {}
            for number, side in enumerate(SIDES):
                rows = range(group.rank * share, (group.rank + 1) * share)
                keys = [(options.seed, step, number, row) for row in rows]
                samples = list(
                    makers.map(
                        lambda key, side=side: _draw_sample(people, side, key, options), keys
                    )
                )
                found[side] = _stack(samples, people.shift, side)
            return found

        coming = ahead.submit(make, first) if first < last else None
        for step in range(first, last):
            assert coming is not None  # noqa: S101  (there is a next step)
            ready = coming.result()
            coming = ahead.submit(make, step + 1) if step + 1 < last else None
            yield ready


@dataclass(frozen=True, eq=False)
class LandmarkedSample:
    """A sample, and its expression landmarks."""

    sample: Sample
    marks: F32  # (COUNT, 2), pixels of the face as a swap aligns it, without augmentation


def _draw_sample(
    people: TrainingFaces, side: Side, key: tuple[int, ...], options: AutoencoderOptions
) -> LandmarkedSample:
    """Draw the sample of a row, key (seed, step, person, row, ...).

    Networks with landmark input get some pairs: two faces of one shot with the same similarity,
    warp and occluder, that differ in their landmarks only (see
    `lipsync.faceswap.autoencoder.light`).
    """
    faces = people.sets[side]
    i = choose_face(people, side, key, options)
    rng = np.random.default_rng((*(_pair_key(key) if options.marks else key), 1))
    eyes = eye_boxes(faces.points[i], faces.scheme)
    how = options.augmentation_at(key[1])
    mouth = [mouth_box(faces.points[i], faces.scheme)]
    sample = augment.make_sample(
        faces.face(i), faces.points[i], eyes, rng, options.size, how, mouth
    )
    return LandmarkedSample(sample, aligned_landmarks(faces, i, options.size))


def choose_face(
    people: TrainingFaces, side: Side, key: tuple[int, ...], options: AutoencoderOptions
) -> int:
    """Choose the face of a set that a row shows."""
    training = people.training[side]
    if options.marks and key[3] != light.image_row(key[3]):
        before = np.random.default_rng(_pair_key(key)).choice(training)
        shots = people.sets[side].shot
        training = training[shots[training] == shots[before]]
    return int(np.random.default_rng(key).choice(training))


def _pair_key(key: tuple[int, ...]) -> tuple[int, ...]:
    return (*key[:3], light.image_row(key[3]), *key[4:])


def _stack(drawn: list[LandmarkedSample], shift: F32, side: Side) -> FaceBatch:
    samples = [one.sample for one in drawn]

    def pictures(name: str) -> Tensor:
        faces = to_tensor(np.stack([getattr(s, name) for s in samples]))
        return shift_color(faces, shift, side)

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
    people: TrainingFaces, options: AutoencoderOptions, step: int, indices: list[int], count: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Faces (2 · count, 3, R, R), chosen landmarks (·, k, 2), −1..1, and identity (·,), 0 or 1."""
    faces, places, who = [], [], []
    for number, side in enumerate(SIDES):
        samples = [
            _draw_sample(people, side, (options.seed, step, number, row, 7), options).sample
            for row in range(count)
        ]
        faces.append(
            shift_color(to_tensor(np.stack([s.target for s in samples])), people.shift, side)
        )
        found = np.stack([s.points[indices] for s in samples])
        places.append(torch.from_numpy((found + 0.5) / options.size * 2 - 1).float())
        who += [number] * count
    return torch.cat(faces), torch.cat(places), torch.tensor(who)
