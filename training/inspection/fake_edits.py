"""Clips made of a piece's picture and sound by editing."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lipsync import media
from lipsync.types import U8
from training.inspection import face_edits, real_clips, sound_edits
from training.inspection.edit_target import EditTarget
from training.inspection.jobs import Job, Workshop
from training.inspection.pieces import Piece

RECOMPRESSED_CRF = (23, 28, 35)
BLUR_SIGMA = (0.02, 0.035)  # outer-eye distances
REENCODED_CRF = 33
TINT_LEVELS = (6.0, 10.0)
WITH_HANDS = frozenset(("hand_over_face", "both_hands_1080p", "hands_and_objects"))
REALS = (
    "real", "real_crf16", *(f"real_crf{crf}" for crf in RECOMPRESSED_CRF), "real_480p",
    "real_screen",
)  # fmt: skip
EDITS = (
    "shifted", "stretched", "other_sound", "frozen", "blurred", "reencoded", "tinted", "jittered",
    "doubled_chin", "flickering_hand",
)  # fmt: skip

# Corpus of many clips of 1.2 s, 256 pixels high and hard compressed already: fewer variants tell as
# much.
SHORT = "arabic"

Edit = Callable[[EditTarget], Iterator[U8]]


def real_jobs(piece: Piece, shop: Workshop) -> Iterator[Job]:
    """The piece as it was recorded, and its variants."""
    name, sound = f"{piece.name}.mp4", piece.own_sound
    yield shop.real_job(piece)

    def crf16(output: Path) -> None:
        target = EditTarget(shop.real(piece))
        target.write(face_edits.unchanged(target), output)

    def again(output: Path, write: Callable[[Path, Path], None]) -> None:
        write(shop.real(piece), output)

    if piece.corpus != SHORT:
        yield Job(piece, "real_crf16", name, {"crf": 16}, crf16, sound)
    for crf in RECOMPRESSED_CRF[1:] if piece.corpus == SHORT else RECOMPRESSED_CRF:
        write = partial(real_clips.write_recompressed, crf=crf)
        yield Job(piece, f"real_crf{crf}", name, {"crf": crf}, partial(again, write=write), sound)
    if piece.corpus == SHORT:
        return
    small = {"height": real_clips.SMALL_HEIGHT, "crf": real_clips.SMALL_CRF}
    if not real_clips.is_small(piece.source):
        write_small = partial(again, write=real_clips.write_small)
        yield Job(piece, "real_480p", name, small, write_small, sound)
    screen = {"scale": real_clips.SCREEN_SCALE, "crf": real_clips.SCREEN_CRF}
    yield Job(
        piece, "real_screen", name, {**screen, "fps": real_clips.SCREEN_FPS},
        partial(again, write=real_clips.write_screen), sound,
    )  # fmt: skip


def edit_jobs(piece: Piece, shop: Workshop) -> Iterator[Job]:
    """Edits of sound and face."""
    if piece.own_sound:
        yield from _sound_jobs(piece, shop)
    yield from _face_jobs(piece, shop)


def _sound_jobs(piece: Piece, shop: Workshop) -> Iterator[Job]:
    suffix = sound_edits.edited_suffix(Path(real_clips.real_name(piece)))

    def shift(output: Path, shift_ms: int) -> None:
        sound_edits.write_shifted(shop.real(piece), output, shift_ms)

    def stretch(output: Path, tempo: float) -> None:
        sound_edits.write_stretched(shop.real(piece), output, tempo)

    def other(output: Path) -> None:
        real = shop.real(piece)
        seconds = float(media.probe(real).duration)
        # Not the speech that renders of this piece get.
        part = sound_edits.speech_part(shop.data, shop.turn(piece) + 1, seconds)
        sound_edits.write_other_sound(real, output, *part)

    for ms in sound_edits.SHIFTS_MS:
        name, params = f"{piece.name}{ms:+d}ms{suffix}", {"shift_ms": ms}
        yield Job(piece, "shifted", name, params, partial(shift, shift_ms=ms), True)
    for tempo in sound_edits.TEMPOS:
        name = f"{piece.name}-x{tempo:g}{suffix}"
        yield Job(piece, "stretched", name, {"tempo": tempo}, partial(stretch, tempo=tempo), True)
    speech = sound_edits.SPEECH[(shop.turn(piece) + 1) % len(sound_edits.SPEECH)]
    name = f"{piece.name}{suffix}"
    yield Job(piece, "other_sound", name, {"speech": speech}, other, True)


def _face_jobs(piece: Piece, shop: Workshop) -> Iterator[Job]:
    def make(output: Path, edit: Edit) -> None:
        target = shop.target(piece)
        target.write(edit(target), output)

    for kind, mark, params, edit in _face_edits(piece):
        name = f"{piece.name}{mark}.mp4"
        yield Job(piece, kind, name, params, partial(make, edit=edit), piece.own_sound)


def _face_edits(piece: Piece) -> Iterator[tuple[str, str, dict[str, Any], Edit]]:
    """Kind, mark of the name, parameters, and the edit itself."""
    seed = zlib.crc32(piece.name.encode())
    drawing = np.random.default_rng(seed)
    yield "frozen", "", {}, face_edits.frozen
    sigma = BLUR_SIGMA[piece.index % len(BLUR_SIGMA)]
    yield "blurred", "", {"sigma": sigma}, partial(face_edits.blurred, sigma=sigma)
    coarse = partial(face_edits.reencoded, crf=REENCODED_CRF)
    yield "reencoded", "", {"crf": REENCODED_CRF}, coarse
    plane = str(drawing.choice(["cb", "cr"]))
    levels = round(float(drawing.uniform(*TINT_LEVELS)), 1)
    tint = partial(face_edits.tinted, plane=plane, levels=levels)
    yield "tinted", "", {"plane": plane, "levels": levels}, tint
    yield "jittered", "", {"seed": seed}, partial(face_edits.jittered, seed=seed)
    yield "doubled_chin", "", {"drop": face_edits.DROP}, face_edits.doubled_chin
    if piece.person in WITH_HANDS:
        yield "flickering_hand", "", {"share": face_edits.HAND_SHARE}, face_edits.flickering_hand
