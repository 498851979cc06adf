"""Frames while sound arrives, and what staying loaded saves: docs/benchmarks/live.md.

    python -m bench.cost.live [--shared ../shared]

Streams: how fast frames come, and how near their lips are to those of a render that knows the whole
sound. Staying loaded: the same render by `lipsync render` with all in the cache, and by a
`Renderer`, first and second.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

import lipsync
from bench.support.processes import run_measured
from lipsync.face import head_pose
from lipsync.live.frame_stream import FORM
from lipsync.live.live_lips import BLOCK_S, HISTORY_S, LOOK_AHEAD_S, LiveLips
from lipsync.live.live_sound import LiveSound, split_sound
from lipsync.live.live_target import LiveTarget, prepare_target
from lipsync.media import read_audio
from lipsync.options import RenderOptions
from lipsync.runtime.positions import sample_at
from lipsync.runtime.threads import steady_threads
from lipsync.speech import features, silence, vad
from lipsync.speech.articulation import predict_speech
from lipsync.speech.audio import standardize
from lipsync.types import F32, SPEECH_RATE, LipTrack, Waveform

REPO = Path(__file__).resolve().parents[2]
TARGETS = (
    "targets/grid_s4_60s.mp4", "wild/hands_and_objects.mp4", "wild/one_take_60s.mp4",
    "wild/room_light_1080p.mp4",
)  # fmt: skip
SPEECHES = ("jfk.flac", "german.flac", "mandarin.flac")
PIECE = 320  # samples: 20 ms
SHUT = 0.04  # mouth widths between the lips: less is shut
START = "from lipsync.cli import main; main()"


@dataclass(frozen=True)
class Nearness:
    """Live lips against those of a render; pooled over speeches."""

    opening: float  # correlation
    apart: float  # RMS of all lip points, % of the mouth's width
    shut: float  # share of the render's shut frames in which the live mouth is shut, too


def load_wave(data: Path, speeches: tuple[str, ...]) -> Waveform:
    """Speeches, one after the other."""
    folder = data / "speech"
    found = [read_audio(folder / name, SPEECH_RATE).samples for name in speeches]
    return Waveform(np.concatenate(found), SPEECH_RATE)


def live_lips(target: LiveTarget, wave: Waveform, options: RenderOptions) -> F32:
    """Lips (n, 18, 2) of a sound that comes in pieces."""
    sound, found = LiveSound(SPEECH_RATE), []
    lips = LiveLips(target, sound, options)
    for piece in [*split_sound(wave.samples, PIECE), None]:
        if piece is None:
            sound.finish()
        else:
            sound.push(piece)
        while (block := lips.make()) is not None:
            found.append(block.lips.points)
    return np.concatenate(found)


def whole_lips(target: LiveTarget, wave: Waveform, options: RenderOptions, count: int) -> F32:
    """The same as a render has them."""
    whole, fps = standardize(wave), target.info.fps
    speech = vad.detect_speech(whole)
    heard = features.extract(whole, target.model.spec)
    predicted = predict_speech(
        target.model, heard, speech, target.profile, (fps, count), options.articulation
    )
    order = target.order(0, count)
    own = sample_at(target.face.lips.points, order)
    settled, _ = silence.close_in_pauses(predicted, speech, target.still, own, options.silence)
    return head_pose.turn_lips(settled, target.face, order, target.turns).points


def compare_lips(target: LiveTarget, live: F32, whole: F32) -> Nearness:
    """How near they are, where the face is seen."""
    both = np.isfinite(live).all((1, 2)) & np.isfinite(whole).all((1, 2))
    live, whole, width = live[both], whole[both], target.profile.width
    gaps = [LipTrack(one, Fraction(1)).opening for one in (live, whole)]
    shut = gaps[1] < SHUT * width + LipTrack(target.still[None], Fraction(1)).opening[0]
    also = gaps[0][shut] < SHUT * width + LipTrack(target.still[None], Fraction(1)).opening[0]
    return Nearness(
        float(np.asarray(np.corrcoef(np.stack(gaps)))[0, 1]),
        100 * float(np.sqrt(np.square(live - whole).sum(-1).mean())) / width,
        float(also.mean()) if len(also) else float("nan"),
    )


def describe_streams(data: Path, names: tuple[str, ...]) -> list[str]:
    """A row per target."""
    options = RenderOptions()
    wave = load_wave(data, SPEECHES)
    seconds = len(wave.samples) / SPEECH_RATE
    lines = [
        "| target | ready, s | first frame, ms | frames per second | × real time | r opening "
        "| lips apart, % of the mouth | shut as in a render |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    with lipsync.Renderer(options) as renderer:
        for name in names:
            place = data / name
            renderer.load(place)
            with lipsync.Renderer(options) as other:  # all of it is in the cache by now
                ready = _time(lambda: other.load(place))  # noqa: B023 — called here
            began = time.perf_counter()
            with renderer.render_frames(
                split_sound(wave.samples, PIECE), place, rate=SPEECH_RATE
            ) as stream:
                next(stream)
                first = time.perf_counter() - began
                count = 1 + sum(1 for _ in stream)
            took = time.perf_counter() - began
            with steady_threads(), options.run.open(None) as run:
                target = prepare_target(place, options, FORM, run)
                live = live_lips(target, wave, options)
                near = compare_lips(target, live, whole_lips(target, wave, options, len(live)))
            size = f"{target.info.width}×{target.info.height}, {float(target.info.fps):g} fps"
            lines.append(
                f"| {Path(name).stem}, {size} | {ready:.1f} | {1000 * first:.0f} "
                f"| {count / took:.0f} | {took / seconds:.2f} | {near.opening:.3f} "
                f"| {near.apart:.1f} | {near.shut:.0%} |"
            )
            print(lines[-1], file=sys.stderr)
    return lines


def describe_loading(data: Path) -> list[str]:
    """A short render by a command, and by a renderer."""
    target, speech = data / TARGETS[0], data / "speech" / SPEECHES[0]
    options = {"workers": 1}
    lines = ["| by | s |", "| --- | --- |"]
    with tempfile.TemporaryDirectory() as folder:
        places: Iterator[Path] = (Path(folder) / f"{i}.mp4" for i in range(9))

        def command() -> list[str]:
            return [
                sys.executable, "-c", START, "render", "-a", str(speech), "-v", str(target),
                "-o", str(next(places)), "--workers", "1",
            ]  # fmt: skip

        run_measured(command())  # fills the cache
        rows = [("`lipsync render`, all in the cache", run_measured(command()).wall)]
        with lipsync.Renderer(options) as renderer:
            for which in ("first", "second", "third"):
                took = _time(lambda: renderer.render(speech, target, next(places)))
                rows.append((f"`Renderer.render`, {which}", took))
    return [*lines, *(f"| {name} | {took:.1f} |" for name, took in rows)]


def _time(work) -> float:  # type: ignore[no-untyped-def]
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--targets", nargs="+", default=TARGETS, help="below data/")
    args = parser.parse_args()
    data = args.shared / "data"
    streams, loading = describe_streams(data, tuple(args.targets)), describe_loading(data)
    lines = [
        "# Live frames",
        "",
        f"Written by `python -m bench.cost.live`, {datetime.date.today()}, lipsync "
        f"{lipsync.__version__}; {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}.",
        "",
        "## Streams",
        "",
        f"Speech in three languages comes in pieces of 20 ms, as fast as it is taken. Ready: what "
        "loading a target takes whose analysis is in the cache. First frame: from the call to the "
        "first picture. Lips: those that are drawn, against those of a render that knows the whole "
        "sound, on the same frames. A mouth counts as shut if its gap is at most "
        f"{SHUT:.0%} of the mouth's width more than in silence. Blocks of {BLOCK_S} s, each heard "
        f"with {HISTORY_S:g} s before and {LOOK_AHEAD_S} s after it.",
        "",
        *streams,
        "",
        "## Staying loaded",
        "",
        "11 s of speech onto a minute of a GRID speaker, by one process for the parts.",
        "",
        *loading,
        "",
    ]
    (REPO / "docs" / "benchmarks" / "live.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
