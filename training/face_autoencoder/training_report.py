"""Held-out PSNR, preview grid and loss curves of a running training."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from lipsync.faceswap.autoencoder import SIDES, FaceAutoencoder, Side
from lipsync.faceswap.autoencoder.network import to_tensor
from lipsync.learning import picture_losses
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors
from lipsync.types import U8
from training.face_autoencoder.batches import (
    TrainingFaces,
    held_out_expressions,
    load_aligned_faces,
)

COLUMNS = 8
ROWS = ("A", "A->A", "A->B", "B", "B->B", "B->A")
LABEL = 44  # pixels


@torch.no_grad()
def held_out_psnr(network: FaceAutoencoder, people: TrainingFaces) -> dict[Side, float]:
    """PSNR (dB) of each person's held-out faces, reconstructed from unwarped inputs."""
    found: dict[Side, float] = {}
    for side in SIDES:
        pictures, _ = load_aligned_faces(
            people.sets[side], people.held_out[side], network.dims.size
        )
        faces = network.to_encoder_color(_to_device(network, pictures), side)
        expression = held_out_expressions(network, people, side)
        made = network(faces, side, expression)[0].float()
        found[side] = picture_losses.psnr(made, faces)
    return found


@torch.no_grad()
def draw_grid(network: FaceAutoencoder, people: TrainingFaces) -> U8:
    """Held-out faces of both people, decoded by both decoders: ROWS × COLUMNS."""
    rows: list[U8] = []
    for side in SIDES:
        pictures, _ = load_aligned_faces(
            people.sets[side], people.held_out[side], network.dims.size, COLUMNS
        )
        faces = network.to_encoder_color(_to_device(network, pictures), side)
        other: Side = "b" if side == "a" else "a"
        expression = held_out_expressions(network, people, side, COLUMNS)
        rows += [
            _tile_row(faces),
            *(_tile_row(network(faces, who, expression)[0]) for who in (side, other)),
        ]
    height = rows[0].shape[0]
    labels = []
    for name in ROWS:
        label = np.full((height, LABEL, 3), 255, np.uint8)
        cv2.putText(label, name, (2, height // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (20, 20, 20), 1)
        labels.append(label)
    pairs = zip(labels, rows, strict=True)
    return np.concatenate([np.concatenate(pair, axis=1) for pair in pairs])


def _to_device(network: FaceAutoencoder, pictures: U8) -> torch.Tensor:
    return to_tensor(pictures).to(network.device)


def _tile_row(faces: torch.Tensor) -> U8:
    pictures = (faces.float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    missing = COLUMNS - len(pictures)
    if missing:
        pictures = np.concatenate([pictures, np.full_like(pictures[:1], 255).repeat(missing, 0)])
    return np.concatenate(list(pictures), axis=1)


def save_grid(path: Path, picture: U8) -> None:
    """Write a grid as PNG, atomically."""
    with atomic_write(path) as temporary, os_errors_as_output_errors(path):
        temporary.write_bytes(cv2.imencode(".png", picture[..., ::-1])[1].tobytes())


def plot_curves(path: Path, rows: list[dict[str, float]]) -> None:
    """Plot the reports: loss terms on the left, held-out PSNR on the right."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    names = [
        n for n in dict.fromkeys(k for row in rows for k in row) if n not in ("step", "minutes")
    ]
    for name in names:
        there = [row for row in rows if name in row]
        axis = right if name.startswith("psnr") else left
        axis.plot([r["step"] for r in there], [r[name] for r in there], label=name)
    left.set_yscale("log")
    for axis, title in ((left, "loss, by part"), (right, "held out, dB")):
        axis.set_title(title)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    figure.tight_layout()
    with atomic_write(path) as temporary, os_errors_as_output_errors(path):
        figure.savefig(temporary, dpi=90)
    plt.close(figure)
