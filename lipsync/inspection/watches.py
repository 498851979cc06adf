"""The table of everything that watches the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lipsync.face.landmarks import LandmarkOptions
from lipsync.inspection.blur import BlurWatch
from lipsync.inspection.compression import CompressionWatch
from lipsync.inspection.covered import CoveredWatch
from lipsync.inspection.double_edges import DoubleEdgesWatch
from lipsync.inspection.flicker import FlickerWatch
from lipsync.inspection.identity import IdentityWatch
from lipsync.inspection.measures import PictureWatch
from lipsync.inspection.noise import NoiseWatch
from lipsync.inspection.shared_work import SharedWork
from lipsync.inspection.skin_tone import SkinToneWatch
from lipsync.runtime.context import RunContext


def picture_watches(
    reference: Sequence[Path] | None = None,
    options: LandmarkOptions | None = None,
    run: RunContext | None = None,
) -> list[PictureWatch]:
    """Fresh watches for the frames of one face.

    Args:
        reference: pictures of the person that the video should show.
        options, run: how, and where, faces are found in them.

    Raises:
        NoFaceError, MediaError: a reference picture shows no face or cannot be read.
    """
    work = SharedWork()
    return [
        BlurWatch(work),
        FlickerWatch(work),
        SkinToneWatch(work),
        DoubleEdgesWatch(),
        CoveredWatch(work),
        NoiseWatch(work),
        CompressionWatch(),
        IdentityWatch(reference or (), options or LandmarkOptions(), run.device if run else "cpu"),
    ]
