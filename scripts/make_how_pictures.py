"""Make the pictures of docs/how-it-works.md from the bundled sample.

    python scripts/make_how_pictures.py

Plans a render as `lipsync render --timing cut` does, draws what was planned, and renders the sample
with some of the finishing steps left out.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from page_pictures import (
    IMAGES,
    INK,
    SAMPLE,
    Box,
    Picture,
    face_box,
    find_points,
    mouth_box,
    read_frames,
    row,
    stack,
    tile,
    write,
)

import lipsync
from lipsync import media
from lipsync.face.similarity import apply_affine
from lipsync.mouth.texture.mouth_targets import number_runs, target_reader
from lipsync.mouth.texture.selection import CandidateSelector
from lipsync.pipelines.render import plan_render
from lipsync.pipelines.request import read_request
from lipsync.pipelines.speaker_render import SpeakerRender
from lipsync.report.contact_sheet import MOUTH

SPEECH, TARGET = SAMPLE / "speech.wav", SAMPLE / "target.mp4"
FRAME = 39  # the target's mouth is wide open there, and the speech has a closure
OTHERS = (27, 75, 139)  # frames of the texture's steps
SIZE = 200  # pixels of a tile
OWN, NEW, BOX = (60, 180, 60), (30, 120, 240), (230, 150, 30)  # BGR
SHOWN = 13  # candidates
PAPER = (255, 255, 255)
# What is left out of a render, from left to right of a picture.
STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("nearest\nframe", {"candidates": 1, "regression": False, "teeth": "off", "sharpen": 0}),
    ("median,\nnot warped", {"warp": False, "detail": 0, "teeth": "off", "sharpen": 0}),
    ("appearance\nmodel", {"detail": 0, "teeth": "off", "sharpen": 0}),
    ("+ detail", {"teeth": "off", "sharpen": 0}),
    ("+ teeth,\nedges", {}),
)


def plan(folder: Path) -> SpeakerRender:
    """The plan of the sample's mouth."""
    with media.PipedInputs() as piped:
        asked = read_request(
            piped, SPEECH, TARGET, folder / "planned.mp4", options={"timing": "cut"}
        )
        with asked.options.run.open(None) as run, run.cache.room() as room:
            return plan_render(asked.script, asked.paths, asked.options, run, room).speakers[0]


def draw_points(
    picture: Picture, points: NDArray[Any], color: tuple[int, ...], radius: int
) -> None:
    """Dots at points (k, 2), in pixels of a picture, in place."""
    for x, y in np.round(points * 16).astype(int):
        cv2.circle(picture, (x, y), radius * 16, color, -1, cv2.LINE_AA, 4)


def invert(matrix: NDArray[Any]) -> NDArray[np.float32]:
    """The inverse of an affine map (2, 3)."""
    return np.asarray(cv2.invertAffineTransform(matrix), np.float32)


def in_tile(points: NDArray[Any], box: Box, size: int) -> NDArray[Any]:
    """Points of a frame as pixels of a tile of it."""
    return (points - np.array(box[:2])) * (size / box[2]) + size / 2


def draw_track(speaker: SpeakerRender, frame: Picture) -> Picture:
    """A face with all landmarks, and its mouth with its 18 lip points and the wanted ones."""
    mouth = target_reader(speaker.wanted)(FRAME)
    all_points = find_points(frame)
    assert all_points is not None  # noqa: S101 — the sample has a face in every frame
    size = 420
    face, near = face_box(all_points), mouth_box(all_points)
    left, right = tile(frame, face, size), tile(frame, near, size)
    draw_points(left, in_tile(all_points, face, size), OWN, 1)
    corners = in_tile(all_points[[33, 263]], face, size).round().astype(int)
    cv2.line(left, tuple(corners[0]), tuple(corners[1]), BOX, 1, cv2.LINE_AA)
    to_frame = invert(mouth.to_canonical)
    own = apply_affine(to_frame, speaker.role.person.face.lips.points[FRAME])
    draw_points(right, in_tile(own, near, size), OWN, 4)
    draw_points(right, in_tile(mouth.lips, near, size), NEW, 4)
    return row([left, right])


def draw_mask(speaker: SpeakerRender, frame: Picture, result: Picture, mask: Picture) -> Picture:
    """Target, target with the mouth box and the border of what is new, mask, result."""
    mouth = target_reader(speaker.wanted)(FRAME)
    x, y, width, height = MOUTH
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    corners = np.array([x, y]) + signs * np.array([width, height]) / 2
    corners = apply_affine(invert(mouth.to_canonical), corners.astype(np.float32))
    drawn = frame.copy()
    cv2.polylines(drawn, [corners.round().astype(np.int32)], True, BOX, 2, cv2.LINE_AA)
    area = (mask[..., 0] > 127).astype(np.uint8)
    outline, _ = cv2.findContours(area, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(drawn, outline, -1, NEW, 2, cv2.LINE_AA)
    points = find_points(frame)
    assert points is not None  # noqa: S101
    return row([tile(one, face_box(points), 240) for one in (frame, drawn, mask, result)])


def draw_candidates(speaker: SpeakerRender, frame: Picture, result: Picture) -> Picture:
    """The frame to be changed, the mouths of the footage that are nearest, and the result."""
    wanted, bank = speaker.wanted, speaker.material.bank
    selector = CandidateSelector(bank, lipsync.RenderOptions().texture)
    run = number_runs(wanted.present, wanted.target.shots)
    described = selector.describe(wanted, run)
    chosen = selector.select(described, wanted.heard, float(wanted.lips.rate))[FRAME]
    x, y, width, height = MOUTH
    scale = SIZE / max(width, height)
    place = np.array(
        [[scale, 0, SIZE / 2 - scale * x], [0, scale, SIZE / 2 - scale * y]], np.float64
    )
    canonical = np.vstack([place, [0, 0, 1]])

    def picture(image: Picture, to_image: NDArray[Any], lips: NDArray[Any] | None) -> Picture:
        way = canonical @ np.linalg.inv(np.vstack([to_image, [0, 0, 1]]).astype(np.float64))
        out = cv2.warpAffine(image, way[:2], (SIZE, SIZE), flags=cv2.INTER_CUBIC)
        if lips is not None:
            draw_points(out, apply_affine(place.astype(np.float32), lips), NEW, 2)
        return np.asarray(out, np.uint8)

    to_frame = invert(target_reader(wanted)(FRAME).to_canonical)
    tiles = [picture(frame, to_frame, wanted.lips.points[FRAME])]
    for entry, weight in zip(chosen.entries[:SHOWN], chosen.weights, strict=False):
        crop = np.ascontiguousarray(bank.crops[entry][..., ::-1])
        tiles.append(picture(crop, bank.to_crop[entry], None))
        text = f"{bank.frames[entry]}: {100 * weight:.1f}%"
        for color, thickness in ((PAPER, 4), (INK, 1)):
            place_of_text, font = (6, 18), cv2.FONT_HERSHEY_SIMPLEX
            cv2.putText(tiles[-1], text, place_of_text, font, 0.45, color, thickness, cv2.LINE_AA)
    tiles.append(picture(result, to_frame, None))
    return stack([row(tiles[:5]), row(tiles[5:10]), row(tiles[10:])])


def draw_steps(folder: Path, target: list[Picture]) -> Picture:
    """Mouths of some frames, with ever more steps of the texture."""
    chosen = (*OTHERS, FRAME)
    boxes = [mouth_box(p) for i in chosen if (p := find_points(target[i])) is not None]
    rows = []
    for number, (name, left_out) in enumerate(STEPS):
        options = {"timing": "cut", **left_out}
        out = folder / f"step{number}.mp4"
        made = read_frames(Path(lipsync.render(SPEECH, TARGET, out, options=options).output))
        tiles = [tile(made[i], box, SIZE) for i, box in zip(chosen, boxes, strict=True)]
        rows.append(row(tiles, name))
    return stack(rows)


def main() -> None:
    """Render, draw, and write the pictures."""
    place = IMAGES / "how"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speaker, target = plan(folder), read_frames(TARGET)
        mask, plot = folder / "mask.mp4", folder / "plot.png"
        cut = {"timing": "cut"}
        made = lipsync.render(SPEECH, TARGET, folder / "cut.mp4", mask=mask, options=cut)
        result, white = read_frames(Path(made.output))[FRAME], read_frames(mask)[FRAME]
        write(place / "track.jpg", draw_track(speaker, target[FRAME]))
        write(place / "mask.jpg", draw_mask(speaker, target[FRAME], result, white))
        write(place / "candidates.jpg", draw_candidates(speaker, target[FRAME], result))
        lipsync.render(SPEECH, TARGET, folder / "timing.mp4", plot=plot)
        shutil.copy(plot, place / "timing.png")
        print(f"{place / 'timing.png'}: {plot.stat().st_size} bytes")
        write(place / "texture.jpg", draw_steps(folder, target))


if __name__ == "__main__":
    main()
