"""Real people who talk, as the measures of lips and sound see them, and ways to spoil them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.face import landmarks
from lipsync.face.similarity import apply_affine
from lipsync.face.tracked_face import TrackedFace
from lipsync.inspection.evidence import Evidence
from lipsync.runtime.cache import Cache
from lipsync.speech import lip_model
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.speech.lip_profile import LipProfile
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import F32, Waveform


@cache
def evidence(path: Path) -> Evidence:
    """A real clip with its own sound."""
    info = media.probe(path)
    with Cache(Cache.default_root()) as folder:
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), folder)
    return heard_in(TrackedFace.of(track), VideoSpeech(info))


def heard_in(face: TrackedFace, speech: VideoSpeech) -> Evidence:
    """A face with this sound."""
    model = LipLSTM.load(lip_model.weights_path(LipOptions()))
    features, profile = speech.features(model.spec), LipProfile.of(face.lips)
    heard = lip_model.predict(model, features, profile, face.fps, len(face))
    return Evidence(face, speech, heard.opening)


def with_samples(one: Evidence, samples: F32) -> Evidence:
    """The same face with another sound, at 16 kHz."""
    speech = VideoSpeech(one.speech.info)
    speech.__dict__["wave"] = Waveform(np.asarray(samples, np.float32), 16000)
    return heard_in(one.face, speech)


@cache
def late(one: Evidence, milliseconds: int) -> Evidence:
    """The same clip with its sound late (or early, below 0)."""
    samples, by = one.speech.wave.samples, round(16 * milliseconds)
    moved = np.zeros_like(samples)
    if by >= 0:
        moved[by:] = samples[: len(samples) - by]
    else:
        moved[:by] = samples[-by:]
    return with_samples(one, moved)


def with_lips(one: Evidence, lips: F32, jaw: F32 | None = None) -> Evidence:
    """The same clip with other lips (n, 18, 2), and jaw line (n, 15, 2), canonical."""
    track = one.face.track
    points, to_frame = track.points.copy(), one.face.alignment.to_frame
    points[:, list(track.scheme.lips), :2] = apply_affine(to_frame, lips.astype(np.float32))
    if jaw is not None:
        points[:, list(track.scheme.jaw), :2] = apply_affine(to_frame, jaw.astype(np.float32))
    face = TrackedFace(replace(track, points=points), one.face.alignment)
    return Evidence(face, one.speech, one.heard)


def jaw_of(one: Evidence) -> F32:
    """The jaw line (n, 15, 2), canonical and not smoothed."""
    track = one.face.track
    return apply_affine(one.face.alignment.to_canonical, track.xy[:, list(track.scheme.jaw)])


def frozen(one: Evidence, first: int, end: int) -> Evidence:
    """Lips and jaw stand still in frames first … end − 1."""
    lips, jaw = one.face.lips.points.copy(), jaw_of(one).copy()
    lips[first:end], jaw[first:end] = lips[first], jaw[first]
    return with_lips(one, lips, jaw)
