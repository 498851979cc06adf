"""The ComfyUI node, in a small ComfyUI whose parts behave as the real ones."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import av
import pytest
import soundfile
import torch

from lipsync import comfyui
from lipsync.comfyui.exchange import sound_file, spans_file, video_file
from lipsync.errors import AudioError, MediaError, MissingPackageError, OptionsError
from lipsync.options import RenderOptions
from lipsync.pipelines import render as pipeline

REPO = Path(__file__).resolve().parents[2]
TARGET = REPO / "assets" / "sample" / "target.mp4"
NODE = comfyui.NODE_CLASS_MAPPINGS["LipsyncRender"]


class InterruptProcessingException(Exception):  # noqa: N818 — comfy.model_management's name
    """Raised in a node whose run was canceled."""


class VideoFromFile:
    """`comfy_api.latest.InputImpl.VideoFromFile`, without its ways to decode and encode."""

    def __init__(
        self, file: str | io.BytesIO, *, start_time: float = 0, duration: float = 0
    ) -> None:
        self.file, self.window = file, (start_time, duration)
        self.saved: list[str] = []

    def get_stream_source(self) -> str | io.BytesIO:
        return self.file

    def get_active_trim_window(self) -> tuple[float, float]:
        return self.window

    def get_dimensions(self) -> tuple[int, int]:
        with av.open(self.file) as file:
            return file.streams.video[0].width, file.streams.video[0].height

    def as_trimmed(self, start_time: float, duration: float) -> VideoFromFile:
        return VideoFromFile(self.file, start_time=start_time, duration=duration)

    def save_to(self, path: str) -> None:
        self.saved.append(path)
        Path(path).write_bytes(TARGET.read_bytes())


class ProgressBar:
    """`comfy.utils.ProgressBar`: calls a hook with every position."""

    shown: list[tuple[float, float]]

    def __init__(self, total: float) -> None:
        self.total = total

    def update_absolute(self, value: float, total: float | None = None) -> None:
        self.total = self.total if total is None else total
        ProgressBar.shown.append((min(value, self.total), self.total))


class _ComfyUI:
    """The modules of ComfyUI, and the button that cancels a run."""

    def __init__(self, root: Path) -> None:
        self.root, self.canceled = root, False
        ProgressBar.shown = []
        api = SimpleNamespace(VideoFromFile=VideoFromFile)
        self.modules = {
            "comfy": _module("comfy", __path__=[]),
            "comfy.utils": _module("comfy.utils", ProgressBar=ProgressBar),
            "comfy.model_management": _module(
                "comfy.model_management",
                throw_exception_if_processing_interrupted=self.throw_if_canceled,
            ),
            "folder_paths": _module(
                "folder_paths",
                get_output_directory=lambda: str(root / "output"),
                get_temp_directory=lambda: str(root / "temp"),
                get_save_image_path=self.save_path,
            ),
            "comfy_api": _module("comfy_api", __path__=[]),
            "comfy_api.latest": _module("comfy_api.latest", InputImpl=api),
        }

    def throw_if_canceled(self) -> None:
        if self.canceled:
            self.canceled = False
            raise InterruptProcessingException

    def save_path(
        self, prefix: str, output_dir: str, width: int = 0, height: int = 0
    ) -> tuple[str, str, int, str, str]:
        """The folder, made if need be, and the next number of the name in it."""
        prefix = prefix.replace("%width%", str(width)).replace("%height%", str(height))
        subfolder, name = os.path.split(prefix)
        folder = Path(output_dir) / subfolder
        folder.mkdir(parents=True, exist_ok=True)
        numbers = [int(path.name[len(name) + 1 :].split("_")[0]) for path in folder.glob("*.mp4")]
        return str(folder), name, max(numbers, default=0) + 1, subfolder, prefix


def _module(name: str, **contents: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(contents)
    return module


@pytest.fixture
def comfy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _ComfyUI:
    found = _ComfyUI(tmp_path)
    for name, module in found.modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return found


def speech(seconds: float = 0.5, channels: int = 1, batch: int = 1) -> dict[str, Any]:
    """An AUDIO."""
    return {
        "waveform": torch.full((batch, channels, round(8000 * seconds)), 0.25),
        "sample_rate": 8000,
    }


Render = Callable[..., Any]


def rendering(seen: dict[str, Any], steps: int = 2) -> Render:
    """A render that makes empty files, and notes what it was given."""

    def render(audio: Path, video: Path, output: Path, **given: Any) -> Any:
        seen.update(given, audio=audio, video=video, output=output)
        seen["sound"] = soundfile.info(audio)
        seen["script"] = given["spans"] and Path(given["spans"]).read_text()
        for i in range(steps):
            given["progress"]("landmarks", i + 1, steps)
        given["progress"]("render", 1, None)
        output.touch()
        given["mask"].touch()
        return SimpleNamespace(output=output, warnings=("cut there",))

    return render


def test_the_mappings_need_no_comfyui() -> None:
    """Nor anything heavy: ComfyUI imports all its nodes when it starts."""
    code = (
        "import sys, lipsync.comfyui as nodes; print(list(nodes.NODE_CLASS_MAPPINGS), "
        "[m for m in ('torch', 'av', 'cv2', 'comfy', 'lipsync.options') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO
    )
    assert run.stdout.strip() == "['LipsyncRender'] []"
    assert comfyui.NODE_DISPLAY_NAME_MAPPINGS == {"LipsyncRender": "Lipsync render"}
    with pytest.raises(MissingPackageError, match=r"inside ComfyUI, needs the package comfy$"):
        NODE().render(None, None)


def test_inputs_are_those_of_the_options() -> None:
    inputs = NODE.INPUT_TYPES()
    assert [kind for kind, _ in inputs["required"].values()] == ["VIDEO", "AUDIO"]
    known = RenderOptions().flat()
    for name, (kind, details) in inputs["optional"].items():
        assert details["tooltip"] or name == "filename_prefix"
        if name not in ("spans", "filename_prefix"):
            assert details["default"] == known[name]
            assert isinstance(kind, list) or kind in ("INT", "FLOAT", "STRING")
    kind, details = inputs["optional"]["candidates"]
    assert (kind, details["min"], details["max"]) == ("INT", 1, 1000)
    assert inputs["optional"]["timing"][0][0] == "auto"
    assert len(NODE.RETURN_TYPES) == len(NODE.RETURN_NAMES) == len(NODE.OUTPUT_TOOLTIPS)
    assert callable(getattr(NODE, NODE.FUNCTION))


def test_a_render(comfy: _ComfyUI, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(pipeline, "render", rendering(seen))
    cues = "1\n00:00:00,100 --> 00:00:00,400\nHi\n"
    for number in (1, 2):
        given = {"candidates": 8, "timing": "cut", "spans": cues}
        made = NODE().render(
            VideoFromFile(str(TARGET)), speech(), filename_prefix="talk/a_%width%", **given
        )
        video, mask = made["result"]
        width = video_width()
        name = f"a_{width}_{number:05}_.mp4"
        assert video.get_stream_source() == str(comfy.root / "output" / "talk" / name)
        assert Path(mask.get_stream_source()).parent == comfy.root / "temp"
        shown = {"filename": name, "subfolder": "talk", "type": "output"}
        assert made["ui"] == {"images": [shown], "animated": (True,)}
    assert seen["video"] == TARGET, "which is not copied"
    assert (seen["options"].texture.candidates, seen["options"].timing.timing) == (8, "cut")
    assert (seen["sound"].samplerate, seen["sound"].frames) == (8000, 4000)
    assert seen["script"] == cues.strip()
    assert ProgressBar.shown[:2] == [(1, 2), (2, 2)]
    left = [path.name for path in (comfy.root / "temp").iterdir()]
    assert all(name.endswith("_mask.mp4") for name in left), "nothing else is left"


def video_width() -> int:
    with av.open(str(TARGET)) as file:
        return file.streams.video[0].width


def test_a_canceled_run_leaves_nothing(comfy: _ComfyUI, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(pipeline, "render", rendering(seen))
    comfy.canceled = True
    with pytest.raises(InterruptProcessingException):
        NODE().render(VideoFromFile(str(TARGET)), speech())
    assert not list((comfy.root / "temp").iterdir())
    assert not seen["output"].exists()


def test_a_bad_option_is_refused_before_anything_is_written(comfy: _ComfyUI) -> None:
    with pytest.raises(OptionsError, match="candidates"):
        NODE().render(VideoFromFile(str(TARGET)), speech(), candidates=0)
    assert not (comfy.root / "temp").exists()


def test_videos_without_a_file_of_their_own_are_written(tmp_path: Path) -> None:
    whole = VideoFromFile(str(TARGET))
    assert video_file(whole, tmp_path) == TARGET
    assert not whole.saved
    cropped = VideoFromFile(str(TARGET))
    cropped.get_dimensions = lambda: (32, 32)  # type: ignore[method-assign]
    older = SimpleNamespace(
        get_stream_source=whole.get_stream_source,
        as_trimmed=whole.as_trimmed,
        save_to=whole.save_to,
    )
    for video in (
        whole.as_trimmed(1.0, 2.0),
        VideoFromFile(io.BytesIO(TARGET.read_bytes())),
        cropped,
        older,
    ):
        file = video_file(video, tmp_path)
        assert file == tmp_path / "target.mkv"
        assert file.read_bytes() == TARGET.read_bytes()
        file.unlink()
    oldest = SimpleNamespace(get_stream_source=whole.get_stream_source)
    assert video_file(oldest, tmp_path) == TARGET
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(MediaError, match=r"text\.mp4: is no video"):
        video_file(VideoFromFile(str(tmp_path / "text.mp4")), tmp_path)


def test_sound_comes_back_sample_by_sample(tmp_path: Path) -> None:
    audio = speech(channels=2)
    audio["waveform"][0, 1] *= 5  # beyond full scale: nodes may hand that on
    samples, rate = soundfile.read(sound_file(audio, tmp_path), dtype="float32")
    assert rate == 8000
    assert torch.equal(torch.from_numpy(samples.T), audio["waveform"][0])
    with pytest.raises(AudioError, match=r"one sound.*\(2, 1, 4000\)"):
        sound_file(speech(batch=2), tmp_path)
    with pytest.raises(AudioError, match="holds no sound"):
        sound_file(speech(seconds=0), tmp_path)


def test_spans_are_text_or_the_name_of_a_file(tmp_path: Path) -> None:
    assert spans_file(" \n", tmp_path) is None
    named = tmp_path / "dub.json"
    named.write_text("[]")
    assert spans_file(f" {named}\n", tmp_path) == named
    for text in ('[{"start": 0, "end": 1}]', str(tmp_path / "gone.srt"), "x" * 5000 + ".srt"):
        file = spans_file(text, tmp_path)
        assert file == tmp_path / "spans"
        assert file.read_text() == text
