"""From footage of two people to a swapped video, through the command line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from lipsync.cli.app import main
from lipsync.marks.origin import SOURCE_TYPE
from lipsync.marks.reader import read_marks
from lipsync.media import container_tags, ffmpeg_binary, probe, probe_audio, read_audio, read_frames
from lipsync.runtime.threads import single_threaded_torch
from training.face_autoencoder import train

TINY = """
name: tiny
description: tiny
architecture: light
size: 32
width: 8
latent: 32
batch: 8
steps: 25
learning_rate: 0.003
ema: 0.8
losses: {pixel: 1, face_mask: 0.1}
report_every: 25
"""
AGREED = "GRID speakers 1 and 4 (CC BY 4.0), a test"


def run(*arguments: object) -> int:
    """Exit code of the command line, run in this process."""
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
        raise SystemExit(0)
    return int(stop.value.code or 0)


@pytest.fixture(scope="module")
def work(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sets of both people, a model that has hardly learned anything, and a second of each."""
    folder = tmp_path_factory.mktemp("swap")
    data = shared / "data"
    for name, kind in (("grid_s1", "mkv"), ("grid_s4", "mp4")):
        clips = sorted((data / name).glob(f"*.{kind}"))[:2]
        options = ("--per-second", "13", "--least-change", "0")
        assert run("faces", "extract", *clips, "-o", folder / name, *options) == 0
        command = [ffmpeg_binary(), "-y", "-v", "error", "-i", str(clips[0]), "-t", "0.6"]
        subprocess.run([*command, "-crf", "10", str(folder / f"{name}.mp4")], check=True)
    (folder / "tiny.yaml").write_text(TINY)
    arguments = ["--a", folder / "grid_s1", "--b", folder / "grid_s4", "--out", folder]
    with single_threaded_torch():
        train.main([str(a) for a in (folder / "tiny.yaml", *arguments)])
    return folder


def swap(work: Path, source: str, target: str, *more: object) -> int:
    return run("swap", "--source-faces", work / source, "--video", work / f"{target}.mp4",
               "--model", work / "tiny" / "tiny.safetensors", *more)  # fmt: skip


@pytest.mark.real
@pytest.mark.slow
def test_a_face_is_swapped_and_the_rest_stays(work: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    assert swap(work, "grid_s1", "grid_s4", "--consent", AGREED, "-o", output) == 0
    before, after = probe(work / "grid_s4.mp4"), probe(output)
    assert (after.frame_count, after.fps) == (before.frame_count, before.fps)
    assert probe_audio(output).duration == pytest.approx(
        float(probe_audio(work / "grid_s4.mp4").duration), abs=0.06
    )
    pairs = list(zip(read_frames(before), read_frames(after), strict=True))
    off = np.abs(pairs[5][0].astype(float) - pairs[5][1]).mean(2)
    h, w = off.shape
    assert off[: h // 8].mean() < 2.0  # encoded anew, not changed
    assert off[h // 3 : 2 * h // 3, 2 * w // 5 : 3 * w // 5].mean() > 6.0

    marks = read_marks(output)
    mark = marks.found
    assert mark.sidecar is not None
    assert mark.sidecar_fits
    assert mark.sidecar["consent"] == AGREED
    assert "replaced by a generated one" in mark.sidecar["statement"]
    assert set(mark.sidecar["inputs"]) == {"video", "source_faces"}
    assert mark.sidecar["changed_frames"] == [[0, before.frame_count]]
    assert mark.source_type == SOURCE_TYPE
    assert (marks.verdict, marks.state("content credentials")) == ("valid", "untrusted")
    assert marks.record == mark.sidecar["record"]
    assert AGREED in output.read_bytes().decode("utf-8", "ignore")


@pytest.mark.real
@pytest.mark.slow
def test_a_silent_target_gives_a_silent_result(work: Path, tmp_path: Path) -> None:
    silent, output = tmp_path / "silent.mp4", tmp_path / "out.mp4"
    command = [
        ffmpeg_binary(),
        "-y",
        "-v",
        "error",
        "-i",
        str(work / "grid_s1.mp4"),
        "-an",
        str(silent),
    ]
    subprocess.run(command, check=True)
    model = work / "tiny" / "tiny.safetensors"
    code = run("swap", "--source-faces", work / "grid_s4", "-v", silent, "-m", model, "--json",
               "--consent", AGREED, "-o", output)  # fmt: skip
    assert code == 0
    assert not probe(output).has_audio


@pytest.mark.real
@pytest.mark.slow
def test_a_swap_keeps_what_its_target_carries(work: Path, tmp_path: Path) -> None:
    """Sound, subtitles and title, in another container; and the chosen face."""
    (tmp_path / "s.srt").write_text("1\n00:00:00,100 --> 00:00:00,400\nHello\n")
    target, output = tmp_path / "target.mkv", tmp_path / "out.mkv"
    command = [ffmpeg_binary(), "-y", "-v", "error", "-i", str(work / "grid_s4.mp4")]
    command += ["-i", str(tmp_path / "s.srt"), "-metadata", "title=A title"]
    subprocess.run([*command, "-c:v", "copy", "-c:a", "flac", str(target)], check=True)
    model = work / "tiny" / "tiny.safetensors"
    code = run("swap", "--source-faces", work / "grid_s1", "-v", target, "-m", model,
               "--consent", AGREED, "--face", "left", "-o", output)  # fmt: skip
    assert code == 0
    tags = {name.lower(): text for name, text in container_tags(output).items()}
    assert tags["title"] == "A title"
    assert AGREED in tags["comment"]
    assert tags["digital_source_type"] == SOURCE_TYPE
    assert read_marks(output).state("content credentials") == "untrusted"
    assert (tmp_path / "out.c2pa").is_file()
    assert probe(output).frame_count == probe(target).frame_count
    want, got = (read_audio(path, 48000).samples for path in (target, output))
    n = min(len(want), len(got))
    assert n > 0.55 * 48000
    assert np.abs(want[:n] - got[:n]).max() < 1e-4
    with av.open(str(output)) as container:
        (stream,) = container.streams.subtitles
        assert any(b"Hello" in bytes(packet) for packet in container.demux(stream))

    frames = tmp_path / "frames"
    assert run("swap", "--source-faces", work / "grid_s1", "-v", target, "-m", model,
               "--consent", AGREED, "-o", f"{frames}/") == 0  # fmt: skip
    assert len(list(frames.glob("*.png"))) == probe(target).frame_count
    assert AGREED in (read_marks(frames).found.comment or "")


@pytest.mark.real
@pytest.mark.slow
def test_a_frame_is_shown_under_a_grid_of_choices(work: Path, tmp_path: Path) -> None:
    picture = tmp_path / "choices.png"
    consent = ("--consent", AGREED, "--landmark-warp", "0.5")
    assert swap(work, "grid_s1", "grid_s4", *consent, "--preview", "0.2s", picture) == 0
    grid = cv2.imread(str(picture))
    assert grid is not None
    assert grid.shape[0] > 900
    middle = ("--face", "342,354@0.4s", "--preview", "0.2s", tmp_path / "chosen.png")
    assert swap(work, "grid_s1", "grid_s4", *consent, *middle) == 0
    chosen = cv2.imread(str(tmp_path / "chosen.png"))
    assert chosen is not None
    assert chosen.shape == grid.shape
    assert swap(work, "grid_s1", "grid_s4", *consent, "--preview", "9s", tmp_path / "x.png") == 2
    assert not (tmp_path / "x.png").exists()


@pytest.mark.real
@pytest.mark.slow
def test_what_cannot_be_swapped_is_one_line(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.mp4"

    def refused(*arguments: object, words: str) -> None:
        capsys.readouterr()
        assert swap(work, *arguments, "-o", output) == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if line]
        assert len(lines) == 1
        assert words in lines[0]
        assert list(tmp_path.iterdir()) == []

    refused("grid_s1", "grid_s4", words='needs --consent "who agreed to what"')
    refused("grid_s1", "grid_s4", "--consent", " ", words="needs --consent")
    refused("grid_s4", "grid_s4", "--consent", AGREED, words="shows grid_s4 already")
    refused("nobody", "grid_s4", "--consent", AGREED, words="no set of faces there")
    refused("grid_s1", "grid_s4", "--consent", AGREED, "--face", "3", words="choose from 1 to 1")
    output = Path("-")
    refused("grid_s1", "grid_s4", "--consent", AGREED, words="the record of a swap lies beside it")


@pytest.mark.real
@pytest.mark.slow
def test_the_record_is_readable_by_anything(work: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    assert swap(work, "grid_s4", "grid_s1", "--consent", AGREED, "-o", output) == 0
    record = json.loads((tmp_path / "out.mp4.json").read_text())
    assert record["models"][0]["name"] == "tiny"
    assert record["options"]["color"] == "lab"
