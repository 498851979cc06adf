"""From single frames to all their faces, and to one person's track."""

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
from lipsync.face.landmarks.selection import choose
from lipsync.face.landmarks.shot_detection import CutFinder
from lipsync.face.landmarks.small_faces import SmallFaces
from lipsync.types import U8, FaceTrack


def track(
    frames: Iterable[U8], fps: Fraction, options: LandmarkOptions, device: str = "cpu"
) -> FaceTrack:
    """Follow the face that the options choose through `frames` (each (h, w, 3) RGB).

    Returns:
        FaceTrack over all frames; rows without this face are NaN.

    Raises:
        MissingPackageError, WeightsError: from the detector.
        OptionsError, NoFaceError, MediaError: see `choose`.
    """
    all_of_them = options.face != "largest"
    return choose(look(frames, fps, options, device, all_of_them), options.face, options, device)


def look(
    frames: Iterable[U8],
    fps: Fraction,
    options: LandmarkOptions,
    device: str = "cpu",
    all_of_them: bool = True,
) -> Faces:
    """All faces of all `frames` (each (h, w, 3) RGB).

    Args:
        all_of_them: look for small faces even in frames that show a face of ordinary size.

    Raises:
        MissingPackageError, WeightsError: from the detector.
    """
    threads = options.landmark_threads if options.landmarks == "mediapipe" else 1
    with ExitStack() as stack:
        detectors = [stack.enter_context(open_detector(options, device)) for _ in range(threads)]
        cuts = CutFinder(fps)
        collector = FaceCollector(fps, detectors[0].scheme)
        small: SmallFaces | None = None
        if detectors[0].short_sighted:
            # Its own detector: what is followed depends on the frame before, so that it cannot
            # be looked at side by side.
            near = stack.enter_context(open_detector(options, device))
            small = SmallFaces(near, fps, all_of_them)
        for frame, faces in _detections(frames, detectors):
            cuts.add(frame)
            collector.add(frame, small.complete(frame, faces) if small else faces)
    return collector.faces(cuts.cuts())


def _detections(
    frames: Iterable[U8], detectors: list[LandmarkDetector]
) -> Iterator[tuple[U8, list[Face]]]:
    """Every frame and its faces, in order; one thread per detector, few frames in flight."""
    free: SimpleQueue[LandmarkDetector] = SimpleQueue()
    for detector in detectors:
        free.put(detector)

    def see(frame: U8) -> list[Face]:
        detector = free.get()
        try:
            return detector.detect(frame)
        finally:
            free.put(detector)

    pending: deque[tuple[U8, Future[list[Face]]]] = deque()
    with ThreadPoolExecutor(len(detectors)) as pool:
        for frame in frames:
            pending.append((frame, pool.submit(see, frame)))
            if len(pending) > 2 * len(detectors):
                done, faces = pending.popleft()
                yield done, faces.result()
        while pending:
            done, faces = pending.popleft()
            yield done, faces.result()
