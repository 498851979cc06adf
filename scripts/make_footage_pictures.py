"""Make the pictures and the table of docs/footage.md: good footage, and what spoils it.

    python scripts/make_footage_pictures.py [--shared ../shared]

Takes the bundled sample as it is, spoils copies of it, and renders all of them with the same
speech. One more row is a clip of the GRID corpus, if the folder of footage is there. The table in
the page is replaced by what the results say.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from page_pictures import IMAGES, REPO, SAMPLE, Picture, find_points, read_frames, row, tile, write

import lipsync
from lipsync import media
from lipsync.media.encode import EncodeOptions, encode_video
from lipsync.report.results import RenderResult
from lipsync.types import VideoInfo

PAGE = REPO / "docs" / "footage.md"
TABLE = re.compile(r"(<!-- measured -->\n).*?(<!-- /measured -->)", re.DOTALL)
SHOWN = 39  # frame that is shown
SMALL = 0.11  # of the size of the sample, for a face that is too small to work with
NOISE = 6.0  # levels, standard deviation, of a camera in the dark
Spoil = Callable[[Picture, int], Picture]


def darken(frame: Picture, number: int) -> Picture:
    """A room without light: a tenth of the brightness, and the noise that cameras then have."""
    noise = np.random.default_rng(number).normal(0, NOISE, frame.shape)
    return np.clip(frame * 0.1 + noise, 0, 255).astype(np.uint8)


def defocus(frame: Picture, number: int) -> Picture:
    """Out of focus."""
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), 5), np.uint8)


def shrink(frame: Picture, number: int) -> Picture:
    """Recorded small and enlarged again."""
    size = (frame.shape[1], frame.shape[0])
    small = cv2.resize(frame, None, fx=SMALL, fy=SMALL, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def hold_microphone(frame: Picture, number: int) -> Picture:
    """A drawn microphone that covers half of the mouth and sways a little."""
    out = frame.copy()
    x = round(262 + 6 * np.sin(number / 17))
    y = round(330 + 3 * np.sin(number / 11))
    cv2.line(out, (x, y + 30), (x + 60, frame.shape[0]), (45, 45, 48), 36, cv2.LINE_AA)
    cv2.ellipse(out, (x, y), (40, 46), -15, 0, 360, (58, 58, 62), -1, cv2.LINE_AA)
    for step in range(-32, 33, 8):
        cv2.line(out, (x + step, y - 30), (x + step, y + 30), (80, 80, 84), 1, cv2.LINE_AA)
    return out


CASES: tuple[tuple[str, str, Spoil | None], ...] = (
    ("sample", "the sample as it is", None),
    ("dark", "dark, with noise", darken),
    ("blur", "out of focus", defocus),
    ("small", "recorded at 56 × 56 pixels", shrink),
    ("microphone", "a microphone before the mouth", hold_microphone),
)


def spoil_clip(spoil: Spoil, folder: Path, name: str) -> Path:
    """The sample's target, every frame spoiled."""
    source, out = SAMPLE / "target.mp4", folder / f"{name}.mp4"
    frames = read_frames(source)
    height, width = frames[0].shape[:2]
    info = VideoInfo(out, width, height, media.probe(source).fps, len(frames))
    spoiled = (np.ascontiguousarray(spoil(frame, i)[..., ::-1]) for i, frame in enumerate(frames))
    encode_video(spoiled, info, source, out, EncodeOptions())
    return out


def table_row(what: str, result: RenderResult) -> str:
    """What a result says of its footage."""
    missing = sum(end - start for start, end in result.coverage)
    cells = [
        what,
        f"{result.changed_frames} of {result.frames}",
        str(result.frames_covered),
        str(result.frames_without_face),
        f"{missing:.1f} of {result.duration:.1f}",
        "; ".join(result.warnings) or "–",
    ]
    return "| " + " | ".join(cells) + " |"


def render_one(target: Path, folder: Path) -> RenderResult | str:
    """The result of a render; or the line that refuses it."""
    options = {"timing": "cut"}
    out = folder / f"{target.stem}.result.mp4"
    try:
        return lipsync.render(SAMPLE / "speech.wav", target, out, options=options)
    except lipsync.LipsyncError as error:
        return str(error).replace(str(target), target.name)


def show(frames: list[Picture], result: list[Picture]) -> Picture:
    """A frame of the target and of the result, and both mouths."""
    points = find_points(frames[SHOWN])
    near, wide = (262.0, 335.0, 150.0), (256.0, 230.0, 330.0)  # of the sample's frames
    if points is not None and frames[0].shape[1] != 512:
        x, y = points[[61, 291]].mean(0)
        side = float(np.ptp(points[:, 0]))
        near, wide = (float(x), float(y), side * 0.8), (float(x), float(y - side / 3), side * 1.8)
    pairs = ((frames, wide), (result, wide), (frames, near), (result, near))
    return row([tile(video[SHOWN], box, 200) for video, box in pairs])


def main() -> None:
    """Spoil, render, and write pictures and table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    shared: Path = parser.parse_args().shared
    rows = [
        "| footage | new frames | covered | no face | s without a similar mouth | warnings |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = [
            (
                stem,
                what,
                SAMPLE / "target.mp4" if spoil is None else spoil_clip(spoil, folder, stem),
            )
            for stem, what, spoil in CASES
        ]
        grid = shared / "data" / "targets" / "grid_s4_60s.mp4"
        if grid.exists():
            clips.insert(0, ("grid", "GRID speaker 4, a minute", grid))
        for stem, what, target in clips:
            result = render_one(target, folder)
            if isinstance(result, str):
                rows.append(f"| {what} | refused: {result} | – | – | – | – |")
                continue
            rows.append(table_row(what, result))
            print(rows[-1])
            frames = read_frames(target)
            made = read_frames(Path(result.output))
            write(IMAGES / "footage" / f"{stem}.jpg", show(frames, made))
    text = "\n".join(rows)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda m: f"{m[1]}\n{text}\n\n{m[2]}", page), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
