"""The watermark: what is put into a face is read from the encoded video, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lipsync import media
from lipsync.face.landmarks import LandmarkOptions, track_video
from lipsync.face.tracked_face import TrackedFace
from lipsync.marks.watermark import Watermark
from lipsync.marks.watermark_reader import WatermarkReading, read_watermark
from lipsync.media.frame_times import display_times
from lipsync.media.pixels import fill_polygon
from lipsync.runtime.cache import Cache
from lipsync.types import F32, U8
from tests.support import clips

PAYLOAD = 0xC0FFEE123456
FRAMES = 250  # 10 s
LEAST_PSNR = 42.0  # dB, of the marked region

Talk = tuple[list[U8], TrackedFace, np.ndarray]


def _track(path: Path) -> Talk:
    info = media.probe(path)
    with Cache(None) as cache:
        face = TrackedFace.of(track_video(info, LandmarkOptions(), cache))
    return list(media.read_frames(info)), face, display_times(info, len(face))


@pytest.fixture(scope="module")
def talk(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Talk:
    """Ten seconds of a man at a desk."""
    place = tmp_path_factory.mktemp("talk") / "talk.mkv"
    source = shared / "data" / "wild" / "desk_french_50s.mp4"
    clips.run(
        "-i", str(source), "-r", "25", "-frames:v", str(FRAMES), "-an", "-crf", "8", str(place)
    )
    return _track(place)


def _masks(face: TrackedFace, shape: tuple[int, int]) -> list[F32]:
    """Mouth and chin of every frame, as a render replaces them, (h, w), 0 or 1."""
    masks = []
    for outline in face.outlines(0.13):
        mask = np.zeros(shape, np.uint8)
        fill_polygon(mask, outline)
        masks.append((mask > 127).astype(np.float32))
    return masks


@pytest.fixture(scope="module")
def marked(talk: Talk) -> tuple[list[U8], list[F32]]:
    """The frames with the mark in them, and where it may be."""
    frames, face, times = talk
    masks, mark = _masks(face, frames[0].shape[:2]), Watermark(PAYLOAD)
    made = []
    for i, frame in enumerate(frames):
        made.append(frame.copy())
        mark.embed(made[-1], face.alignment.to_frame[i], times[i], masks[i])
    return made, masks


@pytest.fixture(scope="module")
def delivered(marked: tuple[list[U8], list[F32]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The marked frames as a render encodes them."""
    folder = tmp_path_factory.mktemp("marked")
    height, width = marked[0][0].shape[:2]
    raw = folder / "frames.rgb"
    raw.write_bytes(b"".join(frame.tobytes() for frame in marked[0]))
    place = folder / "delivered.mp4"
    form = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "25"]
    clips.run(*form, "-i", str(raw), "-crf", "16", "-pix_fmt", "yuv420p", str(place))
    return place


def _read(path: Path) -> WatermarkReading:
    frames, face, times = _track(path)
    return read_watermark(frames, face.alignment.to_frame, times)


@pytest.mark.real
def test_only_the_new_part_changes_and_hardly(
    talk: Talk, marked: tuple[list[U8], list[F32]]
) -> None:
    errors = []
    for before, after, mask in zip(talk[0], *marked, strict=True):
        change = after.astype(int) - before
        assert not change[mask == 0].any()
        errors.append((change[mask > 0] ** 2).mean())
    assert 10 * np.log10(255**2 / np.mean(errors)) >= LEAST_PSNR


@pytest.mark.real
@pytest.mark.parametrize(
    "attack",
    [
        ("-crf", "16"),
        ("-crf", "28"),
        ("-vf", "scale=iw*3/4:-2", "-crf", "20"),
        ("-vf", "crop=iw*0.95:ih*0.95,scale=trunc(iw/2)*2:trunc(ih/2)*2", "-crf", "20"),
    ],
    ids=["remade", "crf28", "scaled", "cropped"],
)
def test_the_payload_is_read_after(
    delivered: Path, tmp_path: Path, attack: tuple[str, ...]
) -> None:
    place = tmp_path / "attacked.mp4"
    clips.run("-i", str(delivered), *attack, str(place))
    assert _read(place).payload == PAYLOAD


@pytest.mark.real
def test_a_video_without_a_mark_has_none(talk: Talk, shared: Path) -> None:
    frames, face, times = talk
    assert read_watermark(frames, face.alignment.to_frame, times).payload is None
    for folder in ("grid_s26", "grid_s31"):
        clip = sorted((shared / "data" / folder).iterdir())[0]
        assert _read(clip).payload is None


@pytest.mark.real
def test_another_payload_is_another_mark(talk: Talk) -> None:
    frames, face, times = talk
    mark = Watermark(PAYLOAD ^ 1)
    made = [frame.copy() for frame in frames]
    for i, frame in enumerate(made):
        mark.embed(frame, face.alignment.to_frame[i], times[i])
    assert read_watermark(made, face.alignment.to_frame, times).payload == PAYLOAD ^ 1


def test_a_payload_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="48"):
        Watermark(1 << 48)


def test_in_the_dark_the_mark_is_as_much_weaker() -> None:
    to_frame = np.array([[100, 0, 160], [0, 100, 90]], np.float32)
    changes = []
    for level in (120, 60, 30):
        frame = np.full((240, 320, 3), level, np.uint8)
        Watermark(PAYLOAD).embed(frame, to_frame, 0.0)
        changes.append(float(np.std(frame.astype(float) - level)))
    assert changes[1] > 0.3
    assert changes[0] == pytest.approx(changes[1])
    assert changes[2] == pytest.approx(changes[1] / 2, rel=0.2)


def test_a_frame_without_a_face_stays_as_it_is() -> None:
    frame = np.full((90, 120, 3), 128, np.uint8)
    Watermark(PAYLOAD).embed(frame, np.full((2, 3), np.nan, np.float32), 0.0)
    assert (frame == 128).all()
