"""The tab of the face swap: footage of both people, their consent, training, the changed video."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from lipsync.web import pieces
from lipsync.web.studio import FILES, Studio
from lipsync.web.swap_project import SIDES, SwapState, can_train

TICK_S = 2.0


class SwapTab:
    """The tab, and what its controls do."""

    def __init__(self, studio: Studio) -> None:
        """Build it where Gradio is building now."""
        self.project, self.texts = studio.swap, studio.texts
        texts = self.texts
        gr.Markdown(texts["swap_intro"])
        if not can_train():
            gr.HTML(pieces.fault(texts["swap_missing"]))
        fields = []
        with gr.Row():
            for side in SIDES:
                with gr.Column(min_width=240):
                    field = gr.File(
                        label=texts[f"swap_{side}"], file_count="multiple", type="filepath",
                        file_types=["video", "image"], height=180, elem_id=f"swap-{side}",
                    )  # fmt: skip
                    fields.append((side, field, gr.HTML(elem_id=f"swap-{side}-said")))
        self.consent = gr.Textbox(
            self.project.consent, label=texts["swap_consent"], info=texts["swap_consent_hint"],
            elem_id="swap-consent",
        )  # fmt: skip
        with gr.Row():
            start = gr.Button(texts["swap_start"], variant="primary", elem_id="swap-start")
            stop = gr.Button(texts["swap_stop"], elem_id="swap-stop")
        self.said = gr.HTML(elem_id="swap-said")
        self.pictures = gr.HTML(elem_id="swap-pictures")
        self.timer = gr.Timer(TICK_S, active=False)
        for side, field, said in fields:
            field.upload(self._giver(side), [field], [said])
        start.click(self.start, [self.consent], self.shown)
        stop.click(self.stop, None, self.shown)
        self.timer.tick(self.look, None, self.shown, queue=False, show_progress="hidden")

    @property
    def shown(self) -> list[Any]:
        """What changes as the work goes on."""
        return [self.said, self.pictures, self.timer]

    def _giver(self, side: str) -> Any:
        def give(files: Sequence[str] | None) -> str:
            """Take the footage of a person."""
            if not files:
                return ""
            _, line = pieces.attempt(lambda: self.project.give(side, files))
            told = self.texts.fill("swap_given", count=len(files), side=side.upper())
            return line or pieces.note(told)

        return give

    def start(self, consent: str) -> tuple[str, str, Any]:
        """Begin, or go on."""
        _, line = pieces.attempt(lambda: self.project.start(consent))
        said, pictures, timer = self.look()
        return line or said, pictures, timer

    def stop(self) -> tuple[str, str, Any]:
        """Stop; what is done is kept."""
        self.project.stop()
        return self.look()

    def look(self) -> tuple[str, str, Any]:
        """How it stands."""
        state = self.project.look()
        return self._say(state), self._show(state), gr.Timer(active=state.running)

    def _say(self, state: SwapState) -> str:
        texts = self.texts
        stage = texts[f"swap_stage_{state.stage}"] if state.stage else ""
        if state.running:
            return pieces.note(stage) + pieces.hint(state.line)
        if state.problem:
            return pieces.fault(state.problem)
        if state.result is not None:
            return pieces.note(texts["swap_done"])
        return pieces.note(texts.fill("swap_stopped", stage=stage) if stage else texts["swap_idle"])

    def _show(self, state: SwapState) -> str:
        shown = []
        for picture in state.pictures:
            alt = escape(self.texts[f"swap_{picture.stem}"], quote=True)
            shown.append(f'<img src="{_address(picture)}" alt="{alt}">{pieces.hint(alt)}')
        if state.result is not None:
            label = escape(self.texts["swap_done"], quote=True)
            shown.append(
                f'<video controls src="{_address(state.result)}" aria-label="{label}"></video>'
            )
        return "".join(shown)


def _address(place: Path) -> str:
    """Of a file that changes: another one when it has."""
    return f"{FILES}/{place.name}?{place.stat().st_mtime_ns}"
