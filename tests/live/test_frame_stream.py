"""Frames while the sound arrives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lipsync
from lipsync import media
from lipsync.errors import AudioError, CancelledError, MediaError, OptionsError, TimeLimitError
from lipsync.live.live_sound import split_sound
from lipsync.live.renderer import Renderer
from lipsync.types import SPEECH_RATE
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
    whole = renderer.render_frames(SPEECH, TARGET)
    for one, other in zip(frames, whole, strict=True):
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


def test_the_lips_follow_the_speech_as_a_render_does(stream, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Opening seen in the frames against the one that the speech model wants of the whole sound."""
    frames, made = stream
    result = lipsync.render(
        SPEECH, TARGET, tmp_path / "out.mp4",
        options={"adapt": "never", "timing": "bounce", "content_credentials": False},
    )  # fmt: skip
    wanted = predict_lips(SPEECH, lips_in(TARGET), result)
    live = lips_in(_write(frames, made, tmp_path / "live.mp4"))
    rendered = correlate_openings(wanted, lips_in(result.output))
    assert correlate_openings(wanted, live) > rendered - 0.05
    assert correlate_openings(wanted, live) > 0.8


def test_the_watermark_leads_to_the_record(stream, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    frames, made = stream
    found = lipsync.verify_marks(_write(frames, made, tmp_path / "live.mp4"))
    assert found.record == made.record


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


def test_silence_has_a_mouth_at_rest(renderer: Renderer) -> None:
    silence = np.zeros(SPEECH_RATE * 2, np.float32)
    frames = list(renderer.render_frames([silence], TARGET, rate=SPEECH_RATE))
    assert len(frames) == round(2 * media.probe(TARGET).fps)


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
