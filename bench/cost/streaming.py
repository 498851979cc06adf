"""Delay, cost and accuracy of lips from live sound. Writes docs/benchmarks/streaming.md.

    python -m bench.cost.streaming --data runs/data

`--data` is what `python -m training.corpus.prepare` wrote. Every model that can stream is fed
pieces of 20 ms. A row lists the look-ahead, the cost of a second of sound, and the accuracy of the
lips, compared with the same weights given the loudness of the whole clip and with the default
model.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

import lipsync
from lipsync.speech import features, lip_model
from lipsync.speech.features.streaming import StreamingFeatureExtractor
from lipsync.speech.lip_model import SHIPPED, LipLSTM, LipOptions, open_stream
from lipsync.types import F32, SPEECH_RATE, LipTrack, Waveform
from training.corpus import dataset
from training.corpus.dataset import Clip, Speaker
from training.metrics import lip_metrics, mean_clip_r_open

REPO = Path(__file__).resolve().parents[2]
SPEAKERS = ("grid_s1", "grid_s4", "grid_s26", "grid_s31", "englishvideo")
PIECE = 320  # samples: 20 ms
GAIN_DB = 12.0

Predict = Callable[[Clip, Speaker], LipTrack]


def split_pieces(samples: F32) -> Iterator[Waveform]:
    for first in range(0, len(samples), PIECE):
        yield Waveform(samples[first : first + PIECE], SPEECH_RATE)


def live_predictor(model: LipLSTM, gain_db: float = 0.0) -> Predict:
    """Predict from pieces of sound, amplified relative to the standard level."""
    factor = np.float32(10 ** (gain_db / 20))

    def predict(clip: Clip, speaker: Speaker) -> LipTrack:
        extractor = StreamingFeatureExtractor(model.spec)
        stream = open_stream(model, extractor, speaker.profile, clip.lips.rate)
        tracks = [stream.push(piece) for piece in split_pieces(clip.wave.samples * factor)]
        points = np.concatenate([track.points for track in [*tracks, stream.finish()]])
        # The picture of a clip may end before or after its sound.
        last = np.minimum(np.arange(len(clip.lips)), len(points) - 1)
        return LipTrack(points[last], clip.lips.rate)

    return predict


def offline_predictor(model: LipLSTM) -> Predict:
    """Predict from the whole clip."""

    def predict(clip: Clip, speaker: Speaker) -> LipTrack:
        heard = features.extract(clip.wave, model.spec)
        return lip_model.predict(model, heard, speaker.profile, clip.lips.rate, len(clip.lips))

    return predict


def delay_and_cost(model: LipLSTM, speaker: Speaker) -> tuple[float, float]:
    """Look-ahead (seconds of sound after the frame), and CPU ms per second of sound."""
    extractor = StreamingFeatureExtractor(model.spec)
    stream = open_stream(model, extractor, speaker.profile, Fraction(25))
    samples = np.concatenate([clip.wave.samples for clip in speaker.clips[:20]])
    started = time.process_time()
    for piece in split_pieces(samples):
        stream.push(piece)
    spent = time.process_time() - started
    return stream.look_ahead, 1000 * spent / (len(samples) / SPEECH_RATE)


def score_cells(predict: Predict, speakers: list[Speaker]) -> list[str]:
    """r_open: over all of speaker 1's validation clips at once; mean of clips for the others."""
    cells = []
    for speaker in speakers:
        seen = speaker.name == SPEAKERS[0]
        clips = dataset.split(speaker.clips)[1] if seen else list(speaker.clips)
        true, found = [c.lips for c in clips], [predict(c, speaker) for c in clips]
        value = lip_metrics(true, found).r_open if seen else mean_clip_r_open(true, found)
        cells.append(f"{value:.3f}")
    return cells


def table(speakers: list[Speaker]) -> list[str]:
    names = " | ".join(SPEAKERS)
    lines = [f"| model | sound | look-ahead ms | CPU ms/s | {names} |"]
    lines.append("| --- | --- |" + " --- |" * (2 + len(SPEAKERS)))

    def row(name: str, sound: str, delay: str, cost: str, predict: Predict) -> None:
        cells = (f"`{name}`", sound, delay, cost, *score_cells(predict, speakers))
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1], file=sys.stderr)

    for name in SHIPPED:
        model = LipLSTM.load(LipOptions(name))
        if not model.spec.causal:
            row(name, "whole clip", "–", "–", offline_predictor(model))
        if model.dims.bidirectional:
            continue
        ahead, spent = delay_and_cost(model, speakers[0])
        row(name, "live", f"{1000 * ahead:.0f}", f"{spent:.0f}", live_predictor(model))
        for gain in (-GAIN_DB, GAIN_DB):
            row(name, f"live, {gain:+.0f} dB", "", "", live_predictor(model, gain))
    return lines


def stillness_table(speakers: list[Speaker]) -> list[str]:
    """Variance of the opening's acceleration relative to the measured lips, raw and smoothed."""
    lines = ["| speaker | model | filter | acceleration, × true | r_open | articulation |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for speaker in speakers:
        clips = list(speaker.clips)
        clips = dataset.split(speaker.clips)[1] if speaker.name == SPEAKERS[0] else clips
        true = [clip.lips for clip in clips]
        for name in SHIPPED:
            model = LipLSTM.load(LipOptions(name))
            raw = [offline_predictor(model)(clip, speaker) for clip in clips]
            for label, sigma in (("none", 0.0), ("Gaussian, σ 0.7 frames", 0.7)):
                found = [smooth(track, sigma) for track in raw]
                ratio = acceleration(found) / acceleration(true)
                f = lip_metrics(true, found)
                cells = [speaker.name, f"`{name}`", label, f"{ratio:.2f}", f"{f.r_open:.3f}"]
                lines.append("| " + " | ".join([*cells, f"{f.articulation:.2f}"]) + " |")
    return lines


def smooth(track: LipTrack, sigma: float) -> LipTrack:
    if not sigma:
        return track
    points = gaussian_filter1d(track.points, sigma, axis=0, mode="nearest")
    return LipTrack(points.astype(np.float32), track.rate)


def acceleration(tracks: list[LipTrack]) -> float:
    return float(np.nanmean([np.nanvar(np.diff(track.opening, 2)) for track in tracks]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cost.streaming", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("runs/data"))
    parser.add_argument("--out", type=Path, default=REPO / "docs" / "benchmarks" / "streaming.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    speakers = [dataset.load(options.data, name) for name in SPEAKERS]
    head = (
        "# Live sound\n\n"
        "Written by `python -m bench.cost.streaming`. Lips of sound that arrives in pieces of 20 "
        "ms, "
        "beside the same weights knowing the whole clip, and beside the default model. "
        "Look-ahead: how much sound after a frame's time may be needed before its lips are known "
        "(at 25 frames per second or more). CPU: of one core, for one second of sound. Then the "
        "correlation of the inner-lip gap: r_open of all validation clips of grid_s1, the mean of "
        "the clips of the others, whom no model has seen. Every clip of 3 s begins anew: level and "
        "color are not known yet, which is the worst case. ±12 dB: the sound is that much off "
        "the level that the running one begins with.\n\n"
        f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, lipsync {lipsync.__version__}.\n\n"
    )
    still = (
        "\n## Stillness\n\nVariance of the acceleration of the inner-lip gap, whole clips at the "
        "rate of their pictures: 1 is as restless as true lips with their landmark noise. Below it "
        "there is nothing to smooth away; the filter shows what it would cost.\n\n"
    )
    text = (
        head
        + "\n".join(table(speakers))
        + "\n"
        + still
        + "\n".join(stillness_table(speakers))
        + "\n"
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
