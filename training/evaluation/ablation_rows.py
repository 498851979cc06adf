"""What the ablation varies: sections of rows, each row one training run.

Delay, layers, units and amount of data vary the network of the paper; features, augmentation and
losses vary a small bidirectional one. Both train for far fewer epochs than the shipped models:
compare rows with one another only.

The paper's own schedule is slow: after 50 of its 300 epochs, rows differ by how fast they learn
(r_open 0.848 with a delay of 20 steps, 0.877 with 5). With the schedule used here both end near
0.90, the result of the paper's 300 epochs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.speech_model.options import TrainOptions, read_config

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "train"
PAPER_OUTPUTS = 100  # per training sequence, for any delay
PAPER_EPOCHS = 50
PAPER_SCHEDULE = {"learning_rate": 0.005, "anneal": True, "batch": 50}
SMALL_EPOCHS = 8
CLIPS_PER_MINUTE = 20  # GRID clips last 3 s
CLIPS = 882  # training clips of GRID speaker 1

PHONES = {"kind": "logmel+phones", "per_clip": True}
HEARD = {"kind": "phones+encoder"}
TEMPO = {"tempo": 1.2}
MASKS = {"masks": 1}
NOISE = {"feature_noise": 0.3}
VOICES = {
    "voices": 2, "recorded": 0.4, "formants_up": 1.25, "formants_down": 1.12, "pitch_up": 1.5,
    "pitch_down": 1.15, "tilt_db": 4, "telephone": 0.05, "noise": 0.4, "noise_db": 20, "echo": 0.2,
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One run; equal options under two labels are run once."""

    label: str
    options: TrainOptions


@dataclass(frozen=True)
class Record:
    """Result of a row: on validation clips of the training speaker, and on other speakers."""

    r_open: float
    r_width: float
    rmse: float
    articulation: float
    lag_ms: float
    unseen: tuple[float, ...]  # r_open, mean over all clips, per group of `ablation.UNSEEN`
    epochs: int
    parameters: int
    seconds: float  # of training, on one core


@dataclass(frozen=True)
class Section:
    """Rows that differ in one thing."""

    title: str
    text: str
    rows: tuple[Row, ...]
    ordered: bool = True  # rows form a series: plotted with a line


def sections() -> tuple[Section, ...]:
    """The whole ablation.

    Raises:
        OptionsError: configs/train/ is missing or invalid.
    """
    return (*_of_the_papers_network(), *_of_the_small_network(), _seeds())


def _of_the_papers_network() -> tuple[Section, ...]:
    return (
        Section(
            "Delay",
            "The paper's network: one layer of 60 units, one direction, the paper's features. "
            "A step is 10 ms of sound to come. Here and in the next three tables the learning "
            "rate is 0.005, annealed, in batches of 50: the paper's own schedule needs 300 epochs "
            "to get as far.",
            tuple(
                Row(f"{d} steps", paper(delay=d, crop_steps=[PAPER_OUTPUTS + d]))
                for d in (0, 5, 10, 20, 40, 80)
            ),
        ),
        Section(
            "Layers",
            "The paper's network, delay 20.",
            tuple(Row(str(n), paper(layers=n)) for n in (1, 2, 3)),
        ),
        Section(
            "Units",
            "The paper's network, delay 20, one layer.",
            tuple(Row(str(n), paper(hidden=n)) for n in (20, 60, 120)),
        ),
        Section(
            "Minutes of training data",
            "The paper's network, delay 20. Every row takes the same number of steps.",
            (
                *(Row(f"{m} min", paper(minutes=m, epochs=epochs_for(m))) for m in (1, 3, 10, 30)),
                Row("all (44 min)", paper()),
            ),
        ),
    )


def epochs_for(minutes: int) -> int:
    """Epochs that take as many steps as training on all data."""
    batch = paper().batch
    per_epoch = max(1, minutes * CLIPS_PER_MINUTE // batch)
    return PAPER_EPOCHS * (CLIPS // batch) // per_epoch


def _of_the_small_network() -> tuple[Section, ...]:
    shape, opening, width = {"shape": 1}, {"opening": 1}, {"width": 0.5}
    velocity, closed = {"velocity": 0.5}, {"closed": 0.5}
    return (
        Section(
            "Features",
            "The small network: two layers of 64 units, both directions, stretched tempo and "
            "feature noise. All features are relative to their clip's mean.",
            (
                Row("paper28", small(features={"kind": "paper28", "per_clip": True})),
                Row("logmel", small(features={"kind": "logmel", "per_clip": True})),
                Row("logmel+phones", small()),
                Row("logmel+phones, throat", small(features={**PHONES, "throat": True})),
                Row("phones+encoder, throat", small(features={**HEARD, "throat": True})),
            ),
            ordered=False,
        ),
        Section(
            "Augmentation",
            "The small network on log mel bands and phones. Voices: two disguised ones per clip.",
            (
                Row("none", small(augmentation={})),
                Row("tempo", small(augmentation=TEMPO)),
                Row("feature noise", small(augmentation=NOISE)),
                Row("tempo, noise", small()),
                Row("voices", small(augmentation=VOICES)),
                Row("tempo, noise, masks", small(augmentation={**TEMPO, **NOISE, **MASKS})),
                Row("tempo, noise, voices", small(augmentation={**TEMPO, **NOISE, **VOICES})),
            ),
            ordered=False,
        ),
        Section(
            "Loss terms",
            "The small network on log mel bands and phones, stretched tempo and feature noise. "
            "Every row adds a term to the one above.",
            (
                Row("shape", small(losses=shape)),
                Row("+ opening", small(losses=shape | opening)),
                Row("+ width", small(losses=shape | opening | width)),
                Row("+ velocity", small(losses=shape | opening | width | velocity)),
                Row("+ closed", small(losses=shape | opening | width | velocity | closed)),
            ),
        ),
    )


def _seeds() -> Section:
    return Section(
        "The same again",
        "Nothing differs but the seed: differences above that are no larger than these mean "
        "nothing.",
        (
            *(Row(f"paper, seed {s}", paper(seed=s)) for s in (0, 1, 2)),
            *(Row(f"small, seed {s}", small(seed=s)) for s in (0, 1, 2)),
        ),
        ordered=False,
    )


def paper(**changes: Any) -> TrainOptions:
    """The paper's network with changed options."""
    base = {
        "name": "paper", "epochs": PAPER_EPOCHS, "report_every_epochs": 10_000, **PAPER_SCHEDULE,
    }  # fmt: skip
    return read_config(CONFIGS / "lip_lstm_paper.yaml", **{**base, **changes})


def small(**changes: Any) -> TrainOptions:
    """A small relative of the shipped network with changed options."""
    base = {
        "name": "small", "features": PHONES, "hidden": 64, "members": 1, "ema": 0, "batch": 16,
        "epochs": SMALL_EPOCHS, "augmentation": {**TEMPO, **NOISE},
        "losses": {"shape": 1, "opening": 1, "width": 0.5, "velocity": 0.5},
        "report_every_epochs": 10_000,
    }  # fmt: skip
    return read_config(CONFIGS / "lip_lstm.yaml", **{**base, **changes})
