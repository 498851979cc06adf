"""Page and plot of the ablation's finished rows."""

from __future__ import annotations

import os
import platform
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lipsync.errors import MissingPackageError
from lipsync.runtime.atomic import atomic_write
from training.evaluation.ablation_rows import Record, Section

Results = list[tuple[Section, list[tuple[str, Record | None]]]]

HEADER = (
    "| row | r_open | r_width | RMSE | articulation | lag ms | s4 | s26, s31 | epochs "
    "| parameters | training s |"
)
SERIES = ("s1, validation", "s4, unseen", "s26 and s31, unseen")
COLUMNS = 4  # of the plot
DOTS_PER_INCH = 80


def require_matplotlib() -> None:
    """Raise MissingPackageError unless the plot can be drawn."""
    if find_spec("matplotlib") is None:
        raise MissingPackageError("matplotlib", "the ablation's plot", "training")


def write(page: Path, results: Results, missing: int) -> None:
    """Write the page, and its plot next to it as .png."""
    page.parent.mkdir(parents=True, exist_ok=True)
    plot = page.with_suffix(".png")
    _draw(plot, results)
    _write_atomically(page, text(results, missing, plot.name).encode())


def text(results: Results, missing: int, plot: str) -> str:
    """Format the page as Markdown."""
    lines = [
        "# Ablation: what matters for lips from audio",
        "",
        "Written by `python -m training.evaluation.ablation`; definitions in the module "
        "`training.metrics`.",
        f"{date.today().isoformat()}, {os.cpu_count()} cores ({platform.machine()}), "
        f"torch {torch.__version__}.",
        "",
    ]
    if missing:
        what = "row has" if missing == 1 else "rows have"
        lines += [
            f"**{missing} {what} not been run yet**: the same command goes on, and fills them in.",
            "",
        ]
    lines += [
        "- Trained on GRID speaker s1. r_open, r_width, RMSE (unit: the outer-eye distance), "
        "articulation and lag are of s1's validation clips; s4 and s26, s31 are people never "
        "heard in training: the mean over their clips of each clip's own r_open.",
        "- Every row is a small run, of the epochs it names, with one seed: rows tell what "
        "matters, `lips.md` how good the shipped models are. The last section tells what a "
        "seed alone changes.",
        "- Training s: of one core, features included.",
        "",
        f"![r_open of every row]({plot})",
        "",
    ]
    for section, rows in results:
        lines += [f"## {section.title}", "", section.text, "", HEADER]
        lines += ["|" + " --- |" * (HEADER.count("|") - 1)]
        lines += [_line(label, record) for label, record in rows]
        lines.append("")
    return "\n".join(lines)


def _line(label: str, record: Record | None) -> str:
    if record is None:
        return f"| {label} |" + " |" * (HEADER.count("|") - 2)
    cells = (
        _number(record.r_open, ".3f"), _number(record.r_width, ".3f"), f"{record.rmse:.4f}",
        f"{record.articulation:.2f}", _number(record.lag_ms, "+.0f"),
        *(_number(value, ".3f") for value in record.unseen),
        str(record.epochs), f"{record.parameters:,}", f"{record.seconds:.0f}",
    )  # fmt: skip
    return f"| {label} | " + " | ".join(cells) + " |"


def _number(value: float, form: str) -> str:
    return "–" if np.isnan(value) else format(value, form)


def _draw(path: Path, results: Results) -> None:
    """Plot one panel per section: r_open of every row, for the three groups of speakers."""
    from matplotlib.figure import Figure

    down = -(-len(results) // COLUMNS)
    figure = Figure(figsize=(3.4 * COLUMNS, 3.2 * down), layout="constrained")
    panels = figure.subplots(down, COLUMNS, sharey=True, squeeze=False).flat
    for panel, (section, rows) in zip(panels, results, strict=False):
        for name, heights in zip(SERIES, _heights(rows), strict=True):
            style = "o-" if section.ordered else "o"
            panel.plot(range(len(rows)), heights, style, label=name, markersize=4)
        panel.set_title(section.title, fontsize="medium")
        labels = [label for label, _ in rows]
        panel.set_xticks(
            range(len(rows)), labels, rotation=30, ha="right", rotation_mode="anchor",
            fontsize="small",
        )  # fmt: skip
        panel.grid(axis="y", alpha=0.3)
    for panel in list(figure.axes)[len(results) :]:
        panel.set_axis_off()
    for panel in list(figure.axes)[::COLUMNS]:
        panel.set_ylabel("r_open")
    lines, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside upper center", ncols=len(SERIES), frameon=False)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})


def _heights(rows: list[tuple[str, Record | None]]) -> list[Any]:
    """r_open of each series at each row; NaN where the row has not been run."""
    unknown = (float("nan"),) * len(SERIES)
    found = [unknown if r is None else (r.r_open, *r.unseen) for _, r in rows]
    return list(np.array(found, np.float64).reshape(-1, len(SERIES)).T)


def _write_atomically(path: Path, content: bytes) -> None:
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
