"""A video's own sound, analyzed once for all stages."""

from __future__ import annotations

from functools import cached_property

from lipsync import media
from lipsync.speech import audio, features, vad
from lipsync.speech.features import FeatureSpec
from lipsync.speech.vad import SpeechSegments
from lipsync.types import AudioFeatures, VideoInfo, Waveform


class VideoSpeech:
    """The sound of a video, on the time line of its pictures; everything is computed on first use.

    Shared by adaptation and the phone embedding of the mouth bank.
    """

    def __init__(self, info: VideoInfo) -> None:
        self.info = info
        self._features: tuple[FeatureSpec, AudioFeatures] | None = None

    @property
    def audible(self) -> bool:
        """Whether the file has sound, and moving pictures that may speak it."""
        return self.info.has_audio and not self.info.still

    @cached_property
    def wave(self) -> Waveform:
        """16 kHz mono at the standard level.

        Raises:
            AudioError: no sound, shorter than 0.2 s, or silent throughout.
        """
        return audio.load_speech(self.info.path, media.sound_start_offset(self.info))

    @cached_property
    def segments(self) -> SpeechSegments:
        """The detected speech; raises as `wave`."""
        return vad.detect_speech(self.wave)

    def features(self, spec: FeatureSpec) -> AudioFeatures:
        """Features of the whole sound, cached for the latest spec; raises as `wave`."""
        if self._features is None or self._features[0] != spec:
            self._features = spec, features.extract(self.wave, spec)
        return self._features[1]

    def forget(self) -> None:
        """Free all results; they are computed again on the next use."""
        self._features = None
        self.__dict__.pop("wave", None)
        self.__dict__.pop("segments", None)
