"""A swap step by step: consent first, stopped and gone on with, a result that says what it is."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from lipsync.errors import LipsyncError
from lipsync.web.swap_project import CONFIG, SwapProject, SwapState

CONSENT = "both speakers of the corpus: research"
# As configs/train/light.yaml, but small and short: what is learned does not matter here.
SMALL = """
name: light
description: a small one
architecture: light
size: 32
width: 4
latent: 8
marks: true
batch: 6
steps: STEPS
learning_rate: 0.001
report_every: 5
augmentation: {flip: 0}
"""
FOOTAGE = {"a": "grid_s31", "b": "grid_s4"}


@pytest.fixture(scope="module")
def footage(shared: Path) -> dict[str, list[Path]]:
    found = {}
    for side, folder in FOOTAGE.items():
        clips = sorted((shared / "data" / folder).glob("*.m[pk]*"))
        found[side] = clips[:6]
        assert len(found[side]) == 6
    return found


def project(folder: Path, steps: int) -> SwapProject:
    config = folder / f"{steps}.yaml"
    config.write_text(SMALL.replace("STEPS", str(steps)), "utf-8")
    return SwapProject(folder / "project", config)


def wait(one: SwapProject, *stages: str, seconds: float = 300) -> SwapState:
    """Until it is in one of these stages, or has ended."""
    until = time.monotonic() + seconds
    while (state := one.look()).running and state.stage not in stages:
        assert time.monotonic() < until, state
        time.sleep(0.1)
    return state


def test_consent_and_footage_come_first(tmp_path: Path) -> None:
    one = project(tmp_path, 5)
    with pytest.raises(LipsyncError, match="consent"):
        one.start(" ")
    with pytest.raises(LipsyncError, match="footage of person A is missing"):
        one.start(CONSENT)
    assert one.look() == SwapState(False, "", "", "", (), None)
    assert not list((tmp_path / "project").iterdir())


def test_what_is_no_footage_is_told(tmp_path: Path) -> None:
    one, wrong = project(tmp_path, 5), tmp_path / "notes.mp4"
    wrong.write_text("no video")
    for side in "ab":
        one.give(side, [wrong])
    one.start(CONSENT)
    state = wait(one)
    assert "notes.mp4" in state.problem
    assert state.stage == "faces_a"


@pytest.mark.real
@pytest.mark.slow
def test_it_is_stopped_in_training_and_goes_on_to_the_video(
    footage: dict[str, list[Path]], tmp_path: Path
) -> None:
    one = project(tmp_path, 100_000)
    for side, clips in footage.items():
        one.give(side, clips)
    one.start(CONSENT)
    with pytest.raises(LipsyncError, match="running already"):
        one.start(CONSENT)
    wait(one, "train")
    run = tmp_path / "project" / "runs" / CONFIG
    until = time.monotonic() + 120
    while not one.look().pictures:
        assert one.look().running, one.look()
        assert time.monotonic() < until
        time.sleep(0.1)
    one.stop()
    state = one.look()
    assert not state.running and state.stage == "train" and not state.problem
    assert (run / "state.pt").is_file()
    faces = [tmp_path / "project" / f"faces-{side}" / "faces.zip" for side in "ab"]
    made = [place.stat().st_mtime_ns for place in faces]

    steps = _steps_done(run) + 10
    again = project(tmp_path, steps)  # as after a restart
    assert again.consent == CONSENT
    again.start(again.consent)
    state = wait(again, seconds=600)
    assert not state.problem and state.result is not None
    assert [place.stat().st_mtime_ns for place in faces] == made
    record = json.loads(state.result.with_name(state.result.name + ".json").read_text("utf-8"))
    assert CONSENT in json.dumps(record)

    again.give("a", footage["b"])  # somebody else: nothing of before is used
    assert again.look().result is None and not faces[0].exists() and faces[1].exists()


def _steps_done(run: Path) -> int:
    import torch

    return int(torch.load(run / "state.pt", weights_only=True)["progress"]["step"])
