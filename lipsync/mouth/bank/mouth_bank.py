"""The mouth bank: every good frame of the footage, as a lip shape and a crop of pixels.

Frames with abrupt motion, an outlying pose or lip shape, or blur are left out (docs/method.md §4);
the others get a quality score. Frames whose mouth is hidden lend none; of those with a hand or a
caption before cheek or chin the bank knows where (`MouthBank.valid`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lipsync.errors import NoFaceError
from lipsync.face.appearance import (
    THUMBNAIL_SIZE,
    make_luma_thumbnail,
    make_tint_thumbnail,
    measure_sharpness,
    measure_skin_color,
    score_appearance_outliers,
    smooth_skin_color,
)
from lipsync.face.hand_detection import describe_detector
from lipsync.face.identity import find_other_identities, make_face_thumbnail
from lipsync.face.tracked_face import TrackedFace
from lipsync.media.pixels import FINE_SCALE, cell_means, crop_replicated, reduction_factor
from lipsync.mouth.bank.frame_selection import find_usable_frames, thin_out
from lipsync.mouth.occlusion.before_face import FaceWatch, find_valid
from lipsync.mouth.shape_free import mean_shape
from lipsync.runtime.cache import Cache
from lipsync.runtime.code_digest import digest_code
from lipsync.runtime.disk_space import create_array
from lipsync.runtime.hashing import hash_array
from lipsync.runtime.option_spec import option_group
from lipsync.runtime.prefetch import read_ahead
from lipsync.types import (
    F32,
    I64,
    U8,
    Alignment,
    CellMeans,
    FootageAppearance,
    MouthBank,
    Occluders,
)

# Part of the canonical space in a crop: mouth, chin and the cheeks next to them, with room for a
# rolled head.
REGION = (-0.85, 0.15, 0.85, 1.75)  # left, top, right, bottom
FACES_PER_SHOT = 6  # whose identity is checked
MAX_BYTES = 1_000_000_000  # of crops and their luma
SIZE_PERCENTILE = 99  # of face sizes that a crop must hold; a single outlier must not enlarge all
SEGMENT_S = 2.0  # of consecutive frames that are kept together in thinned-out footage


@option_group
class BankOptions:
    """Which frames of the footage enter the bank."""

    bank_frames: Annotated[int, Field(ge=1)] = 4000
    """Most frames kept; of more footage short segments are, spread evenly."""
    bank_sharpness: Annotated[float, Field(ge=0, le=1)] = 0.35
    """Frames blurrier than this share of the footage's median sharpness are left out."""


def build(
    frames: Iterable[U8],
    face: TrackedFace,
    options: BankOptions,
    cache: Cache,
    footage: str,
    phones: Callable[[], F32 | None] | None = None,
) -> tuple[MouthBank, FootageAppearance]:
    """Collect a bank from the footage in which `face` was tracked, or load it from the cache.

    Args:
        frames: the footage's frames (h, w, 3), read only if the bank is not in the cache, and
            once more if the cache's disk turns out to be full: an iterator cannot be.
        footage: hash of the footage, for the cache key.
        phones: computes the phone embedding of every frame, (f, p), or None where the sound is
            not the person's; called only if the bank must be built.

    Raises:
        NoFaceError: no frame has a face.
    """
    if not face.found.any():
        raise NoFaceError("no frame shows a face to take the mouth from")
    chosen = np.flatnonzero(find_usable_frames(face))
    key = {
        "phones": phones is not None,
        "footage": footage,
        "track": hash_array(face.track.points),
        "alignment": hash_array(face.alignment.to_frame),
        "cuts": face.track.cuts.tolist(),
        "hands": describe_detector(),
        **asdict(options),
    }

    def make(folder: Path) -> None:
        _collect(folder, frames, face, chosen, options, phones() if phones else None)

    code = digest_code("lipsync.mouth.bank.footage")  # frames and phones come from there
    return cache.load("bank", key, make, _load, code=code)


def _collect(
    folder: Path,
    frames: Iterable[U8],
    face: TrackedFace,
    chosen: I64,
    options: BankOptions,
    phones: F32 | None,
) -> None:
    """Fill `folder`: crops, luma and small (.npy, of chosen frames), and bank.npz."""
    track, alignment = face.track, face.alignment
    width, height = _crop_size(alignment.scale[chosen])
    most = min(options.bank_frames, max(1, MAX_BYTES // (4 * width * height)))
    chosen = thin_out(chosen, most, round(SEGMENT_S * float(track.fps)))
    corners = _crop_corners(alignment, chosen, width, height)
    scale = float(np.median(alignment.scale[chosen]))
    pictures = _CropFiles(folder, len(chosen), width, height, scale)
    shot = np.searchsorted(track.cuts, np.arange(len(track)), side="right")
    in_frame = np.concatenate([track.xy[:, track.scheme.lips], face.surround], axis=1)
    to_crop = _shift(alignment.to_frame[chosen], -corners)
    control = in_frame[chosen] - corners[:, None]
    shape = mean_shape(control, to_crop)
    with FaceWatch(face, in_frame, shape, folder) as watch:
        seen = _scan(frames, face, chosen, corners, shot, pictures, watch)
        occluders = watch.occluders()
    pictures.flush()
    valid = find_valid(occluders, chosen, control, to_crop)
    if valid is not None:
        np.save(folder / "valid.npy", valid)

    relative = seen.sharpness / max(float(np.median(seen.sharpness)), 1e-6)
    sizes = dict(enumerate(np.bincount(shot[chosen]).tolist()))
    others = np.array(find_other_identities(seen.upper_faces, sizes), np.int64)
    sharp = (relative >= options.bank_sharpness) | (seen.sharpness >= np.median(seen.sharpness))
    skin = smooth_skin_color(_without_occluded(seen.skin_color, occluders), track)
    keep = sharp & ~np.isin(shot[chosen], others)
    free = ~occluders.near_lips[chosen]
    np.savez(
        folder / "bank.npz",
        # Where every mouth is hidden, theirs must do: none of them will be shown.
        keep=keep & free if (keep & free).any() else keep,
        lips=face.lips.points[chosen],
        pose=face.nose[chosen],
        control=control,
        to_crop=to_crop,
        thumbnails=seen.thumbnails,
        quality=np.minimum(relative, 1).astype(np.float32),
        frames=chosen.astype(np.int64),
        shots=shot[chosen].astype(np.int64),
        rates=track.rates[chosen],
        small_across=pictures.reduction,
        luma_across=pictures.fine,
        skin_color=skin[chosen],
        usual_skin_color=np.nanmedian(skin, axis=0),
        phones=np.zeros((len(chosen), 0), np.float32) if phones is None else phones[chosen],
    )
    np.savez(
        folder / "appearance.npz",
        skin_color=skin,
        outlier_score=score_appearance_outliers(
            seen.all_thumbnails, face.lips.points, track, seen.all_tints
        ),
        other_identity_shots=others,
    )
    np.savez_compressed(
        folder / "occluders.npz",
        rows=occluders.rows,
        masks=occluders.masks,
        near_lips=occluders.near_lips,
    )


def _without_occluded(colors: F32, occluders: Occluders) -> F32:
    """Colors (f, 3) of the skin; NaN where it may be that of a hand, if any are left."""
    free = np.where((occluders.rows < 0)[:, None], colors, np.nan).astype(np.float32)
    return free if np.isfinite(free).any() else colors


class _CropFiles:
    """Memory-mapped pictures of the entries, in full and in reduced size."""

    def __init__(self, folder: Path, count: int, width: int, height: int, scale: float) -> None:
        self.reduction, self.fine = reduction_factor(scale), reduction_factor(scale, FINE_SCALE)
        reduced = (-(-height // self.reduction), -(-width // self.reduction), 3)
        fine = (-(-height // self.fine), -(-width // self.fine))
        smalls = count if self.reduction > 1 else 0
        self.crops = create_array(folder / "crops.npy", (count, height, width, 3))
        self.luma = create_array(folder / "luma.npy", (count, *fine))
        self.small = create_array(folder / "small.npy", (smalls, *reduced))

    def store(self, row: int, crop: U8) -> None:
        """Write an entry's crop (h, w, 3) and its reductions."""
        self.crops[row] = crop
        if self.reduction > 1:
            self.small[row] = cell_means(crop, self.reduction)
        self.luma[row] = cell_means(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), self.fine)

    def flush(self) -> None:
        """Write everything to disk."""
        for pictures in (self.crops, self.luma, self.small):
            pictures.flush()


@dataclass(frozen=True, eq=False)
class _Scan:
    """Measurements of one pass over the footage; f frames, m entries, d thumbnail pixels."""

    sharpness: F32  # (m,)
    thumbnails: F32  # (m, d)
    skin_color: F32  # (f, 3), NaN where no face was found
    all_thumbnails: NDArray[np.float16]  # (f, d)
    all_tints: NDArray[np.float16]  # (f, d)
    upper_faces: dict[int, list[F32]]  # thumbnails of the upper face, by shot


def _scan(
    frames: Iterable[U8],
    face: TrackedFace,
    chosen: I64,
    corners: F32,
    shot: I64,
    pictures: _CropFiles,
    watch: FaceWatch,
) -> _Scan:
    """Read the footage once: store the crops of chosen frames, measure all frames."""
    size, to_frame = THUMBNAIL_SIZE[0] * THUMBNAIL_SIZE[1], face.alignment.to_frame
    height, width = pictures.crops.shape[1:3]
    rows = {int(frame): row for row, frame in enumerate(chosen)}
    looked_at = _sample_each_shot(shot[chosen], chosen)
    seen = _Scan(
        sharpness=np.zeros(len(chosen), np.float32),
        thumbnails=np.zeros((len(chosen), size), np.float32),
        skin_color=np.full((len(face), 3), np.nan, np.float32),
        all_thumbnails=np.zeros((len(face), size), np.float16),
        all_tints=np.zeros((len(face), size), np.float16),
        upper_faces={},
    )
    for i, frame in enumerate(read_ahead(iter(frames))):
        if i in looked_at:
            thumbnail = make_face_thumbnail(frame, to_frame[i])
            seen.upper_faces.setdefault(int(shot[i]), []).append(thumbnail)
        if face.found[i]:
            seen.skin_color[i] = measure_skin_color(frame, to_frame[i])
            seen.all_thumbnails[i] = make_luma_thumbnail(frame, to_frame[i])
            seen.all_tints[i] = make_tint_thumbnail(frame, to_frame[i])
            watch.see(i, frame)
        row = rows.get(i)
        if row is not None:
            pictures.store(row, crop_replicated(frame, corners[row], width, height))
            seen.sharpness[row] = measure_sharpness(pictures.crops[row])
            seen.thumbnails[row] = seen.all_thumbnails[i]
    return seen


def _sample_each_shot(shots: I64, frames: I64) -> set[int]:
    """FACES_PER_SHOT frames of every shot, spread evenly."""
    some: set[int] = set()
    for one in np.unique(shots):
        own = frames[shots == one]
        places = np.linspace(0, len(own) - 1, min(FACES_PER_SHOT, len(own))).round()
        some.update(own[places.astype(int)].tolist())
    return some


def bank_bytes(scale: float, entries: int) -> int:
    """About how large the crops of a bank get.

    Args:
        scale: of the faces, pixels between the outer eye corners.
        entries: frames that are to be kept.
    """
    width, height = _crop_size(np.array([max(scale, 1.0)], np.float32))
    return min(MAX_BYTES, 4 * width * height * entries)


def _crop_size(scale: F32) -> tuple[int, int]:
    """Width and height that hold REGION in (nearly) every frame, pixels."""
    largest = float(np.percentile(scale, SIZE_PERCENTILE))
    left, top, right, bottom = REGION
    return int(np.ceil(largest * (right - left))), int(np.ceil(largest * (bottom - top)))


def _crop_corners(alignment: Alignment, chosen: I64, width: int, height: int) -> F32:
    """Top left corner of every crop in its frame, whole pixels as float, (m, 2)."""
    left, top, right, bottom = REGION
    middle = np.array([(left + right) / 2, (top + bottom) / 2, 1], np.float32)
    centers = alignment.to_frame[chosen] @ middle
    return np.asarray(np.round(centers - np.array([width, height]) / 2), np.float32)


def _shift(matrices: F32, shift: F32) -> F32:
    """Append a shift (m, 2) to affine matrices (m, 2, 3)."""
    shifted = matrices.copy()
    shifted[:, :, 2] += shift
    return shifted


def _load(folder: Path) -> tuple[MouthBank, FootageAppearance]:
    with np.load(folder / "occluders.npz") as data:
        occluders = Occluders(**data)
    with np.load(folder / "appearance.npz") as data:
        appearance = FootageAppearance(**data, occluders=occluders)
    with np.load(folder / "bank.npz") as data:
        arrays: dict[str, Any] = dict(data)
    if not arrays["phones"].shape[1]:
        arrays["phones"] = None  # unknown
    crops = np.load(folder / "crops.npy", mmap_mode="r")
    for name in ("small", "luma"):
        pictures = np.load(folder / f"{name}.npy", mmap_mode="r")
        across = int(arrays.pop(f"{name}_across"))
        arrays[name] = CellMeans(pictures, across) if len(pictures) else None
    if (folder / "valid.npy").is_file():
        arrays["valid"] = np.load(folder / "valid.npy", mmap_mode="r")
    keep = arrays.pop("keep")
    if not keep.all():
        # A fancy index would copy the whole map into memory; blurry entries lose their quality.
        arrays["quality"] = np.where(keep, arrays["quality"], 0).astype(np.float32)
    return MouthBank(crops=crops, **arrays), appearance
