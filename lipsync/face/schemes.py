"""Landmark schemes: which points of a detector are which parts of the face."""

from __future__ import annotations

from lipsync.face import face_mesh
from lipsync.types import LandmarkScheme

# Points of the MediaPipe face mesh (478 points). Lips in iBUG order without the inner corners
# (docs/method.md §2); the rigid points are eye corners, nose bridge, brows and temples.
MEDIAPIPE_478 = LandmarkScheme(
    name="mediapipe-478",
    count=478,
    lips=(61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91, 82, 13, 312, 317, 14, 87),
    rigid=(33, 133, 362, 263, 168, 6, 197, 195, 70, 105, 107, 336, 334, 300, 127, 356, 162, 389),
    jaw=(234, 132, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 361, 454),
    nose=(1, 98, 327),
    anchors=(33, 133, 362, 263, 1, 2, 98, 327, 195, 50, 280),
    outer_eyes=(33, 263),
    lids=((159, 145), (386, 374)),
    mirror=face_mesh.mirror_indices(),
)

# The 68-point iBUG annotation, as the face-alignment package returns it.
IBUG_68 = LandmarkScheme(
    name="ibug-68",
    count=68,
    lips=(*range(48, 60), 61, 62, 63, 65, 66, 67),
    rigid=(36, 39, 42, 45, 27, 28, 29, 30, 17, 19, 21, 22, 24, 26, 0, 16),
    jaw=tuple(range(17)),
    nose=(30, 31, 35),
    anchors=(36, 39, 42, 45, 27, 29, 30, 31, 33, 35),
    outer_eyes=(36, 45),
    lids=((37, 41), (44, 46)),
)

SCHEMES = {s.name: s for s in (MEDIAPIPE_478, IBUG_68)}
