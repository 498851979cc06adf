"""Train the network that compares lips and sound → assets/sync_network.safetensors.

    python -m training.inspection.train_sync --footage ../shared/data --cache runs/data/cache

Learns from the clips of six people (training.inspection.tracked_clips), in their own voices and in
disguised ones: of the sounds around a moment, and of those of other clips, the one that belongs to
the lips must be nearest. Prints how often the offset is found, on clips and on people that nothing
was learned from.

Symbols: b clips in a batch, t samples of each, e values of an embedding.
"""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

import lipsync
from lipsync.errors import LipsyncError
from lipsync.inspection import sync_network
from lipsync.inspection.dense import LEAK, Dense
from lipsync.inspection.sync_network import LIP_OFFSETS, REACH, SOUND_OFFSETS, SyncNetwork
from lipsync.runtime import checkpoint
from lipsync.runtime.hashing import hash_file
from lipsync.speech.features import ENCODED
from training.inspection.fitting import fit
from training.inspection.sync_accuracy import describe_accuracy
from training.inspection.sync_batches import POINTS, draw
from training.inspection.voiced_clips import VoicedClip, load_voiced

OUT = Path(__file__).resolve().parents[2] / "assets" / sync_network.ASSET
WIDTHS, EMBEDDED = (192, 128), 64
DROPOUT = 0.3
TEMPERATURE = 0.07
BATCH = 24  # clips
STEPS, RATE_OF_LEARNING, DECAY = 1200, 2e-3, 0.02
OTHERS = 24  # sounds of other clips that each moment is compared with


def main(argv: list[str] | None = None) -> None:
    """Train, print accuracies, write the asset."""
    parser = argparse.ArgumentParser(
        prog="python -m training.inspection.train_sync",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--footage", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path("runs/data/cache"))
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args(argv)
    try:
        data = load_voiced(args.footage, args.cache, args.processes)
    except LipsyncError as error:
        sys.exit(f"error: {error}")
    towers = train(data.train, args.steps)
    for what, clips in (("validation", data.validation), ("unseen people", data.unseen)):
        print(f"{what}: {describe_accuracy(towers.export(), clips)}")
    save(args.out, towers)
    print(f"{args.out}: {args.out.stat().st_size:,} bytes, sha256 {hash_file(args.out)}")


class Towers(nn.Module):
    """Both towers, as they are trained; inputs are normalized, which `export` folds in."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(ENCODED))
        self.register_buffer("deviation", torch.ones(1))
        self.lips = _tower(len(LIP_OFFSETS) * POINTS * 2)
        self.sound = _tower(len(SOUND_OFFSETS) * ENCODED)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Weights by the names that `lipsync.inspection.dense` reads."""
        found = {}
        for name, tower in (("lips", self.lips), ("sound", self.sound)):
            layers = [layer for layer in tower if isinstance(layer, nn.Linear)]
            for i, layer in enumerate(layers):
                weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
                if name == "sound" and i == 0:
                    weight = weight / self.deviation
                    bias = bias - weight @ self.mean.repeat(len(SOUND_OFFSETS))
                found[f"{name}.{i}.weight"], found[f"{name}.{i}.bias"] = weight, bias
        return found

    def export(self) -> SyncNetwork:
        """The network as it is used."""
        tensors = {name: value.half() for name, value in self.tensors().items()}
        return SyncNetwork(Dense.of(tensors, "lips"), Dense.of(tensors, "sound"))


def _tower(inputs: int) -> nn.Sequential:
    sizes = (inputs, *WIDTHS, EMBEDDED)
    layers: list[nn.Module] = []
    for i, (before, after) in enumerate(pairwise(sizes)):
        layers += [nn.LeakyReLU(LEAK), nn.Dropout(DROPOUT)] if i else []
        layers.append(nn.Linear(before, after))
    return nn.Sequential(*layers)


def train(clips: list[VoicedClip], steps: int, seed: int = 0) -> Towers:
    """Train both towers on these clips."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    towers = Towers()
    some = np.concatenate([clip.voices[0] for clip in clips[::7]]).astype(np.float32)
    towers.mean.copy_(torch.from_numpy(some.mean(0)))
    towers.deviation.fill_(float(np.sqrt(some.var(0).mean())))
    weights = np.array([_weight(clip, clips) for clip in clips])
    weights /= weights.sum()

    def draw_loss() -> torch.Tensor:
        chosen = rng.choice(len(clips), BATCH, p=weights)
        drawn = [draw(clips[i], rng, float(towers.deviation)) for i in chosen]
        lips, sound = (torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True))
        return contrast(towers, lips, sound)

    return fit(towers, draw_loss, steps, RATE_OF_LEARNING, DECAY)


def _weight(clip: VoicedClip, clips: list[VoicedClip]) -> float:
    """How often a clip is drawn: people with one clip a third as often, together, as the main."""
    mine = sum(other.person == clip.person for other in clips)
    return 1.0 if mine > 1 else len(clips) / 15


def contrast(towers: Towers, lips: torch.Tensor, sound: torch.Tensor) -> torch.Tensor:
    """Loss of lips (b, t, ·) with the sounds (b, t + 2 · REACH, ·) around them."""
    b, t = lips.shape[:2]
    unit = nn.functional.normalize
    deviation, mean = towers.deviation, towers.mean.repeat(len(SOUND_OFFSETS))
    seen = unit(towers.lips(lips), dim=-1)
    heard = unit(towers.sound((sound - mean) / deviation), dim=-1)
    near = heard.unfold(1, 2 * REACH + 1, 1)  # (b, t, e, offsets)
    own = torch.einsum("bte,bteo->bto", seen, near)
    middle = heard[:, REACH : REACH + t].reshape(b * t, -1)
    far = middle[torch.randint(b * t, (b, t, OTHERS))]
    other = torch.einsum("bte,btne->btn", seen, far)
    logits = torch.cat([own, other], 2) / TEMPERATURE
    # A neighboring sound overlaps by four fifths: it is not wrong, only less right.
    wanted = torch.zeros(logits.shape[-1])
    wanted[REACH - 1 : REACH + 2] = torch.tensor([0.15, 0.7, 0.15])
    return -(nn.functional.log_softmax(logits, -1) * wanted).sum(-1).mean()


def save(path: Path, towers: Towers) -> None:
    """Write the weights in half precision."""
    tensors = {name: value.half() for name, value in towers.tensors().items()}
    meta = {
        "kind": sync_network.KIND,
        "name": "sync_network",
        "description": "distance between 0.2 s of lips and 0.2 s of sound",
        "version": lipsync.__version__,
        "licence": "Apache-2.0",
        "data": "GRID corpus (Cooke, Barker, Cunningham, Shao 2006), CC BY 4.0: speaker 1 without "
        "every tenth clip, and five speakers with one clip each",
        "command": "python -m training.inspection.train_sync",
    }
    checkpoint.save(path, tensors, meta)


if __name__ == "__main__":
    main()
