"""Layers that the networks are made of. Feature maps are (b, c, h, w)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.1  # of LeakyReLU below zero


class SameConv(nn.Module):
    """Convolution of odd kernel with ⌈h / stride⌉ output rows, padded as TensorFlow does.

    With stride 2 and even sizes there is one more row of zeros below and to the right than above.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)
        total = kernel - stride
        self.pad = (total // 2, total - total // 2) * 2

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.conv(functional.pad(x, self.pad))
        return output


class Upscale(nn.Module):
    """Double the size: 3 × 3 convolution to 4 · outputs, LeakyReLU, pixel shuffle."""

    def __init__(self, inputs: int, outputs: int, norm: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 4 * outputs, 3, padding=1)
        self.norm = nn.InstanceNorm2d(4 * outputs, affine=True) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(functional.leaky_relu(self.norm(self.conv(x)), SLOPE), 2)


class Residual(nn.Module):
    """x + two 3 × 3 convolutions."""

    def __init__(self, channels: int, norm: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.InstanceNorm2d(channels, affine=True) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.leaky_relu(self.norm(self.first(x)), SLOPE)
        return functional.leaky_relu(x + self.second(inner), SLOPE)


class DepthwiseResidual(nn.Module):
    """x + a wide depthwise convolution and two pointwise ones: cheap where maps are large.

    As in ConvNeXt (Liu et al. 2022), without its norm: instance statistics would hide the lighting.
    """

    def __init__(self, channels: int, kernel: int = 5, widening: int = 2) -> None:
        super().__init__()
        self.space = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.out = nn.Conv2d(channels, widening * channels, 1)
        self.back = nn.Conv2d(widening * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.back(functional.leaky_relu(self.out(self.space(x)), SLOPE))
        return x + residual


class SelfAttention(nn.Module):
    """Self-attention over all positions (SAGAN, Zhang et al. 2019); initialized to no effect."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 8)
        self.query = nn.Conv2d(channels, inner, 1)
        self.key = nn.Conv2d(channels, inner, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.strength = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            layer(x).flatten(2).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        attended = functional.scaled_dot_product_attention(query, key, value)
        return x + self.strength * attended.transpose(1, 2).reshape(x.shape)
