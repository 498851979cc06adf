"""Face landmarks: detection, shots, identity clustering, selection of one face.

clustering       Identity clustering: detections → people, across gaps, crossings and cuts
detections       All faces of a video, frame by frame, before they are grouped by person
detector         The interface of landmark detectors: one frame in, its faces out
face_alignment   2-D FAN from the package face-alignment (extra `fan`): 68 points
frame_detection  All faces of a stream of frames: detection in parallel, small faces, shots
mediapipe        The MediaPipe Face Landmarker on the CPU: 478 points, bundled model
mirrored         Detection in a frame and in its mirror image, averaged
orientation      Whether a video is upside down: a few frames turned, and in the mirror
registry         The table of detectors, their options, and opening one
selection        Selection of one person's face out of all detected faces
selector         How users name a face: `--face`, and the last part of `--speaker`
shot_detection   Shot boundaries: in the picture, and by jumps of the head
small_faces      Small-face search: tiles of the frame, then the surroundings of a small face
tracking         The track of the selected face through frames or through a file
video_faces      All faces of a file, detected once and cached
"""

from __future__ import annotations

from lipsync.face.landmarks.clustering import cluster_identities, count_prominent
from lipsync.face.landmarks.detections import Faces
from lipsync.face.landmarks.detector import Face, LandmarkDetector
from lipsync.face.landmarks.frame_detection import detect_faces
from lipsync.face.landmarks.registry import (
    DETECTORS,
    LandmarkOptions,
    detector_class,
    open_detector,
)
from lipsync.face.landmarks.selection import (
    select_face,
    select_most_similar,
    shows_other_faces,
    track_thumbnails,
)
from lipsync.face.landmarks.selector import FaceSelector
from lipsync.face.landmarks.tracking import track_face, track_video
from lipsync.face.landmarks.video_faces import detect_video_faces, detection_code

__all__ = [
    "DETECTORS",
    "Face",
    "FaceSelector",
    "Faces",
    "LandmarkDetector",
    "LandmarkOptions",
    "cluster_identities",
    "count_prominent",
    "detect_faces",
    "detect_video_faces",
    "detection_code",
    "detector_class",
    "open_detector",
    "select_face",
    "select_most_similar",
    "shows_other_faces",
    "track_face",
    "track_thumbnails",
    "track_video",
]
