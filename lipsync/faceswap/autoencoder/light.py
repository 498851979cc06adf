"""A network that learns two faces in tens of minutes on two cores.

It is cheap: nothing is computed at full size (the last convolution makes four pixels at a time),
dense residuals stay where maps are small, and at half size the kernels are depthwise. It learns
quickly: each decoder starts from its person's mean face and learns the difference. The fourth
channel is a mask of the face without its occluders.

The encoder can take the expression as an extra input (`lipsync.faceswap.autoencoder.expression`).
To keep it from ignoring that input, in training some rows of a batch use the image code of a
neighbor that shows another face of the same shot: lighting and pose are alike, so that only the
landmarks tell the two apart.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lipsync.faceswap.autoencoder.blocks import SLOPE, DepthwiseResidual, Residual, Upscale

STRIDE = 16  # of the encoder: sizes are multiples of it
EXPRESSION_SIZE = 128  # of the expression's code
GROUP = 3  # rows of a batch, of which one uses its neighbor's image code


class Encoder(nn.Module):
    """(b, 3, s, s), 0..1, and optionally their expressions (b, e) → (b, 4w, s/16, s/16).

    The bottleneck is `latent` numbers of the image and EXPRESSION_SIZE of the expression.
    """

    def __init__(self, size: int, width: int, latent: int, expression: int = 0) -> None:
        super().__init__()
        cells, w = size // STRIDE, width
        # `seen` and `told` are names in checkpoints: the codes of image and expression.
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
                nn.Linear(expression, EXPRESSION_SIZE),
                nn.LeakyReLU(SLOPE),
                nn.Linear(EXPRESSION_SIZE, EXPRESSION_SIZE),
                nn.LeakyReLU(SLOPE),
            )
            if expression
            else None
        )
        numbers = latent + (EXPRESSION_SIZE if expression else 0)
        self.code = nn.Sequential(
            nn.Linear(numbers, 4 * w * cells * cells), nn.Unflatten(1, (4 * w, cells, cells))
        )

    def forward(self, faces: Tensor, expression: Tensor | None = None) -> Tensor:
        image: Tensor = self.seen(faces - 0.5)
        if self.told is not None:
            if expression is None:
                raise ValueError("a network with expression input wants an expression")
            if self.training:
                image = image[[image_row(row) for row in range(len(image))]]
            image = torch.cat([image, self.told(expression).to(image.dtype)], 1)
        code: Tensor = self.code(image)
        return code


def image_row(row: int) -> int:
    """Which row's image code a row of a training batch uses: of three, the second the first's.

    Each such row leaves the batch one image less to learn from, hence only one in three.
    """
    return row - 1 if row % GROUP == 1 else row


class Decoder(nn.Module):
    """(b, 4w, s/16, s/16) → color (b, 3, s, s) and mask (b, 1, s, s), both 0..1."""

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
        # Bias per pixel, logits of the mean face and of its mask: what an untrained decoder shows.
        self.usual = nn.Parameter(torch.zeros(4, size, size))

    @torch.no_grad()
    def start_from_mean(self, mean: Tensor) -> None:
        """Start from a mean face and mask, (4, s, s), 0..1."""
        self.usual.copy_(torch.logit(mean.clamp(0.02, 0.98)))
        last = self.layers[-2]
        assert isinstance(last, nn.Conv2d) and last.bias is not None  # noqa: S101
        last.weight.mul_(0.1)
        last.bias.zero_()

    def forward(self, code: Tensor) -> tuple[Tensor, Tensor]:
        channels = torch.sigmoid(self.layers(code).float() + self.usual)
        return channels[:, :3], channels[:, 3:]


def is_valid_size(size: int) -> bool:
    """Whether the network can be built for faces of this size."""
    return size % STRIDE == 0 and size >= 2 * STRIDE
