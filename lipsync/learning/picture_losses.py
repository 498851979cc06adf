"""What made pictures are to get right; each part a function of its own (METHOD.md §§4, 10).

Pictures are (b, c, h, w), 0..1; `where` is (b, 1, h, w), 0..1: what counts.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SSIM_SIGMA = 1.5  # pixels (Wang et al. 2004)
C1, C2 = 0.01**2, 0.03**2
CELL = 8  # pixels across the cells whose texture is compared
LUMA = (0.299, 0.587, 0.114)
FAINT = 1e-4  # of a variance of 0..1: what lies far below the noise


def edge(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference of first differences, across and down, of (b, c, h, w)."""
    off = made - wanted
    across = off[..., :, 1:] - off[..., :, :-1]
    down = off[..., 1:, :] - off[..., :-1, :]
    return across.abs().mean() + down.abs().mean()


def towards(score: Tensor, wanted: Tensor) -> Tensor:
    """Least-squares GAN: mean square of score (b, 1, h, w) − wanted (b, 1, 1, 1)."""
    return ((score - wanted) ** 2).mean()


def psnr(made: Tensor, wanted: Tensor) -> float:
    """Peak signal-to-noise ratio (dB) over pictures of 0..1."""
    error = float(((made - wanted) ** 2).mean())
    return float(-10 * torch.log10(torch.tensor(max(error, 1e-12))))


def mean_where(values: Tensor, where: Tensor) -> Tensor:
    """Mean of values (b, c, h, w) over what counts."""
    return (values * where).sum() / (where.sum() * values.shape[1]).clamp(min=1e-6)


def luma(pictures: Tensor) -> Tensor:
    """(b, 1, h, w)."""
    weights = pictures.new_tensor(LUMA)[:, None, None]
    return (pictures * weights).sum(1, keepdim=True)


def similarity(made: Tensor, wanted: Tensor) -> Tensor:
    """Structural similarity of one-channel pictures at every place, (b, 1, h, w)."""
    stack = torch.cat([made, wanted, made * made, wanted * wanted, made * wanted], 1)
    m, w, mm, ww, mw = torch.chunk(_blurred(stack), 5, dim=1)
    of_means = (2 * m * w + C1) / (m * m + w * w + C1)
    of_spreads = (2 * (mw - m * w) + C2) / (mm - m * m + ww - w * w + C2)
    found: Tensor = of_means * of_spreads
    return found


def texture(made: Tensor, wanted: Tensor, where: Tensor) -> Tensor:
    """How differently strong the finest differences are, cell by cell: mean |ln σ / σ'|, halved
    where hardly anything counts.

    It asks for as much noise and grain as the wanted picture has, not for the same.
    """
    strengths = [
        functional.avg_pool2d(_laplacian(p) ** 2 * where, CELL) for p in (luma(made), luma(wanted))
    ]
    counts = functional.avg_pool2d(where, CELL)
    one, other = (torch.log(s + FAINT * counts + 1e-9) / 2 for s in strengths)
    return mean_where((one - other).abs(), counts)


def roughness(pictures: Tensor, where: Tensor) -> float:
    """Sum of the squared Laplacian of the luma over what counts."""
    return float((_laplacian(luma(pictures)) ** 2 * where).sum())


def _laplacian(pictures: Tensor) -> Tensor:
    kernel = pictures.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    return functional.conv2d(pictures, kernel, padding=1)


def _blurred(stack: Tensor) -> Tensor:
    """A Gaussian of SSIM_SIGMA over every channel."""
    reach = round(3.5 * SSIM_SIGMA)
    places = torch.arange(-reach, reach + 1, dtype=stack.dtype, device=stack.device)
    kernel = torch.exp(-(places**2) / (2 * SSIM_SIGMA**2))
    kernel = kernel / kernel.sum()
    channels = stack.shape[1]
    across = kernel.expand(channels, 1, 1, -1)
    x = functional.conv2d(stack, across, padding=(0, reach), groups=channels)
    return functional.conv2d(x, across.transpose(2, 3), padding=(reach, 0), groups=channels)
