"""Where results go, and whether they can be written there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from lipsync import media
from lipsync.errors import OutputError
from lipsync.marks.c2pa_library import manifest_path
from lipsync.marks.marking import Marking
from lipsync.marks.options import MarkOptions
from lipsync.marks.sidecar import sidecar_path
from lipsync.media.formats import Output
from lipsync.media.image_sequence import SOUND_NAME
from lipsync.report.contact_sheet import check_sheet_path
from lipsync.runtime.disk_space import try_to_write


@dataclass(frozen=True)
class OutputPaths:
    """Every file that a render writes."""

    output: media.Output
    sidecar: Path | None  # None: the output goes to a pipe, and no place was named
    sheet: Path | None
    plot: Path | None
    report: Path | None = None  # the page of an inspection of the output
    mask: Path | None = None  # a video of the pixels that are new
    compare: Path | None = None  # a video of target and output side by side

    @staticmethod
    def check(
        output: str | Path,
        sidecar: str | Path | None,
        sheet: str | Path | None,
        plot: str | Path | None,
        report: str | Path | None = None,
        mask: str | Path | None = None,
        compare: str | Path | None = None,
        *,
        inputs: Iterable[Path],
        overwrite: bool,
    ) -> OutputPaths:
        """Find out before the work what would stop us from writing its results.

        Raises:
            OutputError: one of them cannot be written there, or would replace another file.
        """
        target = media.Output.parse(output)
        check_output(target, inputs, overwrite)
        files = [*inputs, target.path]
        places = []
        for picture in (sheet, plot):
            path = Path(picture) if picture else None
            check_sheet_path(path, files)
            files += [path] if path else []
            places.append(path)
        if sidecar is not None:
            sidecar = Path(sidecar)
            check_output(sidecar, files, overwrite, ".json")
        elif not target.format.pipe:
            sidecar = sidecar_path(target.path)
        page = _beside_a_file(report, "a report", target)
        if page is not None:
            check_output(page, files, overwrite, ".html")
        masked = _beside_a_file(mask, "a mask", target)
        if masked is not None:
            _check_video(masked, "a mask", files, overwrite)
            files.append(masked)
        compared = _beside_a_file(compare, "a comparison", target)
        if compared is not None:
            if any(_same_file(compared, path) for path in files):
                raise OutputError(
                    f"{compared}: is one of the other files of this job; choose another name"
                )
            _check_video(compared, "a comparison", files, overwrite)
        return OutputPaths(target, sidecar, places[0], places[1], page, masked, compared)


def _check_video(path: Path, what: str, files: Iterable[Path], overwrite: bool) -> None:
    form = media.Output.parse(path).format
    if form.pipe or form.frames:
        raise OutputError(f"{path}: {what} is one video file; choose a name that ends in .mp4")
    check_output(path, files, overwrite)


def _beside_a_file(path: str | Path | None, what: str, target: Output) -> Path | None:
    """The path of what is made from a finished output.

    Raises:
        OutputError: the output is no file that could be read again.
    """
    place = Path(path) if path else None
    if place is not None and (target.format.pipe or target.format.frames):
        raise OutputError(f"{place}: {what} needs an output that is one video file")
    return place


def plan_marking(
    output: Output, statement: str, options: MarkOptions, record_id: int, consent: str | None = None
) -> tuple[Marking, list[str]]:
    """How an output is marked, and a warning if it cannot be signed on this machine.

    A certificate that the user names must serve. The local one needs a folder to be kept in, which
    a container may lack: the output then goes without content credentials.

    Raises:
        InputError, OptionsError: it cannot be signed as was asked for.
    """
    try:
        return Marking.plan(output, statement, options, record_id, consent), []
    except OutputError as error:
        without = replace(options, content_credentials=False)
        warning = f"no content credentials: {error}"
    return Marking.plan(output, statement, without, record_id, consent), [warning]


def check_output(
    output: Path | Output, inputs: Iterable[Path], overwrite: bool, suffix: str | None = None
) -> None:
    """Find out before the work what would stop us from writing its result.

    Args:
        suffix: of a file that is no video; None: `output` is one of `media.FORMATS`.

    Raises:
        OutputError: another suffix, no such folder, not writable, an input, or there already.
    """
    beside: tuple[Path, ...] = ()
    if isinstance(output, Path) and suffix is None:
        output = Output.parse(output)
    if isinstance(output, Output):
        if output.format.pipe:
            return
        if output.format.frames:
            _check_folder(output, inputs, overwrite)
            return
        beside = () if output.format.boxes else (manifest_path(output.path),)
        output = output.path
    elif output.suffix.lower() != suffix:
        raise OutputError(
            f"{output}: only {suffix} can be written; choose a name that ends in {suffix}"
        )
    _check_parent(output)
    if any(_same_file(output, path) for path in inputs):
        raise OutputError(f"{output}: is an input too; choose another name for the output")
    if output.is_dir():
        raise OutputError(f"{output}: is a folder; give the name of a file")
    for file in (output, *beside):
        if file.exists() and not overwrite:
            raise OutputError(f"{file}: exists already; pass --overwrite to replace it")


def _check_parent(output: Path) -> None:
    folder = output.parent
    if not folder.is_dir():
        raise OutputError(f"{output}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{output}: the folder {folder} cannot be written to; choose another")
    if (reason := try_to_write(folder)) is not None:
        raise OutputError(f"{output}: cannot be written ({reason}); choose another folder")


def _check_folder(output: Output, inputs: Iterable[Path], overwrite: bool) -> None:
    """A folder of frames is replaced as a whole: it may hold nothing else."""
    folder = output.path
    _check_parent(folder.resolve())
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; give the name of a folder")
    there = list(folder.iterdir()) if folder.is_dir() else []
    if any(_same_file(path, file) for path in inputs for file in (folder, *there)):
        raise OutputError(f"{folder}: an input is in it; choose another folder for the output")
    ours = re.compile(re.sub(r"%(0\d)?d", r"\\d+", re.escape(output.frame_names)))
    if any(f.name != SOUND_NAME and not ours.fullmatch(f.name) for f in there):
        raise OutputError(f"{folder}: holds other files; give the frames a folder of their own")
    if there and not overwrite:
        raise OutputError(f"{folder}: holds frames already; pass --overwrite to replace them")


def _same_file(one: Path, other: Path) -> bool:
    """The same file, by whatever name or link."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()
