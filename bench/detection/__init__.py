"""Detectors and thresholds.

small_faces  Detection of small faces, in the whole frame and in parts → faces.md
thresholds   Thresholds of identity, occlusion and jaw → thresholds.md
"""
