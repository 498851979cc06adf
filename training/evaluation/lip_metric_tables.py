"""The tables of docs/benchmarks/lips.md: every row's lips on a person's clips, and their figures.

Closures and correlations look at the lips as predicted; silence, and closures once more, at the
lips as a render shows them, settled by `lipsync.speech.vad` with its default options.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipsync.speech import audio, silence, vad
from lipsync.speech.lip_profile import closed_mouth
from lipsync.speech.silence import SilenceOptions
from lipsync.speech.vad import Speech
from lipsync.types import F32, N_LIPS, Bools, LipTrack
from training.corpus import forced_alignment
from training.corpus.dataset import Clip, Speaker
from training.evaluation.baselines import Predictor
from training.evaluation.metrics import (
    GapLevels,
    closure_windows,
    closures,
    figures,
    mean_clip_r_open,
    still,
)

# People's lips part before they are heard and come to rest after: silence further from speech
# than this is counted once more by itself.
NEAR_S = 0.4
RUNNING_FPS = Fraction(25)
COLUMNS = (
    "row", "r_open", "r_open, mean of clips", "r_width", "RMSE", "articulation", "lag ms",
    "closure recall", "as rendered", "false closures", "still in silence", "still away from speech",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A name and where its lips come from."""

    name: str
    predict: Predictor
    settled: bool = True  # false: the lips are a person's own and are shown as they are


def original(_: Speaker, clips: list[Clip]) -> list[LipTrack]:
    """The true lips."""
    return [clip.lips for clip in clips]


@dataclass(frozen=True, eq=False)
class Exam:
    """Clips of one person, and what is needed to judge lips on them."""

    speaker: Speaker
    clips: list[Clip]
    windows: list[NDArray[np.float64]]  # (k, 2) of every clip: its p, b, m
    speech: list[Speech]
    levels: GapLevels
    shut: F32  # (18, 2), the closed mouth

    @staticmethod
    def of(speaker: Speaker, clips: list[Clip], data: Path) -> Exam:
        """Align and listen to the clips; the mouth is measured on all of the speaker's."""
        whole = LipTrack(
            np.concatenate([clip.lips.points for clip in speaker.clips]), clips[0].lips.rate
        )
        spoken = forced_alignment.phones(data, speaker, clips)
        return Exam(
            speaker,
            clips,
            [closure_windows(phones or []) for phones in spoken],
            [vad.listen(clip.wave) for clip in clips],
            GapLevels.of(whole),
            closed_mouth(whole),
        )

    def block(self, title: str, rows: list[Row]) -> list[str]:
        """The Markdown of all rows."""
        true = [clip.lips for clip in self.clips]
        truth = closures(true, true, self.windows, self.levels)
        quiet = still(true, self.silent(0))[1], still(true, self.silent(NEAR_S))[1]
        return [
            f"## {title}",
            "",
            f"{truth.judged} of {truth.spoken} p, b, m close in truth. {quiet[0]} silent frames, "
            f"{quiet[1]} of them more than {NEAR_S} s away from speech.",
            "",
            *_head(COLUMNS),
            *(self.line(row) for row in rows),
            "",
        ]

    def line(self, row: Row) -> str:
        """One row of the table; says on stderr that it is at it."""
        print(f"{self.speaker.name}: {row.name}", file=sys.stderr)
        true = [clip.lips for clip in self.clips]
        found = row.predict(self.speaker, self.clips)
        f = figures(true, found)
        closed = closures(true, found, self.windows, self.levels)
        shown = self.settle(found) if row.settled else found
        rendered = closures(true, shown, self.windows, self.levels)
        cells = (
            _number(f.r_open, ".3f"), _number(mean_clip_r_open(true, found), ".3f"),
            _number(f.r_width, ".3f"), f"{f.rmse:.4f}", f"{f.articulation:.2f}",
            _number(f.lag_ms, "+.0f"), _number(closed.recall, ".2f"),
            _number(rendered.recall, ".2f"), _number(closed.false, ".3f"),
            *(_number(still(shown, self.silent(margin))[0], ".1%") for margin in (0, NEAR_S)),
        )  # fmt: skip
        return _line((row.name, *cells))

    def settle(self, lips: list[LipTrack]) -> list[LipTrack]:
        """The lips that a render would show."""
        options = SilenceOptions()
        settled = []
        for track, speech in zip(lips, self.speech, strict=True):
            settled.append(silence.settle(track, speech, self.shut, track.points, options)[0])
        return settled

    def silent(self, margin_s: float) -> list[Bools]:
        """For every clip (n,), the frames more than so far from any speech."""
        return [
            silent(speech, len(clip.lips), clip.lips.rate, margin_s)
            for speech, clip in zip(self.speech, self.clips, strict=True)
        ]


def silent(speech: Speech, n: int, rate: Fraction, margin_s: float) -> Bools:
    """Of n frames, (n,), those outside of all speech and its margins."""
    around = Speech(speech.spans + np.array([-margin_s, margin_s]))
    return ~around.at(np.arange(n) / float(rate))


def running_speech(files: list[Path], exam: Exam, rows: list[Row]) -> list[str]:
    """Stillness in the pauses of sounds without a picture, spoken by the person of `exam`."""
    clips = []
    for file in files:
        wave = audio.load(file)
        unknown = np.full((round(wave.duration * RUNNING_FPS), N_LIPS, 2), np.nan, np.float32)
        clips.append(Clip(file.stem, wave, LipTrack(unknown, RUNNING_FPS)))
    speech = [vad.listen(clip.wave) for clip in clips]
    whole = Exam(exam.speaker, clips, [], speech, exam.levels, exam.shut)
    where, away = whole.silent(0), whole.silent(NEAR_S)
    # The first frame has none before it to have moved from.
    counts = ", ".join(f"{c.name} ({w[1:].sum()})" for c, w in zip(clips, where, strict=True))
    lines = [
        f"## Silence in running speech, on {exam.speaker.name}'s mouth at {RUNNING_FPS} fps",
        "",
        f"No true lips. Silent frames: {counts}.",
        "",
        *_head(("row", *COLUMNS[-2:])),
    ]
    for row in rows:
        found = whole.settle(row.predict(exam.speaker, clips))
        shares = still(found, where)[0], still(found, away)[0]
        lines.append(_line((row.name, *(_number(share, ".1%") for share in shares))))
    return [*lines, ""]


def _head(columns: tuple[str, ...]) -> list[str]:
    return [_line(columns), "|" + " --- |" * len(columns)]


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form)
