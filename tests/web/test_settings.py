"""The settings of the page are those of the command line; its words are in one file."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from lipsync.errors import LipsyncError, OptionsError
from lipsync.jobs.service.client_options import client_options
from lipsync.options import RenderOptions
from lipsync.web.settings import (
    ELSEWHERE,
    MAIN,
    list_settings,
    read_values,
    write_command,
    write_options_file,
)
from lipsync.web.texts import read_texts

SETTINGS = list_settings()
DEFAULTS = [one.default for one in SETTINGS]


def test_every_option_of_a_client_is_a_setting_once() -> None:
    names = [one.name for one in SETTINGS]
    assert len(names) == len(set(names))
    assert set(names) == client_options() - set(ELSEWHERE) | {"span_fade"}
    assert names[: len(MAIN)] == list(MAIN)
    assert all(one.help for one in SETTINGS)


def test_nothing_chosen_is_nothing_said() -> None:
    assert read_values(SETTINGS, DEFAULTS) == {}
    assert write_command("a b.wav", "v.mp4", {}) == (
        "lipsync render --audio 'a b.wav' --video v.mp4"
    )


def _another(setting: Any) -> Any:
    """A value that is not the default."""
    if setting.choices:
        return next(one for one in setting.choices if one != setting.default)
    if setting.kind is bool:
        return not setting.default
    bounds = (setting.most, setting.least, 7)
    return next(one for one in bounds if one is not None and one != setting.default)


@pytest.mark.parametrize("index", range(len(SETTINGS)), ids=[one.name for one in SETTINGS])
def test_a_setting_means_the_same_as_command_and_as_file(index: int) -> None:
    from lipsync.cli.app import app

    setting = SETTINGS[index]
    # Controls give texts and floats where options are numbers.
    value = _another(setting)
    values = [*DEFAULTS[:index], float(value) if setting.kind is int else value,
              *DEFAULTS[index + 1 :]]  # fmt: skip
    chosen = read_values(SETTINGS, values)
    assert chosen == {setting.name: value}
    wanted = RenderOptions.of(**chosen)
    assert RenderOptions.of(**yaml.safe_load(write_options_file(chosen))) == wanted
    words = shlex.split(write_command("a.wav", "v.mp4", chosen))
    _, bound, _ = app.parse_args(words[1:], exit_on_error=False, print_error=False)
    assert bound.arguments["settings"] == wanted


def test_spans_become_a_segment_or_a_file() -> None:
    assert write_command("a", "v", {}, ["1:02.5-1:10"]).endswith("--segment 1:02.5-1:10")
    note, command = write_command("a", "v", {}, ["1s-2s", "3s-4.5s"]).splitlines()
    assert json.loads(note.partition(": ")[2]) == [
        {"start": 1.0, "end": 2.0}, {"start": 3.0, "end": 4.5},
    ]  # fmt: skip
    assert command.endswith("--spans spans.json")
    with pytest.raises(LipsyncError):
        write_command("a", "v", {}, ["backwards"])


def test_a_translation_may_be_partial_and_no_more(tmp_path: Path) -> None:
    place = tmp_path / "de.yaml"
    place.write_text("render: Rendern\nqueue_made: fertig nach {time}\n", encoding="utf-8")
    texts = read_texts(place)
    assert texts["render"] == "Rendern"
    assert texts.fill("queue_made", time="3 s") == "fertig nach 3 s"
    assert texts["preview"] == read_texts()["preview"]
    for line in ("rendr: x", "queue_made: nach {seconds}", "render: [1]", "- a"):
        place.write_text(line, encoding="utf-8")
        with pytest.raises(OptionsError, match="--texts"):
            read_texts(place)


def test_every_word_of_the_page_is_used_and_known() -> None:
    web = Path(__file__).parents[2] / "lipsync" / "web"
    code = "".join(one.read_text() for one in (*web.glob("*.py"), *web.glob("*.js")))
    dynamic = ("state_", "view_", "file_", "missing_", "swap_")
    for name in read_texts().words:
        assert name in code or name.startswith(dynamic), name


@pytest.mark.parametrize("given", [["--data", "FILE/x"], ["--texts", "none.yaml"]])
def test_what_is_wrong_with_the_command_is_one_line(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from lipsync.cli import main

    file = tmp_path / "file"
    file.write_text("no folder")
    words = [word.replace("FILE", str(file)) for word in given]
    with pytest.raises(SystemExit) as end:
        main(["ui", "--no-browser", "--port", "0", *words])
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lipsync: error: ")
