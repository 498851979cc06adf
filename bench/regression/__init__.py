"""Behavior across versions.

frame_hashes  Compare renders of two versions frame by frame → hashes.md
"""
