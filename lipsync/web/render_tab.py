"""The tab where one speech goes onto one video: files, face, settings, preview, queue, result."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

import gradio as gr

from lipsync.errors import LipsyncError
from lipsync.web import face_picker, pieces
from lipsync.web.settings import read_values, write_command, write_options_file
from lipsync.web.settings_form import SettingsForm
from lipsync.web.studio import FILES, Studio

QUICK: Any = {"queue": False, "show_progress": "hidden"}
# What a browser keeps of a user: files by their ids, the face, the settings that differ.
EMPTY: dict[str, Any] = {"audio": None, "video": None, "face": face_picker.LARGEST,
                         "found": None, "options": {}, "spans": ""}  # fmt: skip


class RenderTab:
    """The tab, and what its controls do."""

    def __init__(self, studio: Studio, state: gr.BrowserState) -> None:
        """Build it where Gradio is building now."""
        self.studio, self.texts, self.state = studio, studio.texts, state
        texts = self.texts
        with gr.Row(equal_height=False):
            with gr.Column(min_width=320):
                self._build_inputs()
            with gr.Column(min_width=320, elem_id="looks"):
                gr.Markdown(f"## {texts['preview_title']}")
                shown = pieces.hint(texts["preview_hint"])
                self.preview_shown = gr.HTML(shown, elem_id="preview-shown")
                gr.Markdown(f"## {texts['result']}")
                gr.HTML(f'<div id="result-player">{pieces.hint(texts["result_empty"])}</div>')
                gr.Markdown(f"## {texts['queue']}")
                gr.HTML("<lipsync-queue></lipsync-queue>")
        self._connect()

    def _build_inputs(self) -> None:
        texts = self.texts
        with gr.Row():
            with gr.Column(min_width=240):
                self.audio = gr.Audio(
                    sources=["upload", "microphone"], type="filepath", label=texts["speech"],
                    elem_id="speech", editable=False, buttons=[],
                )  # fmt: skip
                self.audio_said = gr.HTML(pieces.hint(texts["speech_hint"]), elem_id="speech-said")
            with gr.Column(min_width=240):
                self.video = gr.File(
                    label=texts["video"], file_types=["video", "image"], type="filepath",
                    height=238, elem_id="video",
                )  # fmt: skip
                self.video_said = gr.HTML(pieces.hint(texts["video_hint"]), elem_id="video-said")
        self.faces = face_picker.face_picker(texts)
        self.faces_said = gr.HTML(elem_id="faces-said")
        with gr.Row():
            self.preview = gr.Button(texts["preview"], elem_id="preview")
            self.render = gr.Button(texts["render"], variant="primary", elem_id="render")
        self.render_said = gr.HTML(elem_id="render-said")
        gr.Markdown(f"## {texts['settings']}")
        self.form = SettingsForm(texts)
        self.settings_said = gr.HTML(elem_id="settings-said")
        with gr.Accordion(texts["commands"], open=False, elem_id="commands"):
            self.command = gr.Textbox(
                label=texts["command"], lines=2, interactive=False, buttons=["copy"],
                elem_classes="copy", elem_id="command",
            )  # fmt: skip
            self.options_file = gr.Textbox(
                label=texts["options_file"], lines=2, interactive=False, buttons=["copy"],
                elem_classes="copy", elem_id="options-file",
            )  # fmt: skip

    def _connect(self) -> None:
        state, form = self.state, self.form
        copied = [state, self.command, self.options_file, self.settings_said]
        gr.on(
            [self.audio.upload, self.audio.stop_recording], self.take_audio,
            [self.audio, state], [state, self.audio_said],
        ).then(self.describe, [state], copied, **QUICK)  # fmt: skip
        self.audio.clear(self.drop_audio, [state], [state, self.audio_said], **QUICK)
        self.video.upload(
            self.take_video, [self.video, state], [state, self.video_said, self.faces],
        ).then(
            self.find_faces, [state], [state, self.faces, self.faces_said],
        ).then(self.describe, [state], copied, **QUICK)  # fmt: skip
        self.video.clear(
            self.drop_video, [state], [state, self.video_said, self.faces, self.faces_said],
            **QUICK,
        )  # fmt: skip
        self.faces.change(self.choose_face, [self.faces, state], [state], **QUICK)
        changed = [control.change for control in (*form.controls, form.spans)]
        gr.on(
            changed, self.read_settings, [state, form.spans, *form.controls], copied,
            trigger_mode="always_last", **QUICK,
        )  # fmt: skip
        form.reset.click(self.reset, None, [form.spans, *form.controls], **QUICK)
        self.preview.click(
            self.show_preview, [state], [self.preview_shown], trigger_mode="always_last",
            concurrency_limit=4, show_progress="minimal",
        )  # fmt: skip
        self.render.click(self.add_render, [state], [self.render_said], **QUICK)

    @property
    def restored(self) -> list[Any]:
        """What `restore` sets when the page is opened."""
        return [
            self.state, self.audio_said, self.video_said, self.faces, self.form.spans,
            self.command, self.options_file, *self.form.controls,
        ]  # fmt: skip

    def restore(self, kept: Mapping[str, Any] | None) -> list[Any]:
        """The page as its user left it."""
        texts, studio = self.texts, self.studio
        state = {**EMPTY, **(kept or {})}
        for what in ("audio", "video"):
            if not studio.is_there(state[what]):
                state[what] = None
        audio, video, found = state["audio"], state["video"], state["found"]
        if video is None or found is None or not (studio.folder / found["picture"]).is_file():
            state["found"] = found = None
        said = (
            pieces.hint(texts["speech_hint"]) if audio is None
            else pieces.show_sound(texts, audio),
            pieces.hint(texts["video_hint"]) if video is None
            else pieces.describe_video(texts, video),
        )  # fmt: skip
        options = state["options"]
        values = [options.get(one.name, one.default) for one in self.form.settings]
        _, command, options_file, _ = self.describe(state)
        return [state, *said, self._picker(state), state["spans"], command, options_file, *values]

    def _picker(self, state: Mapping[str, Any]) -> dict[str, Any]:
        found = state["found"]
        picture = "" if found is None else f"{FILES}/{found['picture']}"
        return face_picker.show(self.texts, found, picture, state["face"])

    def take_audio(self, path: str | None, state: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Take the speech in."""
        if path is None:
            return state, pieces.hint(self.texts["speech_hint"])
        chosen, line = pieces.attempt(lambda: self.studio.take(path, "audio"))
        said = line if chosen is None else pieces.note(pieces.describe_sound(self.texts, chosen))
        return {**state, "audio": chosen}, said

    def drop_audio(self, state: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Leave the speech out."""
        return {**state, "audio": None}, pieces.hint(self.texts["speech_hint"])

    def take_video(
        self, path: str | None, state: dict[str, Any]
    ) -> tuple[dict[str, Any], str, dict[str, Any]]:
        """Take the video in; its faces are found next."""
        state = {**state, "video": None, "found": None, "face": face_picker.LARGEST}
        if path is None:
            return state, pieces.hint(self.texts["video_hint"]), self._picker(state)
        chosen, line = pieces.attempt(lambda: self.studio.take(path, "video"))
        said = line if chosen is None else pieces.describe_video(self.texts, chosen)
        state["video"] = chosen
        return state, said, self._picker(state)

    def drop_video(self, state: dict[str, Any]) -> tuple[dict[str, Any], str, dict[str, Any], str]:
        """Leave the video out."""
        return (*self.take_video(None, state), "")

    def find_faces(self, state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], str]:
        """Show who could speak."""
        video = state["video"]
        if video is None:
            return state, self._picker(state), ""
        found, line = pieces.attempt(lambda: self.studio.find_faces(video))
        state = {**state, "found": found}
        return state, self._picker(state), line

    def choose_face(self, picker: Mapping[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """Note who speaks."""
        return {**state, "face": str(picker.get("face") or face_picker.LARGEST)}

    def read_settings(
        self, state: dict[str, Any], spans: str, *values: Any
    ) -> tuple[dict[str, Any], str, str, str]:
        """Note the settings, and say them as a command."""
        options = read_values(self.form.settings, values)
        return self.describe({**state, "options": options, "spans": spans or ""})

    def describe(self, state: dict[str, Any]) -> tuple[dict[str, Any], str, str, str]:
        """The state, what to type for it, its options file, and what is wrong with it."""
        options, given = _options(state), {}
        for what in ("audio", "video"):
            chosen = state[what]
            given[what] = None if chosen is None else str(chosen["name"])
        try:
            spans = split_spans(state["spans"])
            command = write_command(given["audio"], given["video"], options, spans)
        except LipsyncError as error:
            return state, "", write_options_file(options), pieces.fault(f"--segment: {error}")
        return state, command, write_options_file(options), ""

    def reset(self) -> list[Any]:
        """All settings as by default."""
        return ["", *self.form.defaults]

    def show_preview(self, state: dict[str, Any]) -> str:
        """A second of the result."""
        began = time.monotonic()
        made, line = pieces.attempt(
            lambda: self.studio.preview(state["audio"], state["video"], _options(state))
        )
        if made is None:
            return line
        seconds = f"{time.monotonic() - began:.1f}"
        said = self.texts.fill("preview_done", start=f"{made['start']:.1f}", seconds=seconds)
        shown = pieces.player(f"{FILES}/{made['file']}", self.texts["preview"], made)
        return shown + pieces.note(said)

    def add_render(self, state: dict[str, Any]) -> str:
        """Put the render into the queue."""
        spans = split_spans(state["spans"])
        name, line = pieces.attempt(
            lambda: self.studio.submit(state["audio"], state["video"], _options(state), spans)
        )
        return line if name is None else pieces.note(self.texts.fill("render_added", name=name))


def _options(state: Mapping[str, Any]) -> dict[str, Any]:
    """The options that differ from their defaults, with the face."""
    face = state["face"]
    return {**state["options"], **({} if face == face_picker.LARGEST else {"face": face})}


def split_spans(text: str) -> list[str]:
    """The spans that a user wrote into one line."""
    return [one for one in re.split(r"[,;\s]+", text.strip()) if one]
