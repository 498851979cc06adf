"""Lips parted for breath: when, how far, and by what movement."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lipsync.speech import audio, vad
from lipsync.speech.vad import SpeechSegments
from tests.support import talkers
from training.corpus.dataset import Clip
from training.speech_model import breath_augmentation
from training.speech_model.breath_augmentation import BreathPose


def test_lips_part_before_speech_and_after_it_and_not_within() -> None:
    speech = SpeechSegments(np.array([[1.0, 2.0]]))
    seconds = np.array([0.0, 0.25, 0.6, 0.95, 1.5, 2.1, 2.5])

    share = breath_augmentation.extra_opening(speech, seconds, 0.08, 0.06)

    assert share == pytest.approx([0, 0, 0.08, 0, 0, 0.06, 0], abs=1e-9)


def test_nothing_is_parted_where_nobody_speaks() -> None:
    assert not breath_augmentation.extra_opening(
        SpeechSegments(np.zeros((0, 2))), np.arange(5.0), 0.1, 0.1
    ).any()


def test_of_two_words_the_wider_opening_counts_between_them() -> None:
    speech = SpeechSegments(np.array([[0.0, 1.0], [1.5, 2.0]]))

    between = breath_augmentation.extra_opening(speech, np.array([1.1]), 0.08, 0.06)

    assert between == pytest.approx([0.08])


@pytest.mark.real
def test_a_clip_parts_by_the_asked_share_of_the_opening_range(shared: Path) -> None:
    wave = audio.load_speech(shared / "data" / "speech" / "LJ001-0001.wav")
    speaker = talkers.speaker(clips=3)
    track = talkers.opening_track(np.full(round(25 * float(wave.duration)), 0.05))
    clip = Clip("spoken", wave, track)
    begin = vad.detect_speech(wave).spans[-1, 0]
    end = vad.detect_speech(wave).spans[-1, 1]

    own = BreathPose(speaker).part_lips(clip, 0, 0).reshape(-1, 18, 2)
    part_lips = BreathPose(speaker).part_lips(clip, 0.1, 0.2).reshape(-1, 18, 2)

    moved = speaker.profile.width * (part_lips - own)
    wider = moved[:, 16, 1] - moved[:, 13, 1]
    assert wider.max() == pytest.approx(0.2 * speaker.profile.opening_range, abs=1e-4)
    # These people open with the lower inner lip alone: so do they for breath.
    still = np.delete(np.arange(18), 16)
    assert np.abs(moved[:, still]).max() < 1e-6
    inside = round(25 * (begin + end) / 2)
    assert not moved[inside].any()
