"""The lip network, its weights, and the options that choose them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lipsync.errors import WeightsError
from lipsync.runtime import checkpoint
from lipsync.runtime.option_spec import options
from lipsync.runtime.threads import one_thread
from lipsync.speech.features import FeatureSpec
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32, N_LIPS, AudioFeatures

if TYPE_CHECKING:
    from lipsync.speech.lip_model.streaming import Ear, LipStream

SHIPPED = {
    "default": "lip_lstm.safetensors",
    "paper": "lip_lstm_paper.safetensors",
    "stream": "lip_lstm_stream.safetensors",
}
COORDINATES = 2 * N_LIPS
OPENING_RATIO = "opening_ratio"  # in the meta: opening range / mouth width of those learnt from
ARTICULATION = "articulation"  # in the meta: std of the opening / of the true one, in validation

# A long sound is read in windows on a fixed grid, several at a time. The shipped networks forget
# what lies further away than CONTEXT to within 1e-6 of the mouth's width (4 s: to 1e-4).
WINDOW = 2400  # steps whose lips are kept
CONTEXT = 800  # steps heard before and after them, by a network that listens both ways
AT_ONCE = 8  # windows

State = list[tuple[torch.Tensor, torch.Tensor]] | None  # of every member: hidden, cell


@options
class LipOptions:
    """Which network turns speech into lips."""

    speech_model: str = "default"
    """Speech model: default, paper, stream (for live sound), or the path of a .safetensors file."""


@dataclass(frozen=True)
class LipDims:
    """The size of a LipLSTM."""

    inputs: int  # features per step
    hidden: int  # units per layer and direction
    layers: int
    bidirectional: bool
    components: int  # principal components of the lip shapes
    delay: int  # steps of sound that are heard before the lips of a step are given
    stride: int  # steps of sound that are read at once
    dropout: float = 0.0  # between layers, in training
    members: int = 1  # networks that learn apart and whose answers are averaged


class Member(nn.Module):
    """One LSTM with its linear map to principal components."""

    def __init__(self, dims: LipDims) -> None:
        super().__init__()
        self.lstm = nn.LSTM(
            dims.inputs * dims.stride,
            dims.hidden,
            dims.layers,
            batch_first=True,
            bidirectional=dims.bidirectional,
            dropout=dims.dropout if dims.layers > 1 else 0.0,
        )
        self.drop = nn.Dropout(dims.dropout)
        self.head = nn.Linear(dims.hidden * (1 + dims.bidirectional), dims.components)

    def forward(
        self, x: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor] | None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """(b, m, ·) strides of features → (b, m, components), and the state it ends in."""
        hidden, state = self.lstm(x) if state is None else self.lstm(x, state)
        return self.head(self.drop(hidden)), state


class LipLSTM(nn.Module):
    """LSTM from feature vectors to lip shapes relative to the speaker.

    The input normalisation and the principal components are part of the weights. Of several
    members each learns from its own rows of a batch. The shipped networks have one: two and three
    carried over to other voices no better.
    """

    input_mean: torch.Tensor
    input_std: torch.Tensor
    shape_mean: torch.Tensor
    basis: torch.Tensor

    def __init__(
        self, dims: LipDims, spec: FeatureSpec, meta: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.dims, self.spec, self.meta = dims, spec, dict(meta or {})
        self.register_buffer("input_mean", torch.zeros(dims.inputs))
        self.register_buffer("input_std", torch.ones(dims.inputs))
        self.register_buffer("shape_mean", torch.zeros(COORDINATES))
        self.register_buffer("basis", torch.zeros(dims.components, COORDINATES))
        self.members = nn.ModuleList(Member(dims) for _ in range(dims.members))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(b, n, d) features → (b, n // stride, 36) relative shapes, still late by the delay."""
        return self.advance(values)[0]

    def advance(self, values: torch.Tensor, state: State = None) -> tuple[torch.Tensor, State]:
        """`forward` that goes on from a state, and the state it ends in; None: nothing heard."""
        d = self.dims
        x = (values - self.input_mean) / self.input_std
        n = x.shape[1] // d.stride
        x = x[:, : n * d.stride].reshape(len(x), n, d.stride * d.inputs)
        if self.training:
            components = x.new_empty(len(x), n, d.components)
            for i, member in enumerate(self.members):
                rows = slice(i, None, d.members)
                components[rows] = member(x[rows], None)[0].to(x.dtype)
            return components @ self.basis + self.shape_mean, None
        said = [member(x, state and state[i]) for i, member in enumerate(self.members)]
        components = torch.stack([components for components, _ in said]).mean(0)
        return components @ self.basis + self.shape_mean, [state for _, state in said]

    def shape_times(self, start: float, rate: float, count: int) -> NDArray[np.float64]:
        """When the first `count` outputs (delay undone) happen, in seconds."""
        stride = self.dims.stride
        steps = np.arange(count) * stride + (stride - 1) / 2
        return np.asarray(start + steps / rate)

    @torch.inference_mode()
    def shapes(self, features: AudioFeatures) -> tuple[F32, NDArray[np.float64]]:
        """All shapes of a sound, and their times.

        Returns:
            (m, 18, 2) relative shapes and (m,) seconds.
        """
        d = self.dims
        values = features.values
        if values.shape[1] != d.inputs:
            raise ValueError(f"LipLSTM: wanted {d.inputs} features, got {values.shape[1]}")
        # The end is padded with its own last step: until the delayed outputs have come out, and
        # until the last stride is whole.
        missing = -(len(values) + d.delay) % d.stride
        values = np.pad(values, ((0, d.delay + missing), (0, 0)), mode="edge")
        read = self._in_windows if d.bidirectional else self._onwards
        with one_thread():
            out = np.concatenate(list(read(torch.from_numpy(values))))
        out = out[d.delay // d.stride :].reshape(-1, N_LIPS, 2)
        return out, self.shape_times(features.start, features.rate, len(out))

    def stream(self, ear: Ear, profile: LipProfile, fps: Fraction) -> LipStream:
        """The lips of a sound that is still arriving; `ear`: `features.live.Live(model.spec)`.

        Raises:
            WeightsError: this network listens both ways: it needs the end before the beginning.
        """
        if self.dims.bidirectional:
            raise WeightsError(
                f"the speech model {self.meta.get('name', 'given')} needs the whole sound and "
                "cannot follow a live one: take stream or paper"
            )
        from lipsync.speech.lip_model.streaming import LipStream

        return LipStream(self, ear, profile, fps)

    def _onwards(self, values: torch.Tensor) -> Iterator[F32]:
        """Outputs (·, 36) of values (n, d), read forwards: the state goes on, exactly."""
        state: State = None
        step = WINDOW // self.dims.stride * self.dims.stride
        for piece in torch.split(values, step):
            out, state = self.advance(piece[None].to(self.input_mean.device), state)
            yield out[0].cpu().numpy()

    def _in_windows(self, values: torch.Tensor) -> Iterator[F32]:
        """Outputs (·, 36) of values (n, d), read both ways in windows with context."""
        stride, n = self.dims.stride, len(values)
        core, context = (steps // stride * stride for steps in (WINDOW, CONTEXT))
        windows = [
            (max(0, first - context), first, min(first + core, n)) for first in range(0, n, core)
        ]
        # Windows of one length are read together: the first and the last ones are shorter.
        for _, group in groupby(windows, lambda w: (w[1] - w[0], min(w[2] + context, n) - w[0])):
            same = list(group)
            for i in range(0, len(same), AT_ONCE):
                some = same[i : i + AT_ONCE]
                heard = torch.stack([values[begin : end + context] for begin, _, end in some])
                out = self(heard.to(self.input_mean.device)).cpu().numpy()
                for (begin, first, end), shapes in zip(some, out, strict=True):
                    yield shapes[(first - begin) // stride : (end - begin) // stride]

    def on(self, profile: LipProfile, relative: F32) -> F32:
        """Relative shapes (m, 18, 2) on a person's mouth, canonical.

        Somebody who opens their mouth further than the speakers of the training does so here,
        by the square root of the ratio of the two ranges. Measured on four unseen people: the
        whole ratio gives the full articulation and up to 20 % more error; its root keeps the
        error within 6 % and makes up most of the articulation. A smaller range is not followed: a
        target may just not have spoken. Regression opens too little for anybody (articulation
        below 1): the root of what is missing is made up for in the same way.
        """
        usual = self.meta.get(OPENING_RATIO, 0.0)
        gain = float(np.clip(self.meta.get(ARTICULATION, 1.0), 0.5, 1)) ** -0.5
        if usual > 0:
            gain *= float(np.clip(profile.opening_range / profile.width / usual, 1, 2)) ** 0.5
        points = profile.neutral + profile.width * relative * np.array([1.0, gain])
        return profile.closing(np.asarray(points, dtype=np.float32))

    def save(self, path: Path) -> None:
        """Write everything, the weights in half precision (1e-4 of the mouth's width)."""
        tensors = self.state_dict()
        tensors.update({name: value.half() for name, value in self.named_parameters()})
        meta = {**self.meta, "dims": asdict(self.dims), "features": asdict(self.spec)}
        checkpoint.save(path, tensors, meta)

    @staticmethod
    def load(which: LipOptions | Path, device: str = "cpu") -> LipLSTM:
        """A network by its option or its file, ready to predict.

        Raises:
            WeightsError: the file is missing, damaged, or holds another network.
        """
        path = which if isinstance(which, Path) else path_of(which)
        tensors, meta = checkpoint.load(path)
        try:
            dims, spec = LipDims(**meta.pop("dims")), FeatureSpec(**meta.pop("features"))
            model = LipLSTM(dims, spec, meta)
            model.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(f"{path}: these weights are not a LipLSTM's ({reason})") from None
        return model.eval().requires_grad_(False).to(device)


def path_of(options: LipOptions) -> Path:
    """The file of the network that the options name."""
    speech_model = options.speech_model
    if speech_model in SHIPPED:
        return checkpoint.asset(SHIPPED[speech_model])
    return Path(speech_model).expanduser()
