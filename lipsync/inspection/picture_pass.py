"""One pass over the frames: every picture measure of every frame.

While the watches look at a view, a thread prepares the next ones. More threads bring nothing: the
watches hold the interpreter's lock too often.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from lipsync.face.tracked_face import TrackedFace
from lipsync.inspection.face_view import MIN_SCALE, FaceView, view_faces, view_scale
from lipsync.inspection.measures import PictureWatch, PreparingWatch
from lipsync.runtime.prefetch import read_ahead
from lipsync.types import F32, U8, Progress

AHEAD = 3  # views that are prepared before they are looked at

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
    prepared = read_ahead(_prepare(view_faces(frames, face), face, watches), AHEAD)
    for i, (view, before) in enumerate(prepared):
        if view is not None:
            for watch in watches:
                for name, value in watch.see(view, before).items():
                    values[name][i] = value
        if progress is not None:
            progress("pictures", i + 1, n)
    return values


def _prepare(
    views: Iterable[FaceView | None], face: TrackedFace, watches: Sequence[PictureWatch]
) -> Iterator[tuple[FaceView | None, FaceView | None]]:
    """Every view with the one before of the same shot, if any; shared work is done."""
    starts = set(face.track.cuts.tolist())
    preparing = [one for one in watches if isinstance(one, PreparingWatch)]
    before: FaceView | None = None
    for i, view in enumerate(views):
        earlier = None if i in starts else before
        if view is not None:
            for watch in preparing:
                watch.prepare(view, earlier)
        yield view, earlier
        before = view
