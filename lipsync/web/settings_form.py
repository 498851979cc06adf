"""The settings of a render as controls of the page."""

from __future__ import annotations

from typing import Any

import gradio as gr

from lipsync.web.settings import MAIN, Setting, list_settings
from lipsync.web.texts import Texts

STEPS = {int: 1, float: 0.01}
MOST_OF = {"candidates": 200.0, "adapt_speech": 120.0}  # beyond them an option changes little


class SettingsForm:
    """Controls in the order of `settings`: the main ones shown, the others folded away."""

    def __init__(self, texts: Texts) -> None:
        """Build the controls where Gradio is building now."""
        self.settings = list_settings()
        count = len(MAIN) + 1  # with the fade of spans
        self.controls: list[Any] = []
        with gr.Row(elem_classes="settings"):
            for setting in self.settings[: len(MAIN)]:
                with gr.Column(min_width=280):
                    self.controls.append(_control(setting))
        self.spans = gr.Textbox(
            label="--segment", info=texts["spans_hint"], placeholder="", elem_id="spans",
        )  # fmt: skip
        self.controls.append(_control(self.settings[len(MAIN)]))
        with gr.Accordion(texts["settings_more"], open=False):
            for setting in self.settings[count:]:
                self.controls.append(_control(setting))
        self.reset = gr.Button(texts["settings_reset"], size="sm", elem_id="reset")

    @property
    def defaults(self) -> list[Any]:
        """The values of all controls when nothing was chosen."""
        return [setting.default for setting in self.settings]


def _control(setting: Setting) -> Any:
    """The control that fits an option best."""
    usual = {
        "label": setting.flag, "info": setting.help, "value": setting.default,
        "elem_id": f"setting-{setting.name}",
    }  # fmt: skip
    if setting.choices:
        kind = gr.Radio if len(setting.choices) <= 3 else gr.Dropdown
        return kind(list(setting.choices), **usual)
    if setting.kind is bool:
        return gr.Checkbox(**usual)
    if setting.least is not None and setting.most is not None:
        most = MOST_OF.get(setting.name, setting.most)
        return gr.Slider(setting.least, most, step=STEPS[setting.kind], **usual)
    precision = 0 if setting.kind is int else None
    return gr.Number(minimum=setting.least, maximum=setting.most, precision=precision, **usual)
