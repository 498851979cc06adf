"""Does the head rest while the speech pauses, and does anything stutter? Writes timing.md.

    python -m bench.timing.retiming [--shared ../shared]

Every target with two speeches: in its own order, forth and back where it is too short, retimed. The
head is measured at the places that the output shows; where it was retimed, the frames themselves
are made and looked at again (`seen`), with the pictures between two frames in them.
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
    """Mean square of the head's acceleration within shots, squared eye distances per frame."""
    points = sample_at(motion.points, position)
    shot = motion.shot[np.floor(position).astype(int)]
    same = (shot[2:] == shot[1:-1]) & (shot[1:-1] == shot[:-2])
    return float(np.nanmean((np.diff(points, n=2, axis=0)[same] ** 2).sum(-1)))


def seen(info: VideoInfo, timing: Timing, speaking: Bools) -> float:
    """Mean head speed in the pauses, from the landmarks of the frames that are shown."""
    frames = frame_order.frames_in_order(info, timing)
    track: FaceTrack = landmarks.track(frames, info.fps, landmarks.LandmarkOptions())
    speed = retime.Motion.of(track).along(np.arange(len(timing)))
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
        usual = np.nanpercentile(motion.along(own) / motion.rate, 99.9)
        for speech in SPEECHES:
            wave = audio.load(data / "speech" / speech)
            n = round(float(wave.duration) * motion.rate)
            speaking = vad.listen(wave).filled(retime.FILLED_S).at(np.arange(n) / motion.rate)
            whole, pauses = f"{name} ({len(motion)})", int((~speaking).sum())
            for how in ("cut", "bounce", "loop", "retime"):
                if (how == "cut") != (n <= len(motion)) and how != "retime":
                    continue
                made = retime.retime(speaking, motion, retime.TimingOptions(timing=how))
                position = made.timing.position
                speed = motion.along(position)
                looked = f"{seen(info, made.timing, speaking):.3f}" if how == "retime" else ""
                cells = (
                    whole, f"{speech} ({n}, {pauses} in pauses)", made.how,
                    f"{np.nanmean(speed[~speaking]):.3f}", looked,
                    f"{np.nanmean(speed[speaking]):.3f}", f"{(made.timing.blend > 0).mean():.1%}",
                    f"{np.nanmax(speed) / motion.rate:.4f}", f"{usual:.4f}",
                    f"{jerk(motion, position) / jerk(motion, own):.2f}",
                )  # fmt: skip
                yield "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
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
