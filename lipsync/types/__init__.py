"""Data types that pass between stages.

Symbols in shapes: n frames or steps, m bank entries, k landmarks, d feature dimensions,
h × w pixels. Two spaces are used throughout:

* **frame**: pixels of the upright target frame, x to the right, y down; pixel (0, 0) has its
  center at (0, 0).
* **canonical mouth space**: the speaker's face after a similarity fit of its rigid points.
  Unit: the outer-eye distance. Origin: half-way between the outer eye corners. x runs along the
  eye line to the image's right, y down, so that a mouth lies near (0, 0.9).

Times are seconds from the first frame or sample; frame i is shown at i / fps.

    arrays      Array aliases, and a check of dtype and shape
    audio       Audio: waveforms, feature vectors, properties of a file's sound
    face        Faces: landmarks through a video, their alignment, lips
    inspection  Inspections: scores, and answers to the questions that a viewer would ask
    mouth       Mouths: the mouth bank, appearance of footage, what lies before it, patches
    paths       What a caller gives as a path
    progress    The callback by which stages report progress
    speaker     A speaker: name, speech, face
    video       Videos: properties of a file, and which of its frames are shown
"""

from __future__ import annotations

from lipsync.types.arrays import (
    F32,
    F64,
    I64,
    U8,
    Bools,
    Box,
    Positions,
    require_array,
)
from lipsync.types.audio import (
    SPEECH_RATE,
    AudioFeatures,
    AudioInfo,
    Waveform,
)
from lipsync.types.face import (
    N_LIPS,
    Alignment,
    FaceTrack,
    LandmarkScheme,
    LipTrack,
)
from lipsync.types.inspection import (
    Answer,
    Moment,
    Score,
    SpanScores,
    Verdict,
)
from lipsync.types.mouth import (
    CellMeans,
    FootageAppearance,
    MouthBank,
    Occluders,
    Patch,
)
from lipsync.types.paths import as_path, as_url
from lipsync.types.progress import (
    Progress,
)
from lipsync.types.speaker import (
    Speaker,
)
from lipsync.types.video import (
    HDR_TRANSFERS,
    ColorTags,
    Damage,
    Timing,
    VideoInfo,
)

__all__ = [
    "F32",
    "F64",
    "HDR_TRANSFERS",
    "I64",
    "N_LIPS",
    "SPEECH_RATE",
    "U8",
    "Alignment",
    "Answer",
    "AudioFeatures",
    "AudioInfo",
    "Bools",
    "Box",
    "CellMeans",
    "ColorTags",
    "Damage",
    "FaceTrack",
    "FootageAppearance",
    "LandmarkScheme",
    "LipTrack",
    "Moment",
    "MouthBank",
    "Occluders",
    "Patch",
    "Positions",
    "Progress",
    "Score",
    "SpanScores",
    "Speaker",
    "Timing",
    "Verdict",
    "VideoInfo",
    "Waveform",
    "as_path",
    "as_url",
    "require_array",
]
