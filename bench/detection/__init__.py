"""Detectors and thresholds.

occluders    Things before the face: found, kept, and nothing else → occluders.md
small_faces  Detection of small faces, in the whole frame and in parts → faces.md
thresholds   Thresholds of identity, occlusion and jaw → thresholds.md
"""
