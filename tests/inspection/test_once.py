"""What is computed once per video."""

from __future__ import annotations

import gc

from lipsync.face.tracked_face import TrackedFace
from lipsync.inspection.evidence import Evidence
from lipsync.inspection.once import once
from lipsync.speech.video_speech import VideoSpeech
from tests.support.faces import similarity, track_of


def silent(frames: int) -> Evidence:
    face = TrackedFace.of(track_of([similarity(100, 0, 200, 100)] * frames))
    return Evidence(face, VideoSpeech.__new__(VideoSpeech), None)


def test_every_video_is_computed_once_and_forgotten_with_it() -> None:
    computed = []

    @once
    def length(evidence: Evidence) -> int:
        computed.append(len(evidence))
        return len(evidence)

    short, long = silent(10), silent(20)
    assert [length(short), length(long), length(short), length(long)] == [10, 20, 10, 20]
    assert computed == [10, 20]
    del short, long
    gc.collect()
    # A new video may lie where the old one did: it must not be taken for it.
    assert length(silent(30)) == 30
