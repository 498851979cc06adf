"""The generator of the GAN variant (METHOD.md §10): colours and how much of them to show.

What it shows is α · colours + (1 − α) · input, so that a hand before the face stays. Self-attention
at 1/8 and 1/16 of the size, instance norm in all but the first layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lipsync.autoencoder.blocks import SLOPE, Residual, SelfAttention, Upscale

STRIDE = 16


def down(inputs: int, outputs: int, norm: bool = True) -> nn.Sequential:
    """Half the size."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 3, 2, 1)]
    if norm:
        layers.append(nn.InstanceNorm2d(outputs, affine=True))
    return nn.Sequential(*layers, nn.LeakyReLU(SLOPE))


class Encoder(nn.Module):
    """(b, 3, s, s), 0..1 → (b, 8w, s/8, s/8)."""

    def __init__(self, size: int, width: int, latent: int) -> None:
        super().__init__()
        cells, w = size // STRIDE, width
        self.layers = nn.Sequential(
            nn.Conv2d(3, w, 5, 1, 2),
            nn.LeakyReLU(SLOPE),
            down(w, 2 * w, norm=False),
            down(2 * w, 4 * w),
            down(4 * w, 8 * w),
            SelfAttention(8 * w),
            down(8 * w, 16 * w),
            SelfAttention(16 * w),
            nn.Flatten(),
            nn.Linear(16 * w * cells * cells, latent),
            nn.Linear(latent, 16 * w * cells * cells),
            nn.Unflatten(1, (16 * w, cells, cells)),
            Upscale(16 * w, 8 * w, norm=True),
        )

    def forward(self, faces: Tensor) -> Tensor:
        code: Tensor = self.layers(2 * faces - 1)
        return code


class Decoder(nn.Module):
    """(b, 8w, s/8, s/8) → colours (b, 3, s, s) and alpha (b, 1, s, s), both 0..1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.layers = nn.Sequential(
            Upscale(8 * w, 4 * w, norm=True),
            Residual(4 * w, norm=True),
            Upscale(4 * w, 2 * w, norm=True),
            Residual(2 * w, norm=True),
            Upscale(2 * w, w),
        )
        self.colours = nn.Conv2d(w, 3, 5, padding=2)
        self.alpha = nn.Conv2d(w, 1, 5, padding=2)

    def forward(self, code: Tensor) -> tuple[Tensor, Tensor]:
        features = self.layers(code)
        rgb = torch.sigmoid(self.colours(features).float())
        return rgb, torch.sigmoid(self.alpha(features).float())


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
