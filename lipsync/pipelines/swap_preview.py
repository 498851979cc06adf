"""One frame of a swap under a grid of choices, to choose the options by."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import NoFaceError, OptionsError
from lipsync.face import landmarks, tracked_face
from lipsync.faceswap import maker
from lipsync.faceswap import preview as preview_stage
from lipsync.faceswap.autoencoder import FaceAutoencoder
from lipsync.faceswap.faceset.store import FaceSet
from lipsync.faceswap.identity_check import side_of
from lipsync.mouth.finish import composite as composite_stage
from lipsync.options import SwapOptions
from lipsync.pipelines.swap import agreed, composite_options, face_maker
from lipsync.report.contact_sheet import check_sheet
from lipsync.runtime.cache import Cache
from lipsync.runtime.threads import one_thread
from lipsync.types import U8, Alignment, FaceTrack, Patch, VideoInfo


def preview(
    source_faces: str | Path,
    video: str | Path,
    model: str | Path,
    at: float,
    picture: str | Path,
    *,
    consent: str,
    options: SwapOptions | None = None,
) -> Path:
    """One frame of a swap under a grid of choices, as a PNG.

    Args:
        at: seconds.
        picture: where it goes; an existing one is replaced.

    Raises:
        LipsyncError: something the caller can mend; nothing was written.
    """
    options = options or SwapOptions()
    agreed(consent)
    picture = Path(picture)
    check_sheet(picture, [Path(video), Path(model)])
    network = FaceAutoencoder.load(Path(model), options.run.device)
    with FaceSet(Path(source_faces)) as faces:
        source = side_of(network, faces, Path(model))
    info = media.probe(video)
    index = math.floor(at * info.fps)
    if not 0 <= index < info.frame_count:
        raise OptionsError(
            f"--preview {at:g}s: {video} lasts {float(info.duration):.2f} s; choose a time in it"
        )
    frame = next(media.read_frames(info, index, index + 1))
    track = _tracked(frame, index, info, options)
    if not track.found.any():
        raise NoFaceError(f"{video}: no face at {at:g} s; choose another time")
    alignment = tracked_face.align(track)
    with one_thread(), face_maker(network, source, options) as maker:
        maker.check(track.scheme)
        grid = preview_stage.grid(frame, track, alignment, maker, options.faces, composited)
    preview_stage.save(picture, grid)
    return picture


def _tracked(frame: U8, index: int, info: VideoInfo, options: SwapOptions) -> FaceTrack:
    """The wanted face in one frame: which one it is may depend on all others."""
    how, device = options.landmarks, options.run.device
    if how.face == "largest":
        return landmarks.track([frame], info.fps, how, device)
    with Cache(Cache.default_root() if options.run.cache else None) as cache:
        track = landmarks.track_video(info, how, cache, device)
    one = slice(index, index + 1)
    return replace(
        track,
        points=track.points[one],
        found=track.found[one],
        confidence=track.confidence[one],
        cuts=track.cuts[:0],
    )


def composited(
    frame: U8, patch: Patch, track: FaceTrack, alignment: Alignment, how: maker.FaceOptions
) -> U8:
    """Set a patch into its frame, the only one of `track` and `alignment`, as `swap` does."""
    options = composite_options(SwapOptions(faces=how))
    made = composite_stage.composite(
        [frame], [patch], track, alignment, np.zeros(1, np.int64), options,
        outlines=maker.outlines(track, alignment, how),
    )  # fmt: skip
    return next(made).frame


def seconds(text: str) -> float:
    """`12.4s`, `12.4` or `1:02.5` as seconds.

    Raises:
        OptionsError: it is none of these.
    """
    found = re.fullmatch(r"(?:(\d+):)?(\d+(?:\.\d*)?)s?", text.strip())
    if found is None:
        raise OptionsError(f"--preview {text}: wanted a time like 12.4s or 1:02.5")
    return 60 * float(found[1] or 0) + float(found[2])
