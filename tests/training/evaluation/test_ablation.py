"""The ablation: what is varied, a page from the rows that are there, rows that are run once."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, as_completed
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from lipsync.learning.run_state import as_plain_values
from lipsync.speech.lip_model import LipLSTM
from tests.support.talkers import speaker
from training.corpus import dataset
from training.evaluation import ablation, ablation_page, ablation_rows
from training.evaluation.ablation import AblationStudy
from training.evaluation.ablation_rows import Record, Row, Section
from training.speech_model.batches import Batch
from training.speech_model.options import TrainOptions, parse_options
from training.speech_model.trainer import SpeechModelTrainer

NAMES = ("grid_s1", "grid_s4", "grid_s26", "grid_s31")
FOUND = Record(0.912, 0.7, 0.0151, 0.88, -3.0, (0.6, 0.71), 2, 12_345, 61.4)


def tiny(**changes: Any) -> TrainOptions:
    config = {
        "name": "tiny", "description": "test", "features": {"kind": "logmel", "per_clip": True},
        "hidden": 8, "layers": 1, "bidirectional": True, "delay": 0, "stride": 2, "components": 3,
        "crop_steps": [90], "batch": 2, "epochs": 3, "learning_rate": 0.02, "clip_gradient": 1,
    }  # fmt: skip
    return parse_options({**config, **changes}, "test")


def two_rows() -> tuple[Section, ...]:
    return (Section("Units", "Of a tiny network.", (Row("8", tiny()), Row("9", tiny(hidden=9)))),)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four people under the names of the real ones."""
    folder = tmp_path / "data"
    folder.mkdir()
    for i, name in enumerate(NAMES):
        dataset.save(folder / f"{name}.npz", speaker(5 + i, 1.0, name))
    return folder


def study(data: Path, rows: tuple[Section, ...] | None = None, runs: str = "rows") -> AblationStudy:
    return AblationStudy(rows or two_rows(), data, data.parent / runs, data.parent / "ablation.md")


def keep(made: AblationStudy, row: Row, found: Record) -> None:
    path = made.file(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"options": as_plain_values(row.options), "found": asdict(found)}))


# --- rows ------------------------------------------------------------------------------------


def test_rows_differ_in_what_their_section_is_about() -> None:
    told = {section.title: section.rows for section in ablation_rows.sections()}

    def values(title: str, *path: str) -> list[Any]:
        found = []
        for row in told[title]:
            value: Any = as_plain_values(row.options)
            for key in path:
                value = value[key]
            found.append(value)
        return found

    assert values("Delay", "delay") == [0, 5, 10, 20, 40, 80]
    assert values("Layers", "layers") == [1, 2, 3]
    assert values("Units", "hidden") == [20, 60, 120]
    assert values("Minutes of training data", "minutes") == [1, 3, 10, 30, None]
    phones = "logmel+phones"
    kinds = ["paper28", "logmel", phones, phones, "phones+encoder"]
    assert values("Features", "features", "kind") == kinds
    assert values("Features", "features", "throat") == [False, False, False, True, True]
    assert values("Augmentation", "augmentation", "voices") == [0, 0, 0, 0, 2, 0, 2]
    assert values("Augmentation", "augmentation", "tempo") == [1, 1.2, 1, 1.2, 1, 1.2, 1.2]
    assert values("Augmentation", "augmentation", "masks") == [0, 0, 0, 0, 0, 1, 0]
    assert [sum(v > 0 for v in row.values()) for row in values("Loss terms", "losses")] == [
        1, 2, 3, 4, 5
    ]  # fmt: skip
    for row in told["Delay"]:  # a hundred outputs each
        assert row.options.crop_steps[0] - row.options.delay == 100


def test_every_amount_of_data_takes_about_as_many_steps() -> None:
    for minutes in (1, 3, 10, 30):
        per_epoch = max(1, minutes * 20 // 50)
        assert ablation_rows.epochs_for(minutes) * per_epoch == pytest.approx(
            882 // 50 * 50, rel=0.02
        )


def test_the_same_run_under_several_labels_is_run_once(data: Path) -> None:
    whole = study(data, ablation_rows.sections())
    base, small = ablation_rows.paper(), ablation_rows.small()
    labels = [row.options for section in whole.sections for row in section.rows]
    # Of the paper's: delay, layers, units, minutes, seed; of the small: features, augmentation …
    assert (labels.count(base), labels.count(small)) == (5, 4)
    assert len(whole.missing()) == len(labels) - 4 - 3


# --- page ------------------------------------------------------------------------------------


def test_the_page_holds_the_rows_that_are_there_and_says_how_many_are_not(data: Path) -> None:
    made = study(data)
    first, second = made.sections[0].rows
    keep(made, second, FOUND)
    made.write()
    page = made.page.read_text("utf-8")
    assert "**1 row has not been run yet**" in page
    assert "| 8 |" + " |" * 10 in page.splitlines()
    whole = "| 9 | 0.912 | 0.700 | 0.0151 | 0.88 | -3 | 0.600 | 0.710 | 2 | 12,345 | 61 |"
    assert whole in page.splitlines()
    assert page.count("](ablation.png)") == 1
    before = made.page.with_suffix(".png").read_bytes()
    keep(made, first, FOUND)
    made.write()
    assert "not been run" not in made.page.read_text("utf-8")
    after = made.page.with_suffix(".png").read_bytes()
    assert before != after
    picture = cv2.imdecode(np.frombuffer(after, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.std() > 5
    assert {path.name for path in data.parent.iterdir()} == {
        "data", "rows", "ablation.md", "ablation.png"
    }  # fmt: skip


def test_the_page_of_the_whole_ablation_is_small_and_has_a_panel_per_section(data: Path) -> None:
    made = study(data, ablation_rows.sections())
    for row in made.missing().values():
        keep(made, row, FOUND)
    made.write()
    page = made.page.read_text("utf-8")
    assert page.count("\n## ") == len(made.sections) == 8
    assert page.count("| 0.912 |") == sum(len(section.rows) for section in made.sections)
    assert made.page.with_suffix(".png").stat().st_size < 150_000
    for line in page.splitlines():
        if line.startswith("| "):
            assert line.count("|") == ablation_page.HEADER.count("|"), line


def test_a_damaged_record_is_a_missing_row(data: Path) -> None:
    made = study(data)
    row = made.sections[0].rows[0]
    keep(made, row, FOUND)
    assert made.record(row) == FOUND
    made.file(row).write_text('{"found": {"r_open": 0.9')
    assert made.record(row) is None
    made.file(row).write_text('{"found": {"r_open": 0.9}}')
    assert made.record(row) is None


def test_other_options_or_other_data_are_another_row(data: Path) -> None:
    made = study(data)
    eight, nine = (made.file(row) for row in made.sections[0].rows)
    assert eight != nine
    assert study(data).file(made.sections[0].rows[0]) == eight
    dataset.save(data / "grid_s31.npz", speaker(7, 1.0, "grid_s31"))
    assert study(data).file(made.sections[0].rows[0]) != eight


# --- running ---------------------------------------------------------------------------------


def test_a_stopped_row_goes_on_and_ends_as_if_it_had_not_stopped(data: Path) -> None:
    made, other = study(data), study(data, runs="elsewhere")
    row = made.sections[0].rows[0]
    learn, steps = SpeechModelTrainer.train_step, []

    def interrupted(self: SpeechModelTrainer, batch: Batch, progress: float) -> torch.Tensor:
        steps.append(progress)
        if len(steps) == 4:  # of two per epoch
            raise KeyboardInterrupt
        return learn(self, batch, progress)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(SpeechModelTrainer, "train_step", interrupted)
        ablation.run_row(row, data, made.file(row))
    assert len(made.missing()) == 2
    steps.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SpeechModelTrainer, "train_step", lambda *a: steps.append(1) or learn(*a))
        found = ablation.run_row(row, data, made.file(row))
    assert len(steps) == 4  # the epochs that were left
    assert list(made.runs.iterdir()) == [made.file(row)]
    undisturbed = ablation.run_row(row, data, other.file(row))
    for again in (made.record(row), undisturbed):
        assert again is not None
        for name in ("r_open", "r_width", "rmse", "articulation", "lag_ms", "unseen"):
            wanted = pytest.approx(getattr(found, name), nan_ok=True)
            assert getattr(again, name) == wanted, name
    assert found.parameters == sum(p.numel() for p in network(made, row).parameters())


def network(made: AblationStudy, row: Row) -> LipLSTM:
    from training.speech_model.batches import build_training_set
    from training.speech_model.train import build

    people = [dataset.load(made.data, "grid_s1")]
    return build(row.options, build_training_set(people, row.options))


def test_the_figures_are_those_of_the_people_they_are_said_to_be(data: Path) -> None:
    """A network that knows how loudness opens the mouth, and strangers with silent clips."""
    from lipsync.types import Waveform
    from training.corpus.dataset import Clip, Speaker

    mute = dataset.load(data, "grid_s26")
    noise = np.random.default_rng(0).normal(0, 0.01, 16000).astype(np.float32)
    clips = tuple(Clip(c.name, Waveform(noise, 16000), c.lips) for c in mute.clips)
    dataset.save(data / "grid_s26.npz", Speaker("grid_s26", mute.profile, clips))
    dataset.save(data / "grid_s1.npz", speaker(21, 1.0, "grid_s1"))
    row = Row("learns", tiny(epochs=25, losses={"opening": 1}))
    found = ablation.run_row(row, data, study(data).file(row))
    s4, others = found.unseen
    assert found.r_open > 0.8
    assert s4 > 0.8
    assert others < s4 - 0.2  # 7 clips of 15 say nothing


@pytest.mark.slow
def test_rows_are_run_in_processes_once_and_a_bad_one_does_not_stop_the_others(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    voices = {"voices": 1}
    bad = Row("bad", tiny(features={"kind": "paper28"}, augmentation=voices))
    rows = (*two_rows(), Section("Bad", "Cannot be.", (bad,)))
    made = study(data, rows)
    first, second = made.sections[0].rows
    keep(made, first, FOUND)
    kept = made.file(first).stat().st_mtime_ns
    failed = made.run(processes=1)
    assert len(failed) == 1
    assert failed[0].startswith("tiny (bad): augmentation.voices: ")
    assert made.file(first).stat().st_mtime_ns == kept
    found = made.record(second)
    assert found is not None
    assert found.epochs == 3
    assert "tiny, 9: r_open" in capsys.readouterr().err
    assert "**1 row has not been run yet**" in made.page.read_text("utf-8")
    assert list(made.missing().values()) == [bad]


@pytest.mark.slow
def test_a_stopped_ablation_leaves_a_page_and_no_processes(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(futures: Iterable[Future[Record]]) -> Iterator[Future[Record]]:
        yield from islice(as_completed(futures), 1)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ablation, "as_completed", stopped)
    monkeypatch.setattr(ablation, "sections", two_rows)
    page, rows = data.parent / "page.md", data.parent / "rows"
    told = ["--data", str(data), "--out", str(page), "--runs", str(rows)]
    before = signal.getsignal(signal.SIGTERM)
    # Tests that were started in the background ignore interrupts.
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(SystemExit) as stop:
        ablation.main([*told, "--processes", "1"])
    signal.signal(signal.SIGTERM, before)
    signal.signal(signal.SIGINT, interrupt)
    assert stop.value.code == 130
    assert capsys.readouterr().err.endswith("\nstopped; the same command goes on from there\n")
    for child in multiprocessing.active_children():
        child.join(60)
    assert not multiprocessing.active_children()
    # A row that was ending as it was stopped may be kept and not on the page yet.
    done = len(list(rows.glob("*.json")))
    assert 1 <= len(re.findall(r"\| 3 \| [\d,]+ \| \d+ \|\n", page.read_text("utf-8"))) <= done


def test_a_bad_data_folder_is_one_line_and_leaves_nothing(tmp_path: Path, data: Path) -> None:
    told = ["--out", str(tmp_path / "page.md"), "--runs", str(tmp_path / "rows")]
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(
        SystemExit, match=r"^error: .*grid_s1\.npz is missing: run python -m [^\n]*$"
    ):
        ablation.main(["--data", str(tmp_path / "nowhere"), *told])
    (data / "grid_s31.npz").unlink()
    with pytest.raises(SystemExit, match=r"grid_s31\.npz is missing"):
        ablation.main(["--data", str(data), *told])
    dataset.save(data / "grid_s31.npz", speaker(2, 1.0, "grid_s31"))
    dataset.save(data / "grid_s1.npz", speaker(1, 1.0, "grid_s1"))
    with pytest.raises(SystemExit, match=r"grid_s1\.npz: too few clips to train on"):
        ablation.main(["--data", str(data), *told])
    assert {path.name for path in tmp_path.iterdir()} == before


def test_the_page_alone_runs_nothing(data: Path) -> None:
    page = data.parent / "page.md"
    told = ["--data", str(data), "--out", str(page), "--runs", str(data.parent / "rows")]
    ablation.main([*told, "--page-only"])
    missing = len(study(data, ablation_rows.sections()).missing())
    assert f"**{missing} rows have not been run yet**" in page.read_text("utf-8")
    assert not (data.parent / "rows").exists()
