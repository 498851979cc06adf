from __future__ import annotations

from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest

from lipsync.errors import OptionsError
from lipsync.options import RenderOptions, read_options

REPO = Path(__file__).resolve().parents[1]


def test_plain_names_reach_their_stage() -> None:
    options = RenderOptions.of(candidates=7, crf=20, cache=False)
    assert options.texture.candidates == 7
    assert options.encode.crf == 20
    assert options.run.cache is False
    assert RenderOptions.of(**options.flat()) == options


def test_every_name_means_one_thing() -> None:
    stages = [getattr(RenderOptions(), f.name) for f in fields(RenderOptions)]
    names = Counter(option.name for stage in stages for option in fields(stage))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"candidats": 3}, ["candidats", "did you mean 'candidates'"]),
        ({"candidates": 0}, ["candidates", "greater than or equal to 1", "0"]),
        ({"candidates": "many"}, ["candidates", "many"]),
        ({"landmarks": "dlib"}, ["landmarks", "mediapipe", "dlib"]),
        ({"crf": 60}, ["crf", "51", "60"]),
        ({"zzz": 1}, ["unknown option 'zzz'"]),
    ],
)
def test_a_wrong_option_is_one_line(values: dict, words: list[str]) -> None:
    with pytest.raises(OptionsError) as caught:
        RenderOptions.of(**values)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_yaml_file_holds_the_same_names(tmp_path: Path) -> None:
    file = tmp_path / "o.yaml"
    file.write_text("candidates: 9\nmask-feather: 0.06\n")
    assert read_options(file) == {"candidates": 9, "mask_feather": 0.06}
    file.write_text("")
    assert read_options(file) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("candidats: 3", ["did you mean 'candidates'"]),
        ("candidates: [1", ["not YAML"]),
        ("- candidates", ["option: value"]),
        ("crf: " + "[" * 5000, ["brackets"]),
        ("candidates: -1", ["candidates"]),
    ],
)
def test_a_wrong_yaml_file_is_one_line_that_names_it(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    file = tmp_path / "o.yaml"
    file.write_text(text)
    with pytest.raises(OptionsError) as caught:
        read_options(file)
    for word in [str(file), *words]:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_yaml_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match="nowhere"):
        read_options(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("file", sorted((REPO / "configs" / "render").glob("*.yaml")))
def test_shipped_options_are_valid(file: Path) -> None:
    assert read_options(file)
