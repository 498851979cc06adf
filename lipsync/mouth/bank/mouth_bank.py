"""The person's own mouths: every good frame of the footage, as a lip shape and a crop of pixels.

Frames in abrupt motion, in an unusual pose, out of focus or with an odd lip shape are left out
(METHOD.md §4); what remains carries a quality score.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
from pydantic import Field

from lipsync.errors import NoFaceError
from lipsync.face.appearance import LOOK_SIZE, look, oddness, skin_colour, steady_light, tint
from lipsync.face.appearance import sharpness as edge_strength
from lipsync.face.identity import strangers, upper_face
from lipsync.face.similarity import to_complex
from lipsync.face.tracked_face import lips as lips_of
from lipsync.face.tracked_face import nose, smoothed_points
from lipsync.media.pixels import FINE_SCALE, cell_means, cut_out, reduction_of
from lipsync.mouth.bank.shape_free import shape_free, usual_shape
from lipsync.runtime.cache import Cache
from lipsync.runtime.option_spec import options
from lipsync.types import F32, I64, U8, Alignment, Bools, CellMeans, FaceTrack, MouthBank

# What of the canonical space a crop holds: mouth, chin and the cheeks beside them, with room
# for a rolled head.
REGION = (-0.85, 0.15, 0.85, 1.75)  # left, top, right, bottom
FACES_PER_SHOT = 6  # that are looked at to see whose mouth it is
LAYOUT = 14  # of the files in the cache
MAX_BYTES = 1_000_000_000  # of crops and their luma
STRETCH = 50  # consecutive frames that are kept together where there are too many


@options
class BankOptions:
    """Which frames of the footage may lend their pixels."""

    bank_frames: Annotated[int, Field(ge=1)] = 4000
    """Most frames kept; of more footage short stretches are, spread evenly."""
    bank_sharpness: Annotated[float, Field(ge=0, le=1)] = 0.35
    """Frames blurrier than this share of the footage's median sharpness are left out."""


def usable(track: FaceTrack, alignment: Alignment) -> Bools:
    """Frames worth a place in a bank by their landmarks alone, (n,).

    Out go frames without a face; in abrupt motion, ‖s_t − (s_{t−1} + s_{t+1})/2‖ of the rigid
    points beyond 5 times its median; with head pose or lip shape beyond 5 robust standard
    deviations. If hardly anything would remain, all frames with a face stay.
    """
    ok = track.found.copy()
    rigid = to_complex(track.xy[:, track.scheme.rigid]).mean(1)
    jerk = np.zeros(len(track))
    if len(track) > 2:
        jerk[1:-1] = np.abs(rigid[1:-1] - (rigid[:-2] + rigid[2:]) / 2)
    jerk = np.nan_to_num(jerk) / alignment.scale
    ok &= jerk <= max(0.03, 5 * float(np.median(jerk[track.found])))
    pose = nose(track, alignment).reshape(len(track), -1)
    shape = lips_of(track, alignment).points.reshape(len(track), -1)
    for values in (pose, shape):
        ok &= _outlyingness(values, track.found) <= 5
    return ok if ok.sum() >= min(10, track.found.sum()) else track.found


def _outlyingness(values: F32, known: Bools) -> F32:
    """Largest robust z-score over the columns, (n,); unknown rows count as 0."""
    middle = np.median(values[known], axis=0)
    spread = 1.4826 * np.median(np.abs(values[known] - middle), axis=0)
    # A landmark that hardly ever moves must not make its every twitch an outlier.
    spread = np.maximum(spread, 0.02)
    return np.asarray(np.nan_to_num(np.abs(values - middle) / spread).max(1), np.float32)


def build(
    frames: Iterable[U8],
    track: FaceTrack,
    alignment: Alignment,
    options: BankOptions,
    cache: Cache,
    footage: str,
    said: Callable[[], F32 | None] | None = None,
) -> MouthBank:
    """Collect the bank from the footage that `track` was made from, or find it in the cache.

    Args:
        frames: the footage's frames (h, w, 3), read only if the bank is not in the cache.
        footage: hash of the footage, for the cache.
        said: gives what is heard at every frame, (n, p), or None; asked only if it must be.

    Raises:
        NoFaceError: no frame has a face.
    """
    if not track.found.any():
        raise NoFaceError("no frame shows a face to take the mouth from")
    chosen = np.flatnonzero(usable(track, alignment))
    points = hashlib.sha256(track.points.tobytes()).hexdigest()
    facts = {"footage": footage, "track": points, "cuts": track.cuts.tolist()}
    key = {"layout": LAYOUT, "said": said is not None, **facts, **asdict(options)}

    def make(folder: Path) -> None:
        _collect(folder, frames, track, alignment, chosen, options, said() if said else None)

    return _load(cache.folder("bank", key, make))


def _collect(
    folder: Path,
    frames: Iterable[U8],
    track: FaceTrack,
    alignment: Alignment,
    chosen: I64,
    options: BankOptions,
    said: F32 | None,
) -> None:
    """Fill `folder`: crops, luma, small and shape_free (.npy, of chosen frames), and bank.npz."""
    width, height = _crop_size(alignment.scale[chosen])
    most = min(options.bank_frames, max(1, MAX_BYTES // (4 * width * height)))
    chosen = thinned(chosen, most)
    corners = _crop_corners(alignment, chosen, width, height)
    crops = np.lib.format.open_memmap(
        folder / "crops.npy", "w+", np.uint8, (len(chosen), height, width, 3)
    )
    scale = float(np.median(alignment.scale[chosen]))
    reduction, fine = reduction_of(scale), reduction_of(scale, FINE_SCALE)
    reduced = (len(chosen) if reduction > 1 else 0, -(-height // reduction), -(-width // reduction))
    fine_shape = (len(chosen), -(-height // fine), -(-width // fine))
    luma = np.lib.format.open_memmap(folder / "luma.npy", "w+", np.uint8, fine_shape)
    small = np.lib.format.open_memmap(folder / "small.npy", "w+", np.uint8, (*reduced, 3))
    to_crop = _moved(alignment.to_frame[chosen], -corners)
    sharpness = np.zeros(len(chosen), np.float32)
    looks = np.zeros((len(chosen), LOOK_SIZE[0] * LOOK_SIZE[1]), np.float32)
    rows = {int(frame): row for row, frame in enumerate(chosen)}
    light = np.full((len(track), 3), np.nan, np.float32)
    shot = np.searchsorted(track.cuts, np.arange(len(track)), side="right")
    all_looks = np.zeros((len(track), LOOK_SIZE[0] * LOOK_SIZE[1]), np.float16)
    all_tints = np.zeros_like(all_looks)
    looked_at = _some_of_each(shot[chosen], chosen)
    faces: dict[int, list[F32]] = {}
    for i, frame in enumerate(frames):
        if i in looked_at:
            faces.setdefault(int(shot[i]), []).append(upper_face(frame, alignment.to_frame[i]))
        if track.found[i]:
            light[i] = skin_colour(frame, alignment.to_frame[i])
            all_looks[i] = look(frame, alignment.to_frame[i])
            all_tints[i] = tint(frame, alignment.to_frame[i])
        row = rows.get(i)
        if row is not None:
            crops[row] = cut_out(frame, corners[row], width, height)
            if reduction > 1:
                small[row] = cell_means(crops[row], reduction)
            luma[row] = cell_means(cv2.cvtColor(crops[row], cv2.COLOR_RGB2GRAY), fine)
            sharpness[row] = edge_strength(crops[row])
            looks[row] = all_looks[i]
    crops.flush()
    small.flush()
    luma.flush()
    control = smoothed_points(track, track.scheme.warp[18:])
    control = np.concatenate([track.xy[:, track.scheme.lips], control], axis=1)
    control = control[chosen] - corners[:, None]
    usual = usual_shape(control, to_crop)
    np.save(
        folder / "shape_free.npy",
        shape_free(crops if reduction == 1 else small, reduction, control, usual),
    )

    relative = sharpness / max(float(np.median(sharpness)), 1e-6)
    sizes = dict(enumerate(np.bincount(shot[chosen]).tolist()))
    strange = np.array(strangers(faces, sizes), np.int64)
    sharp = (relative >= options.bank_sharpness) | (sharpness >= np.median(sharpness))
    np.savez(
        folder / "bank.npz",
        keep=sharp & ~np.isin(shot[chosen], strange),
        strange=strange,
        lips=lips_of(track, alignment).points[chosen],
        pose=nose(track, alignment)[chosen],
        control=control,
        to_crop=to_crop,
        looks=looks,
        quality=np.minimum(relative, 1).astype(np.float32),
        frames=chosen.astype(np.int64),
        shots=shot[chosen].astype(np.int64),
        small_across=reduction,
        luma_across=fine,
        light=steady_light(light, track),
        oddness=oddness(all_looks, lips_of(track, alignment).points, track, all_tints),
        said=np.zeros((len(chosen), 0), np.float32) if said is None else said[chosen],
    )


def thinned(frames: I64, most: int) -> I64:
    """At most so many of the frames (n,): stretches of STRETCH consecutive ones, spread evenly.

    Every second frame would do for single mouths, but mouths are compared by their motion, and
    textures follow each other as they did in the footage.
    """
    if len(frames) <= most:
        return frames
    stretch = min(STRETCH, max(1, most // 8))
    count = most // stretch
    starts = np.arange(count) * (len(frames) - stretch) // max(count - 1, 1)
    return np.asarray(frames[(starts[:, None] + np.arange(stretch)).ravel()])


def _some_of_each(shots: I64, frames: I64) -> set[int]:
    """FACES_PER_SHOT of the frames of every shot, spread evenly."""
    some: set[int] = set()
    for one in np.unique(shots):
        own = frames[shots == one]
        places = np.linspace(0, len(own) - 1, min(FACES_PER_SHOT, len(own))).round()
        some.update(own[places.astype(int)].tolist())
    return some


def _crop_size(scale: F32) -> tuple[int, int]:
    """Width and height that hold REGION in (nearly) every frame, pixels."""
    largest = float(np.percentile(scale, 99))
    left, top, right, bottom = REGION
    return int(np.ceil(largest * (right - left))), int(np.ceil(largest * (bottom - top)))


def _crop_corners(alignment: Alignment, chosen: I64, width: int, height: int) -> F32:
    """Top left corner of every crop in its frame, whole pixels, (m, 2) float."""
    left, top, right, bottom = REGION
    middle = np.array([(left + right) / 2, (top + bottom) / 2, 1], np.float32)
    centres = alignment.to_frame[chosen] @ middle
    return np.asarray(np.round(centres - np.array([width, height]) / 2), np.float32)


def _moved(matrices: F32, shift: F32) -> F32:
    """Matrices (m, 2, 3) followed by a shift (m, 2)."""
    moved = matrices.copy()
    moved[:, :, 2] += shift
    return moved


def _load(folder: Path) -> MouthBank:
    with np.load(folder / "bank.npz") as data:
        arrays: dict[str, Any] = dict(data)
    if not arrays["said"].shape[1]:
        arrays["said"] = None  # not known
    crops = np.load(folder / "crops.npy", mmap_mode="r")
    for name in ("small", "luma"):
        pictures = np.load(folder / f"{name}.npy", mmap_mode="r")
        across = int(arrays.pop(f"{name}_across"))
        arrays[name] = CellMeans(pictures, across) if len(pictures) else None
    arrays["shape_free"] = np.load(folder / "shape_free.npy", mmap_mode="r")
    keep = arrays.pop("keep")
    if keep.all():
        return MouthBank(crops=crops, **arrays)
    # A fancy index would copy the whole map into memory; give blurry entries no quality instead.
    arrays["quality"] = np.where(keep, arrays["quality"], 0).astype(np.float32)
    return MouthBank(crops=crops, **arrays)
