"""Models of people that decoder renders and face swaps need: small ones, trained in minutes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

import lipsync
from lipsync.errors import LipsyncError, WeightsError
from training.inspection.jobs import Workshop
from training.inspection.pieces import Piece, Split

REPO = Path(__file__).resolve().parents[2]
CONSENT = "people of published research footage; made to measure a detector, not shown"


@dataclass(frozen=True)
class Footage:
    """A person's footage that models learn from."""

    person: str
    video: str  # in the data folder
    split: Split


S1 = Footage("grid_s1", "targets/grid_s1_120s.mp4", "train")
S4 = Footage("grid_s4", "targets/grid_s4_60s.mp4", "held_out")
ONE_TAKE = Footage("one_take_60s", "wild/one_take_60s.mp4", "held_out")
DESK = Footage("desk_french_50s", "wild/desk_french_50s.mp4", "held_out")
DECODERS = (S1, S4, ONE_TAKE, DESK)
SWAPS = ((S1, S4), (ONE_TAKE, DESK))

DECODER = {"steps": 300, "pairs": 800, "mouth_size": 96, "landmark_threads": 1}
SWAP_BASE = "light.yaml"  # of configs/train
# In single precision: at this size it is five times faster on a CPU (0.43 s a step of one core).
SWAP = {"size": 64, "width": 16, "steps": 1200, "precision": "float32"}


class TrainedModels:
    """Trains each model when it is first asked for; one that failed is not tried again."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._failed: dict[Path, LipsyncError] = {}

    def decoder_footage(self, piece: Piece) -> Path | None:
        """Footage of the piece's person that a decoder can learn from."""
        videos = [one.video for one in DECODERS if one.person == piece.person]
        return self._shop.data / videos[0] if videos else None

    def decoder(self, footage: Path) -> Path:
        """Weights of a decoder of the mouth in this footage.

        Raises:
            LipsyncError: it cannot be trained.
        """
        weights = self._shop.work("decoders") / f"{footage.stem}.safetensors"

        def train() -> None:
            options = lipsync.MouthOptions.of(**DECODER)
            resume = any(weights.parent.glob(f"{weights.stem}*.pt"))
            lipsync.train_mouth(footage, weights, options=options, resume=resume, tell=print)

        return self._once(weights, train)

    def swap_model(self, source: str, target: str) -> tuple[Path, Path]:
        """Face set of the source, and weights of the two people's autoencoder.

        Raises:
            LipsyncError: faces cannot be collected, or the training failed.
        """
        a, b = next(pair for pair in SWAPS if {one.person for one in pair} == {source, target})
        faces = {one.person: self._faces(one) for one in (a, b)}
        run = self._shop.work("swaps") / f"{a.person}-{b.person}"
        weights = run / "light" / "light.safetensors"
        self._once(weights, lambda: _train_swap(faces[a.person], faces[b.person], run))
        return faces[source], weights

    def _faces(self, one: Footage) -> Path:
        folder = self._shop.work("faces") / one.person
        video = self._shop.data / one.video

        def collect() -> None:
            options = lipsync.ExtractOptions.of(landmark_threads=1)
            lipsync.extract_faces([video], folder, options=options, overwrite=True)

        self._once(folder / "faces.zip", collect)
        return folder

    def _once(self, result: Path, make: Callable[[], None]) -> Path:
        if result in self._failed:
            raise self._failed[result]
        if not result.is_file():
            try:
                make()
            except LipsyncError as error:
                self._failed[result] = error
                raise
        return result


def _train_swap(a: Path, b: Path, run: Path) -> None:
    """Train the small configuration, in a process of its own."""
    run.mkdir(parents=True, exist_ok=True)
    base = yaml.safe_load((REPO / "configs" / "train" / SWAP_BASE).read_text("utf-8"))
    config = run / SWAP_BASE
    config.write_text(yaml.safe_dump({**base, **SWAP}), "utf-8")
    command = [sys.executable, "-m", "training.face_autoencoder.train", str(config.resolve())]
    command += ["--a", str(a.resolve()), "--b", str(b.resolve()), "--out", str(run.resolve())]
    if (run / "light" / "state.pt").is_file():
        command.append("--resume")
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    if subprocess.run(command, cwd=REPO, env=environment, check=False).returncode:  # noqa: S603
        raise WeightsError(f"{run}: the training of the face swap failed; its messages say why")
