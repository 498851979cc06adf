"""The tab where many speeches go onto their videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from lipsync.jobs.service.refusal import Refusal
from lipsync.web import pieces
from lipsync.web.studio import Studio


class BatchTab:
    """The tab, and what its controls do."""

    def __init__(self, studio: Studio, state: gr.BrowserState) -> None:
        """Build it where Gradio is building now."""
        self.studio, self.texts = studio, studio.texts
        texts = self.texts
        gr.Markdown(texts["batch_intro"])
        with gr.Row():
            self.sounds = gr.File(
                label=texts["batch_sounds"], file_count="multiple", type="filepath",
                file_types=["audio", "video"], height=180, elem_id="batch-sounds",
            )  # fmt: skip
            self.videos = gr.File(
                label=texts["batch_videos"], file_count="multiple", type="filepath",
                file_types=["video", "image"], height=180, elem_id="batch-videos",
            )  # fmt: skip
        self.add = gr.Button(texts["batch_add"], variant="primary", elem_id="batch-add")
        self.said = gr.HTML(elem_id="batch-said")
        self.add.click(self.add_all, [self.sounds, self.videos, state], [self.said])

    def add_all(
        self, sounds: Sequence[str] | None, videos: Sequence[str] | None, state: Mapping[str, Any]
    ) -> str:
        """Put all renders into the queue, or none."""
        count, line = pieces.attempt(lambda: self._add(sounds or [], videos or [], state))
        return line if count is None else pieces.note(self.texts.fill("batch_added", count=count))

    def _add(
        self, sounds: Sequence[str], videos: Sequence[str], state: Mapping[str, Any]
    ) -> int:  # fmt: skip
        if not sounds or not videos:
            raise Refusal(400, "missing", self.texts["batch_empty"])
        if len(videos) not in (1, len(sounds)):
            line = self.texts.fill("batch_uneven", sounds=len(sounds), videos=len(videos))
            raise Refusal(400, "options", line)
        takes = {path: self._take(path, "video") for path in dict.fromkeys(videos)}
        heard = [self._take(path, "audio") for path in sounds]
        targets = list(videos) * (len(sounds) if len(videos) == 1 else 1)
        options = {**state["options"]}  # faces were chosen for another video
        for sound, video in zip(heard, targets, strict=True):
            self.studio.submit(sound, takes[video], options)
        return len(heard)

    def _take(self, path: str, what: str) -> dict[str, Any]:
        try:
            return self.studio.take(path, what)
        except Refusal as refusal:
            line = f"{Path(path).name}: {refusal.error.message}"
            raise Refusal(refusal.status, refusal.error.code, line) from None
