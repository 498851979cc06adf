"""Late imports keep nothing of who imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lipsync.runtime.imports import import_apart

KEEPS = """
import gc, weakref
class Large: pass
def find_faces():
    large = Large()
    from lipsync.face.landmarks.mediapipe import MediaPipeDetector
    from lipsync.face.hand_detection import HandDetector
    with MediaPipeDetector() as faces, HandDetector() as hands:
        return weakref.ref(large)
found = find_faces()
gc.collect()
print("kept" if found() else "freed")
"""


def test_opening_detectors_keeps_nothing_of_the_stack_alive() -> None:
    run = subprocess.run(
        [sys.executable, "-c", KEEPS], capture_output=True, text=True, check=True, timeout=120
    )
    assert run.stdout.strip() == "freed"


def test_what_cannot_be_imported_says_so_here() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        import_apart("no_such_module")
