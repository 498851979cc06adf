"""Tables of docs/benchmarks/lips.md: metrics of predicted lips on one person's clips.

Closures and correlations are measured on the lips as predicted; stillness, and closures once more,
on the lips as rendered: after `lipsync.speech.silence` has closed them in pauses.
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
from lipsync.speech.vad import SpeechSegments
from lipsync.types import F32, N_LIPS, Bools, LipTrack
from training.corpus import forced_alignment
from training.corpus.dataset import Clip, Speaker
from training.metrics import (
    GapLevels,
    Predictor,
    closure_windows,
    closures,
    lip_metrics,
    mean_clip_r_open,
    still_share,
)

# Lips part before speech is heard and come to rest after it: silence further than this from speech
# gets its own column.
NEAR_S = 0.4
RUNNING_FPS = Fraction(25)
COLUMNS = (
    "row", "r_open", "r_open, mean of clips", "r_width", "RMSE", "articulation", "lag ms",
    "closure recall", "as rendered", "false closures", "still in silence", "still away from speech",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A row of a table: a name and a predictor."""

    name: str
    predict: Predictor
    settled: bool = True  # close in pauses; false for measured lips, which are shown as they are


def measured_lips(_: Speaker, clips: list[Clip]) -> list[LipTrack]:
    """The measured lips themselves."""
    return [clip.lips for clip in clips]


@dataclass(frozen=True, eq=False)
class LipEvaluation:
    """Clips of one person, and everything needed to evaluate lips on them."""

    speaker: Speaker
    clips: list[Clip]
    windows: list[NDArray[np.float64]]  # (k, 2) of every clip: its p, b, m
    speech: list[SpeechSegments]
    levels: GapLevels
    shut: F32  # (18, 2), the closed mouth

    @staticmethod
    def of(speaker: Speaker, clips: list[Clip], data: Path) -> LipEvaluation:
        """Align the clips and detect their speech; measure the mouth on all the speaker's clips."""
        whole = LipTrack(
            np.concatenate([clip.lips.points for clip in speaker.clips]), clips[0].lips.rate
        )
        spoken = forced_alignment.align_phones(data, speaker, clips)
        return LipEvaluation(
            speaker,
            clips,
            [closure_windows(phones or []) for phones in spoken],
            [vad.detect_speech(clip.wave) for clip in clips],
            GapLevels.of(whole),
            closed_mouth(whole),
        )

    def table(self, title: str, rows: list[Row]) -> list[str]:
        """Format all rows as Markdown."""
        true = [clip.lips for clip in self.clips]
        truth = closures(true, true, self.windows, self.levels)
        quiet = still_share(true, self.silent(0))[1], still_share(true, self.silent(NEAR_S))[1]
        return [
            f"## {title}",
            "",
            f"{truth.tested} of {truth.spoken} p, b, m close in truth. {quiet[0]} silent frames, "
            f"{quiet[1]} of them more than {NEAR_S} s away from speech.",
            "",
            *_head(COLUMNS),
            *(self.row(row) for row in rows),
            "",
        ]

    def row(self, row: Row) -> str:
        """Compute one row of the table; its name is reported on stderr."""
        print(f"{self.speaker.name}: {row.name}", file=sys.stderr)
        true = [clip.lips for clip in self.clips]
        found = row.predict(self.speaker, self.clips)
        f = lip_metrics(true, found)
        closed = closures(true, found, self.windows, self.levels)
        shown = self.settle(found) if row.settled else found
        rendered = closures(true, shown, self.windows, self.levels)
        cells = (
            _number(f.r_open, ".3f"), _number(mean_clip_r_open(true, found), ".3f"),
            _number(f.r_width, ".3f"), f"{f.rmse:.4f}", f"{f.articulation:.2f}",
            _number(f.lag_ms, "+.0f"), _number(closed.recall, ".2f"),
            _number(rendered.recall, ".2f"), _number(closed.false, ".3f"),
            *(_number(still_share(shown, self.silent(margin))[0], ".1%") for margin in (0, NEAR_S)),
        )  # fmt: skip
        return _line((row.name, *cells))

    def settle(self, lips: list[LipTrack]) -> list[LipTrack]:
        """Lips as a render would show them."""
        options = SilenceOptions()
        settled = []
        for track, speech in zip(lips, self.speech, strict=True):
            settled.append(
                silence.close_in_pauses(track, speech, self.shut, track.points, options)[0]
            )
        return settled

    def silent(self, margin_s: float) -> list[Bools]:
        """Frames of each clip that are more than `margin_s` away from speech, (n,)."""
        return [
            silent_frames(speech, len(clip.lips), clip.lips.rate, margin_s)
            for speech, clip in zip(self.speech, self.clips, strict=True)
        ]


def silent_frames(speech: SpeechSegments, n: int, rate: Fraction, margin_s: float) -> Bools:
    """Frames, of n, that are more than `margin_s` away from speech, (n,)."""
    around = SpeechSegments(speech.spans + np.array([-margin_s, margin_s]))
    return ~around.at(np.arange(n) / float(rate))


def running_speech_table(
    files: list[Path], evaluation: LipEvaluation, rows: list[Row]
) -> list[str]:
    """Stillness in the pauses of sounds without video, on one person's mouth."""
    clips = []
    for file in files:
        wave = audio.load_speech(file)
        unknown = np.full((round(wave.duration * RUNNING_FPS), N_LIPS, 2), np.nan, np.float32)
        clips.append(Clip(file.stem, wave, LipTrack(unknown, RUNNING_FPS)))
    speech = [vad.detect_speech(clip.wave) for clip in clips]
    whole = LipEvaluation(evaluation.speaker, clips, [], speech, evaluation.levels, evaluation.shut)
    where, away = whole.silent(0), whole.silent(NEAR_S)
    # The first frame has no predecessor.
    counts = ", ".join(f"{c.name} ({w[1:].sum()})" for c, w in zip(clips, where, strict=True))
    lines = [
        f"## Silence in running speech, on {evaluation.speaker.name}'s mouth at {RUNNING_FPS} fps",
        "",
        f"No true lips. Silent frames: {counts}.",
        "",
        *_head(("row", *COLUMNS[-2:])),
    ]
    for row in rows:
        found = whole.settle(row.predict(evaluation.speaker, clips))
        shares = still_share(found, where)[0], still_share(found, away)[0]
        lines.append(_line((row.name, *(_number(share, ".1%") for share in shares))))
    return [*lines, ""]


def _head(columns: tuple[str, ...]) -> list[str]:
    return [_line(columns), "|" + " --- |" * len(columns)]


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form)
