"""A network that learns two faces in tens of minutes on two cores.

Where it saves: nothing is computed at full size (the last convolution makes four pixels at a
time), dense residuals stay where maps are small, and at half size kernels act per channel. What
makes it quick to learn: each decoder starts from its person's mean face and learns the
difference. The fourth channel is a mask: where the face is, and nothing before it.

What a face does it can be told by its landmarks (`lipsync.faceswap.autoencoder.expression`). To
make it listen, in training some faces get their picture's numbers from a neighbour in the batch,
which is another face of the same shot: light and pose are alike, and what differs only the
landmarks tell.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lipsync.faceswap.autoencoder.blocks import SLOPE, DepthwiseResidual, Residual, Upscale

STRIDE = 16  # of the encoder: sizes are multiples of it
EXPRESSION = 128  # numbers that what is told passes through
GROUP = 3  # faces of a batch of which one is shown as its neighbour


class Encoder(nn.Module):
    """(b, 3, s, s), 0..1, and maybe their expressions (b, told) → (b, 4w, s/16, s/16).

    Everything passes through `latent` numbers of the picture and EXPRESSION of what is told.
    """

    def __init__(self, size: int, width: int, latent: int, told: int = 0) -> None:
        super().__init__()
        cells, w = size // STRIDE, width
        self.seen = nn.Sequential(
            nn.Conv2d(3, w, 5, 2, 2),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(w, 2 * w, 3, 2, 1),
            Residual(2 * w),
            nn.Conv2d(2 * w, 3 * w, 3, 2, 1),
            Residual(3 * w),
            nn.Conv2d(3 * w, 6 * w, 3, 2, 1),
            Residual(6 * w),
            nn.Conv2d(6 * w, 2 * w, 1),
            nn.Flatten(),
            nn.Linear(2 * w * cells * cells, latent),
        )
        self.told = (
            nn.Sequential(
                nn.Linear(told, EXPRESSION),
                nn.LeakyReLU(SLOPE),
                nn.Linear(EXPRESSION, EXPRESSION),
                nn.LeakyReLU(SLOPE),
            )
            if told
            else None
        )
        numbers = latent + (EXPRESSION if told else 0)
        self.code = nn.Sequential(
            nn.Linear(numbers, 4 * w * cells * cells), nn.Unflatten(1, (4 * w, cells, cells))
        )

    def forward(self, faces: Tensor, expression: Tensor | None = None) -> Tensor:
        seen: Tensor = self.seen(faces - 0.5)
        if self.told is not None:
            if expression is None:
                raise ValueError("a network that is told marks wants an expression")
            if self.training:
                seen = seen[[shown_as(row) for row in range(len(seen))]]
            seen = torch.cat([seen, self.told(expression).to(seen.dtype)], 1)
        code: Tensor = self.code(seen)
        return code


def shown_as(row: int) -> int:
    """Whose picture's numbers a row of a batch gets in training: of three, the second the first's.

    Every one that is leaves the batch a picture less to learn from.
    """
    return row - 1 if row % GROUP == 1 else row


class Decoder(nn.Module):
    """(b, 4w, s/16, s/16) → colours (b, 3, s, s) and mask (b, 1, s, s), both 0..1."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        w = width
        self.layers = nn.Sequential(
            Upscale(4 * w, 4 * w),
            Residual(4 * w),
            Upscale(4 * w, 2 * w + w // 2),
            Residual(2 * w + w // 2),
            Upscale(2 * w + w // 2, w + w // 2),
            DepthwiseResidual(w + w // 2),
            nn.Conv2d(w + w // 2, 16, 3, padding=1),
            nn.PixelShuffle(2),
        )
        # What a decoder that knows nothing else shows: logits of the mean face and of its mask.
        self.usual = nn.Parameter(torch.zeros(4, size, size))

    @torch.no_grad()
    def begin_from(self, mean: Tensor) -> None:
        """Start from a mean face and mask, (4, s, s), 0..1."""
        self.usual.copy_(torch.logit(mean.clamp(0.02, 0.98)))
        last = self.layers[-2]
        assert isinstance(last, nn.Conv2d) and last.bias is not None  # noqa: S101
        last.weight.mul_(0.1)
        last.bias.zero_()

    def forward(self, code: Tensor) -> tuple[Tensor, Tensor]:
        made = torch.sigmoid(self.layers(code).float() + self.usual)
        return made[:, :3], made[:, 3:]


def fits(size: int) -> bool:
    """Whether faces of this size can be learnt."""
    return size % STRIDE == 0 and size >= 2 * STRIDE


__all__ = ["Decoder", "Encoder", "fits"]
