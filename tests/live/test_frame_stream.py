"""Frames while the sound arrives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import lipsync
from lipsync import media
from lipsync.errors import AudioError, CancelledError, MediaError, OptionsError, TimeLimitError
from lipsync.live.events import Watch
from lipsync.live.live_lips import LiveLips
from lipsync.live.live_sound import LiveSound, split_sound
from lipsync.live.renderer import Renderer
from lipsync.types import SPEECH_RATE, LipTrack
from tests.support import clips
from tests.support.renders import correlate_openings, lips_in, predict_lips

SAMPLE = Path(lipsync.__file__).parents[1] / "assets" / "sample"
SPEECH, TARGET = SAMPLE / "speech.wav", SAMPLE / "target.mp4"
PIECE = 320  # samples: 20 ms


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer({"adapt": "never"}) as made:
        made.load(TARGET)
        yield made


def pieces(size: int = PIECE) -> Iterator[np.ndarray]:
    return split_sound(media.read_audio(SPEECH, SPEECH_RATE).samples, size)


@pytest.fixture(scope="module")
def stream(renderer: Renderer) -> tuple[list[np.ndarray], lipsync.FrameStream]:
    """All frames of the sample's speech, and what they came from."""
    made = renderer.render_frames(pieces(), TARGET, rate=SPEECH_RATE)
    return list(made), made


def test_there_is_a_frame_for_every_moment_of_the_sound(stream) -> None:  # type: ignore[no-untyped-def]
    frames, made = stream
    assert made.fps == media.probe(TARGET).fps
    assert len(frames) == round(media.probe_audio(SPEECH).duration * made.fps)
    assert {one.shape for one in frames} == {(made.height, made.width, 3)}
    assert {one.dtype for one in frames} == {np.dtype(np.uint8)}
    assert all(made.changed)


def test_only_the_mouth_is_new(stream) -> None:  # type: ignore[no-untyped-def]
    frames, _ = stream
    own = media.read_frames(media.probe(TARGET))
    for frame, target in zip(frames[:20], own, strict=False):
        rows = np.flatnonzero((frame != target).any((1, 2)))
        assert 0 < len(rows) < frame.shape[0] / 2
        assert rows.min() > frame.shape[0] / 3  # below the eyes


def test_the_cut_of_the_sound_changes_nothing(renderer: Renderer, stream) -> None:  # type: ignore[no-untyped-def]
    frames, _ = stream
    with renderer.render_frames(SPEECH, TARGET) as whole:
        for one, other in zip(frames[:60], whole, strict=False):  # three blocks
            np.testing.assert_array_equal(one, other)


def test_frames_come_before_the_sound_has_ended(renderer: Renderer) -> None:
    taken = 0

    def arriving() -> Iterator[np.ndarray]:
        nonlocal taken
        for piece in pieces():
            taken += len(piece)
            yield piece

    with renderer.render_frames(arriving(), TARGET, rate=SPEECH_RATE) as made:
        next(made)
        assert taken / SPEECH_RATE <= 1.4 + 0.05


def test_the_lips_follow_the_speech_and_the_watermark_leads_to_the_record(
    stream, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    """Opening seen in the frames against the one that the speech model wants of the whole sound."""
    frames, made = stream
    place = _write(frames, made, tmp_path / "live.mp4")
    wanted = predict_lips(SPEECH, lips_in(TARGET), made.fps, len(frames))
    assert correlate_openings(wanted, lips_in(place)) > 0.8
    assert lipsync.verify_marks(place).record == made.record


def _write(frames: list[np.ndarray], made: lipsync.FrameStream, place: Path) -> Path:
    size = f"{made.width}x{made.height}"
    raw = place.with_suffix(".rgb")
    raw.write_bytes(b"".join(frame.tobytes() for frame in frames))
    clips.run(
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", str(made.fps), "-i", str(raw),
        "-c:v", "libx264", "-crf", "16", "-pix_fmt", "yuv420p", str(place),
    )  # fmt: skip
    return place


def test_a_stream_can_be_cancelled_and_limited(renderer: Renderer) -> None:
    cancel = threading.Event()
    made = renderer.render_frames(pieces(), TARGET, rate=SPEECH_RATE, cancel=cancel)
    next(made)
    cancel.set()
    with pytest.raises(CancelledError, match="cancelled"):
        list(made)
    with pytest.raises(TimeLimitError, match=r"within 0\.001 s"):
        list(renderer.render_frames(pieces(), TARGET, rate=SPEECH_RATE, timeout=0.001))


def test_a_closed_stream_has_no_more_frames(renderer: Renderer) -> None:
    made = renderer.render_frames(pieces(), TARGET, rate=SPEECH_RATE)
    next(made)
    made.close()
    assert list(made) == []


def test_the_mouth_rests_in_silence_and_when_the_speech_is_over(renderer: Renderer) -> None:
    """From the start, and 8 s after the last word, of which the window then knows nothing."""
    target, options = renderer._load(TARGET, None, Watch())
    silence = np.zeros(SPEECH_RATE * 8, np.float32)
    speech = media.read_audio(SPEECH, SPEECH_RATE).samples[: 3 * SPEECH_RATE]
    still = LipTrack(target.still[None], target.info.fps).opening[0]
    for heard in ([silence], [speech, silence]):
        sound, found = LiveSound(SPEECH_RATE), []
        lips = LiveLips(target, sound, options)
        for piece in heard:
            sound.push(piece)
        sound.finish()
        while (block := lips.make()) is not None:
            found.append(block.lips.opening)
        opening = np.concatenate(found) - still
        assert len(opening) == round(sum(map(len, heard)) / SPEECH_RATE * target.info.fps)
        assert np.abs(opening[-50:]).max() < 0.05 * target.profile.width
        assert len(heard) == 1 or opening[:75].max() > 0.1 * target.profile.width


def test_streams_of_one_target_side_by_side(renderer: Renderer, stream) -> None:  # type: ignore[no-untyped-def]
    frames, _ = stream

    def make(_: int) -> list[np.ndarray]:
        with renderer.render_frames(pieces(), TARGET, rate=SPEECH_RATE) as made:
            return list(islice(made, 25))

    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(make, range(2)):
            np.testing.assert_array_equal(found, frames[:25])


def test_no_sound_has_no_frames(renderer: Renderer) -> None:
    assert list(renderer.render_frames([], TARGET, rate=SPEECH_RATE)) == []


def test_wrong_input_is_one_line(renderer: Renderer, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="rate of its samples is missing"):
        renderer.render_frames(pieces(), TARGET)
    with pytest.raises(AudioError, match="wanted samples"):
        list(renderer.render_frames(["no sound"], TARGET, rate=SPEECH_RATE))
    with pytest.raises(MediaError, match=r"none\.mp4"):
        renderer.render_frames(pieces(), tmp_path / "none.mp4", rate=SPEECH_RATE)
    with pytest.raises(MediaError, match=r"none\.wav"):
        renderer.render_frames(tmp_path / "none.wav", TARGET)
    with pytest.raises(OptionsError, match="drawn from the footage itself"):
        renderer.render_frames(pieces(), TARGET, rate=SPEECH_RATE, options={"texture": "decoder"})
    with pytest.raises(OptionsError, match="wanted more than 0 s"):
        renderer.render_frames(pieces(), TARGET, rate=SPEECH_RATE, timeout=0)
