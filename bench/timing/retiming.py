"""Head motion in pauses and in speech, for every timing mode. Writes timing.md.

    python -m bench.timing.retiming [--shared ../shared]

Every target with two speeches: cut, looped back and forth if too short, and retimed. Head motion is
measured at the frame positions of the output; retimed frames are also rendered and tracked again
(`seen`), including interpolated ones.
"""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lipsync import media, retime
from lipsync.face import landmarks
from lipsync.media import frame_order
from lipsync.runtime.cache import Cache
from lipsync.runtime.positions import sample_at
from lipsync.speech import audio, vad
from lipsync.types import Bools, FaceTrack, Timing, VideoInfo

REPO = Path(__file__).resolve().parents[2]
TARGETS = ("grid_s1_120s", "grid_s4_60s", "englishvideo")
SPEECHES = ("jfk.flac", "LJ001-0001.wav")
COLUMNS = (
    "target", "speech", "order", "in pauses", "seen", "in speech", "between two", "largest step",
    "99.9 % of the footage", "jerk",
)  # fmt: skip


def jerk(motion: retime.Motion, position: np.ndarray) -> float:
    """Mean square of the head's acceleration within shots, (eye distances per frame²)²."""
    points = sample_at(motion.points, position)
    shot = motion.shot[np.floor(position).astype(int)]
    same = (shot[2:] == shot[1:-1]) & (shot[1:-1] == shot[:-2])
    return float(np.nanmean((np.diff(points, n=2, axis=0)[same] ** 2).sum(-1)))


def measure_shown_speed(info: VideoInfo, timing: Timing, speaking: Bools) -> float:
    """Mean head speed in the pauses, tracked in the frames that are shown."""
    frames = frame_order.read_frames_in_order(info, timing)
    track: FaceTrack = landmarks.track_face(frames, info.fps, landmarks.LandmarkOptions())
    speed = retime.Motion.of(track).speed_along(np.arange(len(timing)))
    return float(np.nanmean(speed[~speaking]))


def rows(data: Path, cache: Cache) -> Iterator[str]:
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "|" + " --- |" * len(COLUMNS)
    for name in TARGETS:
        info = media.probe(data / "targets" / f"{name}.mp4")
        motion = retime.Motion.of(
            landmarks.track_video(info, landmarks.LandmarkOptions(), cache, "cpu")
        )
        own = np.arange(len(motion))
        usual = np.nanpercentile(motion.speed_along(own) / motion.rate, 99.9)
        for speech in SPEECHES:
            wave = audio.load_speech(data / "speech" / speech)
            n = round(float(wave.duration) * motion.rate)
            speaking = (
                vad.detect_speech(wave)
                .fill_pauses(retime.MIN_PAUSE_S)
                .at(np.arange(n) / motion.rate)
            )
            whole, pauses = f"{name} ({len(motion)})", int((~speaking).sum())
            for how in ("cut", "bounce", "loop", "retime"):
                if (how == "cut") != (n <= len(motion)) and how != "retime":
                    continue
                made = retime.choose_timing(speaking, motion, retime.TimingOptions(timing=how))
                position = made.timing.position
                speed = motion.speed_along(position)
                looked = (
                    f"{measure_shown_speed(info, made.timing, speaking):.3f}"
                    if how == "retime"
                    else ""
                )
                cells = (
                    whole, f"{speech} ({n}, {pauses} in pauses)", made.mode,
                    f"{np.nanmean(speed[~speaking]):.3f}", looked,
                    f"{np.nanmean(speed[speaking]):.3f}", f"{(made.timing.blend > 0).mean():.1%}",
                    f"{np.nanmax(speed) / motion.rate:.4f}", f"{usual:.4f}",
                    f"{jerk(motion, position) / jerk(motion, own):.2f}",
                )  # fmt: skip
                yield "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.timing.retiming", description=__doc__)
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    data = parser.parse_args().shared / "data"
    head = (
        f"# Timing\n\nWritten by `python -m bench.timing.retiming`, {datetime.date.today()}. "
        f"Head speed: "
        "mean over the rigid landmarks, outer-eye distances per second; in pauses and in speech. "
        "Largest step: of the head from one output frame to the next within a shot, outer-eye "
        "distances, beside what 99.9 % of the footage's own steps stay below. Jerk: mean square of "
        "the acceleration, as a multiple of that of the whole footage (above 1: it stutters more "
        "than the footage). Numbers of frames in brackets.\n"
    )
    with Cache(Cache.default_root()) as cache:
        text = "\n".join([head, *rows(data, cache)])
    (REPO / "docs" / "benchmarks" / "timing.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
