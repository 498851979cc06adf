"""Pictures: do the rendered lips say what was predicted? Writes docs/benchmarks/quality.md.

    python bench/quality.py [--shared ../shared] [--out runs/quality]

Each target is driven by speech that is not its own. Landmarks are detected again on the finished
file, as a viewer would see it, and compared with the lips that the speech model asked for.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
from pathlib import Path

import numpy as np

import lipsync
from lipsync import audio, features, geometry, landmarks, lip_lstm, media
from lipsync.cache import Cache
from lipsync.types import LipTrack

REPO = Path(__file__).resolve().parents[1]
CASES = (
    ("grid_s1_120s.mp4", "jfk.flac"),
    ("grid_s4_60s.mp4", "LJ001-0001.wav"),
    ("englishvideo.mp4", "LJ001-0001.wav"),
)


def lips_in(video: Path, cache: Cache) -> LipTrack:
    """The lips that are seen in a file, in its own canonical space."""
    track = landmarks.track_video(media.probe(video), landmarks.LandmarkOptions(), cache)
    return geometry.lips(track, geometry.align(track))


def lips_wanted(speech: Path, target: Path, n: int, cache: Cache) -> LipTrack:
    """The lips that the shipped model asks for, put on the target's person."""
    model = lip_lstm.LipLSTM.load(lip_lstm.LipOptions())
    heard = features.extract(audio.load(speech), model.spec)
    profile = geometry.LipProfile.of(lips_in(target, cache))
    return lip_lstm.predict(model, heard, profile, media.probe(target).fps, n)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    known = np.isfinite(a) & np.isfinite(b)
    return float(np.corrcoef(a[known], b[known])[0, 1])


def measure(target: Path, speech: Path, out: Path) -> dict[str, object]:
    """Render one case and look at the file that came out."""
    result = lipsync.render(
        speech, target, out / target.name, sheet=out / f"{target.stem}.png", overwrite=True
    )
    made = media.probe(result.output)
    with Cache(Cache.default_root()) as cache:
        wanted = lips_wanted(speech, target, made.frame_count, cache)
        seen = lips_in(result.output, cache)
    moved = wanted.opening.std()
    return {
        "target": target.name,
        "speech": speech.name,
        "frames": made.frame_count,
        "fps": str(made.fps),
        "sound_s": float(media.probe_audio(result.output).duration),
        "r_open": correlation(wanted.opening, seen.opening),
        "r_width": correlation(wanted.width, seen.width),
        "articulation": float(seen.opening.std() / moved),
        "faces": result.changed_frames,
    }


def table(rows: list[dict[str, object]]) -> str:
    head = (
        "| target | speech | frames | fps | sound s | r_open | r_width | articulation | changed |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    )
    line = (
        "| {target} | {speech} | {frames} | {fps} | {sound_s:.2f} | {r_open:.3f} | {r_width:.3f} "
        "| {articulation:.2f} | {faces} |\n"
    )
    return head + "".join(line.format(**row) for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--out", type=Path, default=REPO / "runs" / "quality")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    data = options.shared / "data"
    rows = []
    for target, speech in CASES:
        rows.append(measure(data / "targets" / target, data / "speech" / speech, options.out))
        print(json.dumps(rows[-1]))
    text = (
        "# Pictures\n\n"
        "Written by `python bench/quality.py`. Each target is driven by speech that is not its "
        "own; landmarks are detected again on the encoded result and compared with the lips that "
        "the speech model asked for: correlation of the inner-lip gap (r_open) and of the mouth "
        "width (r_width), and the ratio of the gaps' standard deviations (articulation; 1 is "
        "right).\n\n"
        f"{datetime.date.today()}, {platform.machine()}, lipsync {lipsync.__version__}.\n\n"
        + table(rows)
    )
    (REPO / "docs" / "benchmarks" / "quality.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
