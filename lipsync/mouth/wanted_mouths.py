"""Input of every texture source: the wanted mouths of a clip, and the face they go onto."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lipsync.face.tracked_face import SampledFace, TrackedFace
from lipsync.types import F32, Bools, LipTrack, Positions, require_array


@dataclass(frozen=True, eq=False)
class WantedMouths:
    """One mouth per output frame; n output frames, j jaw points."""

    lips: LipTrack  # (n), canonical; NaN where none is wanted
    face: TrackedFace  # the target's
    order: Positions  # (n,), position in the target of each output frame, may lie between two
    phones: F32 | None = None  # (n, p), phone embedding of the speech; None: unknown
    jaw_offsets: F32 | None = None  # (n, j, 2), offsets of the target's jaw points, pixels
    skin_color: F32 | None = None  # (n, 3), target skin around the mouth, levels; None: unknown

    def __post_init__(self) -> None:
        n = len(self.lips)
        if len(self.order) != n:
            raise ValueError(f"WantedMouths.order: wanted {n} positions, got {len(self.order)}")
        if self.phones is not None:
            require_array("WantedMouths.phones", self.phones, np.float32, (n, None))
        if self.jaw_offsets is not None:
            require_array("WantedMouths.jaw_offsets", self.jaw_offsets, np.float32, (n, None, 2))
        if self.skin_color is not None:
            require_array("WantedMouths.skin_color", self.skin_color, np.float32, (n, 3))

    def __len__(self) -> int:
        return len(self.lips)

    @property
    def heard(self) -> bool:
        """Whether the phone embedding of the speech is known."""
        return self.phones is not None

    @cached_property
    def target(self) -> SampledFace:
        """The target's face in every output frame."""
        return self.face.at(self.order)

    @cached_property
    def present(self) -> Bools:
        """(n,), whether lips are wanted and the target shows a face."""
        return np.asarray(self.target.found & np.isfinite(self.lips.points).all((1, 2)))
