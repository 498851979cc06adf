"""Accuracy of the sync filter: shares of matching and mismatched clips kept → prepare.md.

python -m training.evaluation.sync_filter_accuracy --data runs/data
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import torch

from lipsync.errors import LipsyncError
from lipsync.speech.lip_model import LipLSTM, LipOptions
from training.corpus import dataset, segments, sync_filter
from training.corpus.benchmark_data import SEEN
from training.corpus.sync_filter import SyncEvidence

UNSEEN = ("grid_s4", "grid_s26", "grid_s31")
OTHERS = 5  # wrong sounds per clip
MOVED_MS = (80, 120, 160, 200, 300, 400)
COMMON_MS = (-200, -120, -60, 60, 120, 200, 300)

EvidenceByPerson = dict[str, list[SyncEvidence]]


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, evaluate, write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluation.sync_filter_accuracy", description=__doc__
    )
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="from prepare")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/prepare.md"))
    args = parser.parse_args(argv)
    try:
        text = page(args.data)
    except LipsyncError as error:
        sys.exit(f"error: {error}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text, encoding="utf-8")
    print(text)


def page(data: Path) -> str:
    """The whole page, as Markdown."""
    people = {name: load_evidence(data, name) for name in (SEEN, *UNSEEN)}
    lines = [
        "# What `prepare` keeps",
        "",
        "Written by `python -m training.evaluation.sync_filter_accuracy`; the rules are in "
        "`training.corpus.sync_filter`.",
        f"{date.today().isoformat()}, {os.cpu_count()} cores ({platform.machine()}), "
        f"torch {torch.__version__}, the shipped model. GRID: clips of 3 s, all sentences in one "
        "rhythm. Right clips may be off themselves: nobody has checked them.",
        "",
        "## One clip beside right ones of the same person",
        "",
        "Share of clips that is kept; in brackets where there are no others to tell the lag.",
        "",
        *_columns(people),
    ]
    sounds = {
        "its own": people,
        "of another sentence of this person": {n: _other_sentences(people[n]) for n in people},
        "of another person": {n: _other_people(people, n) for n in people},
    }
    for ms in MOVED_MS:
        sounds[f"its own, moved by ± {ms} ms"] = {
            name: [shift_sound(clip, sign * ms / 1000) for clip in clips for sign in (1, -1)]
            for name, clips in people.items()
        }
    for title, clips_of in sounds.items():
        cells = [_kept_shares(clips_of[name], people[name]) for name in people]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "## All of a person's clips",
        "",
        "Share of clips that is kept, and by how much (ms) their sound is found to be late.",
        "",
        *_columns(people),
    ]
    for ms in COMMON_MS:
        cells = [
            _kept_together(shift_sound(clip, ms / 1000) for clip in people[name]) for name in people
        ]
        lines.append(f"| moved by {ms:+d} ms | " + " | ".join(cells) + " |")
    cells = [_kept_together(_other_sentences(people[name], 1)) for name in people]
    lines.append("| of another sentence of this person | " + " | ".join(cells) + " |")
    cells = [_kept_together(_other_people(people, name, 1)) for name in people]
    lines.append("| of other people | " + " | ".join(cells) + " |")
    for share in (0.3, 0.5):
        cells = [_kept_of_mixture(people, name, share) for name in people]
        lines.append(
            f"| {share:.0%} of other people: those, the rest | " + " | ".join(cells) + " |"
        )
    return "\n".join(lines) + "\n"


def _columns(people: EvidenceByPerson) -> tuple[str, str]:
    """Head of a table with a column per person."""
    return "| sound | " + " | ".join(people) + " |", "| --- |" + " --- |" * len(people)


def load_evidence(data: Path, name: str) -> list[SyncEvidence]:
    """A speaker's clips, as `prepare` sees them."""
    speaker = dataset.load(data, name)
    clips = dataset.split(speaker.clips)[1] if name == SEEN else speaker.clips
    model, found = LipLSTM.load(LipOptions()), []
    for clip in clips:
        end = len(clip.lips) / clip.lips.rate
        asked, speaking = segments.OpeningPredictor(model, clip.wave).predict(
            end - end, end, whole=True
        )
        seen = sync_filter.measure_opening(clip.lips, len(asked))
        found.append(SyncEvidence(Path(clip.name), seen, asked, speaking))
    return found


def shift_sound(clip: SyncEvidence, late_s: float) -> SyncEvidence:
    """Delay the sound; beyond its ends it keeps the first or last value."""
    at = np.arange(len(clip.predicted)) - late_s * segments.RATE
    nearest = np.clip(np.round(at).astype(int), 0, len(at) - 1)
    predicted = np.interp(at, np.arange(len(at)), clip.predicted).astype(np.float32)
    return replace(clip, predicted=predicted, speaking=clip.speaking[nearest])


def _with_sound(clip: SyncEvidence, other: SyncEvidence) -> SyncEvidence:
    at = np.minimum(np.arange(len(clip.measured)), len(other.predicted) - 1)
    return replace(clip, predicted=other.predicted[at], speaking=other.speaking[at])


def _other_sentences(clips: list[SyncEvidence], count: int = OTHERS) -> list[SyncEvidence]:
    return [
        _with_sound(clip, clips[(i + k) % len(clips)])
        for i, clip in enumerate(clips)
        for k in range(1, count + 1)
    ]


def _other_people(people: EvidenceByPerson, name: str, count: int = OTHERS) -> list[SyncEvidence]:
    others = [clip for other, clips in people.items() if other != name for clip in clips]
    return [
        _with_sound(clip, others[(7 * i + 13 * k) % len(others)])
        for i, clip in enumerate(people[name])
        for k in range(count)
    ]


def _kept_shares(clips: list[SyncEvidence], right: list[SyncEvidence]) -> str:
    common = sync_filter.estimate_common_lag(right)
    among_others = [_kept(sync_filter.check_clip(clip, common)) for clip in clips]
    alone = [_kept(sync_filter.check_clips([clip])[0]) for clip in clips]
    return f"{np.mean(among_others):.1%} ({np.mean(alone):.1%})"


def _kept_together(clips: Iterable[SyncEvidence]) -> str:
    decisions = sync_filter.check_clips(list(clips))
    kept = [decision for decision in decisions if _kept(decision)]
    share = f"{len(kept) / len(decisions):.0%}"
    return f"{share}, {kept[0].lag_s * 1000:+.0f}" if kept else share


def _kept_of_mixture(people: EvidenceByPerson, name: str, share: float) -> str:
    clips, foreign = people[name], _other_people(people, name, 1)
    wrong = round(share * len(clips))
    decisions = sync_filter.check_clips([*foreign[:wrong], *clips[wrong:]])
    kept = [_kept(decision) for decision in decisions]
    return f"{sum(kept[:wrong])} of {wrong}, {sum(kept[wrong:])} of {len(clips) - wrong}"


def _kept(decision: sync_filter.SyncDecision) -> bool:
    return not decision.reason


if __name__ == "__main__":
    main()
