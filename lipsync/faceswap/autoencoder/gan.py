"""The generator of the GAN variant (docs/method.md §10): color and alpha.

Its output is α · color + (1 − α) · input, so that a hand in front of the face stays. Self-attention
at 1/8 and 1/16 of the size, instance norm in all but the first layers.

In the first programs each person's decoder computes its own α from the latent code. The code hardly
carries a hand, and in a swap the α comes from a decoder that has never seen the target. Here both
people share one α, computed by the encoder from its own feature maps: an occluder is visible in the
picture, whoever's face is behind it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lipsync.faceswap.autoencoder.blocks import SLOPE, Residual, SelfAttention, Upscale

STRIDE = 16


def downsample(inputs: int, outputs: int, norm: bool = True) -> nn.Sequential:
    """Halve the size: strided convolution, instance norm, LeakyReLU."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 3, 2, 1)]
    if norm:
        layers.append(nn.InstanceNorm2d(outputs, affine=True))
    return nn.Sequential(*layers, nn.LeakyReLU(SLOPE))


class Encoder(nn.Module):
    """(b, 3, s, s), 0..1 → code (b, 8w, s/8, s/8) and alpha (b, 1, s, s), 0..1."""

    def __init__(self, size: int, width: int, latent: int) -> None:
        super().__init__()
        cells, w = size // STRIDE, width
        # Feature maps at 1, 1/2, 1/4 and 1/8 of the size, each from the one before.
        self.maps = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(3, w, 5, 1, 2), nn.LeakyReLU(SLOPE)),
                downsample(w, 2 * w, norm=False),
                downsample(2 * w, 4 * w),
                nn.Sequential(*downsample(4 * w, 8 * w), SelfAttention(8 * w)),
            ]
        )
        self.code = nn.Sequential(
            downsample(8 * w, 16 * w),
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
    """Opacity of the new face: the face that the code describes against what the picture shows.

    The decoder half of a U-Net (Ronneberger et al. 2015): code (b, 8w, s/8, s/8) and the encoder's
    maps → (b, 1, s, s), 0..1.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.first = nn.Conv2d(16 * w, 4 * w, 1)
        self.mixes = nn.ModuleList(
            nn.Conv2d(upper + skip, upper, 3, padding=1)
            for upper, skip in ((2 * w, 4 * w), (w, 2 * w), (w, w))
        )
        self.ups = nn.ModuleList(Upscale(i, o) for i, o in ((4 * w, 2 * w), (2 * w, w), (w, w)))
        self.last = nn.Conv2d(w, 1, 5, padding=2)

    def forward(self, code: Tensor, maps: list[Tensor]) -> Tensor:
        x = functional.leaky_relu(self.first(torch.cat([code, maps[-1]], 1)), SLOPE)
        for up, mix, skip in zip(self.ups, self.mixes, maps[-2::-1], strict=True):
            x = functional.leaky_relu(mix(torch.cat([up(x), skip], 1)), SLOPE)
        return torch.sigmoid(self.last(x).float())


class Decoder(nn.Module):
    """Code (b, 8w, s/8, s/8) and alpha → color (b, 3, s, s), 0..1, and the same alpha."""

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
    """Real or generated, given the input as condition: (b, 6, s, s) → (b, 1, ·, ·)."""

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
