"""Accuracy of predicted lips: every model and baseline → docs/benchmarks/lips.md.

    python -m training.evaluation.lip_accuracy --data runs/data

Baselines: the mean shape, the shipped model with another clip's sound (chance), and a ridge
regression on MFCC, fitted here on the training clips. SPEECH holds running speech, for stillness
in its pauses.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from datetime import date
from pathlib import Path

import torch

from lipsync.errors import LipsyncError
from lipsync.speech import lip_model
from lipsync.speech.lip_model import LipLSTM, LipOptions
from training.corpus import dataset
from training.corpus.benchmark_data import SEEN, SPEECH, UNSEEN, find_sounds
from training.evaluation.baselines import Ridge, mean_shape_predictor, shuffled_predictor
from training.evaluation.lip_metric_tables import (
    NEAR_S,
    LipEvaluation,
    Row,
    measured_lips,
    running_speech_table,
)
from training.metrics import CLOSED, OPEN, STILL, TOLERANCE_S, network_predictor


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, evaluate, write the table."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluation.lip_accuracy", description=__doc__
    )
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="from prepare")
    parser.add_argument("--speech", type=Path, default=SPEECH, help="folder of running speech")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/lips.md"))
    parser.add_argument("--model", action="append", default=[], help="more weights (repeatable)")
    args = parser.parse_args(argv)
    try:
        text = table(args.data, find_sounds(args.speech), args.model)
    except LipsyncError as error:
        sys.exit(f"error: {error}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text, encoding="utf-8")
    print(text)


def table(data: Path, speech: list[Path], more: list[str]) -> str:
    """The whole page, as Markdown."""
    seen = dataset.load(data, SEEN)
    training, validation = dataset.split(seen.clips)
    unseen = [dataset.load(data, name) for name in UNSEEN]
    further = [*(name for name in lip_model.SHIPPED if name not in ("paper", "default")), *more]
    network = {name: LipLSTM.load(LipOptions(name)) for name in ("paper", "default", *further)}
    models = [
        Row("the paper's LSTM", network_predictor(network["paper"])),
        Row("**shipped** (`default`)", network_predictor(network["default"])),
        *(Row(f"`{Path(name).stem}`", network_predictor(network[name])) for name in further),
    ]
    rows = [
        Row("original", measured_lips, settled=False),
        Row("mean shape", mean_shape_predictor(seen, training)),
        Row(
            "another clip's sound, shipped model",
            shuffled_predictor(network_predictor(network["default"])),
        ),
        Row("ridge regression, MFCC ± 240 ms", Ridge.fit(seen, training).predict),
        *models,
    ]
    parts = [_introduction(network["default"], network["paper"])]
    evaluation = LipEvaluation.of(seen, validation, data)
    parts += evaluation.table(f"{SEEN}, validation: {len(validation)} clips", rows)
    for speaker in unseen:
        clips = list(speaker.clips)
        title = f"{speaker.name}, not adapted: {len(clips)} clip" + "s" * (len(clips) > 1)
        parts += LipEvaluation.of(speaker, clips, data).table(title, rows)
    parts += running_speech_table(speech, evaluation, models)
    return "\n".join(parts) + "\n"


def _introduction(shipped: LipLSTM, paper: LipLSTM) -> str:
    lines = [
        "# Lips from audio",
        "",
        "Written by `python -m training.evaluation.lip_accuracy`; definitions in the module "
        "`training.metrics`.",
        f"{date.today().isoformat()}, {os.cpu_count()} cores ({platform.machine()}), "
        f"torch {torch.__version__}.",
        "",
        "- Unit: the outer-eye distance. 18 lip points, aligned by the rigid points only.",
        "- GRID (a fixed grammar of 51 words; s1, s4, s26, s31) and `englishvideo` (ten seconds of "
        "natural speech). No model has seen the unseen speakers.",
        "- Every speaker's neutral mouth and width, and how they hold it while nothing moves, come "
        "from their own whole footage, as at render time. In silence the lips of a network are no "
        "less open than that resting mouth; as rendered they then shut.",
        f"- Closure recall: the share of p, b, m (phones aligned by pocketsphinx), of those whose "
        f"true gap closes, where the predicted gap is closed within ± {TOLERANCE_S * 1000:.0f} ms "
        f"of the true one. Closed, in truth and prediction: the gap is at most {CLOSED:.0%} of the "
        "person's opening range above the gap of their shut mouth. As rendered: the same of the "
        "lips settled in pauses (`--silence close`), the original's as they are. False closures: "
        f"the share of frames predicted closed, of those whose true gap is more than {OPEN:.0%} of "
        f"the range above it and not closed within ± {TOLERANCE_S * 1000:.0f} ms.",
        "- Still in silence: the share of frames outside of all speech (silero-vad) in which no "
        f"lip point has moved {STILL:.0%} of the outer-eye distance or more since the last frame. "
        "All of them count: the release right after speech, the opening right before it, and the "
        f"pauses within. Away from speech: those more than {NEAR_S} s from any speech. Of "
        "the lips as rendered.",
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
