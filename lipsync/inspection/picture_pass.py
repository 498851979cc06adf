"""One pass over the frames: every picture measure of every frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lipsync.face.tracked_face import TrackedFace
from lipsync.inspection.face_view import MIN_SCALE, FaceView, view_faces, view_scale
from lipsync.inspection.measures import PictureWatch
from lipsync.types import F32, U8, Progress

Values = dict[str, F32]  # name of a measure → (n,), NaN where it is not applicable


def measure_frames(
    frames: Iterable[U8],
    face: TrackedFace,
    watches: Sequence[PictureWatch],
    progress: Progress | None = None,
) -> Values:
    """Measure every frame (H, W, 3) of a face's video.

    Returns:
        Values of all frames; all NaN if the face is too small to tell (`face_view.MIN_SCALE`).
    """
    n = len(face)
    names = [measure.name for watch in watches for measure in watch.measures]
    values = {name: np.full(n, np.nan, np.float32) for name in names}
    if view_scale(face) < MIN_SCALE:
        return values
    starts = set(face.track.cuts.tolist())
    before: FaceView | None = None
    for i, view in enumerate(view_faces(frames, face)):
        if view is not None:
            earlier = None if i in starts else before
            for watch in watches:
                for name, value in watch.see(view, earlier).items():
                    values[name][i] = value
        before = view
        if progress is not None:
            progress("pictures", i + 1, n)
    return values
