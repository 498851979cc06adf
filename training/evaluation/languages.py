"""Whether predicted lips close for p, b and m, in several languages → docs/benchmarks/languages.md.

    python -m training.evaluation.languages --voices runs/voices --data runs/data

VOICES is speech whose phones and their times are known because it is synthesized
(training.corpus.synthesize). Nobody's lips belong to it: it is spoken by the mouths of two people
whom no model has seen, and what a mouth must do is known from the phones.

Symbols: n frames, k spans of time.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lipsync.errors import LipsyncError, MediaError
from lipsync.runtime.positions import runs_of_true
from lipsync.speech import audio
from lipsync.speech.articulation import ArticulationOptions
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.types import SPEECH_RATE, Bools, LipTrack, Waveform
from training.corpus import dataset
from training.corpus.dataset import Clip, Speaker
from training.corpus.forced_alignment import Phone
from training.corpus.synthesize import LANGUAGES, SILENCE, read_phones
from training.evaluation.baselines import shuffled_predictor
from training.metrics import GapLevels, Predictor, network_predictor

F64 = NDArray[np.float64]

MOUTHS = "englishvideo", "grid_s4"
JOINED_S, PAUSE_S = 12.0, 0.3  # a sound is this long or longer; the pause between its sentences

# First symbols of phones. Lips do not meet for β, the b between vowels of Spanish.
BILABIALS, NARROW, OPEN_VOWELS = "pbm", "fvʋβɸwɥuʊ", "aæɑʌ"
BEFORE_S, AFTER_S = 0.06, 0.04  # around a phone: where the lips may close for it
AWAY_S = 0.08  # an open vowel from whatever narrows the mouth
TOUCHING_S = 1e-3  # apart: phones that follow one another
MIDDLE = 0.25  # share of a vowel that is left out at either end

# What a closure falls on, the first that applies.
KINDS = {"p b m": BILABIALS, "f v w u": NARROW, "pause": SILENCE[0], "other": ""}


@dataclass(frozen=True, eq=False)
class Talk:
    """Several sentences of one language, one after the other, and their phones."""

    wave: Waveform
    phones: list[Phone]
    sentences: int

    def clip(self, rate: Fraction) -> Clip:
        """A clip of this sound whose lips nobody knows."""
        frames = int(self.wave.duration * rate)
        return Clip("talk", self.wave, LipTrack(np.full((frames, 18, 2), np.nan, np.float32), rate))


@dataclass(frozen=True)
class LipsOfLanguage:
    """What a mouth does in a language; NaN where undefined."""

    recall: float  # share of p, b, m for which it closes
    open_closed: float  # share of frames in open vowels in which it is closed
    range: float  # of the gap while speaking, in opening ranges of the person
    closures: dict[str, float]  # per second, by KINDS


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, measure, write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluation.languages", description=__doc__
    )
    parser.add_argument("--voices", type=Path, default=Path("runs/voices"), help="from synthesize")
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="from prepare")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/languages.md"))
    args = parser.parse_args(argv)
    try:
        mouths = [dataset.load(args.data, name) for name in MOUTHS]
        text = page(load_talks(args.voices), mouths, make_rows())
    except LipsyncError as error:
        sys.exit(f"error: {error}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text, encoding="utf-8")
    print(text)


def make_rows() -> dict[str, Predictor]:
    """What is measured, by name."""
    shipped = LipLSTM.load(LipOptions("default"))
    default = network_predictor(shipped)

    def moved(speaker: Speaker, clips: list[Clip]) -> list[LipTrack]:
        return [shuffled_predictor(default)(speaker, [clip])[0] for clip in clips]

    return {
        "chance: `default`, sound moved by half its length": moved,
        "the paper's LSTM": network_predictor(LipLSTM.load(LipOptions("paper"))),
        "`default`, `--articulation 0`": network_predictor(shipped, ArticulationOptions(0.0)),
        "**shipped** (`default`)": default,
    }


# --- speech ----------------------------------------------------------------------------------


def load_talks(folder: Path) -> dict[str, list[Talk]]:
    """Sounds of JOINED_S or more, by language.

    Raises:
        MediaError: a language has too little sound, or phones are missing.
    """
    talks = {}
    for language in LANGUAGES:
        paths = sorted(folder.glob(f"{language}-[0-9]*.flac"))
        sentences = [
            (audio.load_speech(path), read_phones(path.with_suffix(".tsv"))) for path in paths
        ]
        talks[language] = list(join_sentences(sentences))
        if not talks[language]:
            raise MediaError(
                f"{folder}: less than {JOINED_S:.0f} s of {language}; "
                "run python -m training.corpus.synthesize with more --sentences"
            )
    return talks


def join_sentences(sentences: Iterable[tuple[Waveform, list[Phone]]]) -> Iterable[Talk]:
    """Join sentences with pauses, at the standard level; the last few may be too short and go."""
    pause = np.zeros(round(PAUSE_S * SPEECH_RATE), np.float32)
    pieces: list[NDArray[np.float32]] = []
    phones: list[Phone] = []
    for wave, spoken in sentences:
        begin = sum(map(len, pieces)) / SPEECH_RATE
        phones += [Phone(one.name, begin + one.begin, begin + one.end) for one in spoken]
        end = begin + len(wave.samples) / SPEECH_RATE
        phones.append(Phone(SILENCE, end, end + PAUSE_S))
        pieces += [wave.samples, pause]
        if end + PAUSE_S >= JOINED_S:
            joined = Waveform(np.concatenate(pieces), SPEECH_RATE)
            yield Talk(audio.standardize(joined), phones, len(pieces) // 2)
            pieces, phones = [], []


def spans_of(phones: Iterable[Phone], first: str) -> F64:
    """Spans (k, 2) of phones whose names begin with one of these symbols; neighbors are joined."""
    spans: list[list[float]] = []
    for phone in phones:
        if phone.name[0] not in first:
            continue
        if spans and phone.begin - spans[-1][1] < TOUCHING_S:
            spans[-1][1] = phone.end
        else:
            spans.append([phone.begin, phone.end])
    return np.array(spans, np.float64).reshape(-1, 2)


def distance_to(spans: F64, times: F64) -> F64:
    """Seconds from times (n,) to the nearest of the spans, (n,); 0 inside."""
    apart = np.maximum(spans[:, 0] - times[:, None], times[:, None] - spans[:, 1])
    return np.asarray(np.maximum(apart, 0).min(1, initial=np.inf))


def in_open_vowels(phones: Sequence[Phone], times: F64) -> Bools:
    """Frames (n,) in the middle of open vowels that nothing near makes narrow.

    Vowels beside a pause do not count: at the end of a sentence, the synthesizer's last one often
    lasts on in silence.
    """
    vowels = spans_of(phones, OPEN_VOWELS)
    pauses = spans_of(phones, SILENCE[0])
    vowels = vowels[distance_to(pauses, vowels.ravel()).reshape(-1, 2).min(1) > TOUCHING_S]
    cut = MIDDLE * (vowels[:, 1] - vowels[:, 0])
    middles = np.stack([vowels[:, 0] + cut, vowels[:, 1] - cut], axis=1)
    near = distance_to(spans_of(phones, BILABIALS + NARROW + SILENCE[0]), times)
    return np.asarray((distance_to(middles, times) == 0) & (near >= AWAY_S))


# --- lips ------------------------------------------------------------------------------------


def measure(
    talks: Sequence[Talk], found: Sequence[LipTrack], closed: float, own_range: float
) -> LipsOfLanguage:
    """What the lips found for these sounds do.

    Args:
        closed: gap at or below which the mouth is closed; own_range: the person's opening range.
    """
    hits: list[bool] = []
    vowels, gaps = [], []
    kinds = Counter[str]()
    for talk, lips in zip(talks, found, strict=True):
        times = np.arange(len(lips)) / float(lips.rate)
        shut = lips.opening <= closed
        for begin, end in spans_of(talk.phones, BILABIALS):
            near = (times >= begin - BEFORE_S) & (times <= end + AFTER_S)
            hits.append(bool((shut & near).any()))
        kinds += Counter(name_closures(talk.phones, shut, times))
        vowels.append(shut[in_open_vowels(talk.phones, times)])
        gaps.append(lips.opening[distance_to(spans_of(talk.phones, SILENCE[0]), times) > 0])
    low, high = np.percentile(np.concatenate(gaps), [5, 95])
    seconds = sum(float(talk.wave.duration) for talk in talks)
    return LipsOfLanguage(
        _mean(np.array(hits)),
        _mean(np.concatenate(vowels)),
        float(high - low) / own_range,
        {name: kinds[name] / seconds for name in KINDS},
    )


def name_closures(phones: Sequence[Phone], shut: Bools, times: F64) -> Iterable[str]:
    """The kind of every closure: a run of shut frames (n,), with BEFORE_S and AFTER_S of play."""
    spans = {name: spans_of(phones, first) for name, first in KINDS.items()}
    for first, end in runs_of_true(shut):
        yield next(
            (
                name
                for name, (begins, ends) in ((name, span.T) for name, span in spans.items())
                if ((begins - BEFORE_S <= times[end - 1]) & (times[first] <= ends + AFTER_S)).any()
            ),
            "other",
        )


def measure_mouth(
    talks: dict[str, list[Talk]], speaker: Speaker, predict: Predictor
) -> dict[str, LipsOfLanguage]:
    """What a person's predicted lips do, by language."""
    rate = speaker.clips[0].lips.rate
    known = LipTrack(np.concatenate([clip.lips.points for clip in speaker.clips]), rate)
    levels, own_range = GapLevels.of(known), speaker.profile.opening_range
    return {
        language: measure(
            some, predict(speaker, [talk.clip(rate) for talk in some]), levels.closed, own_range
        )
        for language, some in talks.items()
    }


def _mean(values: Bools) -> float:
    return float(values.mean()) if len(values) else float("nan")


# --- page ------------------------------------------------------------------------------------


def page(
    talks: dict[str, list[Talk]], mouths: Sequence[Speaker], rows: dict[str, Predictor]
) -> str:
    """The whole page, as Markdown."""
    sections: list[str] = []
    means: list[str] = []
    for speaker in mouths:
        sections += ["", f"## On the mouth of {speaker.name}"]
        for name, predict in rows.items():
            found = measure_mouth(talks, speaker, predict)
            print(f"{speaker.name}: {name}", file=sys.stderr)
            mean = average(list(found.values()))
            sections += ["", f"### {name}", "", *_head("language")]
            sections += [_line(language, lips) for language, lips in found.items()]
            sections += [_line("**mean**", mean)]
            means += [_line(f"{speaker.name}: {name}", mean)]
    return "\n".join([*_introduction(), *_speech(talks), *_summary(means), *sections]) + "\n"


def _introduction() -> list[str]:
    return [
        "# Lips of several languages",
        "",
        "Written by `python -m training.evaluation.languages`.",
        f"{date.today().isoformat()}, {os.cpu_count()} cores ({platform.machine()}), "
        f"torch {torch.__version__}.",
        "",
        "Speech synthesized by Kokoro-82M (`training.corpus.synthesize`), which decides how long "
        "every phone is: they are known, not found, but for a constant lag. About half of it, "
        "with all German and Russian, is spoken by voices of another language, with an accent. "
        f"Sentences are joined to {JOINED_S:.0f} s or more, {1000 * PAUSE_S:.0f} ms apart. A mouth "
        "is closed as in `training.metrics`, by the measured lips of the person.",
        "",
        f"- **recall**: of runs of p, b, m, those for which it closes, from {1000 * BEFORE_S:.0f} "
        f"ms before to {1000 * AFTER_S:.0f} ms after them;",
        f"- **in open vowels**: share of the frames in the middle half of {' '.join(OPEN_VOWELS)}, "
        f"{1000 * AWAY_S:.0f} ms or more from any of {' '.join(BILABIALS + NARROW)} and pauses and "
        "not beside a pause, in which it is closed;",
        "- **range**: of the gap between the lips while speaking (5th to 95th percentile), in "
        "opening ranges of the person;",
        "- **closures/s**, and of those what is heard there, the first that applies, with the same "
        "play as for recall: p b m; f v w u (and ʋ β ɸ ɥ ʊ); pauses; anything else.",
        "",
    ]


def _speech(talks: dict[str, list[Talk]]) -> Iterable[str]:
    yield from ("## The speech", "", "| language | sentences | seconds | p b m | per second |")
    yield "| --- | --- | --- | --- | --- |"
    everything = [talk for some in talks.values() for talk in some]
    for language, some in [*talks.items(), ("**all**", everything)]:
        seconds = sum(float(talk.wave.duration) for talk in some)
        spoken = sum(len(spans_of(talk.phones, BILABIALS)) for talk in some)
        count = sum(talk.sentences for talk in some)
        yield f"| {language} | {count} | {seconds:.0f} | {spoken} | {spoken / seconds:.2f} |"


def _summary(means: Sequence[str]) -> list[str]:
    return ["", "## Mean of the languages", "", *_head("mouth: row"), *means]


def _head(first: str) -> tuple[str, str]:
    names = (first, "recall", "in open vowels", "range", "closures/s", *KINDS)
    return "| " + " | ".join(names) + " |", "| --- " * len(names) + "|"


def _line(name: str, lips: LipsOfLanguage) -> str:
    rates = [sum(lips.closures.values()), *lips.closures.values()]
    cells = [f"{lips.recall:.2f}", f"{lips.open_closed:.3f}", f"{lips.range:.2f}"]
    return f"| {name} | " + " | ".join(cells + [f"{rate:.2f}" for rate in rates]) + " |"


def average(found: Sequence[LipsOfLanguage]) -> LipsOfLanguage:
    """The mean over languages, each of which counts the same."""
    return LipsOfLanguage(
        float(np.nanmean([one.recall for one in found])),
        float(np.nanmean([one.open_closed for one in found])),
        float(np.mean([one.range for one in found])),
        {name: float(np.mean([one.closures[name] for one in found])) for name in KINDS},
    )


if __name__ == "__main__":
    main()
