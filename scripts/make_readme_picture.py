"""Make the picture in README.md: frames of the bundled sample, and the same frames re-rendered.

    python scripts/make_readme_picture.py [--out docs/images/demo.png]

Renders the sample with `--timing cut`, so that output frame i shows target frame i. Of every one
of COLUMNS equal parts of the output it shows the frame in which target and result differ most.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import lipsync

Picture = NDArray[np.uint8]

REPO = Path(__file__).resolve().parents[1]
SAMPLE = REPO / "assets" / "sample"
COLUMNS = 5
CROP = (slice(140, 370), slice(140, 370))  # rows and columns of the sample's face
TILE, GAP, LABELS = 160, 4, 52  # pixels
LARGEST = 400_000  # bytes, of the picture


def read(path: Path) -> list[Picture]:
    """All frames of a video, (h, w, 3) BGR."""
    video, frames = cv2.VideoCapture(str(path)), []
    while (read := video.read())[0]:
        frames.append(np.asarray(read[1], np.uint8))
    return frames


def telling_frames(target: list[Picture], result: list[Picture]) -> list[int]:
    """COLUMNS frames, spread over the result, in which the two differ most."""
    pairs = zip(target, result, strict=False)
    differences = [float(np.mean(cv2.absdiff(a[CROP], b[CROP]))) for a, b in pairs]
    parts = np.array_split(np.arange(len(result)), COLUMNS)
    return [int(max(part, key=lambda i: differences[i])) for part in parts]


def row(frames: list[Picture], label: str) -> Picture:
    """The faces of some frames side by side, with a label to their left."""
    margin = np.full((TILE, LABELS, 3), 255, np.uint8)
    where, ink = (2, TILE // 2), (20, 20, 20)
    cv2.putText(margin, label, where, cv2.FONT_HERSHEY_SIMPLEX, 0.42, ink, 1, cv2.LINE_AA)
    gap = np.full((TILE, GAP, 3), 255, np.uint8)
    tiles = [cv2.resize(f[CROP], (TILE, TILE), interpolation=cv2.INTER_AREA) for f in frames]
    return np.hstack([margin, *(part for tile in tiles for part in (tile, gap))][:-1])


def main() -> None:
    """Render, choose, and write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=REPO / "docs" / "images" / "demo.png")
    out: Path = parser.parse_args().out
    target = SAMPLE / "target.mp4"
    with tempfile.TemporaryDirectory() as folder:
        rendered = Path(folder) / "demo.mp4"
        options = lipsync.RenderOptions.of(timing="cut")
        lipsync.render(SAMPLE / "speech.wav", target, rendered, options=options)
        before, after = read(target), read(rendered)
    chosen = telling_frames(before, after)
    rows = [
        row([f[i] for i in chosen], label) for f, label in ((before, "target"), (after, "result"))
    ]
    gap = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out), np.vstack([rows[0], gap, rows[1]]), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    size = out.stat().st_size
    print(f"{out}: frames {chosen}, {size} bytes")
    if size > LARGEST:
        raise SystemExit(f"{out}: larger than {LARGEST} bytes; use smaller tiles")


if __name__ == "__main__":
    main()
