"""A person's faces, aligned and chosen from footage, in one file.

coverage_report  A picture of a set: what was kept, what was rejected and why, and which poses a
curation         Which faces are good to learn from: for each criterion a score and a threshold
rejected         `rejected.tsv`: every face that was not kept, and why; nothing is deleted
store            `faces.zip`: one file per set, an ordinary archive that any program opens
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
