"""The network of the first Deepfakes programs (docs/method.md §9): 64 × 64, 82.06 million weights.

As in their Keras code: four strided convolutions, two dense layers and an upscale in the shared
encoder, three upscales in each person's decoder. Training it needs a GPU.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from lipsync.faceswap.autoencoder.blocks import SLOPE, SameConv, Upscale

SIZE = 64


class Encoder(nn.Module):
    """(b, 3, 64, 64), 0..1 → (b, 512, 8, 8)."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 128, 256, 512, 1024)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [SameConv(inputs, outputs, 5, 2), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Linear(4 * 4 * 1024, 1024),
            nn.Linear(1024, 4 * 4 * 1024),
            nn.Unflatten(1, (1024, 4, 4)),
            Upscale(1024, 512),
        )

    def forward(self, faces: Tensor) -> Tensor:
        code: Tensor = self.layers(faces)
        return code


class Decoder(nn.Module):
    """(b, 512, 8, 8) → (b, 3, 64, 64), 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Upscale(512, 256), Upscale(256, 128), Upscale(128, 64), SameConv(64, 3, 5), nn.Sigmoid()
        )

    def forward(self, code: Tensor) -> Tensor:
        faces: Tensor = self.layers(code)
        return faces
