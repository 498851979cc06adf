"""What the page has done: files are taken in, faces found, previews made, renders queued.

All of it goes through the service, so that a client of its API sees the same queue.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lipsync.jobs.outcome import OPTIONS
from lipsync.jobs.service.generations import COMPLETED
from lipsync.jobs.service.look_process import LookProcess
from lipsync.jobs.service.preparation import Preparation
from lipsync.jobs.service.refusal import Refusal
from lipsync.jobs.service.request_reading import KINDS_OF, Asked
from lipsync.jobs.service.schema import GenerateRequest, read_said
from lipsync.jobs.service.service import Service
from lipsync.runtime.disk_space import parse_size
from lipsync.web.swap_project import SwapProject
from lipsync.web.texts import Texts

FILES = "/ui-files"  # where pictures of faces, previews and reports are served
WORKER = "lipsync.web.studio_worker"
PREVIEW_S, INSPECT_S = 300.0, 3600.0  # that they may take
OWNER = ""  # there are no keys
EXTRAS = ("sheet", "compare")  # made with every result
MOST_LISTED = 100
Chosen = Mapping[str, Any]  # a file that was taken in: see `Studio.take`


class Studio:
    """The page's side of a service; for several users at once."""

    def __init__(self, service: Service, folder: Path, texts: Texts) -> None:
        """Use a folder; what an earlier run left of previews and reports goes."""
        self.service, self.texts = service, texts
        self.folder = folder / "files"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.swap = SwapProject(folder / "swap")
        self._worker, self._inspector = LookProcess(WORKER), LookProcess(WORKER)

    def stop(self) -> None:
        """End its processes."""
        self.swap.stop()
        self._worker.stop()
        self._inspector.stop()

    def find_file(self, name: str) -> Path | None:
        """What the page shows under a name: of previews and reports, or of the swap."""
        state = self.swap.look()
        known = [one for one in (*state.pictures, state.result) if one is not None]
        found = [self.folder / Path(name).name, *(one for one in known if one.name == name)]
        return next((one for one in found if one.is_file()), None)

    def take(self, path: str, what: str) -> dict[str, Any]:
        """Take a file in, as `video` or `audio`: it stays when the page is closed.

        Raises:
            Refusal: it is no such file, or beyond the limits.
        """
        service, name = self.service, Path(path).name
        with Path(path).open("rb") as file:
            stored = service.assets.take(file, what, parse_size(service.options.max_upload))
        try:
            if stored.kind.kind not in KINDS_OF[what]:
                line = f"{what}: is {stored.kind.kind.lower()}, not {what}"
                raise Refusal(400, "not_media", line)
            facts = self._look(stored.path, what)
        except BaseException:
            stored.path.unlink(missing_ok=True)
            raise
        asset = service.assets.add(OWNER, name, stored, "UPLOAD", dict(facts))
        return {"id": asset.id, "name": name, "seconds": round(facts["duration"], 2), **{
            key: facts[key] for key in ("width", "height", "still") if key in facts
        }}  # fmt: skip

    def _look(self, path: Path, what: str) -> Mapping[str, Any]:
        limits: Preparation = self.service.preparation
        beyond = {"max_seconds": limits.max_seconds}
        if what == "video":
            beyond["max_pixels"] = limits.max_pixels
        return self.service.look.ask(what, what, path=str(path), **beyond)

    def is_there(self, chosen: Chosen | None) -> bool:
        """Whether a file that was taken in is still there."""
        return chosen is not None and self._find(chosen) is not None

    def _find(self, chosen: Chosen) -> Path | None:
        asset = self.service.assets.find(str(chosen.get("id")), OWNER)
        path = None if asset is None else self.service.assets.path(asset)
        return path if path is not None and path.is_file() else None

    def path(self, chosen: Chosen | None, what: str) -> Path:
        """Where a file that was taken in is.

        Raises:
            Refusal: none was, or it is gone.
        """
        path = None if chosen is None else self._find(chosen)
        if path is None:
            raise Refusal(400, "missing", self.texts[f"missing_{SPOKEN[what]}"], kind=OPTIONS)
        return path

    def find_faces(self, video: Chosen) -> dict[str, Any]:
        """The faces of a video, and the name of the picture that shows them.

        Raises:
            Refusal: there are none.
        """
        path = self.path(video, "video")
        picture = self.folder / f"faces-{secrets.token_hex(8)}.png"
        found = self._worker.ask("faces", "video", path=str(path), picture=str(picture))
        return {**found, "picture": picture.name}

    def preview(
        self, audio: Chosen | None, video: Chosen | None, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A second of the result, and the names of the files that show it.

        Raises:
            Refusal: something is missing or wrong.
        """
        speech, target = self.path(audio, "audio"), self.path(video, "video")
        given = {**self.service.preparation.defaults, **options, "workers": 1}
        name = f"preview-{secrets.token_hex(8)}"
        output, compare = self.folder / f"{name}.mp4", self.folder / f"{name}.compare.mp4"
        found = self._worker.ask(
            "preview", "preview", PREVIEW_S, audio=str(speech), path=str(target),
            output=str(output), compare=str(compare), options=_plain(given),
        )  # fmt: skip
        return {**found, "file": compare.name}

    def submit(
        self, audio: Chosen | None, video: Chosen | None, options: Mapping[str, Any],
        spans: Sequence[str] = (),
    ) -> str:  # fmt: skip
        """Put a render into the queue; its name.

        Raises:
            Refusal: something is missing or wrong.
        """
        self.path(audio, "audio")
        still = self.path(video, "video") and bool((video or {}).get("still"))
        assert audio is not None and video is not None  # noqa: S101 — they have paths
        name = name_result(str(video["name"]), str(audio["name"]))
        said = {
            "input": [
                {"type": "image" if still else "video", "assetId": video["id"]},
                {"type": "audio", "assetId": audio["id"]},
            ],
            "outputFileName": name, "lipsyncOptions": dict(options),
            "lipsyncExtras": list(EXTRAS), **({"lipsyncSpans": list(spans)} if spans else {}),
        }  # fmt: skip
        self.service.submit(OWNER, Asked(read_said(GenerateRequest, said)))
        return name

    def results(self) -> list[tuple[str, str]]:
        """(name, id) of the finished results, the newest first."""
        found = self.service.generations.page(OWNER, statuses=(COMPLETED,), limit=MOST_LISTED)
        return [(str(one.request.get("outputFileName") or one.id), one.id) for one in found]

    def inspect(self, video: Chosen | None, result: str | None) -> str:
        """Inspect a file that was taken in, or a result; the name of the report.

        Raises:
            Refusal: there is neither, or it cannot be read.
        """
        if result:
            self.service.find(result, OWNER)
            path = self.service.preparation.output(result)
        else:
            path = self.path(video, "inspect")
        report = self.folder / f"report-{secrets.token_hex(8)}.html"
        self._inspector.ask("inspect", "video", INSPECT_S, path=str(path), report=str(report))
        return report.name


SPOKEN = {"audio": "speech", "video": "video", "inspect": "inspect"}  # in the page's words


def name_result(video: str, audio: str) -> str:
    """What a result is called, of the names of what it is made from."""
    parts = [re.sub(r"[^A-Za-z0-9_-]+", "-", Path(one).stem).strip("-") for one in (video, audio)]
    return "_".join(part or "file" for part in parts)[:200]


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, Path) else value for name, value in options.items()
    }
