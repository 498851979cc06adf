"""Train the network that tells made motion from real → assets/dynamics_network.safetensors.

    python -m training.inspection.train_dynamics --footage ../shared/data --cache runs/data/cache

Real motion is that of six people (training.inspection.tracked_clips); made motion is theirs,
spoiled (training.inspection.made_motion). No rendered picture is learned from: every renderer is
one that the network has not seen. Prints the area under the ROC curve by kind of made motion, on
clips and people that nothing was learned from, and of networks that one kind was kept from.

Symbols: b pieces in a batch, m samples of each.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

import lipsync
from lipsync.errors import LipsyncError
from lipsync.inspection import dynamics_network
from lipsync.inspection.dense import LEAK, Dense
from lipsync.inspection.dynamics_network import FAR, NEAR, WINDOW, DynamicsNetwork, motion_inputs
from lipsync.runtime import checkpoint
from lipsync.runtime.hashing import hash_file
from training.inspection.fitting import fit
from training.inspection.made_motion import MAKERS, Motion, Source, cut, disturb, real
from training.inspection.predicted_lips import predict_sources
from training.inspection.voiced_clips import load_voiced

OUT = Path(__file__).resolve().parents[2] / "assets" / dynamics_network.ASSET
INPUTS = 3 * 2 * (18 + 7) + 2 * 6
HIDDEN, FEATURES, LAST = 96, 128, 64
DROPOUT = 0.3
BATCH, STEPS, RATE_OF_LEARNING, DECAY = 64, 700, 2e-3, 0.05
EDGE = 4  # samples at either end of a piece that only give context
MAIN_SHARE = 0.6  # of pieces from the person with many clips
SMOOTH_LABEL = 0.03
TEST_PIECES = 400  # of each kind


def main(argv: list[str] | None = None) -> None:
    """Train, print accuracies, write the asset."""
    parser = argparse.ArgumentParser(
        prog="python -m training.inspection.train_dynamics",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--footage", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path("runs/data/cache"))
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument(
        "--leave-out", action="store_true", help="only measure networks without one kind each"
    )
    args = parser.parse_args(argv)
    try:
        data = load_voiced(args.footage, args.cache, args.processes)
    except LipsyncError as error:
        sys.exit(f"error: {error}")
    sources, validation, unseen = (
        predict_sources(clips) for clips in (data.train, data.validation, data.unseen)
    )
    if args.leave_out:
        for kind in MAKERS:
            kept = [one for one in MAKERS if one != kind]
            areas = measure_areas(train(sources, kept, args.steps).export(), unseen)
            print(f"without {kind}: {areas[kind]:.3f} on it, {np.mean(list(areas.values())):.3f}")
        return
    network = train(sources, list(MAKERS), args.steps)
    for what, some in (("validation", validation), ("unseen people", unseen)):
        areas = measure_areas(network.export(), some)
        print(what, ", ".join(f"{kind} {area:.3f}" for kind, area in areas.items()))
    save(args.out, network)
    print(f"{args.out}: {args.out.stat().st_size:,} bytes, sha256 {hash_file(args.out)}")


class Trained(nn.Module):
    """The network as it is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Linear(len(NEAR) * INPUTS, HIDDEN)
        self.far = nn.Linear(len(FAR) * HIDDEN, FEATURES)
        self.hidden, self.last = nn.Linear(2 * FEATURES, LAST), nn.Linear(LAST, 1)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(b, m, INPUTS) → log-odds (b,) of the middle WINDOW samples."""

        def act(x: torch.Tensor) -> torch.Tensor:
            return nn.functional.leaky_relu(x, LEAK)

        x = act(self.near(_windows(self.drop(inputs), NEAR)))
        x = act(self.far(_windows(self.drop(x), FAR)))[:, EDGE : EDGE + WINDOW]
        pooled = torch.cat([x.mean(1), (x.var(1, correction=0) + 1e-8).sqrt()], 1)
        odds: torch.Tensor = self.last(act(self.hidden(self.drop(pooled))))
        return odds[:, 0]

    def tensors(self) -> dict[str, torch.Tensor]:
        """Weights by the names that `lipsync.inspection.dense` reads."""
        layers = {
            "near.0": self.near,
            "far.0": self.far,
            "verdict.0": self.hidden,
            "verdict.1": self.last,
        }
        found = {}
        for name, layer in layers.items():
            found[f"{name}.weight"], found[f"{name}.bias"] = layer.weight, layer.bias
        return {name: value.detach().half() for name, value in found.items()}

    def export(self) -> DynamicsNetwork:
        """The network as it is used."""
        tensors = self.tensors()
        return DynamicsNetwork(*(Dense.of(tensors, name) for name in ("near", "far", "verdict")))


def _windows(x: torch.Tensor, offsets: tuple[int, ...]) -> torch.Tensor:
    """`dense.windows` of a batch (b, m, d)."""
    m = x.shape[1]
    at = (torch.arange(m)[:, None] + torch.tensor(offsets)).clamp(0, m - 1)
    return x[:, at].flatten(2)


def train(sources: list[Source], kinds: list[str], steps: int, seed: int = 0) -> Trained:
    """Train on these clips and these kinds of made motion."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network, groups = Trained(), group_by_share(sources)

    def draw_loss() -> torch.Tensor:
        inputs, labels = draw_batch(groups, kinds, rng)
        wanted = labels * (1 - 2 * SMOOTH_LABEL) + SMOOTH_LABEL
        return nn.functional.binary_cross_entropy_with_logits(network(inputs), wanted)

    return fit(network, draw_loss, steps, RATE_OF_LEARNING, DECAY)


def group_by_share(sources: list[Source]) -> tuple[list[Source], list[Source]]:
    """The clips of the person with the most of them, and all others' (the same, if no others)."""
    people = {one.person for one in sources}
    clips = {name: [one for one in sources if one.person == name] for name in people}
    usual = max(clips, key=lambda name: len(clips[name]))
    return clips[usual], [one for one in sources if one.person != usual] or clips[usual]


def draw_batch(
    groups: tuple[list[Source], list[Source]], kinds: list[str], rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """As many real as made pieces: inputs (BATCH, m, INPUTS) and 1 for made ones."""
    usual, rest = groups
    sources = usual + rest
    inputs, labels = [], []
    for i in range(BATCH):
        group = usual if rng.random() < MAIN_SHARE else rest
        source = group[int(rng.integers(len(group)))]
        if i % 2:
            kind = kinds[int(rng.integers(len(kinds)))]
            motion = MAKERS[kind](sources, source, rng)
        else:
            motion = real(source, rng)
        motion = disturb(motion, source, rng)
        inputs.append(motion_inputs(motion.lips, motion.jaw, motion.head))
        labels.append(float(i % 2))
    return torch.from_numpy(np.stack(inputs)), torch.tensor(labels)


def measure_areas(
    network: DynamicsNetwork, sources: list[Source], seed: int = 1
) -> dict[str, float]:
    """Area under the ROC curve by kind, of pieces with nothing disturbed."""
    rng = np.random.default_rng(seed)

    def odds(motion: Motion) -> float:
        return float(network.log_odds(motion_inputs(motion.lips, motion.jaw, motion.head)).mean())

    picked = [sources[int(i)] for i in rng.integers(len(sources), size=TEST_PIECES)]
    genuine = np.array([odds(cut(one, rng)) for one in picked])
    areas = {}
    for kind, make in MAKERS.items():
        made = np.array([odds(make(sources, one, rng)) for one in picked])
        areas[kind] = float((made[:, None] > genuine).mean())
    return areas


def save(path: Path, network: Trained) -> None:
    """Write the weights in half precision."""
    meta = {
        "kind": dynamics_network.KIND,
        "name": "dynamics_network",
        "description": "log-odds that lips, chin and head of 1.6 s were made to move so",
        "version": lipsync.__version__,
        "licence": "Apache-2.0",
        "data": "GRID corpus (Cooke, Barker, Cunningham, Shao 2006), CC BY 4.0: speaker 1 without "
        "every tenth clip, and five speakers with one clip each",
        "command": "python -m training.inspection.train_dynamics",
    }
    checkpoint.save(path, network.tensors(), meta)


if __name__ == "__main__":
    main()
