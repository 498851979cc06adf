"""One frame of a swap under a grid of options, to choose them by."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import NoFaceError, OptionsError
from lipsync.face import landmarks
from lipsync.face.tracked_face import TrackedFace
from lipsync.faceswap.face_crop import smooth_landmarks
from lipsync.faceswap.maker import FaceOptions, mask_outlines
from lipsync.faceswap.preview import draw_grid
from lipsync.media.png import write_png
from lipsync.mouth.finish.composite import Compositor
from lipsync.options import SwapOptions
from lipsync.pipelines.person import find_person
from lipsync.pipelines.swap_setup import (
    SourceFace,
    composite_options,
    open_face_maker,
    require_consent,
)
from lipsync.report.contact_sheet import check_sheet_path
from lipsync.runtime.threads import single_threaded_torch
from lipsync.types import U8, FaceTrack, Patch, VideoInfo


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
    """Draw one frame of a swap under a grid of options, as a PNG.

    Args:
        source_faces, video, model, consent, options: see `swap`.
        at: seconds.
        picture: the PNG file; an existing one is replaced.

    Raises:
        LipsyncError: an error that the user can fix; nothing was written.
    """
    options = options or SwapOptions()
    require_consent(consent)
    picture, video, model = Path(picture), Path(video), Path(model)
    check_sheet_path(picture, [video, model])
    source = SourceFace.open(Path(source_faces), model, options.run.device)
    info = media.probe(video)
    index = math.floor(at * info.fps)
    if not 0 <= index < info.frame_count:
        raise OptionsError(
            f"--preview {at:g}s: {video} lasts {float(info.duration):.2f} s; choose a time in it"
        )
    frame = next(media.read_frames(info, index, index + 1))
    track = _find_face(frame, index, info, options)
    if not track.found.any():
        raise NoFaceError(f"{video}: no face at {at:g} s; choose another time")
    face = TrackedFace.of(track)
    with single_threaded_torch(), open_face_maker(source, options) as maker:
        maker.check_scheme(face.scheme)
        grid = draw_grid(frame, face, maker, options.faces, composite_frame)
    return write_png(picture, grid)


def composite_frame(frame: U8, patch: Patch, face: TrackedFace, options: FaceOptions) -> U8:
    """Composite a patch into the only frame of `face`, as `swap` does."""
    compositor = Compositor(
        face.at(np.zeros(1, np.int64)),
        composite_options(SwapOptions(faces=options)),
        outlines=mask_outlines(face, smooth_landmarks(face), options),
    )
    return compositor.composite(0, frame, patch).frame


def parse_time(text: str) -> float:
    """`12.4s`, `12.4` or `1:02.5` as seconds.

    Raises:
        OptionsError: it has none of these forms.
    """
    found = re.fullmatch(r"(?:(\d+):)?(\d+(?:\.\d*)?)s?", text.strip())
    if found is None:
        raise OptionsError(f"--preview {text}: wanted a time like 12.4s or 1:02.5")
    return 60 * float(found[1] or 0) + float(found[2])


def _find_face(frame: U8, index: int, info: VideoInfo, options: SwapOptions) -> FaceTrack:
    """The selected face in one frame; which one it is may depend on all other frames."""
    if options.landmarks.face == "largest":
        return landmarks.track_face([frame], info.fps, options.landmarks, options.run.device)
    with options.run.open(None) as run:
        track = find_person(info, options.landmarks, run).face.track
    one = slice(index, index + 1)
    return replace(
        track,
        points=track.points[one],
        found=track.found[one],
        confidence=track.confidence[one],
        cuts=track.cuts[:0],
    )
