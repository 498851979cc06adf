"""What a render costs. Writes docs/benchmarks/speed.md.

    python -m bench.cost.speed [--shared ../shared] [--runs 3]

Whole processes are timed, start-up included, with cold and with warm caches, and the median of
the runs is given; in the same run ffmpeg re-encodes the same number of frames of the same video,
as the floor. Peak memory is that of the largest single process.
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
from lipsync.face import landmarks, tracked_face
from lipsync.mouth import texture
from lipsync.mouth.bank import mouth_bank
from lipsync.mouth.bank.footage import Footage
from lipsync.mouth.finish import composite, jaw_warp, sharpen, teeth, teeth_relief
from lipsync.runtime.cache import Cache
from lipsync.runtime.prefetch import ahead
from lipsync.types import LipTrack

REPO = Path(__file__).resolve().parents[2]
CASES = (
    ("grid_s1_120s.mp4", "jfk.flac", 1),
    ("grid_s4_60s.mp4", "LJ001-0001.wav", 1),
    ("englishvideo.mp4", "LJ001-0001.wav", 1),
    ("grid_s1_120s.mp4", "jfk.flac", 6),
)
STAGES = ("decode", "texture", "teeth", "composite", "encode", "pictures")


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float, str]:
    """Wall seconds, peak memory (MB) and stdout of one whole process."""
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


def repeated(speech: Path, times: int, folder: Path) -> Path:
    """The speech `times` times over, as one file."""
    if times == 1:
        return speech
    long = folder / f"{speech.stem}x{times}.flac"
    command = [media.binary(), "-y", "-v", "error", "-stream_loop", str(times - 1)]
    subprocess.run([*command, "-i", str(speech), str(long)], check=True)
    return long


def measure(target: Path, speech: Path, runs: int, folder: Path) -> dict[str, object]:
    """Cold once, then warm `runs` times, beside ffmpeg's own re-encoding."""
    cache = folder / target.stem
    known = cache.exists()
    output = folder / "out.mp4"
    render = [sys.executable, "-m", "lipsync.cli.app", "render", "--json", "--overwrite"]
    render += ["--audio", str(speech), "--video", str(target), "--output", str(output)]
    cold, _, first = timed(render, {"XDG_CACHE_HOME": str(cache)})
    warm, memory, stages, floor = [], [], [], []
    frames = json.loads(first)["frames"]
    again = [media.binary(), "-y", "-v", "error", "-stream_loop", "-1", "-i", str(target), "-an"]
    again += ["-frames:v", str(frames), "-crf", "16", str(folder / "floor.mp4")]
    for _ in range(runs):
        seconds, peak, said = timed(render, {"XDG_CACHE_HOME": str(cache)})
        warm.append(seconds)
        memory.append(peak)
        stages.append(json.loads(said)["seconds"])
        floor.append(timed(again, {})[0])
    info, duration = media.probe(target), json.loads(first)["duration"]
    alone = pictures(target)
    tracking = json.loads(first)["seconds"]["landmarks"]
    return {
        "target": f"{target.stem}, {info.width}×{info.height}",
        "frames": frames,
        "duration": duration,
        # The same target again: its track is known, so nothing is cold.
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


def pictures(target: Path, frames: int = 120) -> float:
    """ms per frame of texture, teeth and composite together, with nothing else at work.

    In a render the encoder takes the same cores: this is what the two stages themselves need.
    """
    info = media.probe(target)
    with Cache(Cache.default_root()) as cache:
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
        footage = Footage.of([info], [track], tracked_face.rigid_template(track))
        lips = tracked_face.lips(track, footage.alignment)
        options = mouth_bank.BankOptions()
        bank = mouth_bank.build(
            footage.frames(), track, footage.alignment, options, cache, footage.digest
        )
    count = min(frames, len(track) // 2)
    order = np.arange(count)
    wanted = LipTrack(lips.points[count : 2 * count], lips.rate)
    parts = track, footage.alignment, order
    moved = jaw_warp.corrections(bank, wanted, lips.points, *parts, jaw_warp.JawOptions())
    shown = list(media.read_frames(info, 0, count))
    source = texture.open_texture(bank, texture.TextureOptions())
    rows, sharp = teeth_relief.find(bank), sharpen.sharpness_of(bank)

    def made() -> float:
        start = time.perf_counter()
        patches = source.patches(wanted, *parts, None, moved)
        patches = ahead(teeth.finished(patches, wanted, *parts, rows, sharp, teeth.TeethOptions()))
        done = composite.composite(shown, patches, *parts, composite.CompositeOptions(), moved)
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    data = options.shared / "data"
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for target, speech, times in CASES:
            sound = repeated(data / "speech" / speech, times, Path(name))
            rows.append(measure(data / "targets" / target, sound, options.runs, Path(name)))
            print(json.dumps(rows[-1]), file=sys.stderr)
            write(rows, options.runs)


def write(rows: list[dict[str, object]], runs: int) -> None:
    """The page, as far as it is known."""
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
