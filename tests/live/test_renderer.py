"""Renders in a process that goes on."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import soundfile

import lipsync
from lipsync.errors import CancelledError, MediaError, OptionsError, TimeLimitError
from lipsync.live import events
from lipsync.live.renderer import Renderer
from lipsync.runtime.hashing import hash_file

REPO = Path(lipsync.__file__).parents[1]
SAMPLE = REPO / "assets" / "sample"
SPEECH, TARGET = SAMPLE / "speech.wav", SAMPLE / "target.mp4"
PLAIN = {"adapt": "never", "content_credentials": False, "workers": 1}


@pytest.fixture(scope="module")
def speeches(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two pieces of the sample's speech."""
    folder = tmp_path_factory.mktemp("speeches")
    samples, rate = soundfile.read(SPEECH)
    places = [folder / f"{i}.wav" for i in range(2)]
    for i, place in enumerate(places):
        soundfile.write(place, samples[i * rate : (i + 3) * rate], rate)
    return places


@pytest.fixture(scope="module")
def alone(speeches: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Hashes of what `lipsync.render` makes of them."""
    folder, found = tmp_path_factory.mktemp("alone"), []
    for i, speech in enumerate(speeches):
        place = folder / f"{i}.mp4"
        lipsync.render(speech, TARGET, place, options=PLAIN)
        found.append(hash_file(place))
    return found


def test_renders_side_by_side_are_those_of_the_command(
    speeches: list[Path], alone: list[str], tmp_path: Path
) -> None:
    with Renderer(PLAIN) as renderer, ThreadPoolExecutor(2) as pool:
        made = [
            pool.submit(renderer.render, speech, TARGET, tmp_path / f"{i}.mp4")
            for i, speech in enumerate(speeches)
        ]
        results = [one.result() for one in made]
    assert [hash_file(result.output) for result in results] == alone


def test_a_second_render_loads_nothing_of_the_target(
    speeches: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lipsync.face.landmarks import Faces

    reads = []
    load = Faces.load
    monkeypatch.setattr(Faces, "load", lambda *given: reads.append(given) or load(*given))
    with Renderer(PLAIN) as renderer:
        for i, speech in enumerate(speeches):
            renderer.render(speech, TARGET, tmp_path / f"{i}.mp4")
    assert len(reads) == 1


def test_what_happens_is_told_in_order(speeches: list[Path], tmp_path: Path) -> None:
    told: list[events.Event] = []
    with Renderer(PLAIN) as renderer:
        result = renderer.render(speeches[1], TARGET, tmp_path / "out.mp4", on_event=told.append)
    first, *middle, last = told
    assert first == events.RenderStarted(TARGET, tmp_path / "out.mp4")
    assert last == events.RenderFinished(result)
    stages = [one for one in middle if isinstance(one, events.StageProgress)]
    assert {one.stage for one in stages} >= {"render"}
    assert stages[-1].done == stages[-1].total == result.frames
    assert [one.text for one in middle if isinstance(one, events.RenderWarned)] == list(
        result.warnings
    )
    seconds = [one.seconds for one in stages]
    assert seconds == sorted(seconds)


def test_a_render_is_cancelled_in_the_middle(speeches: list[Path], tmp_path: Path) -> None:
    cancel, told = threading.Event(), []

    def on_event(event: events.Event) -> None:
        told.append(event)
        if isinstance(event, events.StageProgress) and event.stage == "render" and event.done > 5:
            cancel.set()

    with Renderer(PLAIN) as renderer, pytest.raises(CancelledError) as stopped:
        renderer.render(speeches[0], TARGET, tmp_path / "out.mp4", cancel=cancel, on_event=on_event)
    assert told[-1] == events.RenderFailed(stopped.value)
    assert not list(tmp_path.iterdir())


def test_a_render_is_limited_in_time(speeches: list[Path], tmp_path: Path) -> None:
    with Renderer(PLAIN) as renderer, pytest.raises(TimeLimitError, match=r"within 0\.01 s"):
        renderer.render(speeches[0], TARGET, tmp_path / "out.mp4", timeout=0.01)
    assert not list(tmp_path.iterdir())


def test_a_renderer_that_is_closed_renders_nothing(tmp_path: Path) -> None:
    renderer = Renderer(PLAIN)
    renderer.close()
    with pytest.raises(CancelledError, match="the renderer was closed"):
        renderer.render(SPEECH, TARGET, tmp_path / "out.mp4")


def test_wrong_input_is_one_line_and_told(tmp_path: Path) -> None:
    told: list[events.Event] = []
    with Renderer(PLAIN) as renderer:
        with pytest.raises(MediaError, match=r"none\.wav") as stopped:
            renderer.render(
                tmp_path / "none.wav", TARGET, tmp_path / "out.mp4", on_event=told.append
            )
        assert told == [events.RenderFailed(stopped.value)]
        with pytest.raises(OptionsError, match="candidates"):
            renderer.render(SPEECH, TARGET, tmp_path / "out.mp4", options={"candidate": 3})
    with pytest.raises(OptionsError, match="targets: wanted at least 1"):
        Renderer(targets=0)
    with pytest.raises(OptionsError, match="candidates"):
        Renderer({"candidate": 3})


def test_the_pipeline_of_the_documents_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """docs/api.md: twenty lines that dub a film into two languages."""
    text = (REPO / "docs" / "api.md").read_text(encoding="utf-8")
    program = re.findall(r"```python\n(# dub\.py\n.*?)```", text, re.DOTALL)[0]
    assert len([line for line in program.splitlines() if line.strip()]) <= 21
    samples, rate = soundfile.read(SPEECH)
    for i, language in enumerate(("de", "pl")):
        soundfile.write(tmp_path / f"film.{language}.wav", samples[i * rate : (i + 3) * rate], rate)
    (tmp_path / "film.mp4").write_bytes(TARGET.read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(program, "dub.py", "exec"), names)  # noqa: S102 — our own document
    assert {"film.de.mp4", "film.pl.mp4"} <= {one.name for one in tmp_path.iterdir()}
    assert "film.de.mp4" in capsys.readouterr().out
