"""The page of an inspection: one HTML file with all that is needed to judge the evidence.

It loads nothing and sends nothing (its own content security policy forbids both): videos, pictures,
styles and script are inside. The words are in `inspection_words`, the layout in
inspection_page.html, .css and .js beside this module.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, StrictUndefined

from lipsync._version import __version__
from lipsync.face.tracked_face import TrackedFace
from lipsync.inspection.scoring import SUSPICIOUS_Z
from lipsync.report.heat_map import color_heat
from lipsync.report.inspection_content import (
    data_uri,
    describe_block,
    describe_finding,
    describe_rates,
    describe_timeline,
)
from lipsync.report.inspection_words import LANGUAGE, TEXT
from lipsync.report.page_media import VideoCopy, copy_video
from lipsync.report.results import InspectResult
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors
from lipsync.runtime.hashing import hash_file

# Words that the page's script needs.
SCRIPT_WORDS = ("play", "pause", "position_of", "position_likelihood")


def write_report(path: Path, result: InspectResult, *, face: TrackedFace | None = None) -> Path:
    """Write the page of an inspection; it appears complete or not at all.

    Args:
        face: the inspected face; without it, the worst moments show whole frames and no heat maps.

    Raises:
        OutputError: it cannot be written there.
        MediaError: the inspected video, or the one that it is compared with, cannot be read.
    """
    html = render_page(result, face)
    with atomic_write(path) as temporary, os_errors_as_output_errors(path):
        temporary.write_text(html, encoding="utf-8", newline="\n")
    return path


def render_page(result: InspectResult, face: TrackedFace | None = None) -> str:
    """The page as text; raises as `write_report`."""
    wanted: dict[int, tuple[str, ...]] = {}
    for answer in result.answers:
        for moment in answer.moments:
            wanted[moment.frame] = (*wanted.get(moment.frame, ()), answer.question)
    video, pictures = copy_video(result.video, wanted, face)
    source = None
    if result.source is not None:
        source = copy_video(result.source, {}, None)[0]
    css, script = (_own_file(f"inspection_page.{kind}") for kind in ("css", "js"))
    # Everything from outside is escaped; our own style and script are put in as they are.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["begin"] = _begin
    return environment.from_string(_own_file("inspection_page.html")).render(
        policy=_policy(css, script),
        css=css,
        script=script,
        t=TEXT,
        language=LANGUAGE,
        version=__version__,
        date=datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        result=result,
        name=result.video.name,
        hash=hash_file(result.video),
        seconds=f"{result.duration:.2f}",
        fps=f"{float(result.fps):.6g}",
        finding=describe_finding(result),
        rates=describe_rates(result.error_rates),
        video=_video(video),
        source=None if source is None else _video(source),
        blocks=[describe_block(answer, result, pictures) for answer in result.answers],
        data=_data(result),
        scale=data_uri("png", _scale_png()),
        least=f"{SUSPICIOUS_Z:g}",
        **describe_timeline(result),
    )


def _begin(text: str) -> str:
    """As the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def _own_file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _policy(css: str, script: str) -> str:
    """Nothing may be loaded; only this very style and this very script apply."""
    style_hash, script_hash = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (css, script)
    )
    return (
        f"default-src 'none'; img-src data:; media-src data: blob:; style-src 'sha256-{style_hash}'"
        f"; script-src 'sha256-{script_hash}'; base-uri 'none'; form-action 'none'"
    )


def _video(copy: VideoCopy) -> dict[str, Any]:
    mp4 = None if copy.mp4 is None else data_uri("mp4", copy.mp4)
    return {"name": copy.name, "width": copy.width, "height": copy.height, "mp4": mp4}


def _data(result: InspectResult) -> dict[str, Any]:
    """What the script needs."""
    return {
        "fps": float(result.fps),
        "frames": result.frames,
        "windows": [(one.first, one.end, one.likelihood) for one in result.timeline],
        "moments": sorted({m.frame for one in result.answers for m in one.moments}),
        "text": {name: TEXT[name] for name in SCRIPT_WORDS},
    }


def _scale_png() -> bytes:
    """From cold to hot, over a gray like that of a face."""
    heat = np.linspace(0, 1, 90, dtype=np.float32)[None].repeat(10, 0)
    overlay = color_heat(heat)
    share = overlay[..., 3:] / 255
    colors = overlay[..., :3] * share + 150 * (1 - share)
    return bytes(cv2.imencode(".png", colors[..., ::-1].astype(np.uint8))[1])
