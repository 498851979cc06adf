"""Decoders for docs/benchmarks/quality.md: one per person, of footage that is not judged.

They are kept below --out, so that the page can be written again without training.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from bench.pictures.reconstruction import Person
from lipsync.learning.mouth_decoder.options import LearnOptions
from lipsync.learning.mouth_decoder.pairs import Pairs, canvas_for, write
from lipsync.mouth.texture import TextureOptions
from lipsync.pipelines import train_decoder
from lipsync.pipelines.train_decoder import Lesson
from lipsync.speech import features
from lipsync.types import MouthBank


def taught(person: Person, clips: int, seconds: float | None = None) -> MouthBank:
    """The person's bank without the clips that are judged, or only so much of it."""
    bank = person.bank
    judged = bank.frames < person.scenes(clips)[-1].end
    lent = (bank.quality > 0) & ~judged
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
    """Weights of a decoder that has seen none of the first `clips` clips, trained if need be.

    Args:
        kind: what it draws from, `LearnOptions.mouth_input`.
        seconds: of footage that it learns from; None: all.
        steps: of training.
    """
    # Another number of clips are other clips: what has seen them must not be taken for these.
    tag = f"{person.name}_{clips}" + ("" if seconds is None else f"_{seconds:g}s")
    weights = out / f"{tag}_{kind}_{steps}.safetensors"
    if weights.is_file():
        return weights
    folder = out / f"{tag}_pairs"
    options = LearnOptions(mouth_input=kind, steps=steps)
    bank = taught(person, clips, seconds)
    if not (folder / "told.npz").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        track, alignment = person.footage.track, person.footage.alignment
        canvas = canvas_for(bank, options.mouth_size)
        write(
            folder, bank, track, alignment, TextureOptions(), canvas, features.PHONES, options.pairs
        )
    lesson = Lesson(Pairs.load(folder), 0.0, {}, tag, [])
    before, after, course, network = train_decoder.learned(
        lesson, options, weights, resume=True, tell=lambda line: print(line, file=sys.stderr)
    )
    print(f"{tag} {kind}: {before} → {after}, {course.minutes:.1f} min", file=sys.stderr)
    network.save(weights)
    train_decoder.state_of(weights).unlink(missing_ok=True)
    return weights
