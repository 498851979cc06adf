"""The watermark read after every attack, and how far it changes the picture."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.marks.attacks import ATTACKS, Attack
from bench.marks.marked_clips import MOST_FRAMES, SECONDS, Clip, Reader
from lipsync.runtime.cache import Cache

CLIPS = (
    "wild/one_take_60s.mp4",
    "targets/grid_s4_60s.mp4",
    "wild/vfr_22fps.mp4",
    "wild/turning_head_stage.mkv",
    "wild/hands_and_objects.mp4",
    "wild/desk_french_50s.mp4",
    "wild/room_light_1080p.mp4",
    "wild/dark_portrait_60fps.mp4",
)
# Of CLIPS, the first ones, which are small and therefore quick: so many carry all payloads, one
# after the other, and so many stand for the attacks without a bar.
ALL_PAYLOADS, ALL_ATTACKS = 2, 4
PAYLOADS = (0xC0FFEE123456, 0x0123456789AB, 0xF00DFACE5A5A)
LEAST_PSNR = 42.0  # dB, of the marked region
INTRODUCTION = """\
{n} clips, the first {seconds:g} s of each (at most {frames} frames) or all there is: {names}.
Marked where a render draws (mouth and chin), encoded as a render does (x264 crf 16, fast), then
attacked; x264 is at its preset "fast" unless another is named. The first {payloads} carry three
payloads one after the other, the others one; the first {attacks} stand for the attacks without a
bar, with one payload. Landmarks are found anew in the attacked video of the first payload (for crf
16, 18 and 23 in that of crf 28, which is harder) and used for the other two.

Read: all 48 bits right and the reading believed. Wrong: another payload was believed; bar: none.
Coded bits: share of the 120 that are right, mean of those read. Strength: median and least of all
over what is needed; below 1 a reading is not believed."""


@dataclass(frozen=True)
class Outcome:
    """One payload in one clip after one attack."""

    clip: str
    attack: Attack
    read: bool
    wrong: bool
    right_bits: float
    margin: float  # strength over what is needed; 0 without a face


@dataclass(frozen=True)
class Change:
    """How far the mark changes a clip's region, dB."""

    clip: str
    size: str
    mean: float  # of the mean square error over all frames
    worst: float  # frame


def measure(data: Path, cache: Cache) -> tuple[list[Outcome], list[Change]]:
    """All clips, all attacks."""
    outcomes: list[Outcome] = []
    changes: list[Change] = []
    for i, name in enumerate(CLIPS):
        began = time.perf_counter()
        clip = Clip.load(data / name, cache)
        payloads = PAYLOADS if i < ALL_PAYLOADS else PAYLOADS[:1]
        attacks = [one for one in ATTACKS if one.demanded or i < ALL_ATTACKS]
        with tempfile.TemporaryDirectory() as folder:
            made, change = _deliver(clip, payloads, Path(folder))
            changes.append(change)
            outcomes += _attack(clip, attacks, made, Path(folder), cache)
        print(f"{clip.name}: {time.perf_counter() - began:.0f} s, {change}", file=sys.stderr)
    return outcomes, changes


def _deliver(clip: Clip, payloads: Iterable[int], folder: Path) -> tuple[dict[int, Path], Change]:
    errors: list[float] = []
    made = {}
    for payload in payloads:
        made[payload] = folder / f"{payload:x}.mp4"
        clip.deliver(payload, made[payload], errors)
    size = f"{clip.info.width}×{clip.info.height}, {float(clip.info.fps):.4g} fps"
    return made, Change(clip.name, size, _psnr(float(np.mean(errors))), _psnr(max(errors)))


def _psnr(error: float) -> float:
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def _attack(
    clip: Clip, attacks: Iterable[Attack], made: dict[int, Path], folder: Path, cache: Cache
) -> list[Outcome]:
    reader, outcomes = Reader(cache), []
    for attack in attacks:
        for payload, file in made.items() if attack.demanded else list(made.items())[:1]:
            place = folder / f"attacked{attack.suffix}"
            attack.apply(file, place)
            reading = reader.read(place, attack.landmarks or attack.name)
            read = reading is not None and reading.payload == payload
            outcome = Outcome(
                clip.name, attack, read,
                wrong=reading is not None and reading.payload is not None and not read,
                right_bits=reading.right_bits if reading and read else float("nan"),
                margin=reading.strength / reading.needed if reading else 0.0,
            )  # fmt: skip
            outcomes.append(outcome)
            line = f"  {attack.name}: {'read' if read else 'NOT READ'}, {outcome.margin:.2f}"
            print(line, file=sys.stderr)
    return outcomes


def describe_survival(outcomes: list[Outcome]) -> str:
    """The section with the attacks."""
    clips = list(dict.fromkeys(one.clip for one in outcomes))
    words = INTRODUCTION.format(
        n=len(clips), seconds=SECONDS, frames=MOST_FRAMES, names=", ".join(clips),
        payloads=ALL_PAYLOADS, attacks=ALL_ATTACKS,
    )  # fmt: skip
    head = "| attack | bar | read | wrong | coded bits right | strength / needed: median | least |"
    lines = ["## Survival", "", words, "", head, "|" + " --- |" * 7]
    order = sorted(ATTACKS, key=lambda one: (not one.demanded, not one.landmarks))
    lines += [_row(attack, [one for one in outcomes if one.attack == attack]) for attack in order]
    demanded = [one for one in order if one.demanded]
    lines += ["", "Strength over what is needed, clip by clip, the least of its payloads:", ""]
    lines += ["| clip | " + " | ".join(one.name for one in demanded) + " |"]
    lines.append("|" + " --- |" * (1 + len(demanded)))
    for clip in clips:
        margins = (
            min(one.margin for one in outcomes if one.clip == clip and one.attack == attack)
            for attack in demanded
        )
        lines.append(f"| {clip} | " + " | ".join(f"{margin:.2f}" for margin in margins) + " |")
    return "\n".join(lines)


def _row(attack: Attack, outcomes: list[Outcome]) -> str:
    read, margins = sum(one.read for one in outcomes), [one.margin for one in outcomes]
    bits = [one.right_bits for one in outcomes if one.read]
    right = f"{100 * np.mean(bits):.1f} %" if bits else ""
    cells = (
        attack.name, "all" if attack.demanded else "none", f"{read} of {len(outcomes)}",
        str(sum(one.wrong for one in outcomes)), right, f"{np.median(margins):.2f}",
        f"{min(margins):.2f}",
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def describe_changes(changes: list[Change]) -> str:
    """The section with the picture."""
    lines = [
        "## Invisible",
        "",
        "PSNR of the marked region, marked against unmarked frames before they are encoded: of the "
        f"mean square error over all frames (bar: at least {LEAST_PSNR:g} dB), and of the worst "
        "frame.",
        "",
        "| clip | size | bar | all frames | worst frame |",
        "|" + " --- |" * 5,
    ]
    for one in changes:
        cells = f"{one.clip} | {one.size} | {LEAST_PSNR:g} | {one.mean:.1f} | {one.worst:.1f}"
        lines.append(f"| {cells} |")
    return "\n".join(lines)
