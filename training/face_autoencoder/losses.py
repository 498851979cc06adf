"""Loss terms of the face autoencoders, one function each (docs/method.md §§9, 10)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from lipsync.learning.picture_losses import edge_loss
from training.face_autoencoder.batches import FaceBatch
from training.face_autoencoder.options import FaceLossWeights


def masked_l1(off: Tensor, where: Tensor) -> Tensor:
    """Mean over the picture of |error| (b, c, h, w) inside a mask (b, 1, h, w)."""
    return (off.abs() * where).mean()


def mask_variation(mask: Tensor) -> Tensor:
    """Total variation per pixel of a mask (b, 1, h, w)."""
    across = (mask[..., :, 1:] - mask[..., :, :-1]).abs().mean()
    return across + (mask[..., 1:, :] - mask[..., :-1, :]).abs().mean()


def mask_hinge(mask: Tensor, least: float) -> Tensor:
    """Shortfall of the area of each mask (b, 1, h, w) below the share `least`."""
    return functional.relu(least - mask.mean((1, 2, 3))).mean()


def mixup(real: Tensor, made: Tensor, share: Tensor) -> Tensor:
    """Blend real and generated pictures; `share` (b, 1, 1, 1) is that of the real one."""
    return share * real + (1 - share) * made


def alpha_composite(rgb: Tensor, alpha: Tensor, below: Tensor) -> Tensor:
    """α · rgb + (1 − α) · below."""
    return alpha * rgb + (1 - alpha) * below


def reconstruction(
    batch: FaceBatch, rgb: Tensor, mask: Tensor | None, weights: FaceLossWeights, own_alpha: bool
) -> tuple[dict[str, Tensor], Tensor]:
    """Loss terms that need no other network, unweighted, and the picture that is shown.

    Args:
        rgb, mask: output of the network for batch.warped.
        own_alpha: the mask is the opacity of `rgb` (GAN); otherwise it only marks the face.
    """
    parts: dict[str, Tensor] = {}
    shown, wanted = rgb, batch.target
    parts["pixel"] = (rgb - batch.target).abs().mean()
    if own_alpha and mask is not None:
        # The colors show the face without its occluder; α lets the occluder through.
        shown, wanted = alpha_composite(rgb, mask, batch.warped), batch.shown
        parts["pixel"] = parts["pixel"] + (shown - wanted).abs().mean()
    if weights.edge:
        parts["edge"] = edge_loss(shown, wanted)
    if weights.eyes:
        seen = batch.eyes * batch.mask if own_alpha else batch.eyes
        parts["eyes"] = masked_l1(shown - wanted, seen)
    if weights.mouth:
        seen = batch.mouth * batch.mask if own_alpha else batch.mouth
        parts["mouth"] = masked_l1(shown - wanted, seen)
    if mask is not None:
        if weights.face_mask:
            parts["face_mask"] = functional.binary_cross_entropy(
                mask.clamp(1e-4, 1 - 1e-4), batch.mask
            )
        if weights.mask_tv:
            parts["mask_tv"] = mask_variation(mask)
        if weights.mask_size:
            parts["mask_size"] = mask_hinge(mask, weights.mask_least)
    return parts, shown
