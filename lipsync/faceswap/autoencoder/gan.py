"""The generator of the GAN variant (METHOD.md §10): colours and how much of them to show.

What it shows is α · colours + (1 − α) · input, so that a hand before the face stays. Self-attention
at 1/8 and 1/16 of the size, instance norm in all but the first layers.

In the first programs each person's decoder makes an α of its own, from the numbers that everything
passes through. A hand passes through them hardly at all, and in a swap the α is that of a decoder
which never saw the target. Here it is one α for both people, made beside the code from the
encoder's own maps: what is before a face is seen in the picture, whoever's face it is.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lipsync.faceswap.autoencoder.blocks import SLOPE, Residual, SelfAttention, Upscale

STRIDE = 16


def down(inputs: int, outputs: int, norm: bool = True) -> nn.Sequential:
    """Half the size."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 3, 2, 1)]
    if norm:
        layers.append(nn.InstanceNorm2d(outputs, affine=True))
    return nn.Sequential(*layers, nn.LeakyReLU(SLOPE))


class Encoder(nn.Module):
    """(b, 3, s, s), 0..1 → code (b, 8w, s/8, s/8) and alpha (b, 1, s, s), 0..1."""

    def __init__(self, size: int, width: int, latent: int) -> None:
        super().__init__()
        cells, w = size // STRIDE, width
        # Maps of 1, 1/2, 1/4 and 1/8 of the size, each from the one before.
        self.maps = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(3, w, 5, 1, 2), nn.LeakyReLU(SLOPE)),
                down(w, 2 * w, norm=False),
                down(2 * w, 4 * w),
                nn.Sequential(*down(4 * w, 8 * w), SelfAttention(8 * w)),
            ]
        )
        self.code = nn.Sequential(
            down(8 * w, 16 * w),
            SelfAttention(16 * w),
            nn.Flatten(),
            nn.Linear(16 * w * cells * cells, latent),
            nn.Linear(latent, 16 * w * cells * cells),
            nn.Unflatten(1, (16 * w, cells, cells)),
            Upscale(16 * w, 8 * w, norm=True),
        )
        self.alpha = Alpha(width)

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        x, maps = 2 * faces - 1, []
        for layer in self.maps:
            x = layer(x)
            maps.append(x)
        code: Tensor = self.code(x)
        return code, self.alpha(code, maps)


class Alpha(nn.Module):
    """How much of a new face is to be shown: what the code tells of a face beside what is there.

    A U-Net's way up (Ronneberger et al. 2015): code (b, 8w, s/8, s/8) and the encoder's maps →
    (b, 1, s, s), 0..1.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.first = nn.Conv2d(16 * w, 4 * w, 1)
        self.mixes = nn.ModuleList(
            nn.Conv2d(upper + beside, upper, 3, padding=1)
            for upper, beside in ((2 * w, 4 * w), (w, 2 * w), (w, w))
        )
        self.ups = nn.ModuleList(Upscale(i, o) for i, o in ((4 * w, 2 * w), (2 * w, w), (w, w)))
        self.last = nn.Conv2d(w, 1, 5, padding=2)

    def forward(self, code: Tensor, maps: list[Tensor]) -> Tensor:
        x = functional.leaky_relu(self.first(torch.cat([code, maps[-1]], 1)), SLOPE)
        for up, mix, beside in zip(self.ups, self.mixes, maps[-2::-1], strict=True):
            x = functional.leaky_relu(mix(torch.cat([up(x), beside], 1)), SLOPE)
        return torch.sigmoid(self.last(x).float())


class Decoder(nn.Module):
    """Code (b, 8w, s/8, s/8) and alpha → colours (b, 3, s, s), 0..1, and the same alpha."""

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.layers = nn.Sequential(
            Upscale(8 * w, 4 * w, norm=True),
            Residual(4 * w, norm=True),
            Upscale(4 * w, 2 * w, norm=True),
            Residual(2 * w, norm=True),
            Upscale(2 * w, w),
            nn.Conv2d(w, 3, 5, padding=2),
        )

    def forward(self, encoded: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        code, alpha = encoded
        return torch.sigmoid(self.layers(code).float()), alpha


class Discriminator(nn.Module):
    """Are these colours, beside what they were made from, real? (b, 6, s, s) → (b, 1, ·, ·)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.layers = nn.Sequential(
            nn.Conv2d(6, w, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(w, 2 * w, 4, 2, 1),
            nn.InstanceNorm2d(2 * w, affine=True),
            nn.LeakyReLU(0.2),
            SelfAttention(2 * w),
            nn.Conv2d(2 * w, 4 * w, 4, 2, 1),
            nn.InstanceNorm2d(4 * w, affine=True),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * w, 1, 3, padding=1),
        )

    def forward(self, faces: Tensor, inputs: Tensor) -> Tensor:
        score: Tensor = self.layers(2 * torch.cat([faces, inputs], 1) - 1)
        return score.float()
