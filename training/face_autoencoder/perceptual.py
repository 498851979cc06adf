"""Perceptual loss: features of a small network trained on the two face sets at hand.

Perceptual losses usually take features of a network trained on millions of photographs, whose
weights we do not have. Here a small network learns, on the two sets themselves, to predict a
face's landmarks and identity; the features that it needs for that (eyes, brows, lips, skin) are
those that viewers look at.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from lipsync.errors import WeightsError
from lipsync.runtime import checkpoint
from training.face_autoencoder.batches import TrainingFaces, landmark_batch
from training.face_autoencoder.options import AutoencoderOptions

KIND = "face features"
WIDTHS = (16, 32, 64, 96)
BATCH, RATE = 8, 2e-3


class FaceFeatures(nn.Module):
    """Pictures (b, 3, s, s), 0..1 → a list of feature maps, from fine to coarse."""

    def __init__(self, places: int) -> None:
        super().__init__()
        widths = (3, *WIDTHS)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, padding=1),
                nn.LeakyReLU(0.1),
                nn.Conv2d(outputs, outputs, 3, 2, 1),
                nn.LeakyReLU(0.1),
            )
            for inputs, outputs in pairwise(widths)
        )
        self.places = nn.Linear(WIDTHS[-1] * 16, 2 * places)
        self.person = nn.Linear(WIDTHS[-1], 2)

    def forward(self, faces: Tensor) -> list[Tensor]:
        x, found = 2 * faces - 1, []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found

    def predict(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        """Predict landmarks (b, k, 2), −1..1, and logits of the identity (b, 2)."""
        last = self(faces)[-1]
        places = self.places(functional.adaptive_avg_pool2d(last, 4).flatten(1))
        return places.unflatten(1, (-1, 2)), self.person(last.mean((2, 3)))


def perceptual_distance(features: FaceFeatures, made: Tensor, wanted: Tensor) -> Tensor:
    """Mean L1 distance of feature maps over all levels, normalized per channel.

    The norm of a channel is its standard deviation over the target faces.
    """
    with torch.no_grad():
        there = features(wanted)
    total = made.new_zeros(())
    for one, other in zip(features(made), there, strict=True):
        spread = other.std((0, 2, 3), keepdim=True) + 1e-3
        total = total + ((one - other) / spread).abs().mean()
    return total / len(there)


def train_features(people: TrainingFaces, options: AutoencoderOptions, place: Path) -> None:
    """Train the network and write it to `place`, unless the file exists."""
    if place.is_file():
        return
    indices = _landmark_indices(people)
    network = FaceFeatures(len(indices))
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    total = torch.zeros(())
    for step in range(options.perceptual_steps):
        faces, places, who = landmark_batch(people, options, step, indices, BATCH)
        found, person = network.predict(faces.contiguous(memory_format=torch.channels_last))
        total = (found - places).abs().mean() + 0.02 * functional.cross_entropy(person, who)
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    print(
        f"features: loss {float(total.detach()):.4f} after {options.perceptual_steps} steps",
        file=sys.stderr,
    )
    checkpoint.save(place, network.state_dict(), {"kind": KIND, "places": len(indices)})


def load(place: Path, device: torch.device) -> FaceFeatures:
    """Load what `train_features` wrote, frozen.

    Raises:
        WeightsError: missing, damaged, or of another kind.
    """
    tensors, meta = checkpoint.load(place)
    if meta.get("kind") != KIND:
        raise WeightsError(f"{place}: not features of faces; leave perceptual_weights out")
    network = FaceFeatures(int(meta["places"]))
    network.load_state_dict(tensors)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.requires_grad_(False).eval()


def _landmark_indices(people: TrainingFaces) -> list[int]:
    """Indices of the landmarks to predict: all named parts of the face."""
    scheme = people.sets["a"].scheme
    return [*scheme.warp, *scheme.nose, *scheme.outer_eyes]
