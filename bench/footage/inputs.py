"""Every kind of input and output, rendered and measured. Writes docs/benchmarks/footage.md.

    python -m bench.footage.inputs [--shared ../shared] [--only WORDS]

A few seconds of real footage are converted to each kind (`input_cases.CASES`); a square in the
corner of the picture flashes at known times. The output is decoded by PyAV and ffmpeg rather than
by the reader under test, to find the times of the flashes and of the speech. Both must be where
they are in the inputs: lag 0.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import io
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import numpy as np

import lipsync
from bench.footage.input_cases import (
    CASES,
    FLASH,
    FLASH_EVERY_S,
    FLASH_PX,
    X264,
    Case,
    SourceClips,
    run_ffmpeg,
)
from bench.footage.speaker_cases import SPEAKER_CASES
from lipsync import media
from lipsync.face import landmarks
from lipsync.face.tracked_face import TrackedFace
from lipsync.media import encode
from lipsync.options import RenderOptions
from lipsync.report.results import RenderResult
from lipsync.runtime.cache import Cache
from lipsync.speech import audio, av_sync, features, lip_model
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32

REPO = Path(__file__).resolve().parents[2]
RATE = 48000
LONG_S, LONG_FPS = 600, "30000/1001"


@dataclass(frozen=True)
class OutputMeasurement:
    """Measurements of an output."""

    given: int  # pictures in the target, as decoded
    frames: int
    seconds: float  # of picture
    sound_s: float
    picture_late_ms: float  # of the flashes, mean; NaN: none to be seen
    sound_late_ms: float  # of the speech


def read_flashes(path: Path) -> tuple[F32, F32]:
    """Time stamps (s), and brightness of the corner that changes most; skips damaged frames."""
    seen, times = [], []
    if path.is_dir():
        for i, file in enumerate(sorted(path.glob("*.png"))):
            seen.append(_corners(next(media.read_frames(media.probe(file)))))
            times.append(i / 30)
    else:
        with av.open(str(path)) as container:
            for packet in container.demux(video=0):
                with contextlib.suppress(av.FFmpegError):
                    for frame in packet.decode():
                        seen.append(_corners(frame.to_ndarray(format="rgb24")))
                        times.append(float(frame.time or 0))
    levels = np.array(seen)
    corner = int(np.ptp(levels, axis=0).argmax())
    return np.array(times), levels[:, corner]


def start_time(path: Path) -> float:
    """Start time of a file, which its time stamps are relative to."""
    if path.is_dir():
        return 0.0
    with av.open(str(path)) as container:
        return (container.start_time or 0) / av.time_base


def _corners(rgb: np.ndarray) -> list[float]:
    size = FLASH_PX // 2
    parts = rgb[:size, :size], rgb[:size, -size:], rgb[-size:, :size], rgb[-size:, -size:]
    return [float(part.mean()) for part in parts]


def find_onsets(times: F32, levels: F32) -> F32:
    """Times when the corner turns bright."""
    if len(levels) < 2 or np.ptp(levels) < 60:
        return np.zeros(0, np.float32)
    bright = levels > (levels.min() + levels.max()) / 2
    return np.asarray(times[1:][bright[1:] & ~bright[:-1]])


def flash_delay(made: F32, seen: F32) -> float:
    """Mean delay of the detected flashes against the nearest true ones, seconds."""
    seen = seen[seen < made.max(initial=0) + FLASH_EVERY_S / 2]
    if not len(seen):
        return float("nan")
    return float(np.mean([at - made[np.abs(made - at).argmin()] for at in seen]))


def read_sound(path: Path) -> F32:
    """Samples from the file's start, mono, 48 kHz."""
    path = path / media.SOUND_NAME if path.is_dir() else path
    command = [media.ffmpeg_binary(), "-v", "error", "-i", str(path), "-map", "a:0", "-af"]
    command += ["aresample=async=1:first_pts=0", "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"]
    done = subprocess.run(command, check=True, capture_output=True)
    return np.frombuffer(done.stdout, "<f4")


def sound_delay(known: F32, heard: F32) -> float:
    """Delay of `heard` against `known` in seconds, by cross-correlation."""
    size = len(known) + len(heard)
    product = np.fft.rfft(heard, size) * np.fft.rfft(known, size).conj()
    peak = int(np.fft.irfft(product, size).argmax())
    return (peak if peak < size // 2 else peak - size) / RATE


def measure(path: Path, target: Path, speech: Path) -> OutputMeasurement:
    """Measure an output against its inputs."""
    given, levels = read_flashes(target)
    made = find_onsets(
        given - given[0], levels
    )  # the output begins with the target's first picture
    times, levels = read_flashes(path)
    times = times - start_time(path)
    picture_late = 1000 * flash_delay(made, find_onsets(times, levels))
    heard = read_sound(path)
    sound_late = 1000 * sound_delay(read_sound(speech), heard)
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return OutputMeasurement(
        len(given), len(times), times[-1] + step, len(heard) / RATE, picture_late, sound_late
    )


def mouth_delay(path: Path, speech: Path, case: Case) -> tuple[float, float]:
    """Delay of the rendered mouth against the speech (ms), and their correlation r."""
    options = RenderOptions.of(face=case.face)
    info = media.probe(path)
    with Cache(None) as cache:
        track = landmarks.track_video(info, options.landmarks, cache)
    lips = TrackedFace.of(track).lips
    model = lip_model.LipLSTM.load(options.lips)
    heard = features.extract(audio.load_speech(speech), model.spec)
    profile = LipProfile.of(lips)
    wanted = lip_model.predict(model, heard, profile, info.fps, len(lips))
    times = np.arange(len(lips)) / float(info.fps)
    spoken = np.ones(len(lips), bool)
    if case.spans:
        spoken = np.any([(times >= a) & (times < b) for a, b in case.spans], axis=0)
    fit = av_sync.measure_sync(lips.opening, wanted.opening, float(info.fps), spoken)
    return -1000 * fit.lag_s, fit.r


def render(
    case: Case, target: Path, speech: Path, output: Path, inputs: dict[str, Any]
) -> RenderResult:
    given = {"adapt": "never", "preset": "ultrafast", **case.options}
    if "face" in inputs:
        given["face"] = inputs.pop("face")
    options = RenderOptions.of(**given)
    name = {"/": f"{output}/", "-": "-"}.get(case.output, str(output))
    if case.output != "-":
        return lipsync.render(speech, target, name, options=options, **inputs)
    with output.open("wb") as file, contextlib.redirect_stdout(io.TextIOWrapper(file)):
        return lipsync.render(speech, target, name, options=options)


def row(case: Case, base: SourceClips) -> tuple[str, bool]:
    """Render a case; its table row, and whether it passes."""
    mouth = ["–", "–"]
    place = Path(tempfile.mkdtemp(dir=base.folder))
    target, speech = place / f"target{case.suffix}", base.speech
    case.make(base, target)
    if case.speech:
        speech = place / "speech.mkv"
        case.speech(base, speech)
        base = replace(base, speech=speech)
    output = place / {"/": "frames", "-": "piped.mkv"}.get(case.output, f"out{case.output}")
    inputs = case.inputs(base, place) if case.inputs else {}
    started = time.perf_counter()
    try:
        result = render(case, target, speech, output, inputs)
    except Exception as error:
        return f"| {case.name} | **{type(error).__name__}: {error}** |", False
    spent = time.perf_counter() - started
    seen = measure(output, target, speech)
    if case.output != "/" and not case.still:
        delay, r = mouth_delay(output, output if case.begins else speech, case)
        mouth = [f"{delay:+.0f}", f"{r:.2f}"]
    said = "; ".join(w.replace(f"{target}: ", "") for w in result.warnings) or "–"
    # Where the rate was made constant, a picture goes to the nearest frame.
    most_ms = 500 / float(result.fps) if "made constant" in said else 1.0
    sound_late = seen.sound_late_ms - 1000 * case.begins
    lag_ms = float("nan") if case.timed else sound_late - seen.picture_late_ms
    fits = abs(sound_late) <= 1 and not abs(lag_ms) > most_ms
    good = fits and seen.frames == result.frames and case.warns in said and result.changed_frames
    lag = "–" if np.isnan(lag_ms) else f"{lag_ms:+.1f}"
    cells = [
        case.name if good else f"**{case.name}**", f"{case.suffix} → {case.output}",
        f"{seen.given} → {seen.frames}", f"{float(result.fps):.6g}",
        f"{seen.seconds:.3f} / {seen.sound_s:.3f}", f"{sound_late:+.2f}", lag, *mouth,
        str(result.changed_frames), f"{spent:.0f}", said,
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |", bool(good)


def long_row(data: Path, folder: Path) -> tuple[str, bool]:
    """Ten minutes at 29.97 fps, decoded and encoded: sound against picture at both ends."""
    target, speech, output = folder / "long.mp4", folder / "long.wav", folder / "long_out.mp4"
    source = str(data / "targets" / "englishvideo.mp4")
    run_ffmpeg(
        *("-stream_loop", "-1", "-i", source, "-t", str(LONG_S), "-an", "-vf"),
        *(f"fps={LONG_FPS},scale=160:128,{FLASH}", *X264, str(target)),
    )
    run_ffmpeg(
        *("-stream_loop", "-1", "-i", str(data / "speech" / "jfk.flac"), "-t", str(LONG_S)),
        *("-ar", str(RATE), "-ac", "1", "-c:a", "flac", str(speech.with_suffix(".flac"))),
    )
    speech = speech.with_suffix(".flac")
    started = time.perf_counter()
    info = media.probe(target)
    quick = encode.EncodeOptions(preset="ultrafast")
    count = encode.encode_video(media.read_frames(info), info, speech, output, quick)
    spent = time.perf_counter() - started
    made = find_onsets(*read_flashes(target))
    times, levels = read_flashes(output)
    seen = find_onsets(times - start_time(output), levels)
    known, heard = read_sound(speech), read_sound(output)
    lags = []
    for begin, end in ((0, 10), (LONG_S - 12, LONG_S - 1)):
        delay = flash_delay(made, seen[(seen >= begin) & (seen < end)])
        piece = slice(begin * RATE, end * RATE)
        lags.append(1000 * (sound_delay(known[piece], heard[piece]) - delay))
    good = abs(lags[1] - lags[0]) < 1 and abs(lags[0]) < 1 and count == info.frame_count
    text = (
        f"Ten minutes at {LONG_FPS} fps, 160 × 128, through decoding and encoding alone (no mouth "
        f"is rendered here): {info.frame_count} → {count} frames in {spent:.0f} s; the sound comes "
        f"{lags[0]:+.1f} ms after the flashes in the first ten seconds and {lags[1]:+.1f} ms in "
        f"the last; picture {times[-1]:.3f} s, sound {len(heard) / RATE:.3f} s."
    )
    return text, good


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.footage.inputs", description=__doc__)
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--only", default="", help="cases whose name holds these words; no page")
    parser.add_argument("--out", type=Path, default=REPO / "docs" / "benchmarks" / "footage.md")
    options = parser.parse_args()
    data = options.shared / "data"
    lines = [
        "| target | in → out | frames | fps | picture / sound s | sound late ms | lag ms "
        "| mouth late ms | r | changed | took s | said |",
        "| --- |" + " --- |" * 11,
    ]
    wrong = 0
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        base = SourceClips.of(data, Path(name))
        for case in (c for c in (*CASES, *SPEAKER_CASES) if options.only in c.name):
            line, good = row(case, base)
            lines.append(line)
            wrong += not good
            print(line, file=sys.stderr, flush=True)
        if options.only:
            sys.exit(wrong > 0)
        long, good = long_row(data, Path(name))
        wrong += not good
    text = PAGE.format(
        cases=len(lines) - 2, wrong=wrong, long=long, minutes=(time.perf_counter() - started) / 60,
        machine=f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, lipsync {lipsync.__version__}",
    )  # fmt: skip
    options.out.write_text(text + "\n".join(lines) + "\n", encoding="utf-8")
    sys.exit(wrong > 0)


PAGE = """# Footage of every kind

Written by `python -m bench.footage.inputs`: {cases} kinds of input and output, made of 3.2 s of
real footage (`englishvideo.mp4`, 480 × 320, another's speech of 3.0 s), rendered by default but
without adapting and at the encoder's quickest. {wrong} are not as they should be (in bold).

A square in the picture's corner flashes every 0.8 s. The finished file is decoded by PyAV and
ffmpeg. *sound late*: the speech in the file against the speech file, by correlation, to the sample.
*lag*: the same less the mean time by which the flashes come later than in the target, counted from
the target's first picture; right is 0, and up to half a frame where the rate was made constant.
*mouth late*: the mouth's opening, detected in the finished file, against the one that the speech
model asks for, by correlation (r); frames of 33 ms. *said*: the render's warnings.

{machine}; the whole page in {minutes:.0f} minutes, the machine shared with other work.

{long}

"""


if __name__ == "__main__":
    main()
