"""Array aliases, and a check of dtype and shape."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]
Box = tuple[int, int, int, int]  # x, y, width, height, pixels
Positions = NDArray[np.int64] | NDArray[np.float64]  # target frames, may be fractional


def require_array(what: str, array: Any, dtype: DTypeLike, shape: tuple[int | None, ...]) -> None:
    """Raise ValueError unless `array` has this dtype and shape (None: any length)."""
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{what}: wanted an array, got {type(array).__name__}")
    fits = array.ndim == len(shape) and all(
        w in (None, g) for w, g in zip(shape, array.shape, strict=True)
    )
    if array.dtype != np.dtype(dtype) or not fits:
        wanted = "(" + ", ".join("any" if s is None else str(s) for s in shape) + ")"
        raise ValueError(
            f"{what}: wanted {np.dtype(dtype)} {wanted}, got {array.dtype} {array.shape}"
        )
