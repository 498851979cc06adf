"""What is given to clusters is what they take, and its commands are ours."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from lipsync.cli.app import app

PLACE = Path(__file__).resolve().parents[1] / "configs" / "cluster"


def _read(name: str) -> Any:
    return yaml.safe_load((PLACE / name).read_text("utf-8"))


def _check_command(words: list[str]) -> None:
    """The parser takes it: command, options and their values."""
    assert words[0] == "lipsync"
    app.parse_args(words[1:], exit_on_error=False, print_error=False)


def test_the_open_job_description_is_valid() -> None:
    model = pytest.importorskip("openjd.model")
    template = model.decode_job_template(template=_read("openjd-shards.yaml"))
    values = {"Audio": "/a.wav", "Video": "/v.mp4", "Output": "/o.mp4", "Plan": "/p", "Shards": "3"}
    given = {
        name: model.ParameterValue(type=model.ParameterValueType(kind), value=values[name])
        for name, kind in (("Audio", "PATH"), ("Video", "PATH"), ("Output", "PATH"),
                           ("Plan", "PATH"), ("Shards", "INT"))
    }  # fmt: skip
    given["Name"] = model.ParameterValue(type=model.ParameterValueType.STRING, value="film")
    job = model.create_job(job_template=template, job_parameter_values=given)
    assert [step.name for step in job.steps] == ["Plan", "Shard", "Join"]


def test_its_commands_are_ours() -> None:
    values = {"Plan": "p", "Audio": "a.wav", "Video": "v.mp4", "Output": "o.mp4", "Shards": "7",
              "Index": "2"}  # fmt: skip
    for step in _read("openjd-shards.yaml")["steps"]:
        run = step["script"]["actions"]["onRun"]
        words = [re.sub(r"\{\{[\w.]+\.(\w+)\}\}", lambda m: values[m[1]], one)
                 for one in run["args"]]  # fmt: skip
        _check_command([run["command"], *words])


def test_the_indexed_job_makes_every_shard() -> None:
    job = _read("kubernetes-shards.yaml")["spec"]
    (container,) = job["template"]["spec"]["containers"]
    script = container["command"][-1]
    found = re.fullmatch(
        r"exec (lipsync shard \S+) \$\(\(JOB_COMPLETION_INDEX \+ 1\)\)/(\d+)", script
    )
    assert found and int(found[2]) == job["completions"]
    _check_command([*shlex.split(found[1]), f"1/{found[2]}"])


def test_the_ray_job_is_a_batch() -> None:
    _check_command(shlex.split(_read("kuberay-batch.yaml")["spec"]["entrypoint"]))
