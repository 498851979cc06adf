"""Fine-tuning benchmark: half of a person's clips trains, the other half tests → adapt.md.

    python -m training.evaluation.adaptation --data runs/data

Also: the cost for other voices, and which sounds pass as the target's own.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from lipsync.errors import AdaptError, LipsyncError
from lipsync.learning import own_speech
from lipsync.learning.fine_tuning import (
    FineTuningResult,
    TrainingData,
    TuneOptions,
    fine_tune,
    split_blocks,
)
from lipsync.speech import av_sync, features, lip_model, vad
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.types import LipTrack, Waveform
from training.corpus import dataset
from training.corpus.benchmark_data import SEEN, UNSEEN
from training.corpus.dataset import Clip, Speaker
from training.metrics import LipMetrics, lip_metrics, mean_clip_r_open, network_predictor

SEEN_EVERY = 4  # every fourth validation clip, to measure the cost for that voice
SHARES = (0.5, TuneOptions().adapt_share, 1.0)


@dataclass(frozen=True)
class Row:
    """One person, before and after fine-tuning."""

    name: str
    clips: tuple[int, int]  # training, test
    tuning: FineTuningResult
    before: tuple[LipMetrics, float]  # and r_open, mean of clips
    after: tuple[LipMetrics, float]
    others: tuple[float, float]  # mean r_open of the other people, before and after
    seconds: float


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, evaluate, write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluation.adaptation", description=__doc__
    )
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="from prepare")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/adapt.md"))
    parser.add_argument("--model", default="default", help="what to adapt")
    args = parser.parse_args(argv)
    try:
        text = page(args.data, args.model)
    except LipsyncError as error:
        sys.exit(f"error: {error}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text, encoding="utf-8")
    print(text)


def page(data: Path, model: str) -> str:
    """The whole page, as Markdown."""
    speakers = [dataset.load(data, name) for name in UNSEEN]
    seen = dataset.load(data, SEEN)
    seen = replace(seen, clips=tuple(dataset.split(seen.clips)[1][::SEEN_EVERY]))
    everyone = [seen, *speakers]
    rows = [adapt_half(speaker, everyone, model, TuneOptions()) for speaker in speakers]
    lines = [
        "# Adaptation",
        "",
        "Written by `python -m training.evaluation.adaptation`; definitions in `training.metrics`.",
        f"{date.today().isoformat()}, {os.cpu_count()} cores ({platform.machine()}), "
        f"torch {torch.__version__}. Model: `{model}`, never trained on the people below.",
        "",
        "## The first half of a person's clips adapts, the second half judges",
        "",
        "| person | clips | r_open, mean of clips | r_open | r_width | RMSE | articulation "
        "| lag ms | tuning | voices of others |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(row) for row in rows),
        "",
        "- Every cell: shipped → adapted. Tuning: seconds of wall time, and the step that the "
        "held-out part of the first half chose.",
        "- The halves of s26, s31 and `englishvideo` hold 9, 9 and 2 s of speech: less than the "
        "10 s below which `lipsync adapt` declines; measured all the same.",
        "- Voices of others: mean r_open of the clips of the other people (s1 validation among "
        "them) on their own faces: what the adapted network still hears in a voice that is not "
        "the target's.",
        "",
        "## How far to go from the shipped weights to the tuned ones (`--adapt-share`)",
        "",
        "| share | " + " | ".join(s.name for s in speakers) + " | voices of others, mean |",
        "| --- |" + " --- |" * (len(speakers) + 1),
    ]
    for share in SHARES:
        options = TuneOptions(adapt_share=share)
        found = rows if options == TuneOptions() else [
            adapt_half(s, everyone, model, options) for s in speakers
        ]  # fmt: skip
        cells = [f"{row.after[1]:.3f}" for row in found]
        cells.append(f"{np.mean([row.others[1] for row in found]):.3f}")
        lines.append(f"| {share:g} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *ownership_table(everyone, model)]) + "\n"


def adapt_half(speaker: Speaker, everyone: list[Speaker], model: str, options: TuneOptions) -> Row:
    """Fine-tune on the first half of a speaker's clips and evaluate on the second."""
    first, second = split_halves(speaker)
    network = LipLSTM.load(LipOptions(model))
    others = [s for s in everyone if s.name != speaker.name]
    before, others_before = _evaluate(network, speaker, second), _other_voices(network, others)
    started = time.perf_counter()
    tuning = fine_tune(network, training_data(network, speaker, first), options)
    seconds = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:  # stored in half precision, like shipped weights
        network.save(Path(folder) / "person.safetensors")
        network = LipLSTM.load(Path(folder) / "person.safetensors")
    after, others_after = _evaluate(network, speaker, second), _other_voices(network, others)
    sizes = len(first), len(second)
    return Row(speaker.name, sizes, tuning, before, after, (others_before, others_after), seconds)


def split_halves(speaker: Speaker) -> tuple[list[Clip], list[Clip]]:
    """The first and the second half of the clips; a single clip is cut in two."""
    clips = list(speaker.clips)
    if len(clips) > 1:
        return clips[: len(clips) // 2], clips[len(clips) // 2 :]
    clip = clips[0]
    n = len(clip.lips) // 2
    cut = round(n / clip.lips.rate * clip.wave.rate)
    points, samples = clip.lips.points, clip.wave.samples
    return tuple(  # type: ignore[return-value]
        [Clip(clip.name, Waveform(sound, clip.wave.rate), LipTrack(lips, clip.lips.rate))]
        for sound, lips in ((samples[:cut], points[:n]), (samples[cut:], points[n:]))
    )


def join_clips(clips: list[Clip]) -> tuple[Waveform, LipTrack]:
    """Concatenate clips like one target video; the sound is cut to the length of the video."""
    rate, fps = clips[0].wave.rate, Fraction(clips[0].lips.rate)
    sounds = []
    for clip in clips:
        length = round(len(clip.lips) / fps * rate)
        samples = clip.wave.samples[:length]
        sounds.append(np.pad(samples, (0, length - len(samples))))
    points = np.concatenate([clip.lips.points for clip in clips])
    return Waveform(np.concatenate(sounds), rate), LipTrack(points, fps)


def training_data(network: LipLSTM, speaker: Speaker, clips: list[Clip]) -> TrainingData:
    """Data that `lipsync adapt` would train on, given these clips."""
    wave, lips = join_clips(clips)
    rate = float(lips.rate)
    heard = features.extract(wave, network.spec)
    speech = vad.detect_speech(wave)
    around = vad.SpeechSegments(
        speech.spans + np.array([-own_speech.AROUND_S, own_speech.AROUND_S])
    )
    usable = around.at(np.arange(len(lips)) / rate) & np.isfinite(lips.points).all((1, 2))
    learn, held = split_blocks(usable, rate)
    return TrainingData(heard, lips, speaker.profile, learn, held)


def ownership_table(everyone: list[Speaker], model: str) -> list[str]:
    """Which sounds pass as the target's own: the right one, shifted, and other people's."""
    network = LipLSTM.load(LipOptions(model))
    sounds = {s.name: join_clips(list(s.clips)) for s in everyone}
    names = list(sounds)
    lines = [
        "## Is this the target's own sound?",
        "",
        f"Correlation and lag (ms) that `auto` decides by: r ≥ {av_sync.LEAST_R}, "
        f"|lag| ≤ {av_sync.LAG_MOST_S * 1000:.0f} ms, at most "
        f"{own_speech.MISFITS_MOST:.0%} of the 2 s stretches of speech below "
        f"{own_speech.MISFIT_R}. ✓: adapts.",
        "",
        "| lips | own sound | 160 ms early | 120 ms late | 350 ms late | "
        + " | ".join(f"sound of {name}" for name in names) + " |",
        "| --- |" + " --- |" * (4 + len(names)),
    ]  # fmt: skip
    for speaker in everyone:
        wave, lips = sounds[speaker.name]
        moved = [_shift(wave, ms / 1000) for ms in (0, -160, 120, 350)]
        others = [
            None if name == speaker.name else _loop(sounds[name][0], len(wave.samples))
            for name in names
        ]
        cells = [_fit(network, speaker, sound, lips) for sound in (*moved, *others)]
        lines.append(f"| {speaker.name} | " + " | ".join(cells) + " |")
    return lines


def _fit(network: LipLSTM, speaker: Speaker, wave: Waveform | None, lips: LipTrack) -> str:
    if wave is None:
        return "–"
    n, rate = len(lips), float(lips.rate)
    heard = features.extract(wave, network.spec)
    predicted = lip_model.predict(network, heard, speaker.profile, lips.rate, n)
    speaking = vad.detect_speech(wave).at(np.arange(n) / rate)
    found = av_sync.measure_sync(lips.opening, predicted.opening, rate, speaking)
    try:
        own_speech.correctable_lag(found)
        verdict = " ✓"
    except AdaptError:
        verdict = ""
    return f"{found.r:.2f} ({found.lag_s * 1000:+.0f}){verdict}"


def _shift(wave: Waveform, seconds: float) -> Waveform:
    """Delay a sound; its end wraps around to the beginning."""
    return Waveform(np.roll(wave.samples, round(seconds * wave.rate)), wave.rate)


def _loop(wave: Waveform, length: int) -> Waveform:
    return Waveform(np.resize(wave.samples, length), wave.rate)


def _evaluate(network: LipLSTM, speaker: Speaker, clips: list[Clip]) -> tuple[LipMetrics, float]:
    true = [clip.lips for clip in clips]
    found = network_predictor(network)(speaker, clips)
    return lip_metrics(true, found), mean_clip_r_open(true, found)


def _other_voices(network: LipLSTM, others: list[Speaker]) -> float:
    return float(np.mean([_evaluate(network, s, list(s.clips))[1] for s in others]))


def _row(row: Row) -> str:
    (b, b_clips), (a, a_clips) = row.before, row.after
    cells = [
        f"{row.clips[0]} + {row.clips[1]}",
        f"{b_clips:.3f} → **{a_clips:.3f}**",
        f"{b.r_open:.3f} → {a.r_open:.3f}",
        f"{b.r_width:.3f} → {a.r_width:.3f}",
        f"{b.rmse:.4f} → {a.rmse:.4f}",
        f"{b.articulation:.2f} → {a.articulation:.2f}",
        f"{b.lag_ms:+.0f} → {a.lag_ms:+.0f}",
        f"{row.seconds:.0f} s, {row.tuning.steps}",
        f"{row.others[0]:.3f} → {row.others[1]:.3f}",
    ]
    return f"| {row.name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
