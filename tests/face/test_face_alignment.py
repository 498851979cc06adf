"""The optional detector, end to end, with stand-in weights whose answer is known.

The real weights come from the network. The stand-ins have the real networks' shapes: S3FD sees a
face at every one of its largest anchors, and FAN's heat maps are the red channel of what it is
shown, so that all 68 points must land on the reddest spot of the picture.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import MissingPackageError, WeightsError
from lipsync.face.schemes import IBUG_68

FAN_FILE, S3FD_FILE = "2DFAN4-11f355bf06.pth.tar", "s3fd-619a316812.pth"
SIZE = 128  # pixels of the test picture: its anchors are thinned out to one
SPOT = (84, 50)  # x, y of its reddest place
BOX = 420.0  # pixels: neighboring anchors then overlap enough to be thinned out
# FAN looks at 200 / 195 of twice the box, on a map of 64 cells: a cell is the best it can do.
CELL = 2 * BOX * 200 / 195 / 64


def test_without_the_package_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    monkeypatch.delitem(sys.modules, "lipsync.face.landmarks.face_alignment", raising=False)
    with pytest.raises(MissingPackageError, match=r"pip install 'lipsync-render\[fan\]'"):
        importlib.import_module("lipsync.face.landmarks.face_alignment")


@pytest.fixture
def package() -> None:
    pytest.importorskip("face_alignment", reason="face-alignment (extra fan) is not installed")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: None) -> Path:
    """An empty folder where torch looks for weights, and no way to the network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # discard: nobody answers
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def _zeros(module):  # type: ignore[no-untyped-def]
    """The state of a module with every weight zero, a few bytes each on disk."""
    import torch

    state = {}
    for name, tensor in module.state_dict().items():
        one = name.endswith("running_var") or (".bn" in f".{name}" and name.endswith("weight"))
        value = torch.full((1,), float(one), dtype=tensor.dtype)
        state[name] = value.reshape([1] * tensor.ndim).expand(tensor.shape)
    return state


def _stand_ins(hub: Path) -> None:
    import torch
    from face_alignment.detection.sfd.net_s3fd import s3fd
    from face_alignment.models import FAN

    fan = _zeros(FAN(4))
    # Red runs through channel 0 of the stem, of both widening blocks and of every head. The
    # blocks and hourglasses between them are residual: with zero weights they pass it on.
    for name in ("conv2.downsample.0.weight", "conv4.downsample.0.weight"):
        fan[name] = torch.ones_like(fan[name])
    first = ["conv1.weight", "conv2.downsample.2.weight", "conv4.downsample.2.weight"]
    heads = [f"{layer}{i}.weight" for i in range(4) for layer in ("conv_last", "l")]
    for name in first + heads:
        weight = fan[name].clone()
        middle = weight.shape[-1] // 2
        rows = slice(None) if name.startswith("l") else 0
        weight[rows, 0, middle, middle] = 1.0
        fan[name] = weight
    torch.save(fan, hub / FAN_FILE)

    finder = _zeros(s3fd())
    for name in finder:
        if name.endswith("conf.bias"):
            # The smallest scale has three backgrounds to choose from.
            finder[name] = torch.tensor([9.0] * (finder[name].shape[0] - 1) + [0.0])
    finder["conv7_2_mbox_conf.bias"] = torch.tensor([0.0, 9.0])
    size = float(np.log(BOX / 512) / 0.2)
    finder["conv7_2_mbox_loc.bias"] = torch.tensor([0.0, 0.0, size, size])
    torch.save(finder, hub / S3FD_FILE)


def _picture() -> np.ndarray:
    """A soft spot in red; a brighter one elsewhere in green and blue."""
    y, x = np.mgrid[:SIZE, :SIZE]

    def spot(at: tuple[int, int], height: float) -> np.ndarray:
        return height * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 14.0**2))

    picture = np.stack([spot((30, 100), 255)] * 3, -1)
    picture[..., 0] = spot(SPOT, 200)
    return picture.astype(np.uint8)


@pytest.mark.slow
def test_every_point_lands_on_the_reddest_spot(hub: Path) -> None:
    from lipsync.face.landmarks import LandmarkOptions, open_detector

    _stand_ins(hub)
    assert sum(f.stat().st_size for f in hub.iterdir()) < 2_000_000
    with open_detector(LandmarkOptions(landmarks="face-alignment"), "cpu") as detector:
        assert detector.scheme is IBUG_68
        assert "face-alignment 1." in detector.version
        # A view with a stride is a frame like any other.
        wide = np.zeros((SIZE, 2 * SIZE, 3), np.uint8)
        wide[:, ::2] = _picture()
        faces = detector.detect(wide[:, ::2])
    assert len(faces) == 1
    for face in faces:
        assert face.points.dtype == np.float32
        assert face.points.shape == (68, 2)
        assert np.abs(face.points - SPOT).max() < CELL
        assert 0 < face.confidence <= 1


def test_no_face_is_no_faces(hub: Path) -> None:
    import torch

    from lipsync.face.landmarks.face_alignment import FaceAlignmentDetector

    _stand_ins(hub)
    finder = torch.load(hub / S3FD_FILE, weights_only=True)
    finder["conv7_2_mbox_conf.bias"] = torch.tensor([9.0, 0.0])
    torch.save(finder, hub / S3FD_FILE)
    with FaceAlignmentDetector("cpu") as detector:
        assert detector.detect(np.zeros((96, 96, 3), np.uint8)) == []


def test_weights_that_cannot_be_fetched_are_one_line(hub: Path) -> None:
    from lipsync.face.landmarks.face_alignment import FaceAlignmentDetector

    with pytest.raises(WeightsError, match=r"cannot be fetched \(.+\).*mediapipe") as caught:
        FaceAlignmentDetector("cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"not weights", b""])
def test_damaged_weights_are_one_line(hub: Path, content: bytes) -> None:
    from lipsync.face.landmarks.face_alignment import FaceAlignmentDetector

    _stand_ins(hub)
    (hub / FAN_FILE).write_bytes(content)
    with pytest.raises(WeightsError, match=r"cannot be used \(.*delete them") as caught:
        FaceAlignmentDetector("cpu")
    assert "\n" not in str(caught.value)
