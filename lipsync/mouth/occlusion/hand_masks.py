"""Hands before the face: joints at some frames become masks of every frame.

Symbols: f frames, k hands in a frame.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import cv2
import numpy as np

from lipsync.face.hand_detection import (
    FINGERS,
    MIDDLE_KNUCKLE,
    PALM,
    WRIST,
    HandDetector,
)
from lipsync.face.similarity import affine_scale, apply_affine
from lipsync.mouth.occlusion.mask_space import CELLS, SIZE, fill
from lipsync.types import F32, U8, Bools

STEP_S = 0.12  # between two frames that are searched; a hand covers about its width in that time
REACH, PICTURE = 2.5, 256  # outer-eye distances around the mouth that are searched; its pixels
CENTER = (0.0, 0.9)  # of the mouth, canonical
# An open hand is 1.7 outer-eye distances long, a fist 1. Ears, taken for hands, have 0.5.
LEAST_SPAN = 0.75
FINGER, FOREARM = 0.2, 0.35  # thickness, outer-eye distances
FOREARM_LENGTH = 1.5  # palms
MAX_STEP = 0.7  # outer-eye distances that a hand moves from one searched frame to the next
AHEAD = 4  # searches that wait, at most
LEAST_INSIDE = 3  # cells of bones inside the face; a neck, taken for a hand, ends at the jaw line


class HandSearch:
    """Searches a video's frames for hands near a face, in order. Use with `with`."""

    def __init__(self, to_frame: F32, rate: float) -> None:
        """Prepare for frames of that rate; `to_frame`: (f, 2, 3), canonical → pixels."""
        self._to_frame = to_frame
        self._step = max(1, int(STEP_S * rate + 0.01))
        self._next = 0
        self._detector = HandDetector()
        # Beside the caller, in order: a search takes longer than all else that is done to a frame.
        self._searching = ThreadPoolExecutor(1)
        self._found: list[tuple[int, Future[F32]]] = []  # frame, joints (k, 21, 2), canonical

    def see(self, i: int, frame: U8) -> None:
        """Search a frame (h, w, 3) that shows the face, unless one was searched just before."""
        if i < self._next:
            return
        self._next = i + self._step
        to_frame = self._to_frame[i]
        center = apply_affine(to_frame, np.array([CENTER], np.float32))[0]
        zoom = PICTURE / (2 * REACH * affine_scale(to_frame))
        to_picture = np.array([[zoom, 0, 0], [0, zoom, 0]], np.float32)
        to_picture[:, 2] = PICTURE / 2 - zoom * center
        around = cv2.warpAffine(frame, to_picture, (PICTURE, PICTURE), flags=cv2.INTER_LINEAR)

        def find() -> F32:
            in_frame = (self._detector.detect(around) - to_picture[:, 2]) / zoom
            to_canonical = cv2.invertAffineTransform(to_frame)
            return apply_affine(to_canonical, in_frame).astype(np.float32)

        if len(self._found) >= AHEAD:
            self._found[-AHEAD][1].result()
        self._found.append((i, self._searching.submit(find)))

    def masks(self, face: F32, found: Bools) -> dict[int, U8]:
        """Masks (SIZE, SIZE) of hands before the face, 1 where a hand is, by frame.

        Args:
            face: (f, o, 2), outline of the lower face, canonical.
            found: (f,), frames that show the face.
        """
        masks: dict[int, U8] = {}
        hands = [(i, _large_hands(joints.result())) for i, joints in self._found]
        for n, (i, here) in enumerate(hands):
            end, later = hands[n + 1] if n + 1 < len(hands) else (len(found), here)
            if not len(here) and not len(later):
                continue
            for j in range(i, min(end, i + 2 * self._step)):
                between = _interpolate(here, later, (j - i) / max(end - i, 1))
                if found[j] and len(between):
                    masks[j] = _draw(between, face[j])
        return {j: mask for j, mask in masks.items() if mask.any()}

    def __enter__(self) -> HandSearch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._searching.shutdown(cancel_futures=True)
        self._detector.__exit__(kind, error, trace)


def _large_hands(joints: F32) -> F32:
    """Those of k hands (k, 21, 2) that are as large as a hand beside this face."""
    if not len(joints):
        return joints
    return np.asarray(joints[np.ptp(joints, axis=1).max(1) >= LEAST_SPAN])


def _interpolate(here: F32, later: F32, share: float) -> F32:
    """Hands between two searched frames; one that only one of them shows is held."""
    between, free = [], list(range(len(later)))
    for hand in here:
        steps = [float(np.linalg.norm(later[j] - hand, axis=1).mean()) for j in free]
        if steps and min(steps) <= MAX_STEP:
            other = free.pop(int(np.argmin(steps)))
            between.append(hand + share * (later[other] - hand))
        else:
            between.append(hand)
    between += [later[j] for j in free] if share > 0 else []
    return np.array(between, np.float32).reshape(-1, 21, 2)


def _draw(hands: F32, face: F32) -> U8:
    """Mask (SIZE, SIZE) of those hands (k, 21, 2) that reach into the face's outline (o, 2)."""
    mask, inside = np.zeros((SIZE, SIZE), np.uint8), fill(face)
    for hand in hands:
        bones = _draw_bones(hand, 1)
        if (bones & inside).sum() >= LEAST_INSIDE:
            mask |= _draw_bones(hand, round(FINGER / CELLS.size))
            mask |= _draw_forearm(hand)
    return mask


def _draw_bones(hand: F32, thickness: int) -> U8:
    """Fingers, and the palm between them; thickness in cells."""
    mask, cells = np.zeros((SIZE, SIZE), np.uint8), np.round(CELLS.to_cells(hand)).astype(np.int32)
    palm = cv2.convexHull(cells[list(PALM)])
    cv2.fillPoly(mask, [palm], 1)
    cv2.polylines(mask, [palm], True, 1, thickness)
    for finger in FINGERS:
        cv2.polylines(mask, [cells[list(finger)]], False, 1, thickness)
    return mask


def _draw_forearm(hand: F32) -> U8:
    """The forearm, straight on from the palm."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    wrist = hand[WRIST]
    elbow = wrist + FOREARM_LENGTH * (wrist - hand[MIDDLE_KNUCKLE])
    ends = np.round(CELLS.to_cells(np.stack([wrist, elbow]))).astype(np.int32)
    cv2.line(mask, ends[0].tolist(), ends[1].tolist(), 1, round(FOREARM / CELLS.size))
    return mask
