"""The mouth decoder of one person: lips, phones and head pose → picture of mouth and chin.

A refining decoder gets the median texture, before and after the finest detail was added, and
predicts what to add to the median and how much of the detail to keep; what it has not learned stays
as the bank has it. With dims.refines false it generates: it starts from the person's mean mouth,
and the picture is no finer than the canvas.

Symbols: b pictures of h × w pixels, c values of a conditioning vector (`crop.describe_mouths`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lipsync.errors import WeightsError
from lipsync.mouth.decoder.crop import MAPS, STRIDE, Canvas, conditioning_size
from lipsync.runtime import checkpoint

KIND = "mouth decoder"  # in a checkpoint's meta
KNOWN = "known"  # name of the person's thumbnails among the tensors of a checkpoint
SLOPE = 0.1  # of LeakyReLU below zero
MAX_GATE = 1.5  # factor of the median's detail, at most
DETAIL_GAIN = 8  # brings detail and noise to the magnitude of the other inputs


@dataclass(frozen=True)
class DecoderDims:
    """Architecture of a decoder, stored with its weights."""

    size: int = 128  # pixels across the canvas
    width: int = 24  # channels at half of that size
    phones: int = 42  # size of the phone embedding per frame
    refines: bool = True  # the input includes the median texture

    def __post_init__(self) -> None:
        if self.size % STRIDE or self.size < 32:
            raise ValueError(f"size: wanted a multiple of {STRIDE} from 32 on, got {self.size}")
        if self.width < 1 or self.phones < 0:
            raise ValueError(f"width {self.width}, phones {self.phones}")

    @property
    def canvas(self) -> Canvas:
        """The pixel grid it draws on."""
        return Canvas(self.size)


class Modulated(nn.Module):
    """Residual block of two 3 × 3 convolutions with FiLM conditioning in between."""

    def __init__(self, channels: int, wanted: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = nn.Linear(wanted, 2 * channels)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, wanted: Tensor) -> Tensor:
        scale, shift = self.film(wanted)[..., None, None].chunk(2, dim=1)
        inner = functional.leaky_relu(self.first(x) * (1 + scale) + shift, SLOPE)
        return functional.leaky_relu(x + self.second(inner), SLOPE)


class MouthDecoder(nn.Module):
    """A conditional U-Net of three levels, at 1/2, 1/4 and 1/8 of the canvas."""

    WANTED = 64  # size of the conditioning embedding

    def __init__(self, dims: DecoderDims) -> None:
        super().__init__()
        self.dims = dims
        self.meta: dict[str, Any] = {}
        self.path: Path | None = None  # of the weights, if they were loaded
        self.known: Tensor | None = None  # (n, ·, ·) thumbnails (`lipsync.face.identity`)
        w, inputs = dims.width, (6 if dims.refines else 0) + MAPS
        height, size = dims.canvas.height, dims.size
        told = conditioning_size(dims.phones)
        self.register_buffer("told_mean", torch.zeros(told))
        self.register_buffer("told_spread", torch.ones(told))
        # The person's mean mouth, which a generating decoder starts from.
        self.register_buffer("usual", torch.full((3, height, size), 0.5))
        self.told = nn.Sequential(
            nn.Linear(told, 2 * self.WANTED),
            nn.LeakyReLU(SLOPE),
            nn.Linear(2 * self.WANTED, self.WANTED),
            nn.LeakyReLU(SLOPE),
        )
        self.head = nn.Conv2d(4 * inputs, w, 3, padding=1)
        # The canvas always shows the same part of a face: per-pixel biases can be learned.
        self.place = nn.Parameter(torch.zeros(w, height // 2, size // 2))
        self.fine = Modulated(w, self.WANTED)
        self.down = nn.Conv2d(w, 2 * w, 3, 2, 1)
        self.middle = Modulated(2 * w, self.WANTED)
        self.deeper = nn.Conv2d(2 * w, 4 * w, 3, 2, 1)
        self.deep_place = nn.Parameter(torch.zeros(4 * w, height // 8, size // 8))
        self.deep = nn.ModuleList(Modulated(4 * w, self.WANTED) for _ in range(2))
        self.up = nn.Conv2d(4 * w, 2 * w, 1)
        self.middle_again = Modulated(2 * w, self.WANTED)
        self.up_again = nn.Conv2d(2 * w, w, 1)
        self.fine_again = Modulated(w, self.WANTED)
        self.out = nn.Conv2d(w, 16, 3, padding=1)
        nn.init.zeros_(self.out.weight)  # untrained, the median and its detail pass unchanged
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, steady: Tensor, detailed: Tensor, maps: Tensor, told: Tensor) -> Tensor:
        """Predict what to add (3 channels) and the gate of the detail (1 channel), (b, 4, h, w).

        Args:
            steady, detailed: (b, 3, h, w), 0..1, the median without and with its detail; ignored
                if dims.refines is false.
            maps: (b, MAPS, h, w), 0..1, masks of the wanted lips.
            told: (b, c), conditioning vectors.
        """
        inputs = [maps - 0.5]
        if self.dims.refines:
            inputs = [steady - 0.5, DETAIL_GAIN * (detailed - steady), *inputs]
        mean, spread = self.get_buffer("told_mean"), self.get_buffer("told_spread")
        wanted = self.told((told - mean) / spread)
        x = self.head(functional.pixel_unshuffle(torch.cat(inputs, 1), 2)) + self.place
        fine = self.fine(functional.leaky_relu(x, SLOPE), wanted)
        middle = self.middle(functional.leaky_relu(self.down(fine), SLOPE), wanted)
        deep = functional.leaky_relu(self.deeper(middle) + self.deep_place, SLOPE)
        for block in self.deep:
            deep = block(deep, wanted)
        x = middle + self.up(functional.interpolate(deep, scale_factor=2.0, mode="nearest"))
        x = self.middle_again(x, wanted)
        x = fine + self.up_again(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        x = functional.pixel_shuffle(self.out(self.fine_again(x, wanted)), 2)
        gate = (1 + x[:, 3:]).clamp(0, MAX_GATE)
        return torch.cat([x[:, :3], gate], 1)

    def predict(self, steady: Tensor, detailed: Tensor, maps: Tensor, told: Tensor) -> Tensor:
        """Predict the finished picture, (b, 3, h, w), about 0..1; arguments as `forward`."""
        return self.compose(self(steady, detailed, maps, told), steady, detailed)

    def compose(self, answer: Tensor, steady: Tensor, detailed: Tensor) -> Tensor:
        """Apply a result of `forward` to the median, (b, 3, h, w)."""
        if not self.dims.refines:
            return self.get_buffer("usual") + answer[:, :3]
        return steady + answer[:, :3] + answer[:, 3:] * (detailed - steady)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.get_buffer("usual").device

    def save(self, path: Path) -> None:
        """Write a checkpoint atomically."""
        tensors = dict(self.state_dict())
        if self.known is not None:
            tensors[KNOWN] = self.known
        checkpoint.save(path, tensors, {**self.meta, "kind": KIND, "dims": asdict(self.dims)})

    @staticmethod
    def load(path: Path, device: str = "cpu") -> MouthDecoder:
        """Load a decoder for inference.

        Raises:
            WeightsError: the file is missing, damaged, or not a mouth decoder.
        """
        tensors, meta = checkpoint.load_kind(
            path, KIND, "mouth; train some with lipsync train-mouth"
        )
        network = MouthDecoder(_read_dims(path, meta))
        network.known = tensors.pop(KNOWN, None)
        network.meta = {k: v for k, v in meta.items() if k not in ("kind", "dims")}
        network.path = path
        checkpoint.load_state(network, tensors, path, "")
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network.eval().requires_grad_(False)


class PatchDiscriminator(nn.Module):
    """Scores patches of a picture as real or generated, given the median it was made from.

    (b, 6, h, w) → (b, 1, ·, ·); the receptive field is 22 × 22 pixels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.layers = nn.Sequential(
            nn.Conv2d(6, w, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(w, 2 * w, 4, 2, 1),
            nn.InstanceNorm2d(2 * w, affine=True),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * w, 1, 4, padding=1),
        )

    def forward(self, pictures: Tensor, median: Tensor) -> Tensor:
        """Scores of pictures (b, 3, h, w) made from medians (b, 3, h, w)."""
        # The difference from the median is small, at the magnitude of noise.
        change = DETAIL_GAIN * (pictures - median)
        score: Tensor = self.layers(torch.cat([change, median - 0.5], 1))
        return score


def _read_dims(path: Path, meta: Mapping[str, Any]) -> DecoderDims:
    try:
        return DecoderDims(**meta["dims"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: made for an architecture that this version does not know ({error})"
        ) from None


def to_tensor(pictures: Any) -> Tensor:
    """uint8 pictures (b, h, w, c) → (b, c, h, w), 0..1, in channels-last memory layout."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
