"""Thresholds of identity, occlusion and jaw motion. Writes docs/benchmarks/thresholds.md.

    python -m bench.detection.thresholds [--shared ../shared]

Identity: similarity between clips of four people. Occlusion: outlier scores of every frame of the
three targets, then of 20 frames of each with skin or a dark disc over the mouth. Jaw: how far the
chin drops between a person's smallest and widest opening, measured and predicted.
"""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

from lipsync import media
from lipsync.face import appearance, identity, landmarks, similarity
from lipsync.face.alignment import align
from lipsync.face.tracked_face import TrackedFace
from lipsync.mouth.bank import mouth_bank
from lipsync.mouth.finish import jaw_warp, visibility
from lipsync.runtime.cache import Cache
from lipsync.types import F32, U8, Alignment, FaceTrack, LipTrack, VideoInfo

REPO = Path(__file__).resolve().parents[2]
PEOPLE = ("grid_s1", "grid_s4", "grid_s26", "grid_s31")
TARGETS = ("grid_s1_120s", "grid_s4_60s", "englishvideo")
CLIPS, FACES, MOST, HELD = 14, 6, 600, range(120, 140)


def track_video(file: Path, cache: Cache) -> tuple[VideoInfo, FaceTrack]:
    info = media.probe(file)
    return info, landmarks.track_video(info, landmarks.LandmarkOptions(), cache)


def likeness_rows(data: Path, cache: Cache) -> Iterator[str]:
    """Similarity of pairs of clips of one person, and of two people."""
    faces: list[tuple[str, list[F32]]] = []
    for name in PEOPLE:
        files = sorted((data / name).glob("*.m*"))
        for file in files[:: max(1, len(files) // CLIPS)][:CLIPS]:
            info, track = track_video(file, cache)
            place = align(track).to_frame
            some = set(np.linspace(0, len(track) - 1, FACES).astype(int).tolist())
            shots = enumerate(media.read_frames(info))
            faces.append(
                (name, [identity.make_face_thumbnail(f, place[i]) for i, f in shots if i in some])
            )
    pairs: dict[bool, list[float]] = {True: [], False: []}
    for (one, a), (other, b) in combinations(faces, 2):
        pairs[one == other].append(identity.compare_faces(a, b))
    yield f"## Likeness of {len(faces)} clips (the same person from {identity.SAME_PERSON} on)\n"
    yield "| pairs | number | least | 1 % | median | 99 % | most |\n" + "|" + " --- |" * 7
    for same, label in ((True, "one person"), (False, "two people")):
        values = np.percentile(pairs[same], [0, 1, 50, 99, 100])
        yield f"| {label} | {len(pairs[same])} | " + " | ".join(f"{v:.3f}" for v in values) + " |"


def occlude_mouth(frame: U8, place: F32, what: str) -> U8:
    """Cover the mouth with skin from between the brows, or with a dark disc."""
    frame, scale = frame.copy(), float(np.sqrt(abs(np.linalg.det(place[:, :2]))))
    (x, y), half = (place @ np.array([0.05, 0.95, 1])).astype(int), int(0.3 * scale)
    if what == "disc":
        return np.asarray(cv2.circle(frame, (int(x), int(y)), half, (25, 25, 28), -1))
    u, v = (place @ np.array([-0.35, 0.55, 1])).astype(int)
    skin = frame[v - half // 3 : v + half // 3, u - half // 3 : u + half // 3]
    room = frame[y - half : y + half, x - half : x + half]
    room[:] = cv2.resize(skin, (room.shape[1], room.shape[0]))
    return frame


def outlier_scores(views: F32, tints: F32, lips: F32, track: FaceTrack) -> F32:
    return appearance.score_appearance_outliers(
        views.astype(np.float16), lips, track, tints.astype(np.float16)
    )


def occlusion_rows(data: Path, cache: Cache) -> Iterator[str]:
    """Outlier scores of visible and covered mouths, and the drop of the chin."""
    yield (
        "\n## Covered mouths and jaws\n\n"
        f"Covered: from {visibility.OCCLUDED_SCORES[1]} times the usual on, as the median of "
        f"{visibility.MEDIAN_S} s (held), and around that from {visibility.OCCLUDED_SCORES[0]} on; "
        f"or from {visibility.OCCLUDED_AT_ONCE} in a single frame.\n"
    )
    yield (
        "| target | frames | most, free | held | least, skin | least, disc | chin drops "
        "| predicted |\n" + "|" + " --- |" * 8
    )
    for name in TARGETS:
        info, track = track_video(data / "targets" / f"{name}.mp4", cache)
        face, n = TrackedFace.of(track), min(MOST, len(track))
        own, alignment = face.lips, face.alignment
        frames = list(media.read_frames(info, 0, n))
        kept = FaceTrack(
            track.points[:n], track.found[:n], track.confidence[:n],
            track.cuts[track.cuts < n], track.fps, track.scheme,
        )  # fmt: skip
        views = np.stack(
            [appearance.make_luma_thumbnail(f, alignment.to_frame[i]) for i, f in enumerate(frames)]
        )
        tints = np.stack(
            [appearance.make_tint_thumbnail(f, alignment.to_frame[i]) for i, f in enumerate(frames)]
        )
        free = outlier_scores(views, tints, own.points[:n], kept)
        usual = float(np.nanmedian(free))
        steady = visibility.running_median(free, float(info.fps))
        cells = [f"{np.nanmax(one) / usual:.1f}" for one in (free, steady)]
        for what in ("skin", "disc"):
            changed, tinted, lips = views.copy(), tints.copy(), own.points[:n].copy()
            made = [occlude_mouth(frames[i], alignment.to_frame[i], what) for i in HELD]
            seen = landmarks.track_face(made, info.fps, landmarks.LandmarkOptions())
            for j, i in enumerate(HELD):
                changed[i] = appearance.make_luma_thumbnail(made[j], alignment.to_frame[i])
                tinted[i] = appearance.make_tint_thumbnail(made[j], alignment.to_frame[i])
                there = similarity.apply_affine(
                    alignment.to_canonical[i], seen.xy[j, list(track.scheme.lips)]
                )
                lips[i] = there if seen.found[j] else lips[i]
            odd = outlier_scores(changed, tinted, lips, kept)
            cells.append(f"{np.nanmin(odd[list(HELD)]) / usual:.1f}")
        beginning = TrackedFace(kept, Alignment(alignment.to_frame[:n]))
        bank, _ = mouth_bank.build(
            iter(frames), beginning, mouth_bank.BankOptions(), cache, f"thresholds {name} {n}"
        )
        least, widest = int(np.nanargmin(own.opening[:n])), int(np.nanargmax(own.opening[:n]))
        wanted = LipTrack(np.repeat(own.points[widest : widest + 1], 9, axis=0), own.rate)
        target, middle = face.at(np.full(9, least)), len(track.scheme.jaw) // 2
        moved = jaw_warp.predict_jaw_offsets(bank, wanted, target, jaw_warp.JawOptions())
        line = similarity.apply_affine(alignment.to_canonical, track.xy[:, track.scheme.jaw])
        drop = line[widest, middle, 1] - line[least, middle, 1]
        told = moved[4, middle, 1] / alignment.scale[least] if moved is not None else float("nan")
        yield f"| {name} | {n} | " + " | ".join(cells) + f" | {drop:.3f} | {told:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.detection.thresholds", description=__doc__
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    data = parser.parse_args().shared / "data"
    head = (
        "# Thresholds\n\nWritten by `python -m bench.detection.thresholds`, "
        f"{datetime.date.today()}. Oddness as a multiple of the target's own median; drops in "
        "outer-eye distances.\n"
    )
    with Cache(Cache.default_root()) as cache:
        text = "\n".join([head, *likeness_rows(data, cache), *occlusion_rows(data, cache)])
    (REPO / "docs" / "benchmarks" / "thresholds.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
