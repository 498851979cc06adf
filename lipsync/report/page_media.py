"""What a report shows of a video: a small copy that plays in a page, and pictures of moments.

Both come from one pass over the frames, so that a frame number means the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from lipsync import media
from lipsync.errors import AudioError
from lipsync.face.similarity import compose_affine
from lipsync.face.tracked_face import TrackedFace
from lipsync.inspection.face_view import VIEW, FaceView, view_faces
from lipsync.media.encode import EncodeOptions, encode_video
from lipsync.report.heat_map import draw_heat
from lipsync.runtime.locked_folder import temporary_folder
from lipsync.types import F32, U8, Alignment, ColorTags, VideoInfo

# Shorter side and quality of the copy, from the best that a page can hold to the smallest worth
# watching, with the bytes per second that talking faces take: 24000 of them are sound.
COPIES = ((480, 26, 45_000), (360, 32, 30_000), (240, 36, 25_000))
TRIED = 1.5  # times the most that a page can hold: a copy that may get larger is not even made
MOST_BYTES = 25_000_000  # of one copy: base64 makes it a third larger, and browsers must hold it
PICTURE_WIDTH = 440  # pixels of a moment's picture
ENLARGED_MOST = 3.0  # more shows only interpolation
WHOLE_WIDTH = 640  # pixels, of the picture of a frame without a known face
JPEG = (cv2.IMWRITE_JPEG_QUALITY, 90)


@dataclass(frozen=True)
class VideoCopy:
    """A small copy of a video, frame by frame the same."""

    name: str
    width: int
    height: int
    fps: Fraction
    frames: int
    mp4: bytes | None  # None: too long for a page


@dataclass(frozen=True)
class MomentPicture:
    """A frame's face, and where it is odd."""

    jpeg: bytes
    heat: bytes | None  # a PNG of the same part of the frame, mostly clear
    width: int
    height: int
    enlarged: float  # against the video's pixels


Wanted = Mapping[int, tuple[str, ...]]  # frame → questions whose heat map is wanted
Pictures = dict[tuple[int, str], MomentPicture]


def copy_video(path: Path, wanted: Wanted, face: TrackedFace | None) -> tuple[VideoCopy, Pictures]:
    """A copy of a video, and pictures of the wanted frames.

    Args:
        face: whom the pictures show; None: the whole frame, without heat.

    Raises:
        MediaError: it cannot be read.
    """
    info = media.probe(path, tonemap=True)
    pictures: Pictures = {}
    mp4: bytes | None = None
    for side, crf, rate in COPIES:
        if mp4 is None and float(info.duration) * rate < TRIED * MOST_BYTES:
            frames: Iterator[U8] = media.read_frames(info)
            if not pictures:
                frames = _noting(frames, wanted, face, pictures)
            mp4 = _encode(frames, info, side, crf)
            mp4 = mp4 if len(mp4) <= MOST_BYTES else None
    if wanted and not pictures:
        for _ in _noting(media.read_frames(info), wanted, face, pictures):
            pass
    width, height = _copy_size(info, COPIES[0][0])
    return VideoCopy(path.name, width, height, info.fps, info.frame_count, mp4), pictures


def _encode(frames: Iterator[U8], info: VideoInfo, side: int, crf: int) -> bytes:
    """The frames as H.264 with sound, which every browser plays."""
    width, height = _copy_size(info, side)
    small = VideoInfo(
        info.path, width, height, info.fps, info.frame_count,
        color=ColorTags("bt709", "bt709", "bt709", "tv"),
    )  # fmt: skip
    reduced = (cv2.resize(one, (width, height), interpolation=cv2.INTER_AREA) for one in frames)
    sound = None
    if info.has_audio:
        sound = media.Soundtrack(
            info.path, ends=Fraction(info.duration), start_offset=media.sound_start_offset(info)
        )
    with temporary_folder("lipsync-page-") as folder:
        place = folder / "copy.mp4"
        options = EncodeOptions(crf=crf, preset="veryfast")
        try:
            encode_video(reduced, small, sound, place, options)
        except AudioError:  # a sound stream without any sample
            encode_video(reduced, small, None, place, options)
        return place.read_bytes()


def _copy_size(info: VideoInfo, side: int) -> tuple[int, int]:
    """Width and height: even, the shorter one at most `side`, never enlarged."""
    share = min(1.0, side / min(info.width, info.height))
    return max(2, round(info.width * share / 2) * 2), max(2, round(info.height * share / 2) * 2)


def _noting(
    frames: Iterator[U8], wanted: Wanted, face: TrackedFace | None, pictures: Pictures
) -> Iterator[U8]:
    """Pass frames on; draw those that are wanted."""
    before: U8 | None = None
    for index, frame in enumerate(frames):
        if index in wanted:
            views = _views(index, frame, before, face) if face is not None else (None, None)
            for question in wanted[index]:
                pictures[index, question] = _draw(question, frame, *views)
        yield frame
        before = frame


def _views(
    index: int, frame: U8, before: U8 | None, face: TrackedFace
) -> tuple[FaceView | None, FaceView | None]:
    """The face in a frame, and in the frame before it if that is of the same shot."""
    if index >= len(face):
        return None, None
    cut = index == 0 or before is None or index in face.track.cuts.tolist()
    first = index if cut else index - 1
    frames = [frame] if cut or before is None else [before, frame]
    part = slice(first, index + 1)
    track = replace(
        face.track,
        points=face.track.points[part],
        found=face.track.found[part],
        confidence=face.track.confidence[part],
        cuts=np.zeros(0, np.int64),
        mixed_rates=None,
    )
    if not track.found[-1]:
        return None, None
    short = TrackedFace(track, Alignment(face.alignment.to_frame[part]))
    views = list(view_faces(frames, short))
    return views[-1], views[0] if len(views) == 2 else None


def _draw(
    question: str, frame: U8, view: FaceView | None, before: FaceView | None
) -> MomentPicture:
    """A moment as a picture: the view's part of the frame, at the frame's own sharpness."""
    if view is None:
        factor = min(1.0, WHOLE_WIDTH / frame.shape[1])
        size = (round(frame.shape[1] * factor), round(frame.shape[0] * factor))
        whole = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        return MomentPicture(_jpeg(whole), None, *size, factor)
    part, factor = _part_of_frame(view)
    heat = draw_heat(question, view, before)
    return MomentPicture(
        _jpeg(part),
        None if heat is None else _png(heat),
        part.shape[1],
        part.shape[0],
        factor,
    )


def _part_of_frame(view: FaceView) -> tuple[U8, float]:
    """What the view shows, resampled once from the frame, and its enlargement."""
    left, top, right, bottom = VIEW
    own = float(np.sqrt(abs(np.linalg.det(view.to_frame[:, :2].astype(np.float64)))))
    scale = min(PICTURE_WIDTH / (right - left), ENLARGED_MOST * own)
    size = round((right - left) * scale), round((bottom - top) * scale)
    grid: F32 = np.array([[1 / scale, 0, left], [0, 1 / scale, top]], np.float32)
    frame, factor = view.frame, scale / own
    if factor < 1:  # reducing by interpolation alone would alias
        frame = cv2.GaussianBlur(frame, (0, 0), 0.45 / factor)
    part = cv2.warpAffine(
        frame,
        compose_affine(view.to_frame, grid),
        size,
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(part, np.uint8), factor


def _jpeg(picture: U8) -> bytes:
    return bytes(cv2.imencode(".jpg", picture[..., ::-1], JPEG)[1])


def _png(overlay: U8) -> bytes:
    """Of half the size: the maps are smooth, and a page holds dozens."""
    size = max(1, overlay.shape[1] // 2), max(1, overlay.shape[0] // 2)
    small = cv2.resize(overlay, size, interpolation=cv2.INTER_AREA)
    small = cv2.cvtColor(small, cv2.COLOR_RGBA2BGRA)
    return bytes(cv2.imencode(".png", small, (cv2.IMWRITE_PNG_COMPRESSION, 9))[1])
