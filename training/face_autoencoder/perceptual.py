"""Features by which two faces can be compared, of a small network trained on the faces at hand.

Perceptual losses usually take the features of a network that knows a million photographs; its
weights need not be at hand. Here a small one learns, on the two sets themselves, where the
landmarks of a face are and whose it is: what it must look at for that (eyes, brows, lips, skin)
is what a viewer looks at.
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
from training.face_autoencoder.batches import People, landmark_batch
from training.face_autoencoder.options import AutoencoderOptions

KIND = "face features"
WIDTHS = (16, 32, 64, 96)
BATCH, RATE = 8, 2e-3


class FaceFeatures(nn.Module):
    """(b, 3, s, s), 0..1 → a list of feature maps, from fine to coarse."""

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

    def answers(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        """Landmarks (b, k, 2), −1..1, and logits of who it is (b, 2)."""
        last = self(faces)[-1]
        places = self.places(functional.adaptive_avg_pool2d(last, 4).flatten(1))
        return places.unflatten(1, (-1, 2)), self.person(last.mean((2, 3)))


def distance(features: FaceFeatures, made: Tensor, wanted: Tensor) -> Tensor:
    """How differently two batches of faces look: mean over the levels of the maps' L1 distance,
    each channel in units of its own spread over the wanted faces."""
    with torch.no_grad():
        there = features(wanted)
    total = made.new_zeros(())
    for one, other in zip(features(made), there, strict=True):
        spread = other.std((0, 2, 3), keepdim=True) + 1e-3
        total = total + ((one - other) / spread).abs().mean()
    return total / len(there)


def prepare(people: People, options: AutoencoderOptions, place: Path) -> None:
    """Train the network and write it to `place`, unless it is there."""
    if place.is_file():
        return
    indices = _indices(people)
    network = FaceFeatures(len(indices))
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    total = torch.zeros(())
    for step in range(options.perceptual_steps):
        faces, places, who = landmark_batch(people, options, step, indices, BATCH)
        found, person = network.answers(faces.contiguous(memory_format=torch.channels_last))
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
    """Read what `prepare` wrote, with gradients for its inputs only.

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


def _indices(people: People) -> list[int]:
    """The landmarks that are learnt: all parts of the face that have a name."""
    scheme = people.sets["a"].scheme
    return [*scheme.warp, *scheme.nose, *scheme.outer_eyes]
