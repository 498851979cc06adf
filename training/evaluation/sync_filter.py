"""Judging → docs/benchmarks/prepare.md: which clips `prepare` keeps, of right and of wrong ones.

python -m training.evaluation.sync_filter --data runs/data
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
from training.corpus.sync_filter import Evidence

SEEN, UNSEEN = "grid_s1", ("grid_s4", "grid_s26", "grid_s31")  # of s1, the validation clips
OTHERS = 5  # wrong sounds per clip
MOVED_MS = (80, 120, 160, 200, 300, 400)
COMMON_MS = (-200, -120, -60, 60, 120, 200, 300)

People = dict[str, list[Evidence]]


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, judge, write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluation.sync_filter", description=__doc__
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
    people = {name: evidence(data, name) for name in (SEEN, *UNSEEN)}
    lines = [
        "# What `prepare` keeps",
        "",
        "Written by `python -m training.evaluation.sync_filter`; the rules are in "
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
        "of another sentence of this person": {n: _own_others(people[n]) for n in people},
        "of another person": {n: _foreign(people, n) for n in people},
    }
    for ms in MOVED_MS:
        sounds[f"its own, moved by ± {ms} ms"] = {
            name: [moved(clip, sign * ms / 1000) for clip in clips for sign in (1, -1)]
            for name, clips in people.items()
        }
    for title, clips_of in sounds.items():
        cells = [_shares(clips_of[name], people[name]) for name in people]
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
        cells = [_together(moved(clip, ms / 1000) for clip in people[name]) for name in people]
        lines.append(f"| moved by {ms:+d} ms | " + " | ".join(cells) + " |")
    cells = [_together(_own_others(people[name], 1)) for name in people]
    lines.append("| of another sentence of this person | " + " | ".join(cells) + " |")
    cells = [_together(_foreign(people, name, 1)) for name in people]
    lines.append("| of other people | " + " | ".join(cells) + " |")
    for share in (0.3, 0.5):
        cells = [_mixed(people, name, share) for name in people]
        lines.append(
            f"| {share:.0%} of other people: those, the rest | " + " | ".join(cells) + " |"
        )
    return "\n".join(lines) + "\n"


def _columns(people: People) -> tuple[str, str]:
    """The head of a table with a column for everybody."""
    return "| sound | " + " | ".join(people) + " |", "| --- |" + " --- |" * len(people)


def evidence(data: Path, name: str) -> list[Evidence]:
    """A speaker's clips, as `prepare` judges them."""
    speaker = dataset.load(data, name)
    clips = dataset.split(speaker.clips)[1] if name == SEEN else speaker.clips
    model, found = LipLSTM.load(LipOptions()), []
    for clip in clips:
        end = len(clip.lips) / clip.lips.rate
        asked, speaking = segments.Ear(model, clip.wave).hear(end - end, end, whole=True)
        seen = sync_filter.seen(clip.lips, len(asked))
        found.append(Evidence(Path(clip.name), seen, asked, speaking))
    return found


def moved(clip: Evidence, late_s: float) -> Evidence:
    """The sound so much later; at the end that it leaves, it stays as it is there."""
    at = np.arange(len(clip.asked)) - late_s * segments.RATE
    nearest = np.clip(np.round(at).astype(int), 0, len(at) - 1)
    asked = np.interp(at, np.arange(len(at)), clip.asked).astype(np.float32)
    return replace(clip, asked=asked, speaking=clip.speaking[nearest])


def _with_sound(clip: Evidence, other: Evidence) -> Evidence:
    at = np.minimum(np.arange(len(clip.seen)), len(other.asked) - 1)
    return replace(clip, asked=other.asked[at], speaking=other.speaking[at])


def _own_others(clips: list[Evidence], count: int = OTHERS) -> list[Evidence]:
    return [
        _with_sound(clip, clips[(i + k) % len(clips)])
        for i, clip in enumerate(clips)
        for k in range(1, count + 1)
    ]


def _foreign(people: People, name: str, count: int = OTHERS) -> list[Evidence]:
    others = [clip for other, clips in people.items() if other != name for clip in clips]
    return [
        _with_sound(clip, others[(7 * i + 13 * k) % len(others)])
        for i, clip in enumerate(people[name])
        for k in range(count)
    ]


def _shares(clips: list[Evidence], right: list[Evidence]) -> str:
    common = sync_filter.common_of(right)
    beside = [_kept(sync_filter.verdict_on(clip, common)) for clip in clips]
    alone = [_kept(sync_filter.judge([clip])[0]) for clip in clips]
    return f"{np.mean(beside):.1%} ({np.mean(alone):.1%})"


def _together(clips: Iterable[Evidence]) -> str:
    verdicts = sync_filter.judge(list(clips))
    kept = [verdict for verdict in verdicts if _kept(verdict)]
    share = f"{len(kept) / len(verdicts):.0%}"
    return f"{share}, {kept[0].lag_s * 1000:+.0f}" if kept else share


def _mixed(people: People, name: str, share: float) -> str:
    clips, foreign = people[name], _foreign(people, name, 1)
    wrong = round(share * len(clips))
    verdicts = sync_filter.judge([*foreign[:wrong], *clips[wrong:]])
    kept = [_kept(verdict) for verdict in verdicts]
    return f"{sum(kept[:wrong])} of {wrong}, {sum(kept[wrong:])} of {len(clips) - wrong}"


def _kept(verdict: sync_filter.Verdict) -> bool:
    return not verdict.reason


if __name__ == "__main__":
    main()
