"""The lip network, its weights, and the options that choose them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lipsync.errors import WeightsError
from lipsync.runtime import checkpoint
from lipsync.runtime.option_spec import option_group
from lipsync.runtime.threads import single_threaded_torch
from lipsync.speech.features import FeatureSpec
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32, N_LIPS, AudioFeatures

SHIPPED = {
    "default": "lip_lstm.safetensors",
    "paper": "lip_lstm_paper.safetensors",
    "stream": "lip_lstm_stream.safetensors",
}
COORDINATES = 2 * N_LIPS
OPENING_RATIO = "opening_ratio"  # in the meta: opening range / mouth width in the training data
ARTICULATION = "articulation"  # in the meta: std of the opening over the true one, in validation

# A long sound is read in windows on a fixed grid, several at a time. What lies further away than
# CONTEXT changes the shipped networks' output by less than 1e-6 mouth widths (4 s: by 1e-4).
WINDOW = 2400  # steps whose lips are kept
CONTEXT = 800  # steps read before and after them, by a bidirectional network
BATCH = 8  # windows read together

State = list[tuple[torch.Tensor, torch.Tensor]] | None  # of every member: hidden, cell


@option_group
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
    delay: int  # steps of sound read before the lips of a step are output
    stride: int  # steps of sound read at once, per output
    dropout: float = 0.0  # between layers, in training
    members: int = 1  # networks trained independently, whose outputs are averaged


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
        """(b, m, stride · d) features → (b, m, components), and the final state."""
        hidden, state = self.lstm(x) if state is None else self.lstm(x, state)
        return self.head(self.drop(hidden)), state


class LipLSTM(nn.Module):
    """LSTM from feature vectors to lip shapes relative to the speaker.

    Input normalization and principal components are part of the weights. Each of several members
    trains on its own rows of a batch. The shipped networks have one member: two and three
    generalized to other voices no better.
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
        """(b, n, d) features → (b, n // stride, 36) relative shapes, late by the delay."""
        return self.advance(values)[0]

    def advance(self, values: torch.Tensor, state: State = None) -> tuple[torch.Tensor, State]:
        """`forward` from a state (None: the initial one); returns the final state as well."""
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
        outputs = [member(x, state and state[i]) for i, member in enumerate(self.members)]
        components = torch.stack([components for components, _ in outputs]).mean(0)
        return components @ self.basis + self.shape_mean, [state for _, state in outputs]

    def shape_times(self, start: float, rate: float, count: int) -> NDArray[np.float64]:
        """Times (s) of the first `count` outputs, with the delay compensated.

        Args:
            start: seconds, center of the first feature step.
            rate: feature steps per second.
        """
        stride = self.dims.stride
        steps = np.arange(count) * stride + (stride - 1) / 2
        return np.asarray(start + steps / rate)

    @torch.inference_mode()
    def predict_shapes(self, features: AudioFeatures) -> tuple[F32, NDArray[np.float64]]:
        """Predict all shapes of a whole sound, with the delay compensated.

        Returns:
            (m, 18, 2) relative shapes and their times, (m,) seconds.
        """
        d = self.dims
        values = features.values
        if values.shape[1] != d.inputs:
            raise ValueError(f"LipLSTM: wanted {d.inputs} features, got {values.shape[1]}")
        # The last step is repeated until the delayed outputs have come out and the last stride is
        # whole.
        missing = -(len(values) + d.delay) % d.stride
        values = np.pad(values, ((0, d.delay + missing), (0, 0)), mode="edge")
        run = self._windowed if d.bidirectional else self._stream
        with single_threaded_torch():
            out = np.concatenate(list(run(torch.from_numpy(values))))
        out = out[d.delay // d.stride :].reshape(-1, N_LIPS, 2)
        return out, self.shape_times(features.start, features.rate, len(out))

    def _stream(self, values: torch.Tensor) -> Iterator[F32]:
        """Outputs (·, 36) of values (n, d), read forwards; the state is carried on exactly."""
        state: State = None
        step = WINDOW // self.dims.stride * self.dims.stride
        for piece in torch.split(values, step):
            out, state = self.advance(piece[None].to(self.input_mean.device), state)
            yield out[0].cpu().numpy()

    def _windowed(self, values: torch.Tensor) -> Iterator[F32]:
        """Outputs (·, 36) of values (n, d), read in both directions in windows with context."""
        stride, n = self.dims.stride, len(values)
        core, context = (steps // stride * stride for steps in (WINDOW, CONTEXT))
        windows = [
            (max(0, first - context), first, min(first + core, n)) for first in range(0, n, core)
        ]
        # Windows of equal length are read together: the first and last ones are shorter.
        for _, group in groupby(windows, lambda w: (w[1] - w[0], min(w[2] + context, n) - w[0])):
            same = list(group)
            for i in range(0, len(same), BATCH):
                some = same[i : i + BATCH]
                batch = torch.stack([values[begin : end + context] for begin, _, end in some])
                out = self(batch.to(self.input_mean.device)).cpu().numpy()
                for (begin, first, end), shapes in zip(some, out, strict=True):
                    yield shapes[(first - begin) // stride : (end - begin) // stride]

    def to_canonical(self, profile: LipProfile, relative: F32) -> F32:
        """Apply relative shapes (m, 18, 2) to a person's mouth, in canonical space.

        For a person who opens the mouth wider than the speakers of the training, the vertical
        scale grows by the square root of the ratio of the opening ranges. Measured on four unseen
        people: the full ratio restores the articulation but adds up to 20 % of error; its root
        keeps the error within 6 % and restores most of the articulation. A smaller range is
        ignored: the target may simply not have spoken. Regression opens too little for everyone
        (articulation below 1): the root of that ratio is compensated in the same way.
        """
        training_ratio = self.meta.get(OPENING_RATIO, 0.0)
        gain = float(np.clip(self.meta.get(ARTICULATION, 1.0), 0.5, 1)) ** -0.5
        if training_ratio > 0:
            ratio = profile.opening_range / profile.width / training_ratio
            gain *= float(np.clip(ratio, 1, 2)) ** 0.5
        points = profile.neutral + profile.width * relative * np.array([1.0, gain])
        return profile.close_fully(np.asarray(points, dtype=np.float32))

    def save(self, path: Path) -> None:
        """Write everything, weights in half precision (accurate to 1e-4 mouth widths)."""
        tensors = self.state_dict()
        tensors.update({name: value.half() for name, value in self.named_parameters()})
        meta = {**self.meta, "dims": asdict(self.dims), "features": asdict(self.spec)}
        checkpoint.save(path, tensors, meta)

    @staticmethod
    def load(which: LipOptions | Path, device: str = "cpu") -> LipLSTM:
        """Load a network by its option or its file, ready to predict.

        Raises:
            WeightsError: the file is missing, damaged, or holds another network.
        """
        path = which if isinstance(which, Path) else weights_path(which)
        tensors, meta = checkpoint.load(path)
        try:
            dims, spec = LipDims(**meta.pop("dims")), FeatureSpec(**meta.pop("features"))
            model = LipLSTM(dims, spec, meta)
            model.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(f"{path}: these weights are not a LipLSTM's ({reason})") from None
        if dims.inputs != spec.size:
            raise WeightsError(
                f"{path}: trained on {dims.inputs} features of {spec.kind}, which has {spec.size} "
                "in this version of lipsync: train it again (training.speech_model.train)"
            )
        return model.eval().requires_grad_(False).to(device)


def weights_path(options: LipOptions) -> Path:
    """The weights file of the network that the options name."""
    speech_model = options.speech_model
    if speech_model in SHIPPED:
        return checkpoint.asset_path(SHIPPED[speech_model])
    return Path(speech_model).expanduser()
