"""Weights → docs/benchmarks/lips.md: every model and baseline in one table.

    python -m training.evaluate --data runs/data

Baselines: the mean shape, the shipped model with another clip's sound (chance), and a ridge
regression on MFCC, which is fitted here on the training clips.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lipsync import features, lip_lstm
from lipsync.errors import LipsyncError
from lipsync.lip_lstm import LipLSTM, LipOptions
from lipsync.types import F32, FeatureSpec, LipTrack, Waveform
from training import corpus
from training.corpus import Clip, Speaker
from training.figures import LipFigures, figures, mean_clip_r_open

SEEN = "grid_s1"
UNSEEN = ("grid_s4", "grid_s26", "grid_s31", "englishvideo")
RIDGE_REACH_STEPS = 24  # ± 240 ms
RIDGE_EVERY_STEPS = 4  # of those, every 40 ms
RIDGE_PENALTY = 1.0  # per sample, of z-normalised features

# (speaker, clips) → the lips of every clip
Predictor = Callable[[Speaker, list[Clip]], list[LipTrack]]


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, evaluate, write the table."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="from prepare")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/lips.md"))
    parser.add_argument("--model", action="append", default=[], help="more weights (repeatable)")
    args = parser.parse_args(argv)
    try:
        text = table(args.data, args.model)
    except LipsyncError as error:
        sys.exit(f"error: {error}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text, encoding="utf-8")
    print(text)


def table(data: Path, more: list[str]) -> str:
    """The whole page, as Markdown."""
    seen = corpus.load(data, SEEN)
    training, validation = corpus.split(seen.clips)
    unseen = [corpus.load(data, name) for name in UNSEEN]
    further = [*(name for name in lip_lstm.SHIPPED if name not in ("paper", "default")), *more]
    network = {name: LipLSTM.load(LipOptions(name)) for name in ("paper", "default", *further)}
    rows: list[tuple[str, Predictor]] = [
        ("mean shape", mean_shape(seen, training)),
        ("another clip's sound, shipped model", shuffled(by_network(network["default"]))),
        ("ridge regression, MFCC ± 240 ms", Ridge.fit(seen, training).predict),
        ("the paper's LSTM", by_network(network["paper"])),
        ("**shipped** (`default`)", by_network(network["default"])),
        *((f"`{Path(name).stem}`", by_network(network[name])) for name in further),
    ]
    parts = [_head(network["default"], network["paper"])]
    parts += _block(f"{SEEN}, validation: {len(validation)} clips", seen, validation, rows)
    for speaker in unseen:
        clips = list(speaker.clips)
        title = f"{speaker.name}, not adapted: {len(clips)} clip" + "s" * (len(clips) > 1)
        parts += _block(title, speaker, clips, rows)
    return "\n".join(parts) + "\n"


def by_network(model: LipLSTM) -> Predictor:
    """What `lipsync render` does with a clip's sound."""

    def predict(speaker: Speaker, clips: list[Clip]) -> list[LipTrack]:
        return [
            lip_lstm.predict(
                model,
                features.extract(clip.wave, model.spec),
                speaker.profile,
                clip.lips.rate,
                len(clip.lips),
            )
            for clip in clips
        ]

    return predict


def mean_shape(seen: Speaker, training: list[Clip]) -> Predictor:
    """The mean of the training shapes, whatever is said."""
    mean = np.concatenate([seen.relative(clip.lips) for clip in training]).mean(0)

    def predict(speaker: Speaker, clips: list[Clip]) -> list[LipTrack]:
        return [_track(speaker, clip, np.tile(mean, (len(clip.lips), 1))) for clip in clips]

    return predict


def shuffled(predict: Predictor) -> Predictor:
    """Chance: every clip hears the next one's sound; a single clip its own second half first."""

    def predict_wrongly(speaker: Speaker, clips: list[Clip]) -> list[LipTrack]:
        waves = [clip.wave for clip in clips[1:] + clips[:1]]
        if len(clips) == 1:
            samples = waves[0].samples
            waves = [Waveform(np.roll(samples, len(samples) // 2), waves[0].rate)]
        wrong = [replace(clip, wave=wave) for clip, wave in zip(clips, waves, strict=True)]
        return predict(speaker, wrong)

    return predict_wrongly


@dataclass(frozen=True, eq=False)
class Ridge:
    """Linear regression from MFCC around a frame to its shape."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    weights: NDArray[np.float64]
    offset: NDArray[np.float64]

    @staticmethod
    def fit(seen: Speaker, training: list[Clip]) -> Ridge:
        """Least squares with a penalty on the weights."""
        x = np.concatenate([_context(clip) for clip in training]).astype(np.float64)
        y = np.concatenate([seen.relative(clip.lips) for clip in training]).astype(np.float64)
        mean, std, offset = x.mean(0), x.std(0) + 1e-6, y.mean(0)
        x = (x - mean) / std
        gram = x.T @ x + RIDGE_PENALTY * len(x) * 0.01 * np.eye(x.shape[1])
        return Ridge(mean, std, np.linalg.solve(gram, x.T @ (y - offset)), offset)

    def predict(self, speaker: Speaker, clips: list[Clip]) -> list[LipTrack]:
        """The lips of clips, each frame by itself."""
        return [
            _track(
                speaker,
                clip,
                ((_context(clip) - self.mean) / self.std) @ self.weights + self.offset,
            )
            for clip in clips
        ]


def _context(clip: Clip) -> F32:
    """(n frames, 13 · 13): cepstra from 240 ms before to 240 ms after every frame."""
    sound = features.extract(clip.wave, FeatureSpec("paper28", per_clip=True))
    cepstra = sound.values[:, : features.CEPSTRA]
    seconds = np.arange(len(clip.lips)) / float(clip.lips.rate)
    centre = np.round((seconds - sound.start) * sound.rate).astype(np.int64)
    around = np.arange(-RIDGE_REACH_STEPS, RIDGE_REACH_STEPS + 1, RIDGE_EVERY_STEPS)
    places = np.clip(centre[:, None] + around[None], 0, len(cepstra) - 1)
    return np.asarray(cepstra[places].reshape(len(seconds), -1))


def _track(speaker: Speaker, clip: Clip, relative: NDArray[np.floating]) -> LipTrack:
    shapes = relative.reshape(len(clip.lips), -1, 2)
    points = speaker.profile.neutral + speaker.profile.width * shapes
    return LipTrack(points.astype(np.float32), clip.lips.rate)


def _block(
    title: str, speaker: Speaker, clips: list[Clip], rows: list[tuple[str, Predictor]]
) -> list[str]:
    lines = [
        f"## {title}",
        "",
        "| row | r_open | r_open, mean of clips | r_width | RMSE | articulation | lag ms |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    true = [clip.lips for clip in clips]
    for name, predict in rows:
        found = predict(speaker, clips)
        lines.append(_row(name, figures(true, found), mean_clip_r_open(true, found)))
    return [*lines, ""]


def _row(name: str, f: LipFigures, per_clip: float) -> str:
    numbers = (
        _number(f.r_open, ".3f"), _number(per_clip, ".3f"), _number(f.r_width, ".3f"),
        f"{f.rmse:.4f}", f"{f.articulation:.2f}", _number(f.lag_ms, "+.0f"),
    )  # fmt: skip
    return f"| {name} | " + " | ".join(numbers) + " |"


def _number(value: float, form: str) -> str:
    return "–" if np.isnan(value) else format(value, form)


def _head(shipped: LipLSTM, paper: LipLSTM) -> str:
    lines = [
        "# Lips from audio",
        "",
        "Written by `python -m training.evaluate`; definitions in the module `training.figures`.",
        f"{date.today().isoformat()}, {os.cpu_count()} cores ({platform.machine()}), "
        f"torch {torch.__version__}.",
        "",
        "- Unit: the outer-eye distance. 18 lip points, aligned by the rigid points only.",
        "- GRID (a fixed grammar of 51 words; s1, s4, s26, s31) and `englishvideo` (ten seconds of "
        "natural speech). No model has seen the unseen speakers.",
        "- Every speaker's neutral mouth and width come from their own whole footage, as at "
        "render time.",
        f"- shipped: {_describe(shipped)}.",
        f"- paper: {_describe(paper)}.",
        "",
    ]
    return "\n".join(lines)


def _describe(model: LipLSTM) -> str:
    count = sum(p.numel() for p in model.parameters())
    features_of = model.spec
    silence = torch.zeros(1, 1000, model.dims.inputs)
    started = time.perf_counter()
    with torch.inference_mode():
        model(silence)
    cost = time.perf_counter() - started
    return (
        f"{model.meta.get('description', 'no description')}; {count:,} parameters, "
        f"{features_of.kind} features, {cost / 10 * 1000:.0f} ms per second of sound"
    )


if __name__ == "__main__":
    main()
