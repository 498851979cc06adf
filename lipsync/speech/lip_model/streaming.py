"""Lips of a sound that is still arriving."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from lipsync.runtime.threads import one_thread
from lipsync.speech.lip_model.network import LipLSTM, State
from lipsync.speech.lip_model.prediction import at_times
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32, N_LIPS, LipTrack, Waveform


class Ear(Protocol):
    """Hears sound in pieces and tells its features: `features.live.Live`."""

    sound_rate: int  # Hz
    rate: float  # steps per second
    start: float  # seconds, centre of the first step
    reach: float  # seconds of sound after a step's centre that it needs

    def push(self, samples: F32) -> F32:
        """The next samples → (k, d) features that they complete."""
        ...

    def finish(self) -> F32:
        """The features that were waiting for more sound."""
        ...


class LipStream:
    """Lips while the sound arrives: the same as `predict` gives for all of it.

    Lips come as soon as they are known: `delay` steps of sound, and what a step looks at, after
    the time they belong to.
    """

    def __init__(self, model: LipLSTM, ear: Ear, profile: LipProfile, fps: Fraction) -> None:
        self.model, self.ear, self.profile, self.fps = model, ear, profile, fps
        dims = model.dims
        self._state: State = None
        self._values = np.zeros((0, dims.inputs), np.float32)  # features that are not yet read
        self._last = self._values  # the latest of all, read or not
        self._steps = 0  # features heard
        self._skip = dims.delay // dims.stride  # outputs that belong to no time yet
        self._shapes = np.zeros((0, N_LIPS, 2), np.float32)  # the latest known
        self._known = 0  # shapes so far
        self._frames = 0  # given away
        self._heard = Fraction(0)  # seconds

    @property
    def look_ahead(self) -> float:
        """Seconds of sound after a frame's time that may be needed before its lips are known."""
        dims = self.model.dims
        # The network's delay; the second half of an output's own steps; the next output, towards
        # which a frame in between is interpolated; and what a step looks at.
        steps = dims.delay + (dims.stride - 1) / 2 + dims.stride
        return steps / self.ear.rate + self.ear.reach

    def push(self, piece: Waveform) -> LipTrack:
        """The next piece of the sound, of any length → the frames whose lips it makes known."""
        if piece.rate != self.ear.sound_rate:
            raise ValueError(f"LipStream: wanted {self.ear.sound_rate} Hz, got {piece.rate}")
        self._heard += piece.duration
        self._read(self.ear.push(piece.samples))
        if not self._known:
            return self._give(0)
        # A frame lies inside the sound only if more than half of it does.
        latest = self._times()[-1]
        return self._give(min(int(latest * self.fps) + 1, round(self._heard * self.fps)))

    def finish(self) -> LipTrack:
        """The sound has ended → the lips of all frames that are left."""
        dims = self.model.dims
        self._read(self.ear.finish())
        missing = -(self._steps + dims.delay) % dims.stride
        self._read(np.repeat(self._last, dims.delay + missing, axis=0))
        return self._give(max(1, round(self._heard * self.fps)))

    def _read(self, values: F32) -> None:
        """Take in features (k, d)."""
        stride = self.model.dims.stride
        self._steps += len(values)
        self._last = values[-1:] if len(values) else self._last
        values = np.concatenate([self._values, values])
        whole = len(values) // stride * stride
        self._values = values[whole:]
        if not whole:
            return
        heard = torch.from_numpy(values[None, :whole]).to(self.model.input_mean.device)
        with one_thread(), torch.inference_mode():
            out, self._state = self.model.advance(heard, self._state)
        shapes = out[0, self._skip :].cpu().numpy().reshape(-1, N_LIPS, 2)
        self._skip = max(0, self._skip - whole // stride)
        self._known += len(shapes)
        self._shapes = np.concatenate([self._shapes, shapes])

    def _times(self) -> NDArray[np.float64]:
        """When the shapes that are still kept happen."""
        times = self.model.shape_times(self.ear.start, self.ear.rate, self._known)
        return times[self._known - len(self._shapes) :]

    def _give(self, end: int) -> LipTrack:
        """The lips of frames not yet given away, up to `end`."""
        wanted = np.arange(self._frames, end) / float(self.fps)
        points = np.zeros((0, N_LIPS, 2), np.float32)
        if len(wanted):
            times = self._times()
            relative = at_times(self._shapes, times, wanted)
            points = self.model.on(self.profile, relative)
            self._frames = end
            # Later frames lie after the last shape but one that is not later than this one.
            keep = max(0, int(np.searchsorted(times, wanted[-1], side="right")) - 1)
            self._shapes = self._shapes[keep:]
        return LipTrack(points, self.fps)
