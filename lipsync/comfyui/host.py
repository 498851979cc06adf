"""The parts of ComfyUI that a node uses, imported when it runs."""

from __future__ import annotations

import importlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipsync.errors import MissingPackageError
from lipsync.types import Progress


@dataclass(frozen=True)
class SavePlace:
    """Where a node puts its result, in ComfyUI's folder of outputs."""

    path: Path
    subfolder: str  # of the folder of outputs, for the page

    def shown(self) -> dict[str, Any]:
        """What makes the page show the result on the node."""
        file = {"filename": self.path.name, "subfolder": self.subfolder, "type": "output"}
        return {"images": [file], "animated": (True,)}


class Comfy:
    """ComfyUI, as far as nodes need it."""

    def __init__(self, needed_for: str) -> None:
        """Import what is needed.

        Raises:
            MissingPackageError: this is not ComfyUI, or an old one.
        """
        names = ("comfy.utils", "comfy.model_management", "folder_paths", "comfy_api.latest")
        try:
            modules = [importlib.import_module(name) for name in names]
        except ModuleNotFoundError as error:
            raise MissingPackageError(
                error.name or "comfy", f"{needed_for}, which runs inside ComfyUI,"
            ) from None
        self._utils, self._management, self._folders, self._api = modules

    def progress(self) -> Progress:
        """A callback that moves the node's bar, stage after stage.

        It raises ComfyUI's own exception once the user has canceled the run.
        """
        bar = self._utils.ProgressBar(1)

        def report(_: str, done: int, total: int | None) -> None:
            self._management.throw_exception_if_processing_interrupted()
            if total:
                bar.update_absolute(done, total)

        return report

    def temporary_folder(self) -> Path:
        """ComfyUI's folder of files that it removes when it starts."""
        folder = Path(self._folders.get_temp_directory())
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def temporary_place(self, suffix: str) -> Path:
        """A new name in it."""
        return self.temporary_folder() / f"lipsync_{secrets.token_hex(6)}{suffix}"

    def save_place(self, prefix: str, size: tuple[int, int]) -> SavePlace:
        """A new name in ComfyUI's folder of outputs.

        Args:
            prefix: as its own nodes take it, `folder/name` with `%date%` and the like.
            size: width and height, for such marks.
        """
        root = self._folders.get_output_directory()
        folder, name, number, subfolder, _ = self._folders.get_save_image_path(prefix, root, *size)
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 — a name of ComfyUI's
        return SavePlace(Path(folder) / f"{name}_{number:05}_.mp4", subfolder)

    def video(self, path: Path) -> Any:
        """A VIDEO that stays in its file."""
        return self._api.InputImpl.VideoFromFile(str(path))
