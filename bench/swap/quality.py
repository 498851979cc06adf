"""Face swap between two people. Writes docs/benchmarks/swap.md.

    lipsync faces extract ../shared/data/grid_s1/*.mkv -o runs/faces/s1   (every 16th clip)
    lipsync faces extract ../shared/data/grid_s4/*.mp4 -o runs/faces/s4
    for name in light gan_cpu; do
        python -m training.face_autoencoder.train configs/train/$name.yaml \\
            --a runs/faces/s1 --b runs/faces/s4
    done
    python -m bench.swap.quality

Pictures of people go to runs/bench_swap/ and are not part of the project. Identity is measured with
dlib's ResNet (extra `bench`), which plays no part in training.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from bench.support import pages
from bench.swap.clips import CONSENT, occlusion_rows, swap_rows
from lipsync.faceswap.autoencoder import SIDES, FaceAutoencoder, Side
from lipsync.learning import metrics_log, picture_losses
from lipsync.pipelines import swap_preview
from training.face_autoencoder import batches
from training.face_autoencoder.batches import (
    FaceBatch,
    TrainingFaces,
    load_aligned_faces,
    open_training_faces,
    shift_color,
)
from training.face_autoencoder.options import AutoencoderOptions, read_config
from training.face_autoencoder.trainer import FaceAutoencoderTrainer
from training.parallel.distributed import ProcessGroup

REPO = Path(__file__).resolve().parents[2]
OVERFIT_FACTOR = (
    4.0  # times the original's learning rate: of eight faces nothing is to be generalised
)


def learning_curve(run: Path, name: str) -> Iterator[str]:
    """Summary of a run's reports."""
    rows = metrics_log.read(run / "losses.csv")
    if not rows:
        yield f"{name}: not trained on this machine yet."
        return
    first, last = rows[0], rows[-1]
    options = read_config(REPO / "configs" / "train" / f"{name}.yaml")
    yield (
        f"`{name}`: {last['step']:.0f} steps of 2 × {options.batch} faces of {options.size} px in "
        f"{last['minutes']:.1f} min. Held-out PSNR: "
        f"a {first['psnr_a']:.1f} → {last['psnr_a']:.1f} dB, "
        f"b {first['psnr_b']:.1f} → {last['psnr_b']:.1f} dB.\n"
    )
    names = [n for n in last if n not in ("step", "minutes", "psnr_a", "psnr_b")]
    yield (
        "| step | min | "
        + " | ".join(names)
        + " | PSNR a | PSNR b |\n|"
        + " --- |" * (len(names) + 4)
    )
    for row in [*rows[:: max(1, len(rows) // 8)][:-1], last]:
        cells = [f"{row[n]:.4g}" if n in row else "–" for n in names]
        yield (
            f"| {row['step']:.0f} | {row['minutes']:.1f} | "
            + " | ".join(cells)
            + f" | {row['psnr_a']:.2f} | {row['psnr_b']:.2f} |"
        )


def held_out_rows(people: TrainingFaces, network: FaceAutoencoder) -> Iterator[str]:
    """PSNR of the held-out faces, over the whole picture and inside the face."""
    for side in SIDES:
        size = network.dims.size
        pictures, masks = load_aligned_faces(people.sets[side], people.held_out[side], size)
        faces = network.to_encoder_color(torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255, side)
        with torch.no_grad():
            made = network(faces, side, batches.held_out_expressions(network, people, side))[0]
        where = torch.from_numpy(masks)[:, None] > 127
        error = float(((made - faces) ** 2)[where.expand_as(faces)].mean())
        yield (
            f"| {people.sets[side].name} | {len(people.sets[side])} | {len(people.held_out[side])} "
            f"| {picture_losses.psnr(made, faces):.2f} | {-10 * np.log10(error):.2f} |"
        )


def original_section(people: TrainingFaces, minutes: float) -> Iterator[str]:
    """Overfit the original network to eight faces, and time one full step."""
    options = read_config(REPO / "configs" / "train" / "original.yaml")
    torch.manual_seed(0)
    network = FaceAutoencoder(options.dims)
    here = ProcessGroup(0, 1, torch.device("cpu"))
    batches = {side: _small_batch(people, side, options) for side in SIDES}
    yield (
        "Eight faces (four of each person) learned by heart, in mixed precision (bfloat16) and at "
        f"{OVERFIT_FACTOR:g} times the configured learning rate:\n\n"
        "| step | min | PSNR a | PSNR b |\n" + "|" + " --- |" * 4
    )
    rate = OVERFIT_FACTOR * options.learning_rate
    hurried = replace(options, precision="bfloat16", learning_rate=rate)
    trainer = FaceAutoencoderTrainer(network, hurried, here)
    began, step = time.perf_counter(), 0
    for due in np.linspace(0, minutes, 9):
        while time.perf_counter() - began < 60 * due:
            trainer.train_step(batches, step)
            step += 1
        with torch.no_grad():
            known = [
                picture_losses.psnr(network(b.target, s)[0], b.target) for s, b in batches.items()
            ]
        line = f"| {step} | {due:.1f} | {known[0]:.1f} | {known[1]:.1f} |"
        print(line, flush=True)
        yield line
    trainer = FaceAutoencoderTrainer(network, options, here)
    whole = {
        s: FaceBatch(*(torch.cat([v] * 16) for v in vars(b).values())) for s, b in batches.items()
    }
    began = time.perf_counter()
    trainer.train_step(whole, step)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    weights = sum(p.numel() for p in network.parameters())
    # Multiplications of one face through encoder and decoder, forwards: 1.9 · 10⁹; thrice with the
    # way back; two faces, 64 of each.
    yield (
        f"\nOne step as configured (64 faces of A, then 64 of B): {took:.1f} s on this machine, "
        f"peak memory of the process {peak:.1f} GiB; {weights / 1e6:.2f} million weights, "
        f"{weights * 16 / 2**30:.2f} GiB of weights, gradients and Adam's moments. *Estimate*, not "
        "measured: a step is about 1.5 · 10¹² floating-point operations, so a GPU that sustains "
        "20 TFLOP/s takes about 0.1 s, and 100 000 steps take two to three hours and about 3 GiB."
    )


def _small_batch(people: TrainingFaces, side: Side, options: AutoencoderOptions) -> FaceBatch:
    faces, masks = load_aligned_faces(people.sets[side], people.training[side], options.size, 4)
    toned = shift_color(
        torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255, people.shift, side
    )
    mask = torch.from_numpy(masks)[:, None].float() / 255
    marks = torch.zeros(len(toned), 0, 2)  # which the original network is not told
    nothing = torch.zeros_like(mask)
    return FaceBatch(toned, toned, toned, mask, nothing, nothing, marks)


def time_preview(folder: Path, model: Path, sets: dict[Side, Path]) -> str:
    """Time of a grid of previews, loading the network each time."""
    took = []
    for _ in range(3):
        began = time.perf_counter()
        swap_preview.preview(
            sets["a"], folder / "target_b.mp4", model, 2.4, folder / "choices.png", consent=CONSENT
        )
        took.append(time.perf_counter() - began)
    return f"A grid of 22 choices on one frame: {min(took):.2f} s, the start of Python not counted."


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.swap.quality",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--runs", type=Path, default=REPO / "runs")
    parser.add_argument("--original-minutes", type=float, default=40.0)
    parser.add_argument("--only", choices=("swap", "original"), help="keep the rest")
    args = parser.parse_args()
    folder = args.runs / "bench_swap"
    folder.mkdir(parents=True, exist_ok=True)
    sets: dict[Side, Path] = {"a": args.runs / "faces" / "s1", "b": args.runs / "faces" / "s4"}
    everything = {n: args.runs / n / f"{n}.safetensors" for n in ("light", "gan_cpu")}
    models = {name: path for name, path in everything.items() if path.is_file()}
    options = read_config(REPO / "configs" / "train" / "light.yaml")
    people = open_training_faces(sets["a"], sets["b"], options)
    lines = [
        "# Face swap\n",
        f"Written by `python -m bench.swap.quality`, {datetime.date.today()}; "
        f"{platform.machine()}, "
        f"{os.cpu_count()} cores, PyTorch {torch.__version__}, no GPU; other programs ran. "
        "a: speaker 1 of GRID, b: speaker 4 (CC BY 4.0).\n",
    ]
    if args.only != "original":
        lines += [
            "## Held-out faces, each made by their own decoder\n",
            "| person | faces | held out | PSNR, dB | the face alone, dB |\n|" + " --- |" * 5,
            *held_out_rows(people, FaceAutoencoder.load(everything["light"])),
            "\n## Whose face it is\n",
            "Distances of dlib's face embedding (`face-recognition-models` 0.3), which took no "
            "part in training; r_open, articulation: correlation of the inner-lip gaps detected "
            "in the swap and in the target, ratio of their standard deviations; flicker: second "
            "differences of the inner face's mean color, levels.\n",
            *swap_rows(args.shared, models, folder, sets),
            "\n" + time_preview(folder, everything["light"], sets),
            "\n## A hand before the face\n",
            *occlusion_rows(args.shared, models, folder),
            "\n## Learning\n",
            *learning_curve(args.runs / "light", "light"),
            "",
            *learning_curve(args.runs / "gan_cpu", "gan_cpu"),
        ]
    if args.only != "swap":
        lines += ["\n## The original network\n", *original_section(people, args.original_minutes)]
    text = "\n".join(lines) + "\n"
    pages.write(REPO / "docs" / "benchmarks" / "swap.md", text)
    print(text)


if __name__ == "__main__":
    main()
