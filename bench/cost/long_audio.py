"""Time and memory of an hour of speech and more. Writes docs/benchmarks/long_audio.md.

    python -m bench.cost.long_audio [--shared ../shared] [--minutes 10 60 180]

Real speech is repeated to the given length; a separate process takes it from the file to the lips
of every frame, stage by stage, as in a render.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

import lipsync
from lipsync import media
from lipsync.speech import audio, features, lip_model, vad
from lipsync.speech.lip_profile import LipProfile

REPO = Path(__file__).resolve().parents[2]
FPS = Fraction(25)
STAGES = ("load", "features", "voice", "lips")


def peak_mb() -> float:
    """Peak memory of this process so far; Linux counts in kB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_stages(path: Path, speech_model: str) -> dict[str, float]:
    """Process one file: seconds of each stage, and peak memory."""
    seconds: dict[str, float] = {}
    model = lip_model.LipLSTM.load(lip_model.LipOptions(speech_model))
    shape = np.zeros((18, 2), np.float32)
    before, begun = peak_mb(), time.process_time()

    def done(stage: str, started: float) -> None:
        seconds[stage] = time.perf_counter() - started

    started = time.perf_counter()
    wave = audio.load_speech(path)
    done("load", started)
    started = time.perf_counter()
    heard = features.extract(wave, model.spec)
    done("features", started)
    started = time.perf_counter()
    vad.detect_speech(wave)
    done("voice", started)
    started = time.perf_counter()
    lip_model.predict(model, heard, LipProfile(shape, 1.0, 0.1), FPS, round(wave.duration * FPS))
    done("lips", started)
    duration, seconds["cpu"] = float(wave.duration), time.process_time() - begun
    return {**seconds, "duration": duration, "peak": peak_mb(), "program": before}


def repeat_speech(sources: list[Path], minutes: float, folder: Path) -> Path:
    """Repeat the sounds in a loop, as one 16 kHz file of this length."""
    once = np.concatenate([media.read_audio(source).samples for source in sources])
    path = folder / "long.wav"
    command = [media.ffmpeg_binary(), "-y", "-v", "error", "-stream_loop", "-1"]
    command += ["-f", "f32le", "-ar", "16000", "-ac", "1", "-i", str(folder / "once.raw")]
    (folder / "once.raw").write_bytes(once.astype("<f4").tobytes())
    command += ["-t", str(60 * minutes), "-c:a", "pcm_s16le", str(path)]
    subprocess.run(command, check=True)
    return path


def row(name: str, minutes: float, measured: dict[str, float]) -> str:
    spent = sum(measured[stage] for stage in STAGES)
    cells = [f"`{name}`", f"{minutes:g}", *(f"{measured[stage]:.1f}" for stage in STAGES)]
    cells += [
        f"{spent:.1f}",
        *(f"{s / measured['duration']:.4f}" for s in (spent, measured["cpu"])),
    ]
    cells.append(f"{measured['peak']:.0f}")
    cells += [
        f"{measured['peak'] - measured['program']:.0f}",
        f"{measured['duration'] * 0.064:.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cost.long_audio", description=__doc__)
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--minutes", type=float, nargs="+", default=[10, 60, 180])
    parser.add_argument("--models", nargs="+", default=sorted(lip_model.SHIPPED))
    parser.add_argument("--out", type=Path, default=REPO / "docs" / "benchmarks" / "long_audio.md")
    parser.add_argument("--one", nargs=2, metavar=("FILE", "MODEL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure_stages(Path(options.one[0]), options.one[1])))
        return
    speech = options.shared / "data" / "speech"
    sources = [speech / "LJ001-0001.wav", speech / "jfk.flac", *sorted(speech.glob("LJ001*.flac"))]
    lines = [
        "| model | minutes | " + " | ".join(f"{stage} s" for stage in STAGES)
        + " | all s | × duration | CPU × duration | peak MB | of that sound MB | samples MB |",
        "| --- |" + " --- |" * (7 + len(STAGES)),
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        for minutes in options.minutes:
            path = repeat_speech(sources, minutes, Path(name))
            for model in options.models:
                command = [sys.executable, "-m", "bench.cost.long_audio", "--one", str(path), model]
                measured = json.loads(
                    subprocess.run(command, check=True, capture_output=True, cwd=REPO).stdout
                )
                lines.append(row(model, minutes, measured))
                print(lines[-1], file=sys.stderr)
    text = (
        "# Long sound\n\n"
        "Written by `python -m bench.cost.long_audio`: real speech repeated to so many minutes, "
        "from a "
        "16-bit file to the lips of every frame at 25 per second, each row in a process of its "
        "own. Seconds of each stage; all of them, and the CPU time of all cores, against the "
        "duration of the sound; the peak of the process's memory, what of it came after the "
        "program and its network were loaded, and what the 16 kHz samples take.\n\n"
        f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, lipsync {lipsync.__version__}.\n\n"
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
