"""Lips that are drawn as the speech model predicts them, against a person's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from lipsync.inspection import obedience
from lipsync.inspection.evidence import Evidence
from lipsync.speech import lip_model
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.speech.lip_profile import LipProfile
from tests.support.talking import evidence, with_lips

pytestmark = pytest.mark.real


def measure(one: Evidence) -> float:
    return obedience.measure_span(one, 0, len(one))["sync.obedience"]


@pytest.mark.parametrize("clip", ["grid_s4/bgbu2a.mp4", "grid_s31/bgiq6p.mkv"])
def test_predicted_lips_are_more_obedient_than_a_person(shared: Path, clip: str) -> None:
    talk = evidence(shared / "data" / clip)
    model = LipLSTM.load(lip_model.weights_path(LipOptions()))
    face, features = talk.face, talk.speech.features(model.spec)
    lips = lip_model.predict(model, features, LipProfile.of(face.lips), face.fps, len(face))
    assert abs(measure(talk)) < 0.6
    assert measure(with_lips(talk, lips.points)) > measure(talk) + 0.5


def test_without_speech_there_is_nothing_to_obey(shared: Path) -> None:
    talk = evidence(shared / "data/grid_s31/bgiq6p.mkv")
    deaf = Evidence(talk.face, talk.speech, None)
    assert obedience.measure_span(deaf, 0, len(deaf)) == {}
