"""Mouths: a person's bank of them, and pieces of new picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync.types.arrays import F32, I64, U8, require_array
from lipsync.types.face import N_LIPS


@dataclass(frozen=True, eq=False)
class CellMeans:
    """Pictures in square cells, each the mean of its pixels."""

    pictures: U8  # (m, ⌈h / across⌉, ⌈w / across⌉[, 3])
    across: int  # pixels

    def __post_init__(self) -> None:
        require_array("CellMeans.pictures", self.pictures, np.uint8, (None,) * self.pictures.ndim)


@dataclass(frozen=True, eq=False)
class MouthBank:
    """Mouths of one person: shapes in memory, crops of the original pixels memory-mapped on disk.

    The crops are never resampled on the way in: a texture is made from them by a single
    interpolation, from the footage's own pixels to the target's.
    """

    lips: F32  # (m, 18, 2), canonical
    pose: F32  # (m, 3, 2), the scheme's nose points, canonical
    control: F32  # (m, k, 2), the scheme's warp points, pixels of the crop
    to_crop: F32  # (m, 2, 3), canonical → pixels of the crop
    crops: U8  # (m, h, w, 3), usually a memory map
    looks: F32  # (m, d), a thumbnail of each mouth, levels / 255, distances are RMS per pixel
    quality: F32  # (m,), 0..1
    frames: I64  # (m,), frame of the footage that each entry came from
    shots: I64  # (m,), shot of the footage that each entry came from
    said: F32 | None = None  # (m, p), what is heard at each entry (`features.said`); None: unknown
    small: CellMeans | None = None  # of the crops; None: they are small enough themselves
    luma: CellMeans | None = None  # of their luma; None: to be made
    light: F32 | None = None  # (f, 3), colour of the skin in every frame of the footage, levels
    # (f,), how unlike all mouths of its shape the mouth of every frame looks; NaN: not known
    oddness: F32 | None = None
    strange: I64 | None = None  # shots that show another person: their entries have no quality
    # (m, s, s, 3), coarse pictures of the entries bent to their usual shape (`shape_free`)
    shape_free: U8 | None = None

    def __post_init__(self) -> None:
        m = len(self.lips)
        require_array("MouthBank.lips", self.lips, np.float32, (m, N_LIPS, 2))
        require_array("MouthBank.pose", self.pose, np.float32, (m, 3, 2))
        require_array("MouthBank.control", self.control, np.float32, (m, None, 2))
        require_array("MouthBank.to_crop", self.to_crop, np.float32, (m, 2, 3))
        require_array("MouthBank.crops", self.crops, np.uint8, (m, None, None, 3))
        require_array("MouthBank.looks", self.looks, np.float32, (m, None))
        require_array("MouthBank.quality", self.quality, np.float32, (m,))
        require_array("MouthBank.frames", self.frames, np.int64, (m,))
        require_array("MouthBank.shots", self.shots, np.int64, (m,))
        if self.said is not None:
            require_array("MouthBank.said", self.said, np.float32, (m, None))
        if self.light is not None:
            require_array("MouthBank.light", self.light, np.float32, (None, 3))
        for cells, name, colours in ((self.small, "small", (3,)), (self.luma, "luma", ())):
            if cells is not None:
                require_array(
                    f"MouthBank.{name}", cells.pictures, np.uint8, (m, None, None, *colours)
                )
        if self.shape_free is not None:
            require_array("MouthBank.shape_free", self.shape_free, np.uint8, (m, None, None, 3))

    def __len__(self) -> int:
        return len(self.lips)


@dataclass(frozen=True, eq=False)
class Patch:
    """A piece of new picture and how much of it to show.

    `from_frame` maps the target frame's pixels to the patch's. A whole shift (linear part the
    identity, integer offsets) means that the patch lies on the frame's own pixel grid and is
    pasted without any resampling.
    """

    rgb: U8  # (h, w, 3)
    alpha: F32  # (h, w), 0..1: where this source vouches for its pixels
    from_frame: F32  # (2, 3)
    # How far the nearest real mouth was from the wanted one: RMS, outer-eye distances.
    distance: float = 0.0

    def __post_init__(self) -> None:
        require_array("Patch.rgb", self.rgb, np.uint8, (None, None, 3))
        require_array("Patch.alpha", self.alpha, np.float32, self.rgb.shape[:2])
        require_array("Patch.from_frame", self.from_frame, np.float32, (2, 3))
