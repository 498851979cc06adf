"""Bundle the hand model: palm finder and joints of the PyPI wheel mediapipe 0.10.21.

    pip download --no-deps --only-binary=:all: --python-version 3.11 mediapipe==0.10.21
    python -m training.export.hands mediapipe-0.10.21-….whl

Later wheels hold no models. The bundle is a zip archive without compression, as MediaPipe's Hand
Landmarker reads it; both models keep their bytes.
"""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path

OUT = Path(__file__).resolve().parents[2] / "assets" / "hand_landmarker.task"
# Name in the bundle → place in the wheel.
MODELS = {
    "hand_detector.tflite": "mediapipe/modules/palm_detection/palm_detection_full.tflite",
    "hand_landmarks_detector.tflite": "mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
}


def bundle_hands(wheel: Path, out: Path) -> None:
    """Write the bundle; the same wheel gives the same bytes."""
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as bundle:
        for name, place in MODELS.items():
            bundle.writestr(zipfile.ZipInfo(name), source.read(place))


def main() -> None:
    """Bundle the hand model of a wheel."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    bundle_hands(args.wheel, args.out)


if __name__ == "__main__":
    main()
