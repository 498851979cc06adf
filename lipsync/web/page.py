"""The page: its tabs, its look, and how it hangs in the service."""

from __future__ import annotations

import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from lipsync.jobs.service.page import Page
from lipsync.jobs.service.refusal import not_found
from lipsync.jobs.service.service import Service
from lipsync.web.studio import FILES, Studio
from lipsync.web.texts import Texts

# Before Gradio is imported: it reads them then.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

PATH = "/ui"
FILE_TYPES = {".mp4": "video/mp4", ".png": "image/png", ".html": "text/html"}
KEEP_UPLOADS_S = 24 * 3600  # what Gradio keeps of them: what matters was taken in by then


def make_page(folder: Path, texts: Texts) -> Page:
    """The page of a service; `folder`: its own, of uploads, previews and reports."""
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")

    def mount(app: FastAPI, service: Service) -> None:
        studio = Studio(service, folder, texts)
        service.at_end(studio.stop)
        _add_routes(app, studio)
        _mount_gradio(app, studio)

    return Page((PATH, FILES), mount)


def _add_routes(app: FastAPI, studio: Studio) -> None:
    @app.get("/", include_in_schema=False)
    def front() -> Response:
        """Lead to the page."""
        return RedirectResponse(f"{PATH}/")

    @app.get("/favicon.ico", include_in_schema=False)
    @app.get("/favicon.svg", include_in_schema=False)
    def favicon() -> Response:
        """Send the picture of the page's tab."""
        return Response(_read("favicon.svg"), media_type="image/svg+xml")

    @app.get("/manifest.json", include_in_schema=False)
    def manifest() -> dict[str, Any]:
        """Send what Gradio's page asks for."""
        return {"name": studio.texts["title"], "icons": [{"src": "/favicon.svg"}]}

    @app.get(f"{FILES}/{{name}}", include_in_schema=False)
    def file(name: str, request: Request) -> FileResponse:
        """Send a picture of faces, a preview or a report."""
        path = studio.find_file(name)
        kind = None if path is None else FILE_TYPES.get(path.suffix)
        if path is None or kind is None:
            raise not_found("file", name)
        return FileResponse(path, media_type=kind)


def _mount_gradio(app: FastAPI, studio: Studio) -> None:
    import gradio as gr

    options = studio.service.options
    blocks = build_blocks(studio)
    gr.mount_gradio_app(
        app, blocks, path=PATH, theme=make_theme(), css=_read("page.css"),
        head=f"<script>{_words(studio.texts)}{_read('page.js')}</script>", footer_links=[],
        show_error=True, max_file_size=options.max_upload.lower() + "b", run_history=False,
        ssr_mode=False, enable_monitoring=False, mcp_server=False,
    )  # fmt: skip


def build_blocks(studio: Studio) -> Any:
    """The tabs."""
    import gradio as gr

    from lipsync.web.batch_tab import BatchTab
    from lipsync.web.inspect_tab import InspectTab
    from lipsync.web.render_tab import EMPTY, RenderTab
    from lipsync.web.swap_tab import SwapTab

    texts = studio.texts
    with gr.Blocks(
        title=texts["title"], analytics_enabled=False, delete_cache=(3600, KEEP_UPLOADS_S),
    ) as blocks:  # fmt: skip
        state = gr.BrowserState(EMPTY, storage_key="lipsync", secret="lipsync")  # noqa: S106
        gr.Markdown(f"# {texts['title']}\n{texts['tagline']} {texts['consent']}")
        with gr.Tabs():
            with gr.Tab(texts["tab_render"], id="render"):
                tab = RenderTab(studio, state)
            with gr.Tab(texts["tab_batch"], id="batch"):
                BatchTab(studio, state)
            with gr.Tab(texts["tab_inspect"], id="inspect") as inspecting:
                inspect_tab = InspectTab(studio)
            with gr.Tab(texts["tab_swap"], id="swap") as swapping:
                swap_tab = SwapTab(studio)
        swapping.select(swap_tab.look, None, swap_tab.shown, queue=False)
        inspecting.select(inspect_tab.list_results, None, [inspect_tab.result], queue=False)
        blocks.load(tab.restore, [state], tab.restored, show_progress="hidden")
    return blocks


def make_theme() -> Any:
    """Gradio's plain theme, with fonts of this machine and enough contrast everywhere."""
    import gradio as gr

    return gr.themes.Base(
        font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "Consolas", "monospace"],
        primary_hue="emerald", neutral_hue="slate",
    ).set(
        body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600", block_info_text_color_dark="*neutral_300",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_text_color="white", button_primary_text_color_dark="white",
        input_placeholder_color="*neutral_500", input_placeholder_color_dark="*neutral_400",
    )  # fmt: skip


def _words(texts: Texts) -> str:
    # No text can end the script that it stands in.
    told = json.dumps(dict(texts.words)).replace("<", "\\u003c")
    return f"window.lipsyncTexts = {told};\n"


def _read(name: str) -> str:
    return resources.files("lipsync.web").joinpath(name).read_text(encoding="utf-8")
