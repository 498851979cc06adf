"""All faces of a stream of frames: detection in parallel, small faces, shots."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from fractions import Fraction
from queue import SimpleQueue

from lipsync.face.landmarks.detections import FaceCollector, Faces
from lipsync.face.landmarks.detector import Face, LandmarkDetector
from lipsync.face.landmarks.registry import LandmarkOptions, open_detector
from lipsync.face.landmarks.shot_detection import ShotDetector
from lipsync.face.landmarks.small_faces import SmallFaceSearch
from lipsync.types import U8


def detect_faces(
    frames: Iterable[U8],
    fps: Fraction,
    options: LandmarkOptions,
    device: str = "cpu",
    all_faces: bool = True,
) -> Faces:
    """All faces of all `frames` (each (h, w, 3) RGB).

    Args:
        all_faces: search for small faces even in frames that show a face of ordinary size.

    Raises:
        MissingPackageError, WeightsError: from the detector.
    """
    threads = options.landmark_threads if options.landmarks == "mediapipe" else 1
    with ExitStack() as stack:
        detectors = [stack.enter_context(open_detector(options, device)) for _ in range(threads)]
        shots = ShotDetector(fps)
        collector = FaceCollector(fps, detectors[0].scheme)
        search: SmallFaceSearch | None = None
        if detectors[0].misses_small_faces:
            # It has a detector of its own: each frame depends on the one before, so this part
            # cannot run in parallel.
            own = stack.enter_context(open_detector(options, device))
            search = SmallFaceSearch(own, fps, all_faces)
        for frame, faces in _detections(frames, detectors):
            shots.add(frame)
            collector.add(frame, search.complete(frame, faces) if search else faces)
    return collector.faces(shots.cuts())


def _detections(
    frames: Iterable[U8], detectors: list[LandmarkDetector]
) -> Iterator[tuple[U8, list[Face]]]:
    """Every frame and its faces, in order; one thread per detector, few frames in flight."""
    free: SimpleQueue[LandmarkDetector] = SimpleQueue()
    for detector in detectors:
        free.put(detector)

    def detect(frame: U8) -> list[Face]:
        detector = free.get()
        try:
            return detector.detect(frame)
        finally:
            free.put(detector)

    pending: deque[tuple[U8, Future[list[Face]]]] = deque()
    with ThreadPoolExecutor(len(detectors)) as pool:
        for frame in frames:
            pending.append((frame, pool.submit(detect, frame)))
            if len(pending) > 2 * len(detectors):
                done, faces = pending.popleft()
                yield done, faces.result()
        while pending:
            done, faces = pending.popleft()
            yield done, faces.result()
