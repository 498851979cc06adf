"""Marks of finished renders: what they cost, and what their signature survives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.marks.marked_clips import Clip
from lipsync.marks.watermark import Watermark
from lipsync.media import ffmpeg_binary
from lipsync.runtime.cache import Cache

SPEECH = "speech/jfk.flac"
RENDERED = ("wild/hands_and_objects.mp4", "wild/one_take_60s.mp4")  # the first: signature, too
LENGTH_S = 12.0  # of the footage that is rendered
TIMED = (
    ("wild/one_take_60s.mp4", "256×256"),
    ("wild/hands_and_objects.mp4", "720p"),
    ("wild/room_light_1080p.mp4", "1080p"),
    ("wild/dark_portrait_60fps.mp4", "1080p, upright"),
)
TIMED_FRAMES = 75
MOST_MS, MOST_SHARE = 2.0, 0.03


@dataclass(frozen=True)
class Rendered:
    """An output, and what making it took."""

    output: Path
    wall: float  # seconds of the second run of the command, start-up included
    seconds: dict[str, float]  # by stage
    frames: int


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run lipsync with a cache and a certificate of its own."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", "lipsync", *command],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip


def _render(data: Path, name: str, folder: Path) -> Rendered:
    """Render twice; the second time all caches are filled."""
    footage = folder / f"{Path(name).stem}.mkv"
    cut = ["-i", str(data / name), "-t", str(LENGTH_S), "-crf", "8", "-preset", "veryfast"]
    _ffmpeg(*cut, str(footage))
    output = folder / f"{Path(name).stem}.mp4"
    command = ["render", "-a", str(data / SPEECH), "-v", str(footage), "-o", str(output)]
    wall, result = 0.0, {}
    for _ in range(2):
        began = time.perf_counter()
        done = _run([*command, "--overwrite", "--json"], folder)
        wall = time.perf_counter() - began
        if done.returncode:
            raise SystemExit(done.stderr)
        result = json.loads(done.stdout)
    return Rendered(output, wall, result["seconds"], result["frames"])


def _ffmpeg(*arguments: str) -> None:
    command = [ffmpeg_binary(), "-y", "-nostdin", "-v", "error", *arguments]
    subprocess.run(command, check=True)


def time_embedding(clip: Clip) -> list[float]:
    """Milliseconds of CPU time of `Watermark.embed` for the first frames, in one thread."""
    mark, to_frame, took = Watermark(1), clip.face.alignment.to_frame, []
    with _one_thread():
        for i, (frame, mask) in enumerate(zip(clip.frames(), clip.masks(), strict=True)):
            if i == TIMED_FRAMES:
                break
            made = frame.copy()
            began = time.thread_time()
            mark.embed(made, to_frame[i], clip.times[i], mask)
            took.append(1000 * (time.thread_time() - began))
    return took


@contextmanager
def _one_thread() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def describe(data: Path, cache: Cache) -> list[str]:
    """The sections on cost and on content credentials."""
    with tempfile.TemporaryDirectory() as folder:
        renders = [_render(data, name, Path(folder)) for name in RENDERED]
        return [
            _describe_cost([Clip.load(data / name, cache) for name, _ in TIMED], renders),
            _describe_credentials(renders[0].output, Path(folder)),
        ]


def _describe_cost(clips: list[Clip], renders: list[Rendered]) -> str:
    lines = [
        "## Cost",
        "",
        f"The watermark alone, `Watermark.embed` in one thread, CPU time of {TIMED_FRAMES} frames:",
        "",
        "| clip | size | pixels between the outer eye corners | bar | median | 95th percentile |",
        "|" + " --- |" * 6,
        *(_embedding_row(clip, size) for clip, (_, size) in zip(clips, TIMED, strict=True)),
    ]
    lines += [
        "",
        f"In a render (`lipsync render -a {SPEECH}`, {LENGTH_S:g} s of footage, caches filled; "
        "seconds of the whole process, start-up included). Marks: comment, XMP, signature, "
        "sidecar.",
        "",
        "| footage | frames | render | watermark | marks | bar | share of both |",
        "|" + " --- |" * 7,
    ]
    for one in renders:
        hidden, marks = one.seconds["watermark"], one.seconds["marks"]
        lines.append(
            f"| {one.output.stem} | {one.frames} | {one.wall:.1f} s | {hidden:.2f} s "
            f"| {marks:.2f} s | {100 * MOST_SHARE:g} % | {100 * (hidden + marks) / one.wall:.1f} % "
            "|"
        )
    return "\n".join(lines)


def _embedding_row(clip: Clip, size: str) -> str:
    took = time_embedding(clip)
    linear = clip.face.alignment.to_frame[: len(took), :, :2]
    scale = float(np.nanmedian(np.sqrt(np.abs(np.linalg.det(linear)))))
    median, slow = np.percentile(took, (50, 95))
    return (
        f"| {clip.name} | {size} | {scale:.0f} | {MOST_MS:g} ms | {median:.2f} ms | {slow:.2f} ms |"
    )


def _describe_credentials(output: Path, folder: Path) -> str:
    """What readers say of an output, of one with a flipped byte, and of a remuxed one."""
    flipped, remuxed = folder / "flipped.mp4", folder / "remuxed.mp4"
    content = bytearray(output.read_bytes())
    content[middle_of_media(bytes(content))] ^= 1
    flipped.write_bytes(content)
    _ffmpeg("-i", str(output), "-map", "0", "-c", "copy", str(remuxed))
    lines = [
        "## Content credentials",
        "",
        f"The output of {output.stem} above. Independent: `encypher-c2pa`, which shares no code "
        "with the library that signs. The files have no sidecar beside them but the first.",
        "",
        "| file | bar | independent reader | `lipsync marks verify` | its marks |",
        "|" + " --- |" * 5,
    ]
    cases = (
        ("as written", "valid; exit 0", output),
        ("one bit flipped in the middle of `mdat`", "invalid; exit 4", flipped),
        (
            "remuxed, `ffmpeg -c copy`",
            "none; credentials stripped, watermark valid; exit 3", remuxed,
        ),
    )  # fmt: skip
    for name, bar, file in cases:
        done = _run(["marks", "verify", str(file), "--json"], folder)
        result = json.loads(done.stdout)
        states = ", ".join(f"{one['name']} {one['state']}" for one in result["marks"])
        words = f"{result['verdict']}, record {result['record'] or 'unknown'}, exit "
        cells = (name, bar, _independent(file), f"{words}{done.returncode}", states)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def middle_of_media(content: bytes) -> int:
    """Where the middle of the mdat box lies in an mp4.

    Raises:
        ValueError: there is none.
    """
    at = 0
    while at + 8 <= len(content):
        size, start = int.from_bytes(content[at : at + 4], "big"), 8
        if size == 1:
            size, start = int.from_bytes(content[at + 8 : at + 16], "big"), 16
        size = size or len(content) - at
        if content[at + 4 : at + 8] == b"mdat":
            return at + (start + size) // 2
        at += size
    raise ValueError("the file has no mdat box")


def _independent(file: Path) -> str:
    """What the independent reader says of the bytes and of the signature."""
    import encypher_c2pa

    found: Mapping[str, Any] = encypher_c2pa.verify(str(file))
    if not found["present"]:
        return "no manifest"
    return f"integrity {found['integrity']}, signature {found['signature']}"
