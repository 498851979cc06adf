"""The face autoencoder, one encoder for two people and a decoder for each, and its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lipsync.errors import WeightsError
from lipsync.faceswap.autoencoder import expression, gan, light, original
from lipsync.runtime import checkpoint

Architecture = Literal["original", "light", "gan"]
Side = Literal["a", "b"]
SIDES: tuple[Side, Side] = ("a", "b")
KIND = "face autoencoder"  # in a checkpoint's meta
THUMBNAILS = "faces."  # + side: a checkpoint's thumbnails of that person


def other_side(side: Side) -> Side:
    """The other of the two people."""
    return "b" if side == "a" else "a"


@dataclass(frozen=True)
class FaceDims:
    """Architecture and sizes of a network; stored in its checkpoint."""

    architecture: Architecture
    size: int = 64  # pixels across
    width: int = 24  # channels of the first layer
    latent: int = 256  # size of the bottleneck
    marks: int = 0  # expression landmarks that the encoder takes: 0 or `expression.COUNT`

    def __post_init__(self) -> None:
        if self.architecture == "original" and self.size != original.SIZE:
            raise ValueError(f"size: the original network sees {original.SIZE} pixels")
        if self.architecture != "original" and not light.is_valid_size(self.size):
            raise ValueError(f"size: wanted a multiple of {light.STRIDE}, got {self.size}")
        if self.marks not in (0, expression.COUNT if self.architecture == "light" else 0):
            raise ValueError(f"marks: the {self.architecture} network takes no {self.marks}")


class FaceAutoencoder(nn.Module):
    """A shared encoder and two decoders."""

    def __init__(self, dims: FaceDims) -> None:
        super().__init__()
        self.dims = dims
        self.meta: dict[str, Any] = {}
        # Of each person: thumbnails (n, h, w) that identify them (`lipsync.face.identity`).
        self.thumbnails: dict[str, Tensor] = {}
        self.encoder, decoders = _build_parts(dims)
        self.decoders = nn.ModuleDict(dict(zip(SIDES, decoders, strict=True)))
        # Mean color of B minus mean color of A: added to A's faces before encoding.
        self.register_buffer("shift", torch.zeros(3))
        if dims.marks:  # `expression.measure_statistics` of both people
            self.register_buffer("habits", torch.zeros(len(SIDES), 2, dims.marks, 2))

    def forward(
        self, faces: Tensor, decoder: Side, expression: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Color (b, 3, s, s) and, if the network makes one, mask (b, 1, s, s), both 0..1.

        Args:
            faces: (b, 3, s, s), from `to_encoder_color`.
            decoder: whose identity is shown.
            expression: from `normalize_expression`; for networks with expression input.
        """
        decoded = self.decoders[decoder](self.encode(faces, expression))
        return decoded if isinstance(decoded, tuple) else (decoded, None)

    def encode(self, faces: Tensor, expression: Tensor | None = None) -> Any:
        """The code from which the decoders generate faces."""
        return self.encoder(faces, expression) if self.dims.marks else self.encoder(faces)

    def normalize_expression(self, points: Tensor, side: Side) -> Tensor | None:
        """This person's expression landmarks (b, COUNT, 2), pixels, as the encoder takes them.

        None: the network has no expression input.
        """
        if not self.dims.marks:
            return None
        statistics = self.get_buffer("habits")[SIDES.index(side)]
        return expression.normalize(points.to(statistics), statistics, self.dims.size)

    def to_encoder_color(self, faces: Tensor, side: Side) -> Tensor:
        """Faces (b, 3, s, s) of this person with the mean color that the encoder expects: B's."""
        if side == "b":
            return faces
        return (faces + self.get_buffer("shift")[:, None, None]).clamp(0, 1)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.get_buffer("shift").device

    def save(self, path: Path) -> None:
        """Write weights and description; atomic."""
        tensors = {**self.state_dict(), **{THUMBNAILS + s: t for s, t in self.thumbnails.items()}}
        checkpoint.save(path, tensors, {**self.meta, "kind": KIND, "dims": asdict(self.dims)})

    @staticmethod
    def load(path: Path, device: str = "cpu") -> FaceAutoencoder:
        """Read a network, ready to use.

        Raises:
            WeightsError: missing, damaged, or not a face autoencoder's.
        """
        tensors, meta = checkpoint.load_kind(
            path, KIND, "face autoencoder; train one with python -m training.face_autoencoder.train"
        )
        network = FaceAutoencoder(_read_dims(path, meta))
        network.thumbnails = {
            s: tensors.pop(THUMBNAILS + s) for s in SIDES if THUMBNAILS + s in tensors
        }
        network.meta = {k: v for k, v in meta.items() if k not in ("kind", "dims")}
        checkpoint.load_state(network, tensors, path, f" {network.dims.architecture}")
        return network.to(device).eval()


def _read_dims(path: Path, meta: Mapping[str, Any]) -> FaceDims:
    try:
        dims = FaceDims(**meta["dims"])
        if dims.architecture not in ("original", "light", "gan"):
            raise ValueError(dims.architecture)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: made for an architecture that this version does not know ({error})"
        ) from None
    return dims


def _build_parts(dims: FaceDims) -> tuple[nn.Module, list[nn.Module]]:
    """The encoder and both decoders."""
    if dims.architecture == "original":
        return original.Encoder(), [original.Decoder() for _ in SIDES]
    if dims.architecture == "gan":
        encoder: nn.Module = gan.Encoder(dims.size, dims.width, dims.latent)
        return encoder, [gan.Decoder(dims.width) for _ in SIDES]
    encoder = light.Encoder(dims.size, dims.width, dims.latent, 2 * dims.marks)
    return encoder, [light.Decoder(dims.size, dims.width) for _ in SIDES]


def to_tensor(faces: Any) -> Tensor:
    """uint8 faces (b, s, s, 3) → (b, 3, s, s), 0..1."""
    return torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
