"""Measure a face swap between two people and write docs/benchmarks/swap.md.

    lipsync faces extract ../shared/data/grid_s1/*.mkv -o runs/faces/s1   (every 16th clip)
    lipsync faces extract ../shared/data/grid_s4/*.mp4 -o runs/faces/s4
    for name in light gan_cpu; do
        python -m training.train_autoencoder configs/train/$name.yaml \
            --a runs/faces/s1 --b runs/faces/s4
    done
    python bench/swap.py

Pictures of people go to runs/bench_swap/ and are not part of the project. The embedding that tells
whose face is shown is dlib's ResNet (extra `bench`); it plays no part in training.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import os
import platform
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from lipsync import face_pipeline, face_preview, geometry, landmarks, media
from lipsync.autoencoder import SIDES, FaceAutoencoder, Side
from lipsync.cache import Cache
from lipsync.face_space import SIDE, cut_face
from lipsync.faceset import FaceSet
from lipsync.faceswap import FaceMaker, FaceOptions
from lipsync.threads import one_thread
from lipsync.types import F32, U8, Alignment, FaceTrack
from training import face_losses, face_progress
from training.autoencoder_options import AutoencoderOptions, read_config
from training.face_batches import FaceBatch, People, open_people, plain_faces, toned_faces
from training.face_learner import FaceLearner
from training.ranks import Ranks

REPO = Path(__file__).resolve().parents[1]
CONSENT = "speakers 1 and 4 of the GRID corpus, published under CC BY 4.0; a measurement, not shown"
LOOKED_AT = 12  # frames whose identity is measured


def clip(source: Path, start_s: float, length_s: float, place: Path) -> Path:
    """A piece of a video, encoded without visible loss."""
    command = [media.binary(), "-y", "-v", "error", "-ss", str(start_s), "-t", str(length_s),
               "-i", str(source), "-crf", "12", str(place)]  # fmt: skip
    subprocess.run(command, check=True)
    return place


class Embedding:
    """dlib's 128 numbers per face: one person's are within 0.6 of each other."""

    def __init__(self) -> None:
        import dlib

        spec = importlib.util.find_spec("face_recognition_models")
        if spec is None or spec.origin is None:
            raise SystemExit("pip install 'lipsync-render[bench]'")
        models = Path(spec.origin).parent / "models"
        self._find = dlib.get_frontal_face_detector()
        self._points = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        network = models / "dlib_face_recognition_resnet_model_v1.dat"
        self._network = dlib.face_recognition_model_v1(str(network))

    def __call__(self, frame: U8) -> F32 | None:
        frame = np.ascontiguousarray(frame)
        found = self._find(frame, 1 if frame.shape[1] < 500 else 0)
        if not found:
            return None
        shape = self._points(frame, max(found, key=lambda box: box.area()))
        return np.array(self._network.compute_face_descriptor(frame, shape), np.float32)

    def all(self, frames: list[U8]) -> F32:
        return np.stack([v for v in map(self, frames) if v is not None])


def distance(some: F32, others: F32) -> float:
    """Mean distance of two people's embeddings."""
    return float(np.linalg.norm(some[:, None] - others[None], axis=-1).mean())


def tracked(path: Path) -> tuple[FaceTrack, Alignment, list[U8]]:
    info = media.probe(path)
    with Cache(Cache.default_root()) as cache:
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
    return track, geometry.align(track), list(media.read_frames(info))


def sheet(path: Path, before: list[U8], after: list[U8], places: F32, tile: int = 200) -> None:
    """Ten frames spread over the clip, then ten consecutive ones: target above, swap below."""
    chosen = [*np.linspace(0, len(before) - 1, 10).astype(int), *range(40, 50)]
    rows = []
    for some in (chosen[:10], chosen[10:]):
        for frames in (before, after):
            tiles = [cut_face(frames[i], places[i], tile, 2.6 / SIDE) for i in some]
            rows += [np.hstack(tiles)]
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])


def flicker(before: list[U8], after: list[U8], places: F32) -> tuple[float, float]:
    """How much the inner face's mean colour jumps from frame to frame beyond the target's own
    (levels, RMS of second differences): of the target, and of the swap."""
    found = []
    for frames in (before, after):
        pairs = zip(frames, places, strict=True)
        means = np.array([cut_face(f, p, 32, 0.35).mean((0, 1)) for f, p in pairs])
        found.append(float(np.sqrt(np.mean(np.diff(means, 2, axis=0) ** 2))))
    return found[0], found[1]


def swapped(shared: Path, model: Path, folder: Path, sets: dict[Side, Path]) -> Iterator[str]:
    """Both directions: whose face is it, and how steady?"""
    embed = Embedding()
    with one_thread():
        known = {}
        for side in SIDES:
            with FaceSet(sets[side]) as faces:
                some = np.linspace(0, len(faces) - 1, 20).astype(int)
                known[side] = embed.all([faces.face(int(i)) for i in some])
    between = distance(known["a"], known["b"])
    yield (
        "| target | face | frames | distance to the source | to the target "
        "| same person, two people | flicker of the target | of the swap | s per frame |\n"
        + "|"
        + " --- |" * 9
    )
    data = shared / "data" / "targets"
    jobs: list[tuple[Side, Path]] = [
        ("a", data / "grid_s4_60s.mp4"),
        ("b", data / "grid_s1_120s.mp4"),
    ]
    for source, whole in jobs:
        other: Side = "b" if source == "a" else "a"
        piece = clip(whole, 21, 10, folder / f"target_{other}.mp4")
        began = time.perf_counter()
        result = face_pipeline.swap(
            sets[source], piece, model, folder / f"swap_{source}_on_{other}.mp4",
            consent=CONSENT, overwrite=True,
        )  # fmt: skip
        took = (time.perf_counter() - began) / result.frames
        _, alignment, before = tracked(piece)
        after = list(media.read_frames(media.probe(result.output)))
        sheet(folder / f"swap_{source}_on_{other}.png", before, after, alignment.to_frame)
        some = np.linspace(0, len(after) - 1, LOOKED_AT).astype(int)
        made = embed.all([after[i] for i in some])
        own = distance(known[source], known[source]) * 20 / 19
        steady = flicker(before, after, alignment.to_frame)
        yield (
            f"| {other} | {source} | {result.changed_frames} of {result.frames} "
            f"| {distance(made, known[source]):.2f} | {distance(made, known[other]):.2f} "
            f"| {own:.2f}, {between:.2f} | {steady[0]:.2f} | {steady[1]:.2f} | {took:.2f} |"
        )


def hand(frame: U8, place: F32, skin: U8) -> tuple[U8, U8]:
    """Paste a hand of somebody's skin before the lower face; the picture, and where (h, w) 255.

    Drawn otherwise than in training: a palm, four fingers, a thumb, with the skin's own texture.
    """
    cover = np.zeros(frame.shape[:2], np.uint8)
    scale = float(np.sqrt(abs(np.linalg.det(place[:, :2]))))

    def at(x: float, y: float) -> tuple[int, int]:
        point = place[:, :2] @ np.array([x, y]) + place[:, 2]
        return int(point[0]), int(point[1])

    cv2.ellipse(cover, at(0.75, 1.35), (int(0.42 * scale), int(0.33 * scale)), 20, 0, 360, 255, -1)
    tips = [(0.05, 0.75), (-0.02, 0.93), (0.0, 1.11), (0.12, 1.28)]
    roots = [(0.6, 1.12), (0.55, 1.24), (0.55, 1.37), (0.6, 1.5)]
    for tip, root in zip(tips, roots, strict=True):
        cv2.line(cover, at(*tip), at(*root), 255, int(0.15 * scale), cv2.LINE_AA)
    cv2.line(cover, at(0.5, 0.72), at(0.85, 1.2), 255, int(0.17 * scale), cv2.LINE_AA)
    size = frame.shape[1::-1]
    texture = cv2.resize(skin, (64, 64)).astype(np.float32)
    texture = np.tile(np.block([[[texture], [texture[:, ::-1]]]]).reshape(128, 64, 3), (8, 16, 1))
    texture = cv2.resize(texture, size)
    depth = cv2.distanceTransform((cover > 127).astype(np.uint8), cv2.DIST_L2, 5)
    shade = 0.6 + 0.45 * np.clip(depth / (0.07 * scale), 0, 1)
    alpha = cv2.GaussianBlur(cover, (0, 0), 0.8).astype(np.float32)[..., None] / 255
    mixed = frame * (1 - alpha) + np.clip(texture * shade[..., None], 0, 255) * alpha
    return np.rint(mixed).astype(np.uint8), cover


def occlusion(shared: Path, models: dict[str, Path], folder: Path) -> Iterator[str]:
    """A hand pasted before the face of the target: does it stay in front?"""
    yield (
        "| model | mask | hand kept (of its pixels) | face replaced beside it (of its pixels) |\n"
        + "|"
        + " --- |" * 4
    )
    track, alignment, frames = tracked(folder / "target_b.mp4")
    other, places, pictures = tracked(sorted((shared / "data" / "grid_s31").glob("*.mkv"))[0])
    del other
    cheek = cut_face(pictures[0], places.to_frame[0], 256)[150:182, 90:122]
    i = 60
    covered, where = hand(frames[i], alignment.to_frame[i], cheek)
    one = FaceTrack(track.points[i : i + 1], track.found[i : i + 1], track.confidence[i : i + 1],
                    np.zeros(0, np.int64), track.fps, track.scheme)  # fmt: skip
    place = Alignment(alignment.to_frame[i : i + 1])
    tiles = [cut_face(covered, place.to_frame[0], 260, 2.6 / SIDE)]
    for name, path in models.items():
        if not path.is_file():
            continue
        network = FaceAutoencoder.load(path)
        maker = FaceMaker(network, "a")
        made = maker.make(covered, place.to_frame[0], place.to_canonical[0], one.xy[0])
        plain = maker.make(frames[i], place.to_frame[0], place.to_canonical[0], one.xy[0])
        for label, how in (
            ("hull only", FaceOptions(mask="hull", face_occlusion=False)),
            ("learned", FaceOptions(mask="both", face_occlusion=False)),
            ("learned, and what its own decoder cannot explain", FaceOptions(mask="both")),
        ):
            put = face_preview.composited
            shown = put(covered, maker.patch(made, how), one, place, how)
            clear = put(frames[i], maker.patch(plain, how), one, place, how)
            inner = cv2.erode(where, np.ones((5, 5), np.uint8)) > 127
            outline = geometry.apply(place.to_frame[0], _face_oval())
            face = np.zeros(where.shape, np.uint8)
            cv2.fillConvexPoly(face, np.round(outline).astype(np.int32), 255)
            beside = (face > 127) & (cv2.dilate(where, np.ones((9, 9), np.uint8)) == 0)
            kept = (np.abs(shown.astype(int) - covered)[inner].max(1) < 16).mean()
            near_clear = np.abs(shown.astype(int) - clear)[beside].max(1) < 16
            yield f"| {name} | {label} | {kept:.0%} | {near_clear.mean():.0%} |"
            tiles.append(cut_face(shown, place.to_frame[0], 260, 2.6 / SIDE))
        if made.mask is not None:
            mask = cv2.resize(np.rint(made.mask * 255).astype(np.uint8), (260, 260))
            tiles.append(np.repeat(mask[..., None], 3, 2))
    cv2.imwrite(str(folder / "hand.png"), np.hstack(tiles)[..., ::-1])


def _face_oval() -> F32:
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return np.stack([0.55 * np.cos(angles), 0.45 + 0.7 * np.sin(angles)], 1).astype(np.float32)


def learning(run: Path, name: str) -> Iterator[str]:
    """What a run's reports say."""
    rows = face_progress.read(run / "losses.csv")
    if not rows:
        yield f"{name}: not trained on this machine yet."
        return
    first, last = rows[0], rows[-1]
    options = read_config(REPO / "configs" / "train" / f"{name}.yaml")
    yield (
        f"`{name}`: {last['step']:.0f} steps of 2 × {options.batch} faces of {options.size} px in "
        f"{last['minutes']:.1f} min. Held-out PSNR: "
        f"a {first['psnr_a']:.1f} → {last['psnr_a']:.1f} dB, "
        f"b {first['psnr_b']:.1f} → {last['psnr_b']:.1f} dB.\n"
    )
    names = [n for n in last if n not in ("step", "minutes", "psnr_a", "psnr_b")]
    yield (
        "| step | min | "
        + " | ".join(names)
        + " | PSNR a | PSNR b |\n|"
        + " --- |" * (len(names) + 4)
    )
    for row in [*rows[:: max(1, len(rows) // 8)][:-1], last]:
        cells = [f"{row[n]:.4g}" if n in row else "–" for n in names]
        yield (
            f"| {row['step']:.0f} | {row['minutes']:.1f} | "
            + " | ".join(cells)
            + f" | {row['psnr_a']:.2f} | {row['psnr_b']:.2f} |"
        )


def inside_hull(people: People, network: FaceAutoencoder) -> Iterator[str]:
    """PSNR of the held-out faces, all of the picture and the face alone."""
    for side in SIDES:
        size = network.dims.size
        pictures, masks = plain_faces(people.sets[side], people.held[side], size)
        faces = network.toned(torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255, side)
        with torch.no_grad():
            made = network(faces, side)[0]
        where = torch.from_numpy(masks)[:, None] > 127
        error = float(((made - faces) ** 2)[where.expand_as(faces)].mean())
        yield (
            f"| {people.sets[side].name} | {len(people.sets[side])} | {len(people.held[side])} "
            f"| {face_losses.psnr(made, faces):.2f} | {-10 * np.log10(error):.2f} |"
        )


def original(people: People, minutes: float) -> Iterator[str]:
    """The original network learns eight faces by heart, and one whole step is timed."""
    options = read_config(REPO / "configs" / "train" / "original.yaml")
    torch.manual_seed(0)
    network = FaceAutoencoder(options.dims)
    here = Ranks(0, 1, torch.device("cpu"))
    learner = FaceLearner(network, options, here)
    batches = {side: _eight(people, side, options) for side in SIDES}
    before = [
        face_losses.psnr(network(b.target, s)[0].detach(), b.target) for s, b in batches.items()
    ]
    began, step = time.perf_counter(), 0
    while time.perf_counter() - began < 60 * minutes:
        learner.learn(batches, step)
        step += 1
    took = (time.perf_counter() - began) / step
    with torch.no_grad():
        after = [face_losses.psnr(network(b.target, s)[0], b.target) for s, b in batches.items()]
    yield (
        f"Eight faces (four of each person) learnt by heart in {step} steps of {took:.2f} s: "
        f"{before[0]:.1f} → {after[0]:.1f} dB and {before[1]:.1f} → {after[1]:.1f} dB."
    )
    whole = {
        s: FaceBatch(*(v.repeat(16, 1, 1, 1) for v in vars(b).values())) for s, b in batches.items()
    }
    began = time.perf_counter()
    learner.learn(whole, step)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    weights = sum(p.numel() for p in network.parameters())
    # Multiplications of one face through encoder and decoder, forwards: 1.9 · 10⁹; thrice with the
    # way back; two faces, 64 of each.
    yield (
        f"One step as configured (64 faces of A, then 64 of B): {took:.1f} s on this machine, peak "
        f"memory of the process {peak:.1f} GiB; {weights / 1e6:.2f} million weights, "
        f"{weights * 16 / 2**30:.2f} GiB of weights, gradients and Adam's moments. *Estimate*, not "
        "measured: a step is about 1.5 · 10¹² floating-point operations, so a GPU that sustains "
        "20 TFLOP/s takes about 0.1 s, and 100 000 steps take two to three hours and about 3 GiB."
    )


def _eight(people: People, side: Side, options: AutoencoderOptions) -> FaceBatch:
    faces, masks = plain_faces(people.sets[side], people.learnt[side], options.size, 4)
    toned = toned_faces(
        torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255, people.shift, side
    )
    mask = torch.from_numpy(masks)[:, None].float() / 255
    return FaceBatch(toned, toned, toned, mask, torch.zeros_like(mask))


def previewed(folder: Path, model: Path, sets: dict[Side, Path]) -> str:
    """How long a grid of choices takes, the network loaded anew."""
    took = []
    for _ in range(3):
        began = time.perf_counter()
        face_preview.preview(
            sets["a"], folder / "target_b.mp4", model, 2.4, folder / "choices.png", consent=CONSENT
        )
        took.append(time.perf_counter() - began)
    return f"A grid of 22 choices on one frame: {min(took):.2f} s, the start of Python not counted."


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--runs", type=Path, default=REPO / "runs")
    parser.add_argument("--original-minutes", type=float, default=3.0)
    args = parser.parse_args()
    folder = args.runs / "bench_swap"
    folder.mkdir(parents=True, exist_ok=True)
    sets: dict[Side, Path] = {"a": args.runs / "faces" / "s1", "b": args.runs / "faces" / "s4"}
    model = args.runs / "light" / "light.safetensors"
    gan = args.runs / "gan_cpu" / "gan_cpu.safetensors"
    options = read_config(REPO / "configs" / "train" / "light.yaml")
    people = open_people(sets["a"], sets["b"], options)
    lines = [
        "# Face swap\n",
        f"Written by `python bench/swap.py`, {datetime.date.today()}; {platform.machine()}, "
        f"{os.cpu_count()} cores, PyTorch {torch.__version__}, no GPU; other programs ran. "
        "a: speaker 1 of GRID, b: speaker 4 (CC BY 4.0).\n",
        "## Held-out faces, each made by their own decoder\n",
        "| person | faces | held out | PSNR, dB | the face alone, dB |\n|" + " --- |" * 5,
        *inside_hull(people, FaceAutoencoder.load(model)),
        "\n## Whose face it is\n",
        "Distances of dlib's face embedding (`face-recognition-models` 0.3), which took no "
        "part in training; flicker: second differences of the inner face's mean colour, levels.\n",
        *swapped(args.shared, model, folder, sets),
        "\n" + previewed(folder, model, sets),
        "\n## A hand before the face\n",
        *occlusion(args.shared, {"light": model, "gan_cpu": gan}, folder),
        "\n## Learning\n",
        *learning(args.runs / "light", "light"),
        "",
        *learning(args.runs / "gan_cpu", "gan_cpu"),
        "\n## The original network\n",
        *original(people, args.original_minutes),
    ]
    text = "\n".join(lines) + "\n"
    (REPO / "docs" / "benchmarks" / "swap.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
