"""What a face autoencoder is to get right; each part a function of its own (METHOD.md §§9–10)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from lipsync.learning.picture_losses import edge, psnr, towards
from training.face_autoencoder.batches import FaceBatch
from training.face_autoencoder.options import FaceLosses

__all__ = [
    "composed",
    "edge",
    "mask_hinge",
    "mask_variation",
    "mixed",
    "psnr",
    "reconstruction",
    "towards",
    "within",
]


def within(off: Tensor, where: Tensor) -> Tensor:
    """Mean over a picture of |off| (b, c, h, w) where `where` (b, 1, h, w) is 1."""
    return (off.abs() * where).mean()


def mask_variation(mask: Tensor) -> Tensor:
    """Total variation per pixel of (b, 1, h, w)."""
    across = (mask[..., :, 1:] - mask[..., :, :-1]).abs().mean()
    return across + (mask[..., 1:, :] - mask[..., :-1, :]).abs().mean()


def mask_hinge(mask: Tensor, least: float) -> Tensor:
    """What each mask (b, 1, h, w) lacks of covering the share `least` of its picture."""
    return functional.relu(least - mask.mean((1, 2, 3))).mean()


def mixed(real: Tensor, made: Tensor, share: Tensor) -> Tensor:
    """Mixup: `share` (b, 1, 1, 1) of each real picture, the rest of the one that was made."""
    return share * real + (1 - share) * made


def composed(rgb: Tensor, alpha: Tensor, below: Tensor) -> Tensor:
    """α · rgb + (1 − α) · below."""
    return alpha * rgb + (1 - alpha) * below


def reconstruction(
    batch: FaceBatch, rgb: Tensor, mask: Tensor | None, weights: FaceLosses, own_alpha: bool
) -> tuple[dict[str, Tensor], Tensor]:
    """The parts that need no other network, unweighted, and the picture that is shown.

    Args:
        rgb, mask: what the network made of batch.warped.
        own_alpha: the mask is how much of `rgb` is shown (GAN); else it only tells where the
            face is.
    """
    parts: dict[str, Tensor] = {}
    shown, wanted = rgb, batch.target
    parts["pixel"] = (rgb - batch.target).abs().mean()
    if own_alpha and mask is not None:
        # The colours show the face without what is before it; α keeps that.
        shown, wanted = composed(rgb, mask, batch.warped), batch.shown
        parts["pixel"] = parts["pixel"] + (shown - wanted).abs().mean()
    if weights.edge:
        parts["edge"] = edge(shown, wanted)
    if weights.eyes:
        seen = batch.eyes * batch.mask if own_alpha else batch.eyes
        parts["eyes"] = within(shown - wanted, seen)
    if weights.mouth:
        seen = batch.mouth * batch.mask if own_alpha else batch.mouth
        parts["mouth"] = within(shown - wanted, seen)
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
