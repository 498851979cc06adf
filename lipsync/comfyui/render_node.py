"""The node "Lipsync render".

Frames never become tensors: the target is read from its file, and both results are videos in
files. So the mask is no MASK: of a minute at 1080p that would be 12 GB of floats. Where one is
wanted, ComfyUI's own nodes take the frames that are needed out of the video.
"""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lipsync.comfyui.host import Comfy

LOG = logging.getLogger(__name__)
OPTIONS = ("candidates", "detail", "teeth", "timing", "adapt", "face")


class RenderNode:
    """Makes the person in a video speak. The names of its attributes are ComfyUI's."""

    TITLE = "Lipsync render"
    DESCRIPTION = "Renders a new mouth into a video of a person, so that they speak the audio."
    CATEGORY = "video/lipsync"
    FUNCTION = "render"
    RETURN_TYPES = ("VIDEO", "VIDEO")
    RETURN_NAMES = ("video", "mask")
    OUTPUT_TOOLTIPS = (
        "The result, in the folder of outputs.",
        "White where the result's pixels are new, else black; of the same size and length.",
    )
    OUTPUT_NODE = True  # it writes a file: it runs even if nothing is connected to it

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802 — ComfyUI's name
        """Sockets and widgets; those of options are named as on the command line."""
        from lipsync.comfyui.widgets import option_inputs

        spans = {
            "default": "",
            "multiline": True,
            "tooltip": "When the speech is heard: SubRip, WebVTT, TTML or JSON, or the name of "
            "such a file. Everything else stays unchanged, and the audio is placed on the video's "
            "timeline. Empty: the audio is heard throughout.",
        }
        prefix = {"default": "lipsync/render", "tooltip": "Where the result is saved, as .mp4."}
        return {
            "required": {
                "video": ("VIDEO", {"tooltip": "The person."}),
                "audio": ("AUDIO", {"tooltip": "The speech."}),
            },
            "optional": {
                **option_inputs(OPTIONS),
                "spans": ("STRING", spans),
                "filename_prefix": ("STRING", prefix),
            },
        }

    def render(
        self,
        video: Any,
        audio: Any,
        spans: str = "",
        filename_prefix: str = "lipsync/render",
        **options: Any,
    ) -> dict[str, Any]:
        """Render.

        Returns:
            The two videos, and what the page shows.

        Raises:
            MissingPackageError: this is not ComfyUI.
            LipsyncError: as `lipsync.render`.
        """
        comfy = Comfy(f"the node {self.TITLE!r}")
        from lipsync.comfyui.exchange import sound_file, spans_file, video_file
        from lipsync.options import RenderOptions
        from lipsync.pipelines.render import render

        chosen = RenderOptions.of(**options)
        place = comfy.save_place(filename_prefix, tuple(video.get_dimensions()))
        mask = comfy.temporary_place("_mask.mp4")
        with TemporaryDirectory(prefix="lipsync_", dir=comfy.temporary_folder()) as name:
            folder = Path(name)
            result = render(
                sound_file(audio, folder),
                video_file(video, folder),
                place.path,
                spans=spans_file(spans, folder),
                mask=mask,
                options=chosen,
                progress=comfy.progress(),
            )
        for line in result.warnings:
            LOG.warning(line)
        made = comfy.video(result.output), comfy.video(mask)
        return {"ui": place.shown(), "result": made}
