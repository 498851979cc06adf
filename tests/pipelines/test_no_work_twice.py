"""A cold render does nothing twice: detection, hashing, the target's own speech, weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lipsync
from lipsync.face.landmarks.mediapipe import MediaPipeDetector
from lipsync.face.landmarks.orientation import PROBES
from lipsync.media import probe
from lipsync.options import RenderOptions
from lipsync.runtime import checkpoint, hashing
from lipsync.speech import audio, vad

hashes = hashing._hash  # before it is wrapped: it knows how often it had to read
SAMPLE = Path(__file__).resolve().parents[2] / "assets" / "sample"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each piece of work was done, by what it was done on."""
    counted: Counter[str] = Counter()

    def count(owner: Any, name: str, key: Callable[..., str]) -> None:
        real = getattr(owner, name)

        def wrapper(*given: Any, **named: Any) -> Any:
            counted[key(*given, **named)] += 1
            return real(*given, **named)

        monkeypatch.setattr(owner, name, wrapper)

    count(MediaPipeDetector, "detect", lambda *_, **__: "frames looked at")
    count(checkpoint, "load", lambda path, *_, **__: f"weights {Path(path).name}")
    count(audio, "load_speech", lambda path, *_, **__: f"speech of {Path(path).name}")
    count(vad, "detect_speech", lambda *_, **__: "sounds searched for speech")
    count(hashing, "_hash", lambda path, *_: f"asked for the hash of {path.name}")
    return counted


@pytest.mark.slow
def test_a_cold_render_does_nothing_twice(
    calls: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes.cache_clear()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    target = SAMPLE / "target.mp4"
    result = lipsync.render(
        SAMPLE / "speech.wav",
        target,
        tmp_path / "out.mp4",
        options=RenderOptions.of(adapt_speech=5.0),
    )
    assert result.changed_frames > 0
    frames = probe(target).frame_count
    # Each frame and its mirror image, a few parts of frames in which small faces are sought, and
    # some frames to tell whether the video is upside down.
    assert 2 * frames <= calls["frames looked at"] < 2.05 * frames + 2 * PROBES
    assert calls["speech of target.mp4"] == 1, "adaptation and the mouth bank share it"
    assert calls["sounds searched for speech"] == 2, "the driving speech and the target's own"
    assert calls["asked for the hash of target.mp4"] >= 3  # faces, mouth bank, adaptation, sidecar
    assert hashes.cache_info().misses == hashes.cache_info().currsize, "each file was read once"
    weights = {name: n for name, n in calls.items() if name.startswith("weights")}
    assert weights and set(weights.values()) == {1}, weights
