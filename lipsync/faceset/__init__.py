"""A person's faces, aligned and chosen from footage, in one file.

store    the file: pictures, landmarks, scores; written and read as a stream
extract  videos and pictures → a set, what was rejected and why, and a picture of both
curate   the criteria: score and threshold of each
rejected what was left out, and why
report   the picture, with a map of poses and expressions
"""

from __future__ import annotations

from lipsync.faceset.curate import CurationOptions
from lipsync.faceset.extract import extract
from lipsync.faceset.store import FaceSet

__all__ = ["CurationOptions", "FaceSet", "extract"]
