"""From single frames to one face's track through a video."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from fractions import Fraction
from queue import SimpleQueue

import numpy as np

from lipsync.landmarks.detector import Face, LandmarkDetector, LandmarkOptions, open_detector
from lipsync.landmarks.shots import CutFinder
from lipsync.types import F32, U8, FaceTrack


def track(
    frames: Iterable[U8], fps: Fraction, options: LandmarkOptions, device: str = "cpu"
) -> FaceTrack:
    """Follow the most prominent face through `frames` (each (h, w, 3) RGB).

    Returns:
        FaceTrack over all frames; rows without a face are NaN.

    Raises:
        MissingPackageError, WeightsError: from the detector.
    """
    threads = options.landmark_threads if options.landmarks == "mediapipe" else 1
    with ExitStack() as stack:
        detectors = [stack.enter_context(open_detector(options, device)) for _ in range(threads)]
        scheme = detectors[0].scheme
        cuts = CutFinder(fps)
        faces = list(_detections(frames, detectors, cuts))
    points, confidence = follow(faces, scheme.count)
    found = np.asarray(np.isfinite(points).all((1, 2)))
    return FaceTrack(
        points, found, confidence, cuts.cuts(points, found, scheme), Fraction(fps), scheme
    )


def _detections(
    frames: Iterable[U8], detectors: list[LandmarkDetector], cuts: CutFinder
) -> Iterator[list[Face]]:
    """Every frame's faces, in order; one thread per detector, few frames in flight."""
    free: SimpleQueue[LandmarkDetector] = SimpleQueue()
    for detector in detectors:
        free.put(detector)

    def look(frame: U8) -> list[Face]:
        detector = free.get()
        try:
            return detector.detect(frame)
        finally:
            free.put(detector)

    pending: deque[Future[list[Face]]] = deque()
    with ThreadPoolExecutor(len(detectors)) as pool:
        for frame in frames:
            pending.append(pool.submit(look, frame))
            cuts.add(frame)
            if len(pending) > 2 * len(detectors):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def follow(faces: list[list[Face]], count: int) -> tuple[F32, F32]:
    """Choose one face per frame: the one where the last was, else the largest.

    Returns:
        points (n, count, d) with NaN where there is none, confidence (n,).
    """
    dimensions = next((f.points.shape[1] for frame in faces for f in frame), 2)
    points = np.full((len(faces), count, dimensions), np.nan, np.float32)
    confidence = np.zeros(len(faces), np.float32)
    last: F32 | None = None
    for i, frame in enumerate(faces):
        if not frame:
            continue
        chosen = _same_face(frame, last) or max(frame, key=lambda f: _extent(f.points))
        points[i], confidence[i] = chosen.points, chosen.confidence
        last = chosen.points
    return points, confidence


def _same_face(faces: list[Face], last: F32 | None) -> Face | None:
    """The face where the last one was; half a face away is another one, or another shot."""
    if last is None:
        return None
    distances = [_distance(face.points, last) for face in faces]
    nearest = int(np.argmin(distances))
    return faces[nearest] if distances[nearest] < 0.5 * _extent(last) else None


def _extent(points: F32) -> float:
    """Diagonal of the face's box, pixels."""
    return float(np.linalg.norm(np.ptp(points[:, :2], axis=0)))


def _distance(a: F32, b: F32) -> float:
    """Between two faces' centres, pixels."""
    return float(np.linalg.norm(a[:, :2].mean(0) - b[:, :2].mean(0)))
