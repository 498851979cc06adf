"""Clips made by lipsync itself: renders with other speech, decoders, face swaps."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import lipsync
from lipsync import media
from training.inspection.jobs import Job, Workshop
from training.inspection.pieces import Piece, Split
from training.inspection.real_clips import ffmpeg
from training.inspection.sound_edits import SPEECH, speech_part
from training.inspection.trained_fakes import CONSENT, SWAPS, TrainedModels

# Of one bank frame alone, or of the median of the nearest ones: older ways to make a mouth.
_PLAIN: dict[str, Any] = {"warp": False, "regression": False, "detail": 0.0}
RENDERS: dict[str, dict[str, Any]] = {
    "median": {},
    "plain_median": {"candidates": 30, **_PLAIN},
    "nearest": {"candidates": 1, **_PLAIN},
}
# The picture keeps its frames, and no speaker's own speech is needed.
COMMON: dict[str, Any] = {"timing": "cut", "adapt": "never", "landmark_threads": 1}
TRAINED = ("swap", "decoder")


def render_jobs(piece: Piece, shop: Workshop) -> Iterator[Job]:
    """Renders of the piece with somebody else's speech; the piece is its own mouth bank."""
    for kind, options in RENDERS.items():
        yield _render_job(piece, kind, options, shop)


def decoder_jobs(piece: Piece, shop: Workshop, models: TrainedModels) -> Iterator[Job]:
    """A render with a decoder of this person's mouth, where there is footage to train it."""
    footage = models.decoder_footage(piece)
    if footage is not None:
        options = {"texture": "decoder", "reference": footage.relative_to(shop.data).as_posix()}
        yield _render_job(piece, "decoder", options, shop, models)


def swap_jobs(piece: Piece, shop: Workshop, models: TrainedModels) -> Iterator[Job]:
    """The piece with another person's face; its sound stays."""
    for a, b in SWAPS:
        if piece.person not in (a.person, b.person):
            continue
        source = b if piece.person == a.person else a
        target = a if source is b else b

        def make(output: Path, source: str = source.person, target: str = target.person) -> None:
            faces, model = models.swap_model(source, target)
            options = lipsync.SwapOptions.of(landmark_threads=1)
            lipsync.swap(
                faces, shop.real(piece), model, output, consent=CONSENT, options=options,
                overwrite=True,
            )  # fmt: skip

        # The clip shows both people: it trains only if both may.
        split: Split = "train" if a.split == b.split == "train" else "held_out"
        params = {"face_of": source.person}
        yield Job(piece, "swap", f"{piece.name}.mp4", params, make, piece.own_sound, split)


def _render_job(
    piece: Piece,
    kind: str,
    options: dict[str, Any],
    shop: Workshop,
    models: TrainedModels | None = None,
) -> Job:
    turn = shop.turn(piece)
    params = {"speech": SPEECH[turn % len(SPEECH)], **options}
    make = partial(_render, piece=piece, options=options, shop=shop, models=models)
    return Job(piece, kind, f"{piece.name}.mp4", params, make, True)


def _render(
    output: Path,
    piece: Piece,
    options: dict[str, Any],
    shop: Workshop,
    models: TrainedModels | None,
) -> None:
    real = shop.real(piece)
    chosen = {**COMMON, **options}
    if models is not None:
        footage = shop.data / options["reference"]
        chosen |= {"mouth_model": str(models.decoder(footage)), "reference": (str(footage),)}
    lipsync.render(
        _driving_sound(piece, real, shop), real, output,
        options=lipsync.RenderOptions.of(**chosen), overwrite=True,
    )  # fmt: skip


def _driving_sound(piece: Piece, real: Path, shop: Workshop) -> Path:
    """A speech of the piece's length."""
    sound = shop.work("speech") / f"{piece.name}.flac"
    if not sound.is_file():
        seconds = float(media.probe(real).duration)
        speech, start = speech_part(shop.data, shop.turn(piece), seconds)
        ffmpeg(sound, "-ss", f"{start:g}", "-t", f"{seconds:.3f}", "-i", str(speech))
    return sound
