"""Mouths: the mouth bank, appearance of footage, and patches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lipsync.types.arrays import F32, F64, I64, U8, Bools, require_array
from lipsync.types.face import N_LIPS

USUAL_RATE = 25.0  # frames per second, of a bank that does not say


@dataclass(frozen=True, eq=False)
class CellMeans:
    """Reduced pictures: every pixel is the mean of a square cell."""

    pictures: U8  # (m, ⌈h / across⌉, ⌈w / across⌉[, 3])
    across: int  # side of a cell, original pixels

    def __post_init__(self) -> None:
        require_array("CellMeans.pictures", self.pictures, np.uint8, (None,) * self.pictures.ndim)


@dataclass(frozen=True, eq=False)
class MouthBank:
    """Mouths of one person: shapes in memory, crops of original pixels memory-mapped on disk.

    Crops are not resampled: a texture is made from them by a single interpolation, from the
    footage's own pixels to the target's.
    """

    lips: F32  # (m, 18, 2), canonical
    pose: F32  # (m, 3, 2), nose points of the landmark scheme, canonical
    control: F32  # (m, k, 2), warp points of the landmark scheme, pixels of the crop
    to_crop: F32  # (m, 2, 3), canonical → pixels of the crop
    crops: U8  # (m, h, w, 3), usually a memory map
    thumbnails: F32  # (m, d), luma of each mouth, levels / 255; distances are RMS per pixel
    quality: F32  # (m,), 0..1
    frames: I64  # (m,), frame of the footage that each entry came from
    shots: I64  # (m,), shot of the footage that each entry came from
    rates: F64 | None = None  # (m,), frames per second of the footage; None: USUAL_RATE
    phones: F32 | None = None  # (m, p), phone embedding of the sound at each entry; None: unknown
    small: CellMeans | None = None  # of the crops; None: the crops are small enough
    luma: CellMeans | None = None  # of the crops' luma; None: computed when needed
    skin_color: F32 | None = None  # (m, 3), skin around each mouth, levels
    usual_skin_color: F32 | None = None  # (3,), median over all frames of the footage
    # (m, s, s), which cells of the shape-free pictures (`mouth.shape_free`) show the person and not
    # something before them; None: all of them
    valid: Bools | None = None

    def __post_init__(self) -> None:
        m = len(self.lips)
        require_array("MouthBank.lips", self.lips, np.float32, (m, N_LIPS, 2))
        require_array("MouthBank.pose", self.pose, np.float32, (m, 3, 2))
        require_array("MouthBank.control", self.control, np.float32, (m, None, 2))
        require_array("MouthBank.to_crop", self.to_crop, np.float32, (m, 2, 3))
        require_array("MouthBank.crops", self.crops, np.uint8, (m, None, None, 3))
        require_array("MouthBank.thumbnails", self.thumbnails, np.float32, (m, None))
        require_array("MouthBank.quality", self.quality, np.float32, (m,))
        require_array("MouthBank.frames", self.frames, np.int64, (m,))
        require_array("MouthBank.shots", self.shots, np.int64, (m,))
        if self.rates is not None:
            require_array("MouthBank.rates", self.rates, np.float64, (m,))
        if self.phones is not None:
            require_array("MouthBank.phones", self.phones, np.float32, (m, None))
        if self.skin_color is not None:
            require_array("MouthBank.skin_color", self.skin_color, np.float32, (m, 3))
            usual = self.usual_skin_color
            require_array("MouthBank.usual_skin_color", usual, np.float32, (3,))
        for cells, name, colors in ((self.small, "small", (3,)), (self.luma, "luma", ())):
            if cells is not None:
                require_array(
                    f"MouthBank.{name}", cells.pictures, np.uint8, (m, None, None, *colors)
                )
        if self.valid is not None:
            require_array("MouthBank.valid", self.valid, np.bool_, (m, None, None))

    def __len__(self) -> int:
        return len(self.lips)

    @property
    def entry_rates(self) -> F64:
        """Frames per second of the footage that each entry came from, (m,)."""
        return np.full(len(self), USUAL_RATE) if self.rates is None else self.rates


@dataclass(frozen=True, eq=False)
class Occluders:
    """What lies before the lower face: hands, captions, masks; f frames, k of them with any."""

    rows: I64  # (f,), the row of each frame's mask; -1: nothing is before the face
    # (k, s, s), over `occlusion.mask_space.REGION`, 0: the face … 255: something before it
    masks: U8
    # (f,), it comes so near to the lips that the mouth under it is unknown
    near_lips: Bools

    def __post_init__(self) -> None:
        f = len(self.rows)
        require_array("Occluders.rows", self.rows, np.int64, (f,))
        require_array("Occluders.masks", self.masks, np.uint8, (None, None, None))
        require_array("Occluders.near_lips", self.near_lips, np.bool_, (f,))

    @staticmethod
    def none(frames: int) -> Occluders:
        """Nothing before the face in any of these frames."""
        return Occluders(
            np.full(frames, -1, np.int64), np.zeros((0, 1, 1), np.uint8), np.zeros(frames, bool)
        )

    def mask(self, i: int) -> U8 | None:
        """The mask of a frame (s, s); None: nothing is before the face."""
        row = int(self.rows[i])
        return None if row < 0 else np.asarray(self.masks[row])

    def first(self, frames: int) -> Occluders:
        """Those of the first frames."""
        return Occluders(self.rows[:frames], self.masks, self.near_lips[:frames])


@dataclass(frozen=True, eq=False)
class FootageAppearance:
    """Appearance of every frame of some footage; f frames, the target's first."""

    skin_color: F32  # (f, 3), around the mouth, smoothed over time, levels
    # (f,), how much the mouth differs from all mouths of similar shape; NaN: unknown
    outlier_score: F32
    other_identity_shots: I64  # numbers of the shots that show another person
    occluders: Occluders | None = None  # what lies before the face; None: unknown

    def __post_init__(self) -> None:
        f = len(self.skin_color)
        require_array("FootageAppearance.skin_color", self.skin_color, np.float32, (f, 3))
        require_array("FootageAppearance.outlier_score", self.outlier_score, np.float32, (f,))
        shots = self.other_identity_shots
        require_array("FootageAppearance.other_identity_shots", shots, np.int64, (None,))

    def __len__(self) -> int:
        return len(self.skin_color)

    def of_target(self, frames: int) -> FootageAppearance:
        """Appearance of the target, whose `frames` frames come first.

        Raises:
            ValueError: the footage has fewer frames.
        """
        if frames > len(self):
            raise ValueError(f"FootageAppearance: wanted {frames} frames or more, got {len(self)}")
        occluders = None if self.occluders is None else self.occluders.first(frames)
        return FootageAppearance(
            self.skin_color[:frames],
            self.outlier_score[:frames],
            self.other_identity_shots,
            occluders,
        )


@dataclass(frozen=True, eq=False)
class Patch:
    """A rendered piece of picture, with alpha.

    `from_frame` maps the target frame's pixels to the patch's. If it is a shift by whole pixels
    (linear part the identity, integer offsets), the patch lies on the frame's pixel grid and is
    pasted without resampling.
    """

    rgb: U8  # (h, w, 3)
    alpha: F32  # (h, w), 0..1
    from_frame: F32  # (2, 3)
    # From the wanted mouth to the nearest real one: RMS, outer-eye distances.
    distance: float = 0.0

    def __post_init__(self) -> None:
        require_array("Patch.rgb", self.rgb, np.uint8, (None, None, 3))
        require_array("Patch.alpha", self.alpha, np.float32, self.rgb.shape[:2])
        require_array("Patch.from_frame", self.from_frame, np.float32, (2, 3))

    def within(self, corner: I64) -> Patch:
        """The same patch for a box of the frame whose corner is at x, y."""
        from_box = self.from_frame.copy()
        from_box[:, 2] += from_box[:, :2] @ corner
        return replace(self, from_frame=from_box)
