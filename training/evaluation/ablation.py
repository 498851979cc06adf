"""Ablation study: many small training runs → docs/benchmarks/ablation.md and .png.

    python -m training.evaluation.ablation --data runs/data

The record of each row is kept in runs/ablate/, so that an interrupted study resumes. Page and plot
are rewritten after every row.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, redirect_stderr
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from lipsync.errors import LipsyncError, MediaError
from lipsync.learning.run_state import as_plain_values
from lipsync.runtime.atomic import atomic_write
from lipsync.runtime.hashing import hash_file
from lipsync.speech.lip_model import LipLSTM
from training.corpus import dataset
from training.corpus.benchmark_data import SEEN
from training.evaluation import ablation_page
from training.evaluation.ablation_rows import Record, Row, Section, sections
from training.metrics import lip_metrics, mean_clip_r_open
from training.speech_model.train import predict_lips, train

UNSEEN = (("grid_s4",), ("grid_s26", "grid_s31"))  # one column each


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, run the missing rows, write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluation.ablation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="from prepare")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/ablation.md"))
    parser.add_argument("--runs", type=Path, default=Path("runs/ablate"), help="rows are kept here")
    parser.add_argument("--processes", type=_count, default=2, help="rows at a time, a core each")
    parser.add_argument("--page-only", action="store_true", help="run nothing, write the page")
    args = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        ablation_page.require_matplotlib()
        todo = sections()
        study = AblationStudy(todo, args.data, args.runs, args.out)
        failed = study.run(0 if args.page_only else args.processes)
    except LipsyncError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from there", file=sys.stderr)
        sys.exit(130)
    if failed:
        sys.exit("error: " + "; ".join(failed))


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"wanted a number from 1 on, got {text}")
    return int(text)


class AblationStudy:
    """All rows of the study and their records.

    Raises:
        MediaError: a speaker is missing, or has no training or validation clips.
    """

    def __init__(self, todo: tuple[Section, ...], data: Path, runs: Path, page: Path) -> None:
        self.sections, self.data, self.runs, self.page = todo, data, runs, page
        names = [SEEN, *(name for group in UNSEEN for name in group)]
        for name in names:
            speaker = dataset.load(data, name)
            if name == SEEN and not all(dataset.split(speaker.clips)):
                raise MediaError(f"{data / name}.npz: too few clips to train on")
        self._data_digest = "".join(hash_file(data / f"{name}.npz") for name in names)

    def file(self, row: Row) -> Path:
        """Path of a row's record; it depends on options and data."""
        key = json.dumps(as_plain_values(row.options), sort_keys=True) + self._data_digest
        digest = hashlib.sha256(key.encode()).hexdigest()[:12]
        return self.runs / f"{row.options.name}-{digest}.json"

    def record(self, row: Row) -> Record | None:
        """Load the record of a row; None: not run yet."""
        try:
            found = json.loads(self.file(row).read_text("utf-8"))["found"]
            return Record(**{**found, "unseen": tuple(found["unseen"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def missing(self) -> dict[Path, Row]:
        """Rows still to be run, without duplicates."""
        rows = [row for section in self.sections for row in section.rows]
        return {self.file(row): row for row in rows if self.record(row) is None}

    def run(self, processes: int) -> list[str]:
        """Run every missing row, writing the page after each; returns the errors.

        Args:
            processes: rows at a time; 0 only writes the page.
        """
        missing = self.missing() if processes else {}
        try:
            return self._run(missing, processes) if missing else []
        finally:
            self.write()

    def _run(self, missing: dict[Path, Row], processes: int) -> list[str]:
        failed: list[str] = []
        started_s = time.perf_counter()
        with _process_pool(processes) as pool:
            futures = {
                pool.submit(run_row, row, self.data, file): row for file, row in missing.items()
            }
            for done, future in enumerate(as_completed(futures), 1):
                row = futures[future]
                try:
                    found = future.result()
                except LipsyncError as error:
                    failed.append(f"{row.options.name} ({row.label}): {error}")
                    continue
                left_s = (time.perf_counter() - started_s) / done * (len(futures) - done)
                print(
                    f"{done}/{len(futures)} {row.options.name}, {row.label}: r_open "
                    f"{found.r_open:.3f}, {found.seconds:.0f} s; {left_s / 60:.0f} min left",
                    file=sys.stderr,
                )
                self.write()
        return failed

    def write(self) -> None:
        """Write page and plot of the finished rows."""
        results = [
            (section, [(row.label, self.record(row)) for row in section.rows])
            for section in self.sections
        ]
        ablation_page.write(self.page, results, len(self.missing()))


@contextmanager
def _process_pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """Worker processes that end at once with this one; saved states are always complete."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_init_worker) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _init_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends us
    torch.set_num_threads(1)


def run_row(row: Row, data: Path, file: Path) -> Record:
    """Train and evaluate a row; writes its record, and a log next to it.

    Raises:
        LipsyncError: it cannot be trained.
    """
    folder = file.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    started_s = time.process_time()
    with (folder / "log.txt").open("a", encoding="utf-8") as log, redirect_stderr(log):
        weights = train(row.options, data, folder, resume=True)
    seconds = time.process_time() - started_s
    found = evaluate(LipLSTM.load(weights), data, row.options.epochs, seconds)
    record = {"options": as_plain_values(row.options), "found": asdict(found)}
    with atomic_write(file) as temporary:
        temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
    shutil.rmtree(folder)
    return found


def evaluate(model: LipLSTM, data: Path, epochs: int, seconds: float) -> Record:
    """Measure a trained network."""
    seen = dataset.load(data, SEEN)
    clips = dataset.split(seen.clips)[1]
    f = lip_metrics([clip.lips for clip in clips], predict_lips(model, seen, clips))
    return Record(
        f.r_open, f.r_width, f.rmse, f.articulation, f.lag_ms,
        unseen=tuple(_unseen_r_open(model, data, names) for names in UNSEEN),
        epochs=epochs,
        parameters=sum(p.numel() for p in model.parameters()),
        seconds=seconds,
    )  # fmt: skip


def _unseen_r_open(model: LipLSTM, data: Path, names: tuple[str, ...]) -> float:
    """Mean over all clips of these speakers of each clip's own r_open."""
    scores, counts = [], []
    for name in names:
        speaker = dataset.load(data, name)
        clips = list(speaker.clips)
        true = [clip.lips for clip in clips]
        scores.append(mean_clip_r_open(true, predict_lips(model, speaker, clips)))
        counts.append(len(clips))
    return float(np.average(scores, weights=counts))


if __name__ == "__main__":
    main()
