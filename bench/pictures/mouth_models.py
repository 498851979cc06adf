"""Mouth decoders for docs/benchmarks/quality.md, trained on footage outside the test clips.

They are kept below --out, so that the page can be rewritten without training.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from bench.pictures.reconstruction import Person
from lipsync.learning.mouth_decoder.options import LearnOptions
from lipsync.learning.mouth_decoder.pairs import (
    Pairs,
    PairSource,
    choose_canvas,
    write_pairs,
)
from lipsync.learning.mouth_decoder.run import DecoderData, state_path, train_decoder
from lipsync.mouth.texture import TextureOptions
from lipsync.speech import features
from lipsync.types import MouthBank


def training_bank(person: Person, clips: int, seconds: float | None = None) -> MouthBank:
    """The person's bank without the test clips, optionally limited to some seconds."""
    bank = person.bank
    test_clips = bank.frames < person.scenes(clips)[-1].end
    lent = (bank.quality > 0) & ~test_clips
    if seconds is not None:
        lent &= np.cumsum(lent) <= seconds * float(person.lips.rate)
    return replace(bank, quality=np.where(lent, bank.quality, 0).astype(np.float32))


def mouth_model(
    person: Person,
    clips: int,
    out: Path,
    kind: Literal["median", "lips"] = "median",
    seconds: float | None = None,
    steps: int = 800,
) -> Path:
    """Train a decoder without the first `clips` clips, unless it exists; returns its weights.

    Args:
        kind: input of the decoder, `LearnOptions.mouth_input`.
        seconds: of training footage; None: all.
        steps: of training.
    """
    # The number of clips is part of the name: another number means other test clips.
    tag = f"{person.name}_{clips}" + ("" if seconds is None else f"_{seconds:g}s")
    weights = out / f"{tag}_{kind}_{steps}.safetensors"
    if weights.is_file():
        return weights
    folder = out / f"{tag}_pairs"
    options = LearnOptions(mouth_input=kind, steps=steps)
    bank = training_bank(person, clips, seconds)
    if not (folder / "told.npz").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        canvas = choose_canvas(bank, options.mouth_size)
        source = PairSource(
            bank, person.appearance, person.face, TextureOptions(), canvas, features.PHONES
        )
        write_pairs(folder, source, options.pairs)
    data = DecoderData(Pairs.load(folder), 0.0, {}, tag, [])
    trained = train_decoder(
        data, options, weights, resume=True, log=lambda line: print(line, file=sys.stderr)
    )
    minutes = trained.progress.minutes
    print(f"{tag} {kind}: {trained.before} → {trained.after}, {minutes:.1f} min", file=sys.stderr)
    trained.network.save(weights)
    state_path(weights).unlink(missing_ok=True)
    return weights
