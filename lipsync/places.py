"""Where the results of a render go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lipsync import encode, media, provenance
from lipsync.sheet import check_sheet


@dataclass(frozen=True)
class Places:
    """Every file that a render writes."""

    output: media.Output
    sidecar: Path | None  # None: the output goes to a pipe, and no place was named
    sheet: Path | None
    plot: Path | None

    @staticmethod
    def checked(
        output: str | Path,
        sidecar: str | Path | None,
        sheet: str | Path | None,
        plot: str | Path | None,
        *,
        inputs: Iterable[Path],
        overwrite: bool,
    ) -> Places:
        """Find out before the work what would stop us from writing its results.

        Raises:
            OutputError: one of them cannot be written there, or would replace another file.
        """
        target = media.Output.of(output)
        encode.check_output(target, inputs, overwrite)
        files = [*inputs, target.path]
        places = []
        for picture in (sheet, plot):
            path = Path(picture) if picture else None
            check_sheet(path, files)
            files += [path] if path else []
            places.append(path)
        if sidecar is not None:
            sidecar = Path(sidecar)
            encode.check_output(sidecar, files, overwrite, ".json")
        elif not target.format.pipe:
            sidecar = provenance.sidecar_path(target.path)
        return Places(target, sidecar, *places)
