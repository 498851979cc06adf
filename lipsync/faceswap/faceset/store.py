"""`faces.zip`: one file per set, an ordinary archive that any program opens.

Images are stored one by one (JPEG, quality 98, 4:4:4), so that neither writing nor reading holds
more than one in memory; landmarks and everything else per face are arrays over all faces.
"""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lipsync.errors import FacesError, OutputError
from lipsync.face.schemes import SCHEMES
from lipsync.faceswap.face_crop import hull_outline
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors
from lipsync.runtime.hashing import hash_file
from lipsync.types import F32, I64, U8, Bools, LandmarkScheme

FILE_NAME = "faces.zip"
FORMAT = 1
JPEG = (
    cv2.IMWRITE_JPEG_QUALITY, 98,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)  # fmt: skip
ARRAYS = ("points", "upper", "shot")
MIN_FACES = 50  # fewer are too few to train on


def locate(path: Path) -> Path:
    """The file of a set that is named by its file or its folder."""
    return path / FILE_NAME if path.is_dir() else path


class FaceSet:
    """A face set open for reading; images are decoded one by one on request. Use with `with`."""

    def __init__(self, path: Path) -> None:
        """Open a set by its file or its folder.

        Raises:
            FacesError: missing or damaged.
        """
        self.path = locate(path)
        if not self.path.is_file():
            raise FacesError(
                f"{self.path}: no set of faces there; make one with lipsync faces extract"
            )
        try:
            self._archive = zipfile.ZipFile(self.path)
            self.meta: dict[str, Any] = json.loads(self._read("meta.json"))
            arrays = {name: np.load(io.BytesIO(self._read(f"{name}.npy"))) for name in ARRAYS}
            self.scheme: LandmarkScheme = SCHEMES[self.meta["scheme"]]
            self.size = int(self.meta["size"])
        except (
            zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, RecursionError,
        ) as error:  # fmt: skip
            raise FacesError(f"{self.path}: damaged, or not a set of faces ({error})") from None
        self.points: F32 = arrays["points"]  # (n, k, 2), pixels of the face
        self.thumbnails: F32 = arrays["upper"]  # (n, h, w), see `lipsync.face.identity`
        self.shot: I64 = arrays["shot"]  # (n,), the shot of the footage that each came from

    def __len__(self) -> int:
        return len(self.points)

    def __enter__(self) -> FaceSet:
        return self

    def __exit__(self, *exc: object) -> None:
        self._archive.close()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return hash_file(self.path)

    @property
    def name(self) -> str:
        """The set's name: its folder's."""
        return self.path.resolve().parent.name

    def face(self, i: int) -> U8:
        """Image i, (size, size, 3) RGB.

        Raises:
            FacesError: it is damaged.
        """
        try:
            data = np.frombuffer(self._read(_image_name(i)), np.uint8)
            bgr = cv2.imdecode(data, cv2.IMREAD_COLOR)
        except (zipfile.BadZipFile, KeyError, OSError, cv2.error):
            bgr = None
        if bgr is None or bgr.shape != (self.size, self.size, 3):
            raise FacesError(
                f"{self.path}: face {i} ({_image_name(i)}) is damaged; extract it again"
            )
        return np.ascontiguousarray(bgr[..., ::-1])

    def find_damage(self) -> str | None:
        """The name of the first damaged part of the file, by its checksums; None: it is intact."""
        try:
            return self._archive.testzip()
        except (zipfile.BadZipFile, OSError, EOFError) as error:
            return f"a part of it ({error})"

    def sample_thumbnails(self, most: int = 12) -> list[F32]:
        """Thumbnails of at most `most` faces spread over the set, for `identity.compare_faces`."""
        chosen = np.linspace(0, len(self) - 1, min(most, len(self))).astype(int)
        return [self.thumbnails[i].astype(np.float32) for i in chosen]

    def _read(self, name: str) -> bytes:
        return self._archive.read(name)


class FaceSetWriter:
    """Writes faces one by one; see `write_face_set`."""

    def __init__(self, path: Path, output: Path) -> None:
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._output = output
        self.count = 0

    def add(self, face: U8) -> None:
        """Store the next image (size, size, 3)."""
        done, data = cv2.imencode(".jpg", np.ascontiguousarray(face[..., ::-1]), JPEG)
        if not done:
            raise OutputError(f"{self._output}: face {self.count} cannot be encoded")
        self._archive.writestr(_image_name(self.count), data.tobytes())
        self.count += 1

    def finish(self, meta: Mapping[str, Any], **arrays: np.ndarray[Any, Any]) -> None:
        """Store the description and ARRAYS, each with one row per face."""
        for name in ARRAYS:
            if len(arrays[name]) != self.count:
                raise ValueError(f"{name}: wanted {self.count} rows, got {len(arrays[name])}")
            buffer = io.BytesIO()
            np.save(buffer, arrays[name])
            self._archive.writestr(f"{name}.npy", buffer.getvalue())
        self._archive.writestr("meta.json", json.dumps({"format": FORMAT, **meta}, indent=2))

    def close(self) -> None:
        """Finish the archive."""
        self._archive.close()


@contextmanager
def write_face_set(folder: Path) -> Iterator[FaceSetWriter]:
    """Write a folder's face set; the file is complete or absent.

    Raises:
        OutputError: it cannot be written, e.g. on a full disk.
    """
    output = folder / FILE_NAME
    with atomic_write(output) as temporary, os_errors_as_output_errors(output):
        writer = FaceSetWriter(temporary, output)
        try:
            yield writer
        except BaseException:
            with contextlib.suppress(OSError):  # on a full disk closing fails as well
                writer.close()
            raise
        writer.close()


def _image_name(i: int) -> str:
    return f"faces/{i:06}.jpg"


def face_mask(points: F32, size: int) -> Bools:
    """The hull of landmarks (k, 2) as a mask (size, size)."""
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(mask, np.round(hull_outline(points)).astype(np.int32), 1)
    return mask.astype(bool)
