"""Face sets: a person's faces, aligned, selected from footage and stored in one file.

coverage_report  `report.png`: kept and rejected faces, coverage of poses and mouth shapes
curation         which faces are good training data: a score and a threshold per criterion
rejected         `rejected.tsv`: the frames that were left out, with reasons
store            `faces.zip`: reading and writing a face set
"""

from __future__ import annotations

from lipsync.faceswap.faceset.curation import (
    CurationOptions,
)
from lipsync.faceswap.faceset.store import (
    FaceSet,
)

__all__ = [
    "CurationOptions",
    "FaceSet",
]
