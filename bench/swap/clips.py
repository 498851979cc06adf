"""Identity, lip motion, flicker and occlusion in swapped clips.

Used by `bench.swap.quality`, which writes the page.
"""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from bench.pictures.lip_correlation import correlate
from lipsync import media
from lipsync.face import landmarks, similarity
from lipsync.face.alignment import align
from lipsync.face.tracked_face import TrackedFace
from lipsync.faceswap.autoencoder import SIDES, FaceAutoencoder, Side
from lipsync.faceswap.face_crop import SIDE, crop_face
from lipsync.faceswap.faceset import FaceSet
from lipsync.faceswap.maker import FaceMaker, FaceOptions
from lipsync.pipelines import swap, swap_preview
from lipsync.runtime.cache import Cache
from lipsync.runtime.threads import single_threaded_torch
from lipsync.types import F32, U8, Alignment, FaceTrack

CONSENT = "speakers 1 and 4 of the GRID corpus, published under CC BY 4.0; a measurement, not shown"
IDENTITY_FRAMES = 12  # frames whose identity is measured


def clip(source: Path, start_s: float, length_s: float, place: Path) -> Path:
    """Cut out a piece of a video, encoded without visible loss."""
    command = [media.ffmpeg_binary(), "-y", "-v", "error", "-ss", str(start_s), "-t", str(length_s),
               "-i", str(source), "-crf", "12", str(place)]  # fmt: skip
    subprocess.run(command, check=True)
    return place


class Embedding:
    """dlib's 128-dimensional face embedding; those of one person are within 0.6 of each other."""

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
    """Mean distance between two people's embeddings."""
    return float(np.linalg.norm(some[:, None] - others[None], axis=-1).mean())


def track_clip(path: Path) -> tuple[FaceTrack, Alignment, list[U8]]:
    info = media.probe(path)
    with Cache(Cache.default_root()) as cache:
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
    return track, align(track), list(media.read_frames(info))


def write_sheet(
    path: Path, before: list[U8], after: list[U8], places: F32, tile: int = 200
) -> None:
    """Ten frames spread over the clip, then ten consecutive ones: target above, swap below."""
    chosen = [*np.linspace(0, len(before) - 1, 10).astype(int), *range(40, 50)]
    rows = []
    for some in (chosen[:10], chosen[10:]):
        for frames in (before, after):
            tiles = [crop_face(frames[i], places[i], tile, 2.6 / SIDE) for i in some]
            rows += [np.hstack(tiles)]
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])


def flicker(before: list[U8], after: list[U8], places: F32) -> tuple[float, float]:
    """Flicker of the target and of the swap, in levels.

    RMS of second differences of the mean color of the inner face.
    """
    found = []
    for frames in (before, after):
        pairs = zip(frames, places, strict=True)
        means = np.array([crop_face(f, p, 32, 0.35).mean((0, 1)) for f, p in pairs])
        found.append(float(np.sqrt(np.mean(np.diff(means, 2, axis=0) ** 2))))
    return found[0], found[1]


def swap_rows(
    shared: Path, models: dict[str, Path], folder: Path, sets: dict[Side, Path]
) -> Iterator[str]:
    """Swap in both directions: identity, lip motion, flicker and speed."""
    embed = Embedding()
    with single_threaded_torch():
        known = {}
        for side in SIDES:
            with FaceSet(sets[side]) as faces:
                some = np.linspace(0, len(faces) - 1, 20).astype(int)
                known[side] = embed.all([faces.face(int(i)) for i in some])
    between = distance(known["a"], known["b"])
    yield (
        "| model | target | face | frames | distance to the source | to the target "
        "| same person, two people | r_open | articulation | flicker of the target | of the swap "
        "| s per frame |\n" + "|" + " --- |" * 12
    )
    data = shared / "data" / "targets"
    targets: dict[Side, Path] = {
        "b": clip(data / "grid_s4_60s.mp4", 21, 10, folder / "target_b.mp4"),
        "a": clip(data / "grid_s1_120s.mp4", 21, 10, folder / "target_a.mp4"),
    }
    for (name, model), (other, piece) in itertools.product(models.items(), targets.items()):
        source: Side = "b" if other == "a" else "a"
        swapped_file = folder / f"{name}_{source}_on_{other}.mp4"
        began = time.perf_counter()
        result = swap.swap(
            sets[source], piece, model, swapped_file, consent=CONSENT, overwrite=True
        )
        took = (time.perf_counter() - began) / result.frames
        track, alignment, before = track_clip(piece)
        seen, seen_alignment, after = track_clip(result.output)
        wanted, shown = TrackedFace(track, alignment).lips, TrackedFace(seen, seen_alignment).lips
        r_open, articulation = correlate(wanted.opening, shown.opening)
        write_sheet(swapped_file.with_suffix(".png"), before, after, alignment.to_frame)
        some = np.linspace(0, len(after) - 1, IDENTITY_FRAMES).astype(int)
        made = embed.all([after[i] for i in some])
        own = distance(known[source], known[source]) * 20 / 19
        steady = flicker(before, after, alignment.to_frame)
        yield (
            f"| {name} | {other} | {source} | {result.changed_frames} of {result.frames} "
            f"| {distance(made, known[source]):.2f} | {distance(made, known[other]):.2f} "
            f"| {own:.2f}, {between:.2f} | {r_open:.2f} | {articulation:.2f} "
            f"| {steady[0]:.2f} | {steady[1]:.2f} | {took:.2f} |"
        )


def draw_hand(frame: U8, place: F32, skin: U8) -> tuple[U8, U8]:
    """Paste a hand with real skin over the lower face; the picture, and its mask (h, w) 255.

    Drawn differently from the training augmentation: palm, four fingers and thumb, with skin
    texture.
    """
    cover = np.zeros(frame.shape[:2], np.uint8)
    scale = similarity.affine_scale(place)

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
    piece = cv2.resize(skin, (96, 96), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    piece = np.concatenate([piece, piece[:, ::-1]], axis=1)
    piece = np.concatenate([piece, piece[::-1]])  # mirrored: its edges meet
    repeats = (-(-size[1] // len(piece)), -(-size[0] // len(piece)), 1)
    texture = np.tile(piece, repeats)[: size[1], : size[0]]
    depth = cv2.distanceTransform((cover > 127).astype(np.uint8), cv2.DIST_L2, 5)
    shade = 0.6 + 0.45 * np.clip(depth / (0.07 * scale), 0, 1)
    alpha = cv2.GaussianBlur(cover, (0, 0), 0.8).astype(np.float32)[..., None] / 255
    mixed = frame * (1 - alpha) + np.clip(texture * shade[..., None], 0, 255) * alpha
    return np.rint(mixed).astype(np.uint8), cover


def occlusion_rows(shared: Path, models: dict[str, Path], folder: Path) -> Iterator[str]:
    """Paste a hand over the target's face: is it kept in front of the swap?"""
    yield (
        "| model | mask | hand kept (of its pixels) | face replaced beside it (of its pixels) |\n"
        + "|"
        + " --- |" * 4
    )
    track, alignment, frames = track_clip(folder / "target_b.mp4")
    other, places, pictures = track_clip(sorted((shared / "data" / "grid_s31").glob("*.mkv"))[0])
    del other
    cheek = crop_face(pictures[0], places.to_frame[0], 256)[130:150, 137:157]
    i = 60
    covered, where = draw_hand(frames[i], alignment.to_frame[i], cheek)
    one = FaceTrack(track.points[i : i + 1], track.found[i : i + 1], track.confidence[i : i + 1],
                    np.zeros(0, np.int64), track.fps, track.scheme)  # fmt: skip
    place = Alignment(alignment.to_frame[i : i + 1])
    target = TrackedFace(one, place)
    tiles = [crop_face(covered, place.to_frame[0], 260, 2.6 / SIDE)]
    for name, path in models.items():
        network = FaceAutoencoder.load(path)
        maker = FaceMaker(network, "a")
        made = maker.make(covered, place.to_frame[0], place.to_canonical[0], one.xy[0])
        plain = maker.make(frames[i], place.to_frame[0], place.to_canonical[0], one.xy[0])
        for label, how in (
            ("hull only", FaceOptions(mask="hull", face_occlusion=False)),
            ("learned", FaceOptions(mask="both", face_occlusion=False)),
            ("learned, and what its own decoder cannot explain", FaceOptions(mask="both")),
        ):
            put = swap_preview.composite_frame
            shown = put(covered, maker.finish_patch(made, how), target, how)
            clear = put(frames[i], maker.finish_patch(plain, how), target, how)
            outline = similarity.apply_affine(place.to_frame[0], _face_oval())
            face = np.zeros(where.shape, np.uint8)
            cv2.fillConvexPoly(face, np.round(outline).astype(np.int32), 255)
            inner = (cv2.erode(where, np.ones((5, 5), np.uint8)) > 127) & (face > 127)
            beside = (face > 127) & (cv2.dilate(where, np.ones((9, 9), np.uint8)) == 0)
            kept = (np.abs(shown.astype(int) - covered)[inner].max(1) < 16).mean()
            near_clear = np.abs(shown.astype(int) - clear)[beside].max(1) < 16
            yield f"| {name} | {label} | {kept:.0%} | {near_clear.mean():.0%} |"
            tiles.append(crop_face(shown, place.to_frame[0], 260, 2.6 / SIDE))
        if made.mask is not None:
            mask = cv2.resize(np.rint(made.mask * 255).astype(np.uint8), (260, 260))
            tiles.append(np.repeat(mask[..., None], 3, 2))
    cv2.imwrite(str(folder / "hand.png"), np.hstack(tiles)[..., ::-1])


def _face_oval() -> F32:
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return np.stack([0.55 * np.cos(angles), 0.45 + 0.7 * np.sin(angles)], 1).astype(np.float32)
