"""Compare renders of two versions of the program, frame by frame: docs/benchmarks/hashes.md.

    python -m bench.regression.frame_hashes record before.json    (in a clone of the one version)
    python -m bench.regression.frame_hashes record after.json     (in a clone of the other)
    python -m bench.regression.frame_hashes compare before.json after.json [later.json ...]

A version without this file is recorded by running it as a script in that clone.

Every case is rendered by the installed `lipsync` command, in a process of its own and from an empty
cache; what is hashed are the decoded frames and the decoded sound. The swap needs a face set and a
model of the two people (`--faces`, `--model`; see bench/swap/quality.py); without them it is left
out.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av

Result = dict[str, Any]  # as `record` writes it
REPO = Path(__file__).resolve().parents[2]
COMMAND = Path(sys.executable).with_name("lipsync")
CONSENT = "GRID speakers 1 and 4 (CC BY 4.0), a benchmark"
SPANS = """1
00:00:00,600 --> 00:00:02,200
[JACK] And so, my fellow Americans

2
00:00:02,000 --> 00:00:04,200
Linda: Printing, in the only sense
"""
CASES = (
    "bundled sample",
    "grid_s1_120s + jfk",
    "grid_s4_60s + LJ001-0001",
    "englishvideo + jfk",
    "two speakers, one SRT",
    "swap",
)


def render_arguments(case: str, data: Path, folder: Path) -> list[str | Path]:
    """The command line of a case, without its output; inputs that it needs are made in `folder`."""
    if case == "bundled sample":
        sample = REPO / "assets" / "sample"
        return ["render", "--audio", sample / "speech.wav", "--video", sample / "target.mp4"]
    speech, targets = data / "speech", data / "targets"
    if case == "two speakers, one SRT":
        pair, srt = folder / "pair.mkv", folder / "pair.srt"
        srt.write_text(SPANS)
        make_pair(targets, pair)
        return [
            "render", "--video", pair, "--spans", srt,
            "--speaker", f"JACK={speech / 'jfk.flac'}:left",
            "--speaker", f"Linda={speech / 'LJ001-0001.wav'}:right",
        ]  # fmt: skip
    target, words = case.split(" + ")
    audio = next(speech.glob(f"{words}.*"))
    return ["render", "--audio", audio, "--video", targets / f"{target}.mp4"]


def make_pair(targets: Path, path: Path) -> None:
    """A man on the left and a woman on the right, 5 s, losslessly."""
    import imageio_ffmpeg

    graph = (
        "[0:v]scale=720:576,setsar=1[a];[1:v]scale=720:576,setsar=1[b];[a][b]hstack,"
        "crop=1440:480:0:96,format=yuv420p[v]"
    )
    inputs = ["-i", targets / "grid_s1_120s.mp4", "-i", targets / "grid_s4_60s.mp4"]
    coding = ["-map", "[v]", "-map", "0:a", "-t", "5", "-c:v", "ffv1", "-c:a", "flac"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-nostdin", "-v", "error", *inputs]
    command += ["-bitexact", "-filter_complex", graph, *coding, path]
    subprocess.run([str(part) for part in command], check=True)


def stream_hashes(path: Path) -> dict[str, str | int]:
    """Hashes of all decoded frames and of all decoded sound of a file, and how many frames."""
    found: dict[str, str | int] = {}
    for kind in ("video", "audio"):
        digest, count = hashlib.sha256(), 0
        with av.open(str(path)) as container:
            if not getattr(container.streams, kind):
                continue
            for frame in container.decode(**{kind: 0}):
                if isinstance(frame, (av.VideoFrame, av.AudioFrame)):
                    digest.update(frame.to_ndarray().tobytes())
                    count += 1
        found[kind] = digest.hexdigest()
        if kind == "video":
            found["frames"] = count
    return found


def run_case(
    case: str, data: Path, faces: Path | None, model: Path | None
) -> dict[str, str | int | float]:
    """Render a case from an empty cache; its hashes and the seconds that it took."""
    with tempfile.TemporaryDirectory(prefix="lipsync-hashes-") as name:
        folder = Path(name)
        if case == "swap":
            video = data / "targets" / "grid_s4_60s.mp4"
            arguments: list[str | Path] = [
                "swap", "--source-faces", str(faces), "--model", str(model), "--video", video,
                "--consent", CONSENT,
            ]  # fmt: skip
        else:
            arguments = render_arguments(case, data, folder)
        output = folder / "out.mkv"
        command = [COMMAND, *arguments, "--output", output]
        began = time.perf_counter()
        subprocess.run(
            [str(part) for part in command],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
        )
        seconds = time.perf_counter() - began
        return {**stream_hashes(output), "seconds": round(seconds, 1)}


def record(args: argparse.Namespace) -> None:
    """Render all cases and write what they gave."""
    results: dict[str, dict[str, str | int | float]] = {}
    if args.result.is_file():
        results = json.loads(args.result.read_text())["cases"]
    for case in args.case or CASES:
        if case == "swap" and not (args.faces and args.model):
            print("swap: left out, no --faces and --model", file=sys.stderr)
            continue
        results[case] = run_case(case, args.shared / "data", args.faces, args.model)
        print(case, results[case], file=sys.stderr, flush=True)
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=REPO, capture_output=True, text=True
        ).stdout.strip()
        args.result.write_text(json.dumps({"commit": commit, "cases": results}, indent=2))


def describe_changes(before: Result, after: Result, reasons: dict[str, str]) -> Iterator[str]:
    """A table of two results; `reasons`: why a case may differ."""
    yield (
        "| case | frames | before | after | frames are | sound is | because of |\n|" + " --- |" * 7
    )
    for case, old in before["cases"].items():
        new = after["cases"].get(case)
        if new is None:
            continue
        hashes = " | ".join(f"`{one['video'][:16]}`" for one in (old, new))
        frames, sound = (
            "equal" if old.get(kind) == new.get(kind) else "**different**"
            for kind in ("video", "audio")
        )
        why = reasons.get(case, "")
        yield f"| {case} | {new['frames']} | {hashes} | {frames} | {sound} | {why} |"


def compare(args: argparse.Namespace) -> None:
    """Write the page from several results: the first beside the second, that beside the third …"""
    results = [json.loads(path.read_text()) for path in args.results]
    reasons = dict(text.split("=", 1) for text in args.reason)
    lines = [
        "# The same pictures\n",
        "Written by `python -m bench.regression.frame_hashes compare`, "
        f"{datetime.date.today()}; {platform.machine()}, {os.cpu_count()} cores. Decoded frames "
        "and decoded sound of renders from empty caches, as SHA-256 (first 16 digits).",
    ]
    for i, (before, after) in enumerate(pairwise(results)):
        last = i == len(results) - 2
        lines += [
            f"\n## {before['commit']} → {after['commit']}\n",
            *describe_changes(before, after, reasons if last else {}),
        ]
    text = "\n".join(lines) + "\n"
    (REPO / "docs" / "benchmarks" / "hashes.md").write_text(text)
    print(text)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("record", help="render all cases")
    one.add_argument("result", type=Path)
    one.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    one.add_argument("--faces", type=Path, help="face set of GRID's speaker 1")
    one.add_argument("--model", type=Path, help="face autoencoder of GRID's speakers 1 and 4")
    one.add_argument("--case", action="append", choices=CASES)
    one.set_defaults(run=record)
    two = commands.add_parser("compare", help="write the page")
    two.add_argument("results", type=Path, nargs="+", help="in the order of their versions")
    two.add_argument(
        "--reason", action="append", default=[], help="CASE=WHY, of the last table; repeatable"
    )
    two.set_defaults(run=compare)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
