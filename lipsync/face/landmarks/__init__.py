"""Landmarks: the faces in every frame, detected once and kept; whose they are; which is wanted.

clustering      Faces seen one by one → people: who is where in every frame, across gaps, crossi
detections      All the faces of a video, as they were seen frame by frame: nobody has a name ye
detector        The seam every face landmark detector fits: one frame in, its faces out
face_alignment  2-D FAN from the package face-alignment (extra `fan`): 68 points, for users with
mediapipe       The MediaPipe Face Landmarker on the CPU: 478 points, the vendored model, no net
mirrored        A frame and its mirror image, and the mean of what is found in both
registry        The table of landmark detectors, their options, and opening one
selection       The one face that is wanted, out of all that were seen
selector        Which face is wanted, as it is written: `--face` and the last part of `--speaker
shot_detection  Where one shot ends and the next begins
small_faces     Small faces: what a short-sighted detector misses in the whole frame it sees in
tracking        From single frames to all their faces, and to one person's track
video_faces     All faces of a file, detected once and cached
"""

from __future__ import annotations

from lipsync.face.landmarks.clustering import (
    people,
    rivals,
)
from lipsync.face.landmarks.detections import (
    Faces,
)
from lipsync.face.landmarks.detector import (
    Face,
    LandmarkDetector,
)
from lipsync.face.landmarks.registry import (
    DETECTORS,
    LandmarkOptions,
    detector_class,
    open_detector,
)
from lipsync.face.landmarks.selection import (
    choose,
    looks_of,
    most_like,
    seen_elsewhere,
)
from lipsync.face.landmarks.selector import (
    WantedFace,
)
from lipsync.face.landmarks.tracking import (
    look,
    track,
)
from lipsync.face.landmarks.video_faces import (
    look_at_video,
    track_video,
)

__all__ = [
    "DETECTORS",
    "Face",
    "Faces",
    "LandmarkDetector",
    "LandmarkOptions",
    "WantedFace",
    "choose",
    "detector_class",
    "look",
    "look_at_video",
    "looks_of",
    "most_like",
    "open_detector",
    "people",
    "rivals",
    "seen_elsewhere",
    "track",
    "track_video",
]
