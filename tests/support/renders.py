"""What a render should show, and what is seen in it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from lipsync import RenderResult, media, retime
from lipsync.face import landmarks
from lipsync.face.landmarks import LandmarkOptions
from lipsync.face.tracked_face import TrackedFace
from lipsync.runtime.cache import Cache
from lipsync.speech import audio, features, vad
from lipsync.speech.articulation import predict_speech
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import LipTrack, Positions


def face_in(video: Path, which: str = "largest") -> TrackedFace:
    """A face of a file; its landmarks are cached for the test run."""
    with Cache(Cache.default_root()) as cache:
        track = landmarks.track_video(media.probe(video), LandmarkOptions(face=which), cache)
    return TrackedFace.of(track)


def lips_in(video: Path, which: str = "largest") -> LipTrack:
    """The lips of a face of a file."""
    return face_in(video, which).lips


def predict_lips(speech: Path, target: LipTrack, fps: Fraction, frames: int) -> LipTrack:
    """The lips that the unadapted speech model has for every frame of a render.

    Args:
        target: the target's own lips, which set the speaker's lip profile.
        fps, frames: of the output.
    """
    model = LipLSTM.load(LipOptions())
    wave = audio.load_speech(speech)
    heard = features.extract(wave, model.spec)
    profile = LipProfile.of(target)
    return predict_speech(model, heard, vad.detect_speech(wave), profile, (fps, frames))


def shown_positions(target: TrackedFace, speech: Path, result: RenderResult) -> Positions:
    """Which target frame every frame of a render with the default timing shows."""
    segments = vad.detect_speech(audio.load_speech(speech))
    times = np.arange(result.frames) / float(result.fps)
    speaking = vad.any_speech_at([segments], times, retime.MIN_PAUSE_S)
    motion = retime.Motion.of(target.track)
    return retime.choose_timing(speaking, motion, retime.TimingOptions()).timing.position


def correlate_openings(wanted: LipTrack, seen: LipTrack) -> float:
    """Pearson correlation of two lip openings, over the frames that show both."""
    both = np.isfinite(wanted.opening) & np.isfinite(seen.opening)
    return float(np.corrcoef(wanted.opening[both], seen.opening[both])[0, 1])
