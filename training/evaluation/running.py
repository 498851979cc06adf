"""Lips predicted on running speech of people whom no model has seen → docs/benchmarks/running.md.

    python -m training.evaluation.running [--shared ../shared] [--model WEIGHTS ...]

Every clip is a person of their own, with their own sound. Baselines: the person's mean shape, and
the shipped model with the wrong sound (chance). Landmarks are cached.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path

import numpy as np
import torch

from lipsync import media
from lipsync.errors import LipsyncError, MediaError
from lipsync.face.landmarks import LandmarkOptions, track_video
from lipsync.face.tracked_face import TrackedFace
from lipsync.media.frame_times import resample_regularly
from lipsync.runtime.cache import Cache
from lipsync.runtime.positions import runs_of_true
from lipsync.speech import lip_model, vad
from lipsync.speech.articulation import ArticulationOptions
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.speech.lip_profile import LipProfile, closed_mouth
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import LipTrack, Waveform
from training.corpus.dataset import Clip, Speaker
from training.evaluation.baselines import shuffled_predictor
from training.evaluation.lip_metric_tables import LipEvaluation, measured_lips
from training.evaluation.running_metrics import MouthGaps, Pair, RunningMetrics, measure_lag
from training.metrics import GapLevels, Predictor, network_predictor

INTRODUCTION = """\
# Lips on running speech

Written by `python -m training.evaluation.running`; definitions in the module
`training.evaluation.running_metrics`.
{date}, {cores} cores ({machine}), torch {torch}.

People whom no model has seen, with their own sound: street footage, a televised address, ten
seconds of English and Arabic news. The constants of `lipsync.speech.articulation` were chosen on
some of these people. A person's mouth (neutral shape, width, rest, opening range) is measured on
their own clip, as at render time. `arabic_news`: every fifth clip, each as a person of its own,
measured together.

- Sound: in some clips it is out of step with the picture. It is advanced by the lag (at most
  ± 150 ms) at which the gap predicted by the shipped model correlates best with the true one, for
  all rows alike. So the shipped model's lag is 0 by construction, other rows' lags are relative to
  it, and in the short clips this favors it a little.
- original: the true lips, with the noise of their landmarks.
- mean shape: the mean of the clip's true lips, which no model knows.
- another clip's sound: the next clip's; where there is only one, its own, moved by half its length.
- networks: the lips as a render has them before it settles them in pauses.
- as rendered: the lips settled in pauses (`--silence close`).

Columns. Unit of length: the outer-eye distance; 18 lip points, aligned by the rigid points only.

- r_open: correlation of the inner-lip gap. It and the next two correlate deviations from each
  clip's mean.
- r_width: correlation of the mouth width.
- r_protrusion: correlation of the height of the outer lips minus the mouth width, each divided by
  the standard deviation of the true one: lips that are pushed forward are high and narrow.
- RMSE: root of the mean squared error of the 36 coordinates.
- offset: share of the squared error that stays the same through a clip.
- gain: share that would vanish if the predicted deviations from the clip's mean were multiplied by
  the best single factor.
- motion: the rest of the squared error.
- closure recall: share of the true closures where the predicted mouth is closed within ± 40 ms. A
  closure is a run of frames whose gap is at most 15% of the opening range above that of the shut
  mouth, whether in a p, b, m or in a pause. 40 ms are rounded to whole frames.
- false closures: share of frames predicted closed, of those whose true gap is more than 50% of the
  range above it and not closed within ± 40 ms.
- depth: smallest predicted gap within ± 40 ms of a true closure, above that of the shut mouth, in
  opening ranges; the median of all true closures.
- closures/s: closures per second, predicted / true.
- speed: RMS velocity of the gap up to 10 Hz, predicted / true.
- 0–3 Hz, 3–6 Hz, 6–10 Hz: power of the gap in this band, predicted / true.
- lag: delay of the predicted gap at which it correlates best with the true one; positive: it comes
  late; –: there is none within ± 150 ms.

Speed and power come from Welch spectra (Hann windows of 4 s) at the clip's own frame rate. The
landmarks' noise is assumed to be white: the true gap's mean density above 10 Hz is subtracted from
the true spectrum, so motion above 10 Hz counts as noise, too. It is not subtracted from what is
compared with it: what the original has beyond 1 is noise. Where noise is more than two thirds of
the true power, there is no figure. The last section weights all sections equally and leaves out
undefined values; its means of speed and power are geometric.
"""

WILD = (
    "desk_french_50s.mp4", "one_take_60s.mp4", "turning_head_stage.mkv", "hands_and_objects.mp4",
    "both_hands_1080p.mp4", "room_light_1080p.mp4", "book_in_hand_1080p.mp4", "vfr_22fps.mp4",
    "dark_portrait_60fps.mp4",
)  # fmt: skip
OTHERS = ("av/unseen/address_1980s.mkv", "targets/englishvideo.mp4")
NEWS, NEWS_EVERY = "av/unseen/arabic_news", 5  # of the sorted clips
SHIPPED_ROW = "**shipped** (`default`)"
RATIOS = ("speed", "slow", "middle", "fast")  # the mean of these is the geometric one


# Head, metrics and their format; INTRODUCTION says what they are.
COLUMNS = (
    ("r_open", "r_open", ".3f"), ("r_width", "r_width", ".3f"),
    ("r_protrusion", "r_protrusion", ".3f"), ("RMSE", "rmse", ".4f"), ("offset", "offset", ".0%"),
    ("gain", "gain", ".0%"), ("motion", "motion", ".0%"), ("closure recall", "recall", ".2f"),
    ("false closures", "false", ".3f"), ("depth", "depth", "+.2f"),
    ("closures/s", "closures true_closures", ".2f"), ("speed", "speed", ".2f"),
    ("0–3 Hz", "slow", ".2f"), ("3–6 Hz", "middle", ".2f"), ("6–10 Hz", "fast", ".2f"),
    ("lag ms", "lag_ms", "+.0f"),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A row of the tables: a name and a predictor."""

    name: str
    predict: Predictor
    wrong_sound: bool = False  # gets the sound of the next clip
    rendered: str = ""  # name of a further row: the same lips, closed in pauses


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, evaluate, write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluation.running", description=__doc__
    )
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="has data/ in it")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/running.md"))
    parser.add_argument("--model", action="append", default=[], help="more weights (repeatable)")
    args = parser.parse_args(argv)
    try:
        footage = find_footage(args.shared / "data")
        rows = make_rows(args.model)
        text = page(evaluate(footage, rows))
    except LipsyncError as error:
        sys.exit(f"error: {error}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text, encoding="utf-8")
    print(text)


def mean_shape(_: Speaker, clips: list[Clip]) -> list[LipTrack]:
    """The mean of each clip's true lips."""
    shapes = [np.nanmean(clip.lips.points, axis=0, keepdims=True) for clip in clips]
    return [
        LipTrack(np.repeat(shape, len(clip.lips), axis=0), clip.lips.rate)
        for shape, clip in zip(shapes, clips, strict=True)
    ]


def advance_sound(clip: Clip, late_s: float) -> Clip:
    """Advance a clip's sound that is late; lips of frames without sound become unknown.

    The lips stay as measured: interpolated between frames they would lose speed and noise.
    """
    rate, samples = clip.wave.rate, clip.wave.samples
    late = round(late_s * rate)
    moved = samples[late:] if late >= 0 else np.pad(samples, (-late, 0))
    times = np.arange(len(clip.lips)) / float(clip.lips.rate)
    heard = (times >= -late_s) & (times < len(moved) / rate)
    points = np.where(heard[:, None, None], clip.lips.points, np.float32(np.nan))
    return replace(clip, wave=Waveform(moved, rate), lips=LipTrack(points, clip.lips.rate))


@dataclass(frozen=True, eq=False)
class Group:
    """One person, or several who share the rows of a table."""

    name: str
    members: list[LipEvaluation]  # one clip each, its sound in time with the lips
    lag_s: float  # by which the sound was late, the same for all of them; NaN: no lag fits

    @staticmethod
    def of(name: str, speakers: list[Speaker], shipped: Predictor) -> Group:
        """Measure the mouths, and the lag of the sound by the lips that are predicted from it."""
        members = [_measure_mouth(speaker) for speaker in speakers]
        group = Group(name, members, 0.0)
        lag_s = measure_lag(group.pairs(group.predict(Row("shipped", shipped))))
        late_s = lag_s if math.isfinite(lag_s) else 0.0
        moved = [[advance_sound(clip, late_s) for clip in one.clips] for one in members]
        return Group(
            name,
            [
                replace(one, clips=clips, speech=[vad.detect_speech(clip.wave) for clip in clips])
                for one, clips in zip(members, moved, strict=True)
            ],
            lag_s,
        )

    def predict(self, row: Row) -> list[LipTrack]:
        """Predict every clip on the mouth of its own speaker."""
        owners = {clip.name: one.speaker for one in self.members for clip in one.clips}

        def predict_each(_: Speaker, clips: list[Clip]) -> list[LipTrack]:
            return [row.predict(owners[clip.name], [clip])[0] for clip in clips]

        predict = shuffled_predictor(predict_each) if row.wrong_sound else predict_each
        return predict(
            self.members[0].speaker, [clip for one in self.members for clip in one.clips]
        )

    def pairs(self, found: list[LipTrack]) -> list[Pair]:
        """Pair the true lips with predicted ones."""
        made = []
        for one, lips in zip(self.members, found, strict=True):
            shut = float(LipTrack(one.shut[None], lips.rate).opening[0])
            gaps = MouthGaps(one.levels, shut, one.speaker.profile.opening_range)
            made.append(Pair(one.clips[0].lips, lips, gaps))
        return made

    def measure(self, rows: Sequence[Row]) -> dict[str, RunningMetrics]:
        """The metrics of all rows, by name."""
        scores = {}
        for row in rows:
            found = self.predict(row)
            scores[row.name] = RunningMetrics.of(self.pairs(found))
            if row.rendered:
                shown = [
                    one.settle([lips])[0] for one, lips in zip(self.members, found, strict=True)
                ]
                scores[row.rendered] = RunningMetrics.of(self.pairs(shown))
        return scores

    def describe(self) -> str:
        """Length, frame rate, closures and lag, as a sentence."""
        clips = [clip for one in self.members for clip in one.clips]
        rates = sorted({f"{float(clip.lips.rate):.4g}" for clip in clips})
        seconds = sum(float(len(clip.lips) / clip.lips.rate) for clip in clips)
        closed = [one.clips[0].lips.opening <= one.levels.closed for one in self.members]
        count = sum(len(list(runs_of_true(frames))) for frames in closed)
        lag = "no lag of the sound was found"
        if math.isfinite(self.lag_s):
            direction = "late" if self.lag_s >= 0 else "early"
            lag = f"the sound was {abs(self.lag_s) * 1000:.0f} ms {direction}"
        clip_count = f"{len(clips)} clips, " if len(clips) > 1 else ""
        return (
            f"{clip_count}{seconds:.0f} s at {', '.join(rates)} fps; {count} true closures; {lag}."
        )


def _measure_mouth(speaker: Speaker) -> LipEvaluation:
    (clip,) = speaker.clips
    return LipEvaluation(speaker, [clip], [], [], GapLevels.of(clip.lips), closed_mouth(clip.lips))


def average(scores: Sequence[RunningMetrics]) -> RunningMetrics:
    """The mean of several groups, where defined; of RATIOS the geometric one."""
    means = {}
    for field in fields(RunningMetrics):
        values = np.array([getattr(one, field.name) for one in scores])
        values = values[np.isfinite(values)]
        if not len(values):
            means[field.name] = float("nan")
        elif field.name in RATIOS:
            with np.errstate(divide="ignore"):
                means[field.name] = float(np.exp(np.log(values).mean()))
        else:
            means[field.name] = float(values.mean())
    return RunningMetrics(**means)


def find_footage(data: Path) -> dict[str, list[Path]]:
    """The clips of every group, by its name.

    Raises:
        MediaError: one is missing.
    """
    paths = [*(data / "wild" / name for name in WILD), *(data / name for name in OTHERS)]
    news = sorted((data / NEWS).glob("*.mp4"))[::NEWS_EVERY]
    for path in (*paths, *(news or [data / NEWS / "*.mp4"])):
        if not path.is_file():
            raise MediaError(f"{path} is missing: name the folder that has data/ with --shared")
    return {**{path.stem: [path] for path in paths}, Path(NEWS).name: news}


def make_rows(more: Sequence[str]) -> list[Row]:
    """The baselines, the shipped models, and further weights."""
    names = [name for name in lip_model.SHIPPED if name not in ("paper", "default")]
    shipped = LipLSTM.load(LipOptions("default"))
    default = network_predictor(shipped)
    paper = network_predictor(LipLSTM.load(LipOptions("paper")))
    return [
        Row("original", measured_lips),
        Row("mean shape", mean_shape),
        Row("another clip's sound, shipped model", default, wrong_sound=True),
        Row("the paper's LSTM", paper),
        Row("shipped, `--articulation 0`", network_predictor(shipped, ArticulationOptions(0.0))),
        Row(SHIPPED_ROW, default, rendered="**shipped**, as rendered"),
        *(
            Row(f"`{name}`", network_predictor(LipLSTM.load(LipOptions(name))))
            for name in (*names, *more)
        ),
    ]


def evaluate(
    footage: dict[str, list[Path]], rows: Sequence[Row]
) -> list[tuple[Group, dict[str, RunningMetrics]]]:
    """Track, listen to and measure all groups; each is reported on stderr."""
    shipped = next(row.predict for row in rows if row.name == SHIPPED_ROW)
    results = []
    with Cache(Cache.default_root()) as cache:
        for name, paths in footage.items():
            speakers = [load_speaker(path, cache) for path in paths]
            group = Group.of(name, speakers, shipped)
            print(f"{name}: {group.describe()}", file=sys.stderr)
            results.append((group, group.measure(rows)))
    return results


def load_speaker(path: Path, cache: Cache) -> Speaker:
    """The person of a clip, whose mouth is measured on this clip.

    Raises:
        LipsyncError: the file shows no face or has no sound.
    """
    info = media.probe(path, keep_stamps=True)
    track = track_video(info, LandmarkOptions(), cache)
    lips = resample_regularly(TrackedFace.of(track).lips, info)
    clip = Clip(path.stem, VideoSpeech(info).wave, lips)
    return Speaker(path.stem, LipProfile.of(lips), (clip,))


def page(results: Sequence[tuple[Group, dict[str, RunningMetrics]]]) -> str:
    """The whole page, as Markdown."""
    parts = [INTRODUCTION.format(
        date=date.today().isoformat(), cores=os.cpu_count(), machine=platform.machine(),
        torch=torch.__version__,
    )]  # fmt: skip
    for group, scores in results:
        parts += [f"## {group.name}", "", group.describe(), "", *table(scores), ""]
    means = {name: average([scores[name] for _, scores in results]) for name in results[0][1]}
    return "\n".join([*parts, f"## Mean of these {len(results)}", "", *table(means)]) + "\n"


def table(scores: dict[str, RunningMetrics]) -> list[str]:
    """All rows, as Markdown."""

    def cell(one: RunningMetrics, names: str, form: str) -> str:
        values = [getattr(one, name) for name in names.split()]
        return " / ".join("–" if math.isnan(value) else format(value, form) for value in values)

    lines = [["row", *(head for head, _, _ in COLUMNS)], ["---"] * (len(COLUMNS) + 1)]
    lines += [
        [name, *(cell(one, names, form) for _, names, form in COLUMNS)]
        for name, one in scores.items()
    ]
    return ["| " + " | ".join(line) + " |" for line in lines]


if __name__ == "__main__":
    main()
