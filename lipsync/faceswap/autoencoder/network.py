"""The face autoencoder: one encoder for two people, a decoder for each."""

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
FACES = "faces."  # + side: thumbnails of the person, beside the weights


@dataclass(frozen=True)
class FaceDims:
    """What a network is built from; a checkpoint carries it."""

    architecture: Architecture
    size: int = 64  # pixels across
    width: int = 24  # channels of the first layer
    latent: int = 256  # numbers that everything passes through
    marks: int = 0  # landmarks that the encoder is told (`marks`); 0: none, or `marks.COUNT`

    def __post_init__(self) -> None:
        if self.architecture == "original" and self.size != original.SIZE:
            raise ValueError(f"size: the original network sees {original.SIZE} pixels")
        if self.architecture != "original" and not light.fits(self.size):
            raise ValueError(f"size: wanted a multiple of {light.STRIDE}, got {self.size}")
        if self.marks not in (0, expression.COUNT if self.architecture == "light" else 0):
            raise ValueError(f"marks: the {self.architecture} network takes no {self.marks}")


class FaceAutoencoder(nn.Module):
    """A shared encoder and two decoders."""

    def __init__(self, dims: FaceDims) -> None:
        super().__init__()
        self.dims = dims
        self.meta: dict[str, Any] = {}
        # Of each person: thumbnails (n, h, w) by which they are recognised
        # (`lipsync.face.identity`).
        self.known: dict[str, Tensor] = {}
        self.encoder, decoders = _parts(dims)
        self.decoders = nn.ModuleDict(dict(zip(SIDES, decoders, strict=True)))
        # Added to A's colours before they are encoded: the mean of B minus the mean of A.
        self.register_buffer("shift", torch.zeros(3))
        if dims.marks:  # of both people, `marks.habits`
            self.register_buffer("habits", torch.zeros(len(SIDES), 2, dims.marks, 2))

    def forward(
        self, faces: Tensor, decoder: Side, expression: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Colours (b, 3, s, s) and, if the network makes one, mask (b, 1, s, s), both 0..1.

        Args:
            faces: (b, 3, s, s), in the colours of B (see `toned`).
            decoder: whose identity is to be shown.
            expression: of the faces, from `expression`; for networks that are told marks.
        """
        made = self.decoders[decoder](self.code(faces, expression))
        return made if isinstance(made, tuple) else (made, None)

    def code(self, faces: Tensor, expression: Tensor | None = None) -> Any:
        """What the decoders make faces from."""
        return self.encoder(faces, expression) if self.dims.marks else self.encoder(faces)

    def expression(self, points: Tensor, side: Side) -> Tensor | None:
        """What this person's faces do, from their marks (b, COUNT, 2), pixels of the pictures.

        None: the network wants to know nothing of it.
        """
        if not self.dims.marks:
            return None
        habits = self.get_buffer("habits")[SIDES.index(side)]
        return expression.expression(points.to(habits), habits, self.dims.size)

    def toned(self, faces: Tensor, side: Side) -> Tensor:
        """Faces (b, 3, s, s) of this person's footage in the colours that the encoder knows."""
        if side == "b":
            return faces
        return (faces + self.get_buffer("shift")[:, None, None]).clamp(0, 1)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.get_buffer("shift").device

    def save(self, path: Path) -> None:
        """Write weights and what they are; whole or not at all."""
        tensors = {**self.state_dict(), **{FACES + s: t for s, t in self.known.items()}}
        checkpoint.save(path, tensors, {**self.meta, "kind": KIND, "dims": asdict(self.dims)})

    @staticmethod
    def load(path: Path, device: str = "cpu") -> FaceAutoencoder:
        """Read a network, ready to use.

        Raises:
            WeightsError: missing, damaged, or of something else than faces.
        """
        tensors, meta = checkpoint.load_kind(
            path, KIND, "face autoencoder; train one with python -m training.face_autoencoder.train"
        )
        network = FaceAutoencoder(_dims(path, meta))
        network.known = {s: tensors.pop(FACES + s) for s in SIDES if FACES + s in tensors}
        network.meta = {k: v for k, v in meta.items() if k not in ("kind", "dims")}
        checkpoint.fill(network, tensors, path, f" {network.dims.architecture}")
        return network.to(device).eval()


def _dims(path: Path, meta: Mapping[str, Any]) -> FaceDims:
    try:
        dims = FaceDims(**meta["dims"])
        if dims.architecture not in ("original", "light", "gan"):
            raise ValueError(dims.architecture)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: made for an architecture that this version does not know ({error})"
        ) from None
    return dims


def _parts(dims: FaceDims) -> tuple[nn.Module, list[nn.Module]]:
    """The encoder and both decoders."""
    if dims.architecture == "original":
        return original.Encoder(), [original.Decoder() for _ in SIDES]
    if dims.architecture == "gan":
        encoder: nn.Module = gan.Encoder(dims.size, dims.width, dims.latent)
        return encoder, [gan.Decoder(dims.width) for _ in SIDES]
    encoder = light.Encoder(dims.size, dims.width, dims.latent, 2 * dims.marks)
    return encoder, [light.Decoder(dims.size, dims.width) for _ in SIDES]


def to_tensor(faces: Any) -> Tensor:
    """uint8 faces (b, s, s, 3) → (b, 3, s, s), 0..1, laid out as convolutions like it."""
    return torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
