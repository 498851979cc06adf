"""Lips of a sound that is still arriving."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from lipsync.errors import WeightsError
from lipsync.runtime.threads import single_threaded_torch
from lipsync.speech.lip_model.network import LipLSTM, State
from lipsync.speech.lip_model.prediction import interpolate_shapes
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32, N_LIPS, LipTrack, Waveform


class StreamingFeatures(Protocol):
    """Computes features of a sound piece by piece: `StreamingFeatureExtractor`."""

    sound_rate: int  # Hz
    rate: float  # steps per second
    start: float  # seconds, center of the first step
    reach: float  # seconds of sound after its center that a step needs

    def push(self, samples: F32) -> F32:
        """Add samples and return the features (k, d) that they complete."""
        ...

    def finish(self) -> F32:
        """End the sound and return the features that were waiting for more."""
        ...


def open_stream(
    model: LipLSTM, features: StreamingFeatures, profile: LipProfile, fps: Fraction
) -> LipStream:
    """Start predicting the lips of a sound that is still arriving.

    Args:
        features: `StreamingFeatureExtractor(model.spec)`.
        profile: the target's mouth.
        fps: frames per second of the lips.

    Raises:
        WeightsError: the network is bidirectional: it needs the whole sound.
    """
    if model.dims.bidirectional:
        raise WeightsError(
            f"the speech model {model.meta.get('name', 'given')} needs the whole sound and "
            "cannot follow a live one: take stream or paper"
        )
    return LipStream(model, features, profile, fps)


class LipStream:
    """Lips while the sound arrives; all pieces together equal what `predict` gives for the whole.

    A frame's lips are returned as soon as they are known: after the network's delay, plus the
    sound that a feature step needs after its center.
    """

    def __init__(
        self, model: LipLSTM, features: StreamingFeatures, profile: LipProfile, fps: Fraction
    ) -> None:
        self.model, self.features, self.profile, self.fps = model, features, profile, fps
        dims = model.dims
        self._state: State = None
        self._values = np.zeros((0, dims.inputs), np.float32)  # features not yet read
        self._last = self._values  # the latest features, read or not
        self._steps = 0  # features so far
        self._skip = dims.delay // dims.stride  # outputs that belong to no time yet
        self._shapes = np.zeros((0, N_LIPS, 2), np.float32)  # the latest known
        self._known = 0  # shapes so far
        self._frames = 0  # returned so far
        self._duration = Fraction(0)  # of the sound so far, seconds

    @property
    def look_ahead(self) -> float:
        """Seconds of sound after a frame's time that may be needed before its lips are known."""
        dims = self.model.dims
        # The network's delay; the second half of an output's own steps; the next output, toward
        # which a frame in between is interpolated; and the sound after a step's center.
        steps = dims.delay + (dims.stride - 1) / 2 + dims.stride
        return steps / self.features.rate + self.features.reach

    def push(self, piece: Waveform) -> LipTrack:
        """Add sound of any length and return the frames whose lips it makes known.

        Raises:
            ValueError: the piece has another rate than the features need.
        """
        if piece.rate != self.features.sound_rate:
            raise ValueError(f"LipStream: wanted {self.features.sound_rate} Hz, got {piece.rate}")
        self._duration += piece.duration
        self._read(self.features.push(piece.samples))
        if not self._known:
            return self._take_frames(0)
        # A frame belongs to the sound only if more than half of it lies inside.
        latest = self._times()[-1]
        return self._take_frames(min(int(latest * self.fps) + 1, round(self._duration * self.fps)))

    def finish(self) -> LipTrack:
        """End the sound and return the lips of the remaining frames."""
        dims = self.model.dims
        self._read(self.features.finish())
        missing = -(self._steps + dims.delay) % dims.stride
        self._read(np.repeat(self._last, dims.delay + missing, axis=0))
        return self._take_frames(max(1, round(self._duration * self.fps)))

    def _read(self, values: F32) -> None:
        """Run the network on features (k, d), as far as they fill whole strides."""
        stride = self.model.dims.stride
        self._steps += len(values)
        self._last = values[-1:] if len(values) else self._last
        values = np.concatenate([self._values, values])
        whole = len(values) // stride * stride
        self._values = values[whole:]
        if not whole:
            return
        batch = torch.from_numpy(values[None, :whole]).to(self.model.input_mean.device)
        with single_threaded_torch(), torch.inference_mode():
            out, self._state = self.model.advance(batch, self._state)
        shapes = out[0, self._skip :].cpu().numpy().reshape(-1, N_LIPS, 2)
        self._skip = max(0, self._skip - whole // stride)
        self._known += len(shapes)
        self._shapes = np.concatenate([self._shapes, shapes])

    def _times(self) -> NDArray[np.float64]:
        """The times of the shapes still kept."""
        times = self.model.shape_times(self.features.start, self.features.rate, self._known)
        return times[self._known - len(self._shapes) :]

    def _take_frames(self, end: int) -> LipTrack:
        """The lips of the frames not yet returned, up to `end`."""
        wanted = np.arange(self._frames, end) / float(self.fps)
        points = np.zeros((0, N_LIPS, 2), np.float32)
        if len(wanted):
            times = self._times()
            relative = interpolate_shapes(self._shapes, times, wanted)
            points = self.model.to_canonical(self.profile, relative)
            self._frames = end
            # Later frames need the last shape at or before this one's time, and those after it.
            keep = max(0, int(np.searchsorted(times, wanted[-1], side="right")) - 1)
            self._shapes = self._shapes[keep:]
        return LipTrack(points, self.fps)
