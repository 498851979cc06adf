"""Loss terms and metrics of generated pictures, one function each (docs/method.md §§4, 10).

Pictures are (b, c, h, w), 0..1; `mask` is (b, 1, h, w), the weight of each pixel, 0..1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lipsync.media.pixels import LUMA_WEIGHTS

SSIM_SIGMA = 1.5  # pixels (Wang et al. 2004)
C1, C2 = 0.01**2, 0.03**2
CELL = 8  # pixels, side of the cells whose texture strength is compared
FAINT = 1e-4  # variance of pixels in 0..1, far below camera noise; keeps the logarithm finite


def edge_loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error of horizontal and vertical first differences of (b, c, h, w)."""
    error = output - target
    across = error[..., :, 1:] - error[..., :, :-1]
    down = error[..., 1:, :] - error[..., :-1, :]
    return across.abs().mean() + down.abs().mean()


def lsgan_loss(score: Tensor, target: Tensor) -> Tensor:
    """Least-squares GAN loss (Mao et al. 2017): mean (score (b, 1, h, w) − label (b, 1, 1, 1))²."""
    return ((score - target) ** 2).mean()


def psnr(output: Tensor, target: Tensor) -> float:
    """Peak signal-to-noise ratio (dB) of pictures in 0..1."""
    error = float(((output - target) ** 2).mean())
    return float(-10 * torch.log10(torch.tensor(max(error, 1e-12))))


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of values (b, c, h, w) weighted by a mask (b, 1, h, w)."""
    return (values * mask).sum() / (mask.sum() * values.shape[1]).clamp(min=1e-6)


def luma(pictures: Tensor) -> Tensor:
    """BT.601 luma, (b, 1, h, w)."""
    weights = pictures.new_tensor(LUMA_WEIGHTS)[:, None, None]
    return (pictures * weights).sum(1, keepdim=True)


def ssim_map(output: Tensor, target: Tensor) -> Tensor:
    """Per-pixel structural similarity (SSIM) of one-channel pictures, (b, 1, h, w)."""
    stack = torch.cat([output, target, output * output, target * target, output * target], 1)
    m, w, mm, ww, mw = torch.chunk(_gaussian_blur(stack), 5, dim=1)
    of_means = (2 * m * w + C1) / (m * m + w * w + C1)
    of_spreads = (2 * (mw - m * w) + C2) / (mm - m * m + ww - w * w + C2)
    found: Tensor = of_means * of_spreads
    return found


def texture_loss(output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Difference in fine-texture strength: mean |ln σ − ln σ'| of the Laplacian per CELL × CELL.

    Matches the amount of noise and grain rather than its pattern. Cells are weighted by the share
    of the mask that they hold.
    """
    strengths = [
        functional.avg_pool2d(_laplacian(p) ** 2 * mask, CELL) for p in (luma(output), luma(target))
    ]
    counts = functional.avg_pool2d(mask, CELL)
    one, other = (torch.log(s + FAINT * counts + 1e-9) / 2 for s in strengths)
    return masked_mean((one - other).abs(), counts)


def laplacian_energy(pictures: Tensor, mask: Tensor) -> float:
    """Sum of the squared Laplacian of the luma, weighted by a mask."""
    return float((_laplacian(luma(pictures)) ** 2 * mask).sum())


def _laplacian(pictures: Tensor) -> Tensor:
    kernel = pictures.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    return functional.conv2d(pictures, kernel, padding=1)


def _gaussian_blur(stack: Tensor) -> Tensor:
    """Blur every channel with a Gaussian of SSIM_SIGMA."""
    reach = round(3.5 * SSIM_SIGMA)
    offsets = torch.arange(-reach, reach + 1, dtype=stack.dtype, device=stack.device)
    kernel = torch.exp(-(offsets**2) / (2 * SSIM_SIGMA**2))
    kernel = kernel / kernel.sum()
    channels = stack.shape[1]
    across = kernel.expand(channels, 1, 1, -1)
    x = functional.conv2d(stack, across, padding=(0, reach), groups=channels)
    return functional.conv2d(x, across.transpose(2, 3), padding=(reach, 0), groups=channels)
