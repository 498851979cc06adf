"""The tab where a video, or a result, is inspected: evidence, and the marks it carries."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from lipsync.web import pieces
from lipsync.web.studio import FILES, Studio


class InspectTab:
    """The tab, and what its controls do."""

    def __init__(self, studio: Studio) -> None:
        """Build it where Gradio is building now."""
        self.studio, self.texts = studio, studio.texts
        texts = self.texts
        gr.Markdown(texts["inspect_intro"])
        with gr.Row():
            self.video = gr.File(
                label=texts["inspect_video"], file_types=["video"], type="filepath", height=140,
                elem_id="inspect-video",
            )  # fmt: skip
            self.result = gr.Dropdown(
                [], label=texts["inspect_result"], value=None, elem_id="inspect-result"
            )
        self.run = gr.Button(texts["inspect_run"], variant="primary", elem_id="inspect-run")
        self.shown = gr.HTML(pieces.hint(texts["inspect_wait"]), elem_id="inspect-shown")
        self.run.click(self.inspect, [self.video, self.result], [self.shown], concurrency_limit=4)

    def list_results(self) -> Any:
        """The results that can be inspected."""
        return gr.update(choices=[("–", ""), *self.studio.results()])

    def inspect(self, path: str | None, result: str | None) -> str:
        """Show the report on a video."""
        report, line = pieces.attempt(lambda: self._inspect(path, result))
        if report is None:
            return line
        title = escape(self.texts["inspect_report"], quote=True)
        address = f"{FILES}/{report}"
        return (
            f'<iframe class="report" title="{title}" src="{address}"></iframe>'
            f'<p><a href="{address}" target="_blank">{title}</a></p>'
        )

    def _inspect(self, path: str | None, result: str | None) -> str:
        if result:
            return self.studio.inspect(None, result)
        video = None if path is None else self.studio.take(path, "video")
        return self.studio.inspect(video, None)
