"""A process that finds faces, makes previews and inspects, for the page.

It keeps what it has loaded of a target, so that a second preview comes sooner than the first.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from lipsync.jobs.service.look_worker import answer_questions
from lipsync.jobs.service.views import summarize
from lipsync.live.preview import Previewer
from lipsync.live.renderer import Renderer
from lipsync.options import RenderOptions
from lipsync.pipelines.inspect import inspect
from lipsync.pipelines.show_faces import show_faces

TARGETS = 4  # whose analysis stays in memory


def main() -> None:
    """Answer what the page asks."""
    threading.Thread(target=_warm_up, daemon=True).start()
    answer_questions({"faces": find_faces, "preview": make_preview, "inspect": inspect_video})


def find_faces(path: str, picture: str) -> dict[str, Any]:
    """The faces of a video; see `show_faces`."""
    return asdict(show_faces(Path(path), Path(picture)))


def make_preview(
    audio: str, path: str, output: str, compare: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Render a second of the result, and it beside the target's."""
    previewer = _previewer(Path(output).parent)
    given = RenderOptions.of(**options)
    made = previewer.make(Path(audio), Path(path), Path(output), given, compare=Path(compare))
    told = summarize(asdict(made.result))
    return {**told, "start": made.start, "warnings": list(made.result.warnings)}


def inspect_video(path: str, report: str) -> dict[str, Any]:
    """Look for evidence that a video was made, and write the page that shows it."""
    found = inspect(Path(path), report=Path(report), overwrite=True)
    return {"warnings": list(found.warnings)}


@cache
def _previewer(folder: Path) -> Previewer:
    """Makes the previews of this process."""
    return Previewer(Renderer(targets=TARGETS), folder)


def _warm_up() -> None:
    """Load what takes long while the user still chooses."""
    import mediapipe  # noqa: F401
    import torch  # noqa: F401


if __name__ == "__main__":
    main()
