"""Speed and memory of whole renders. Writes docs/benchmarks/speed.md.

    python -m bench.cost.speed [--shared ../shared] [--runs 3]

Whole processes are timed, start-up included, with cold and with warm caches; figures are medians
over the runs. For reference, ffmpeg re-encodes the same number of frames of the same video. Peak
memory is that of the largest single process.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import lipsync
from lipsync import media
from lipsync.face import landmarks
from lipsync.mouth.bank.footage import Footage
from lipsync.mouth.bank.mouth_bank import BankOptions
from lipsync.mouth.finish.composite import CompositeOptions, Compositor, composite_frames
from lipsync.mouth.finish.jaw_warp import JawOptions, predict_jaw_offsets
from lipsync.mouth.finish.sharpen import learn_sharpness
from lipsync.mouth.finish.teeth import TeethOptions, finish_teeth
from lipsync.mouth.finish.teeth_relief import find_teeth
from lipsync.mouth.texture import TextureOptions, open_texture
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.cache import Cache
from lipsync.runtime.prefetch import read_ahead
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import LipTrack

REPO = Path(__file__).resolve().parents[2]
CASES = (
    ("grid_s1_120s.mp4", "jfk.flac", 1),
    ("grid_s4_60s.mp4", "LJ001-0001.wav", 1),
    ("englishvideo.mp4", "LJ001-0001.wav", 1),
    ("grid_s1_120s.mp4", "jfk.flac", 6),
)
STAGES = ("decode", "texture", "teeth", "composite", "encode", "pictures")


def run_timed(command: list[str], environment: dict[str, str]) -> tuple[float, float, str]:
    """Run a process; wall seconds, peak memory (MB) and stdout."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.DEVNULL, env={**os.environ, **environment}
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            raise SystemExit(f"{' '.join(command)}: exit status {status}")
        out.seek(0)
        return seconds, usage.ru_maxrss / 1024, out.read().decode()


def repeat_speech(speech: Path, times: int, folder: Path) -> Path:
    """Repeat the speech `times` times, as one file."""
    if times == 1:
        return speech
    long = folder / f"{speech.stem}x{times}.flac"
    command = [media.ffmpeg_binary(), "-y", "-v", "error", "-stream_loop", str(times - 1)]
    subprocess.run([*command, "-i", str(speech), str(long)], check=True)
    return long


def measure(target: Path, speech: Path, runs: int, folder: Path) -> dict[str, object]:
    """Time a case: cold once, then warm `runs` times, and ffmpeg's re-encoding."""
    cache = folder / target.stem
    known = cache.exists()
    output = folder / "out.mp4"
    render = [sys.executable, "-m", "lipsync", "render", "--json", "--overwrite"]
    render += ["--audio", str(speech), "--video", str(target), "--output", str(output)]
    cold, _, first = run_timed(render, {"XDG_CACHE_HOME": str(cache)})
    warm, memory, stages, floor = [], [], [], []
    frames = json.loads(first)["frames"]
    again = [
        media.ffmpeg_binary(),
        "-y",
        "-v",
        "error",
        "-stream_loop",
        "-1",
        "-i",
        str(target),
        "-an",
    ]
    again += ["-frames:v", str(frames), "-crf", "16", str(folder / "floor.mp4")]
    for _ in range(runs):
        seconds, peak, said = run_timed(render, {"XDG_CACHE_HOME": str(cache)})
        warm.append(seconds)
        memory.append(peak)
        stages.append(json.loads(said)["seconds"])
        floor.append(run_timed(again, {})[0])
    info, duration = media.probe(target), json.loads(first)["duration"]
    alone = picture_time(target)
    tracking = json.loads(first)["seconds"]["landmarks"]
    return {
        "target": f"{target.stem}, {info.width}×{info.height}",
        "frames": frames,
        "duration": duration,
        # The target was rendered before: its track is cached, so there is no cold time.
        "cold": float("nan") if known else cold / duration,
        "warm": statistics.median(warm) / duration,
        "floor": statistics.median(floor) / duration,
        "memory": max(memory),
        "landmarks": float("nan") if known else 1000 * tracking / info.frame_count,
        **{
            stage: 1000 * statistics.median(s[stage] for s in stages) / frames
            for stage in STAGES
            if stage != "pictures"
        },
        "pictures": alone,
    }


def picture_time(target: Path, frames: int = 120) -> float:
    """ms per frame of texture, teeth and composite together, without the encoder.

    In a render the encoder shares the cores; this is the time of the stages alone.
    """
    info = media.probe(target)
    with Cache(Cache.default_root()) as cache:
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
        footage = Footage.of([VideoSpeech(info)], [track])
        face = footage.face
        bank, appearance = footage.collect_bank(BankOptions(), cache)
    count = min(frames, len(face) // 2)
    order = np.arange(count)
    lips = LipTrack(face.lips.points[count : 2 * count], face.fps)
    wanted = WantedMouths(
        lips,
        face,
        order,
        jaw_offsets=predict_jaw_offsets(bank, lips, face.at(order), JawOptions()),
        skin_color=appearance.skin_color[order],
    )
    shown = list(media.read_frames(info, 0, count))
    source = open_texture(bank, TextureOptions())
    teeth, sharp = find_teeth(bank), learn_sharpness(bank)

    def made() -> float:
        start = time.perf_counter()
        patches = source.draw_patches(wanted)
        patches = read_ahead(finish_teeth(patches, wanted, teeth, sharp, TeethOptions()))
        compositor = Compositor(
            wanted.target, CompositeOptions(), wanted.jaw_offsets, lips=lips.points
        )
        done = composite_frames(shown, patches, compositor)
        for _ in done:
            pass
        return 1000 * (time.perf_counter() - start) / count

    made()  # reads the bank from the disk
    return statistics.median(made() for _ in range(3))


def table(rows: list[dict[str, object]]) -> str:
    text = (
        "| target | output s | cold × | warm × | ffmpeg alone × | peak MB | landmarks | "
        + " | ".join(STAGES)
        + " |\n| --- |"
        + " --- |" * (6 + len(STAGES))
        + "\n"
    )
    for row in rows:
        cells = [
            f"{row['target']}",
            *(f"{row[k]:.2f}" for k in ("duration", "cold", "warm", "floor")),
            f"{row['memory']:.0f}",
            *(f"{row[k]:.1f}" for k in ("landmarks", *STAGES)),
        ]
        text += "| " + " | ".join(cells).replace("nan", "–") + " |\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cost.speed", description=__doc__)
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    data = options.shared / "data"
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for target, speech, times in CASES:
            sound = repeat_speech(data / "speech" / speech, times, Path(name))
            rows.append(measure(data / "targets" / target, sound, options.runs, Path(name)))
            print(json.dumps(rows[-1]), file=sys.stderr)
            write(rows, options.runs)


def write(rows: list[dict[str, object]], runs: int) -> None:
    """Write the page with the rows so far."""
    text = (
        "# Speed\n\n"
        "Written by `python -m bench.cost.speed`. `×` is wall time of the whole process over the "
        "duration of the output, start-up included: cold (track, adaptation and bank made), warm "
        f"(all from the cache, median of {runs}), and ffmpeg merely re-encoding as many frames "
        "at the same quality. The right-hand columns are ms per frame inside the process: "
        "landmarks per target frame when cold, the others per output frame when warm (encode is "
        "the time spent waiting for the encoder). Decode, texture with teeth, composite and the "
        "encoder work beside one another: what they take does not add up. Pictures: texture, "
        "teeth and composite together, when the encoder does not take their cores.\n\n"
        f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, lipsync {lipsync.__version__}.\n\n" + table(rows)
    )
    (REPO / "docs" / "benchmarks" / "speed.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
