"""From a generation to a job: its files are fetched, found and looked at."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipsync.jobs.job import Job
from lipsync.jobs.service.assets import Assets
from lipsync.jobs.service.downloads import Fetcher
from lipsync.jobs.service.file_kinds import HEAD, FileKind, tell_kind
from lipsync.jobs.service.look_process import LookProcess
from lipsync.jobs.service.places import Roots, local_name
from lipsync.jobs.service.refusal import Refusal
from lipsync.jobs.service.schema import GenerateRequest, InputItem
from lipsync.jobs.service.translation import (
    EXTRAS,
    VIDEO,
    LocalInput,
    build_job,
    name_extras,
)

_ODD = re.compile(r"[^\w .()+-]+")  # in names of files
MOST_NAME = 100
PAUSES_S = (0.5, 3.0)  # before a URL that did not answer is asked again


@dataclass(frozen=True)
class Preparation:
    """Makes jobs of requests."""

    assets: Assets
    roots: Roots
    fetcher: Fetcher
    folder: Path  # of what is fetched, a folder per generation
    outputs: Path
    defaults: Mapping[str, Any]  # options that the operator has set
    max_seconds: float
    max_pixels: int

    def check(self, request: GenerateRequest, owner: str) -> None:
        """See whether the inputs of a request are there, as far as that is told at once.

        Raises:
            Refusal: one is not.
        """
        for number, one in enumerate(request.input):
            what = f"input.{number}"
            if self._find_local(one, owner, what) is None:
                self.fetcher.rules.check_url(str(one.url), what)

    def output(self, id: str) -> Path:  # noqa: A002
        """Where the output of a generation is, or will be."""
        return self.outputs / f"{id}.mp4"

    def prepare(
        self,
        id: str,  # noqa: A002
        owner: str,
        request: GenerateRequest,
        look: LookProcess,
        wanted: Callable[[], bool] = lambda: True,
    ) -> tuple[Job, list[str]]:
        """The job of a request, and what its client should know.

        Raises:
            Refusal: it cannot be done; nothing was rendered.
        """
        inputs = []
        for number, one in enumerate(request.input):
            what = f"input.{number}"
            path = self._find_local(one, owner, what)
            if path is None:
                path = self._fetch(str(one.url), self.folder / id, number, what, wanted)
            facts = self._look(path, one, what, look)
            named = self._name(path, one, owner, self.folder / id / str(number))
            inputs.append(LocalInput(named, facts))

        def crop(path: Path, start: float, end: float) -> Path:
            name = hashlib.sha256(f"{path} {start} {end}".encode()).hexdigest()[:16]
            place = self.folder / id / f"part-{name}.wav"
            place.parent.mkdir(exist_ok=True)
            look.ask("crop", "segments", path=str(path), start=start, end=end, to=str(place))
            return place

        return build_job(id, request, inputs, self.output(id), self.defaults, crop)

    def forget(self, id: str) -> None:  # noqa: A002
        """Remove what was fetched for a generation."""
        shutil.rmtree(self.folder / id, ignore_errors=True)

    def remove(self, id: str) -> None:  # noqa: A002
        """Remove the output of a generation as well."""
        self.forget(id)
        output = self.output(id)
        extras = name_extras(output, EXTRAS).values()
        for path in (output, output.with_name(output.name + ".json"), *extras):
            path.unlink(missing_ok=True)

    @contextmanager
    def trial(self) -> Iterator[str]:
        """A name for something that is only tried; its files go at the end."""
        name = f"trial-{os.urandom(8).hex()}"
        try:
            yield name
        finally:
            self.remove(name)

    def _name(self, path: Path, one: InputItem, owner: str, folder: Path) -> Path:
        """An asset under the name that its client gave it: records and sheets show it."""
        asset = None if one.asset_id is None else self.assets.find(one.asset_id, owner)
        if asset is None:
            return path
        stem = _ODD.sub("_", Path(asset.name).stem).strip("._ ")[:MOST_NAME]
        place = folder / f"{stem or 'file'}{path.suffix}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):  # by an attempt that was interrupted
                os.link(path, place)
        except OSError:
            return path  # a disk that has no links
        return place

    def _find_local(self, one: InputItem, owner: str, what: str) -> Path | None:
        """The file of an input that is on this machine; None: it is to be fetched."""
        if one.asset_id is not None:
            asset = self.assets.find(one.asset_id, owner)
            if asset is None or not self.assets.path(asset).is_file():
                line = f"{what}: there is no asset {one.asset_id[:64]!r}"
                raise Refusal(400, "asset_not_found", line)
            return self.assets.path(asset)
        name = one.path if one.path is not None else local_name(str(one.url))
        if name is None:
            return None
        path = self.roots.find(name, what)
        with path.open("rb") as file:
            tell_kind(file.read(HEAD), what)
        return path

    def _fetch(
        self, url: str, folder: Path, number: int, what: str, wanted: Callable[[], bool]
    ) -> Path:
        folder.mkdir(exist_ok=True)
        part = folder / f"{number}.part"
        fetched = [path for path in folder.glob(f"{number}.*") if path != part]
        if fetched:  # by an attempt that was interrupted later
            return fetched[0]
        self.assets.check_room()
        for pause in (*PAUSES_S, None):
            try:
                kind = self._fetch_once(url, part, what, wanted)
                break
            except Refusal as refusal:
                if pause is None or not refusal.error.retryable or not wanted():
                    raise
                time.sleep(pause)
        path = folder / f"{number}{kind.suffix}"
        part.replace(path)
        return path

    def _fetch_once(self, url: str, part: Path, what: str, wanted: Callable[[], bool]) -> FileKind:
        with self.fetcher.open(url, what, wanted) as body, part.open("wb") as file:
            head = body.read(HEAD)
            kind = tell_kind(head, what)
            file.write(head)
            shutil.copyfileobj(body, file, HEAD)
        return kind

    def _look(self, path: Path, one: InputItem, what: str, look: LookProcess) -> Mapping[str, Any]:
        if one.type in VIDEO:
            return look.ask("video", what, path=str(path), max_seconds=self.max_seconds,
                            max_pixels=self.max_pixels)  # fmt: skip
        return look.ask("audio", what, path=str(path), max_seconds=self.max_seconds)
