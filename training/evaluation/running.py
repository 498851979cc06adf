"""Lips predicted on running speech of people whom no model has seen → docs/benchmarks/running.md.

    python -m training.evaluation.running [--shared ../shared] [--data runs/data] [--model FILE ...]

Every clip is a person of their own, with their own sound. Baselines: the person's mean shape, the
shipped model with the wrong sound (chance), and, with --data, a ridge regression on MFCC of the
training clips. Landmarks are cached.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import LipsyncError, MediaError
from lipsync.face.landmarks import LandmarkOptions, track_video
from lipsync.face.tracked_face import TrackedFace
from lipsync.media.frame_times import resample_regularly
from lipsync.runtime.cache import Cache
from lipsync.runtime.positions import runs_of_true
from lipsync.speech import vad
from lipsync.speech.articulation import ArticulationOptions
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.speech.lip_profile import LipProfile, closed_mouth
from lipsync.speech.live_articulation import LiveArticulation
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import LipTrack, Waveform
from training.corpus import dataset
from training.corpus.benchmark_data import SEEN
from training.corpus.dataset import Clip, Speaker
from training.evaluation.baselines import Ridge, shuffled_predictor
from training.evaluation.lip_metric_tables import LipEvaluation, measured_lips
from training.evaluation.running_adapted import measure_adapted
from training.evaluation.running_metrics import MouthGaps, Pair, RunningMetrics, measure_lag
from training.evaluation.running_page import write_page
from training.metrics import GapLevels, Predictor, network_predictor

WILD = (
    "desk_french_50s.mp4", "one_take_60s.mp4", "turning_head_stage.mkv", "hands_and_objects.mp4",
    "both_hands_1080p.mp4", "room_light_1080p.mp4", "book_in_hand_1080p.mp4", "vfr_22fps.mp4",
    "dark_portrait_60fps.mp4",
)  # fmt: skip
OTHERS = ("av/unseen/address_1980s.mkv", "targets/englishvideo.mp4")
NEWS, NEWS_EVERY = "av/unseen/arabic_news", 5  # of the sorted clips
SHIPPED_ROW = "**shipped** (`default`)"


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
    parser.add_argument("--data", type=Path, help="from prepare: for the row of the regression")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/running.md"))
    parser.add_argument("--model", action="append", default=[], help="more weights (repeatable)")
    args = parser.parse_args(argv)
    try:
        footage = find_footage(args.shared / "data")
        rows = make_rows(args.model, args.data)
        text = write_page(*evaluate(footage, rows))
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


def make_rows(more: Sequence[str], data: Path | None = None) -> list[Row]:
    """The baselines, the shipped models, and further weights.

    Args:
        data: from prepare, for the ridge regression; None: without it.
    """
    shipped = LipLSTM.load(LipOptions("default"))
    default = network_predictor(shipped)
    paper = network_predictor(LipLSTM.load(LipOptions("paper")))
    return [
        Row("original", measured_lips),
        Row("mean shape", mean_shape),
        Row("another clip's sound, shipped model", default, wrong_sound=True),
        *([] if data is None else [Row("ridge regression on MFCC", fit_ridge(data).predict)]),
        Row("the paper's LSTM", paper),
        Row("shipped, `--articulation 0`", network_predictor(shipped, ArticulationOptions(0.0))),
        Row(SHIPPED_ROW, default, rendered="**shipped**, as rendered"),
        Row("`stream`, live", live_predictor(LipLSTM.load(LipOptions("stream")))),
        *(Row(f"`{name}`", network_predictor(LipLSTM.load(LipOptions(name)))) for name in more),
    ]


def fit_ridge(data: Path) -> Ridge:
    """The regression on the training clips of the speaker of the shipped models."""
    seen = dataset.load(data, SEEN)
    return Ridge.fit(seen, dataset.split(seen.clips)[0])


def live_predictor(model: LipLSTM) -> Predictor:
    """Predict as lips are from a microphone: articulated by what was heard so far."""
    mumble = network_predictor(model, ArticulationOptions(0.0))

    def predict(speaker: Speaker, clips: list[Clip]) -> list[LipTrack]:
        return [
            LiveArticulation(speaker.profile, lips.rate).push(lips)
            for lips in mumble(speaker, clips)
        ]

    return predict


Results = list[tuple[str, str, dict[str, RunningMetrics]]]  # name, description and rows of each


def evaluate(footage: dict[str, list[Path]], rows: Sequence[Row]) -> tuple[Results, Results]:
    """All groups; and those who are long enough to be adapted to."""
    results: Results = []
    adapted: Results = []
    for group in load_groups(footage):
        results.append((group.name, group.describe(), group.measure(rows)))
        if len(group.members) == 1 and (known := measure_adapted(group.members[0])):
            adapted.append((group.name, group.describe(), known))
    return results, adapted


def load_groups(footage: dict[str, list[Path]]) -> Iterator[Group]:
    """Track and measure everybody; each is reported on stderr."""
    shipped = network_predictor(LipLSTM.load(LipOptions()))
    with Cache(Cache.default_root()) as cache:
        for name, paths in footage.items():
            speakers = [load_speaker(path, cache) for path in paths]
            group = Group.of(name, speakers, shipped)
            print(f"{name}: {group.describe()}", file=sys.stderr)
            yield group


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


if __name__ == "__main__":
    main()
