"""A render in parts: stopped at any moment, it goes on, and ends as if nothing had been."""

from __future__ import annotations

import json
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

import lipsync
from lipsync import media
from lipsync.errors import OutputError
from lipsync.media import encoder_check
from lipsync.media import parts as parts_module
from lipsync.media.parts import split_frames
from lipsync.media.video_encoders import ENCODERS
from lipsync.options import RenderOptions
from lipsync.pipelines import part_making, part_workers
from lipsync.pipelines.part_store import open_parts
from lipsync.runtime.hashing import hash_file
from lipsync.types import U8, VideoInfo

SAMPLE = Path(lipsync.__file__).parents[1] / "assets" / "sample"
SPEECH, TARGET = SAMPLE / "speech.wav", SAMPLE / "target.mp4"
# A signature is never the same twice; what is patched here is not patched in other processes.
PLAIN = {"content_credentials": False, "adapt": "never", "workers": 1}
SHORT_S = 0.6  # seconds of a part
OUTPUTS, MOST_KILLS = 2, 3  # that are made, and how often each is killed at most
# A render in a process of its own whose parts are that short.
SCRIPT = f"""
import sys
from lipsync.media import parts
parts.PART_S = {SHORT_S}
from lipsync.cli.app import main
main(sys.argv[1:])
"""


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts_module, "PART_S", SHORT_S)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that knows the faces and mouths of the sample."""
    place = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        _render(place / "out.mp4")
    return place / "cache"


@pytest.fixture
def root(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it that nothing else uses."""
    shutil.copytree(filled, tmp_path / "cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "lipsync"


def _render(output: Path, **options: object) -> lipsync.RenderResult:
    chosen = RenderOptions.of(**{**PLAIN, **options})
    return lipsync.render(SPEECH, TARGET, output, options=chosen, overwrite=True)


class _StoppedError(Exception):
    pass


def _stop_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Fail when so many parts are made."""
    made = 0
    encode_part = parts_module.encode_part

    def encode(*args: object) -> None:
        nonlocal made
        if made == count:
            raise _StoppedError
        encode_part(*args)  # type: ignore[arg-type]
        made += 1

    monkeypatch.setattr(part_making, "encode_part", encode)


def test_a_stopped_render_goes_on_and_ends_the_same(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Names that a sheet tells are the same.
    whole, broken = tmp_path / "whole" / "out.mp4", tmp_path / "out.mp4"
    whole.parent.mkdir()
    options = RenderOptions.of(**PLAIN)
    unbroken = lipsync.render(
        SPEECH, TARGET, whole, options=options, sheet=tmp_path / "unbroken.png"
    )
    count = len(split_frames(unbroken.frames, unbroken.fps))
    assert count >= 4
    with monkeypatch.context() as patched:
        _stop_after(patched, 2)
        with pytest.raises(_StoppedError):
            _render(broken)
    assert not broken.exists()
    with monkeypatch.context() as patched:
        _stop_after(patched, count - 2)  # as many as are missing
        sheet = tmp_path / "sheet.png"
        found = lipsync.render(SPEECH, TARGET, broken, options=options, sheet=sheet)
    assert f"2 of {count} parts were finished by an earlier run" in found.warnings
    assert hash_file(broken) == hash_file(whole)
    assert (found.changed_frames, found.coverage) == (unbroken.changed_frames, unbroken.coverage)
    shown = (cv2.imread(str(one)) for one in (sheet, tmp_path / "unbroken.png"))
    assert np.array_equal(*shown), "also the moments that were scored by the earlier run"
    assert not any((root / "parts").iterdir())


# Programs of the other process, by what happens to it.
WORKS = part_workers.PROGRAM
DIES_AT_ONCE = "raise SystemExit"
BEGINS = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
DIES_IN_A_PART = f"""{BEGINS}
import os
from lipsync.pipelines import part_worker
send = part_worker._send
part_worker._send = lambda *message: (send(*message), os._exit(1))
part_worker.main()
"""
CANNOT_WRITE = f"""{BEGINS}
from lipsync.errors import OutputError
from lipsync.pipelines import part_making, part_worker
def encode_part(*given):
    raise OutputError("no room")
part_making.encode_part = encode_part
part_worker.main()
"""


@pytest.fixture(scope="module")
def whole(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output that one process makes."""
    place = tmp_path_factory.mktemp("whole")
    shutil.copytree(filled, place / "cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts_module, "PART_S", SHORT_S)
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        _render(place / "out.mp4")
    return place / "out.mp4"


@pytest.mark.parametrize("program", [WORKS, DIES_AT_ONCE, DIES_IN_A_PART])
def test_two_processes_make_the_same_output_as_one(
    whole: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """Also where the second dies: the first makes all then."""
    here = []
    make = part_making.PartMaker.make

    def noted(self: part_making.PartMaker, part: range, *rest: Any) -> Any:
        here.append(part)
        return make(self, part, *rest)

    monkeypatch.setattr(part_making.PartMaker, "make", noted)
    monkeypatch.setattr(part_workers, "PROGRAM", program)
    done = []
    options = RenderOptions.of(**PLAIN | {"workers": 2})
    found = lipsync.render(
        SPEECH, TARGET, tmp_path / "out.mp4", options=options,
        progress=lambda stage, now, _: done.append(now) if stage == "render" else None,
    )  # fmt: skip
    assert hash_file(tmp_path / "out.mp4") == hash_file(whole)
    every = split_frames(found.frames, found.fps)
    works = program == WORKS
    assert (len(here) < len(every)) if works else (sorted(here, key=list) == every)
    assert done[-1] == found.frames
    assert found.changed_frames == found.frames - found.frames_without_face
    assert not any((root / "parts").iterdir())


def test_an_error_of_another_process_is_that_of_the_render(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_workers, "PROGRAM", CANNOT_WRITE)
    with pytest.raises(OutputError, match="no room"):
        _render(tmp_path / "out.mp4", workers=2)
    assert not (tmp_path / "out.mp4").exists()


def test_a_process_whose_starter_dies_ends_silently() -> None:
    """In the middle of being told what to make."""
    command = [sys.executable, "-c", part_workers.PROGRAM, json.dumps(sys.path)]
    told = pickle.dumps(list(range(100_000)))
    for given in (b"", told[: len(told) // 2]):
        ended = subprocess.run(command, input=given, capture_output=True, timeout=60, check=False)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_parts_are_not_taken_over_by_another_render(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.mp4"
    with monkeypatch.context() as patched:
        _stop_after(patched, 2)
        with pytest.raises(_StoppedError):
            _render(output)
    found = _render(output, crf=20, encoder="libx265")
    assert [line for line in found.warnings if "not used" in line] == [
        "parts of an earlier run were not used: not the same are --crf, --encoder, record"
    ]
    other = tmp_path / "other.mp4"
    _render(other, crf=20, encoder="libx265")
    assert hash_file(other) == hash_file(output)


def test_parts_of_another_driver_are_made_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libx264 stands in for a chip, and its main profile for another driver of it."""
    old = replace(ENCODERS["libx264"], hardware=True)
    new = replace(old, extra={"profile:v": "main"})
    monkeypatch.setattr(encoder_check, "list_encoders", lambda: frozenset(["h264_nvenc"]))
    output, made = tmp_path / "out.mp4", []
    encode_part = parts_module.encode_part
    monkeypatch.setitem(ENCODERS, "h264_nvenc", old)
    with monkeypatch.context() as patched:
        _stop_after(patched, 2)
        with pytest.raises(_StoppedError):
            _render(output, encoder="h264_nvenc")

    def encode(frames: Iterator[U8], part: range, *rest: object) -> None:
        made.append(part)
        encode_part(frames, part, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(part_making, "encode_part", encode)
    monkeypatch.setitem(ENCODERS, "h264_nvenc", new)
    found = _render(output, encoder="h264_nvenc")
    assert [line for line in found.warnings if "earlier run" in line] == [
        "parts of an earlier run were not used: not the same are the encoder's driver or device"
    ]
    parts = split_frames(found.frames, found.fps)
    assert made == parts[2:] + parts[:2]
    assert media.probe(output).frame_count == found.frames


def test_a_damaged_part_is_made_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, output = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    _render(whole)
    with monkeypatch.context() as patched:
        _stop_after(patched, 3)
        with pytest.raises(_StoppedError):
            _render(output)
    pictures, entries = (
        sorted((root / "parts").glob(f"*/0*{suffix}")) for suffix in (".mp4", ".json")
    )
    assert len(pictures) == len(entries) == 3
    damaged = bytearray(pictures[0].read_bytes())
    damaged[len(damaged) // 2] ^= 4
    pictures[0].write_bytes(damaged)
    entries[1].write_text(entries[1].read_text()[:40])
    found = _render(output)
    assert any(line.startswith("1 of ") for line in found.warnings)
    assert hash_file(output) == hash_file(whole)


def test_two_renders_of_one_output_do_not_mix(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    with (
        open_parts(root, output, {"audio": "1"}),
        pytest.raises(OutputError, match="another render is writing it"),
        open_parts(root, output, {"audio": "1"}),
    ):
        pass
    with open_parts(root, output, {"audio": "2"}) as store:  # free again
        assert store.changed == ["audio"]


def _killed_at(moment_s: float, command: list[str]) -> bool:
    """Run a command and kill it after so many seconds; whether it was still running."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            process.communicate(timeout=moment_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return True
    return False


@pytest.mark.slow
def test_kills_at_any_moment_leave_the_same_output(root: Path, tmp_path: Path) -> None:
    whole, output = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    _render(whole)
    arguments = ["render", "-a", str(SPEECH), "-v", str(TARGET), "-o", str(output)]
    arguments += ["--no-content-credentials", "--adapt", "never", "--overwrite"]
    command = [sys.executable, "-c", SCRIPT, *arguments]
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    usual = time.monotonic() - began
    output.unlink()
    chance = np.random.default_rng(1)
    for _ in range(OUTPUTS):
        for _ in range(MOST_KILLS):
            if not _killed_at(usual * chance.uniform(0.3, 1.0), command):
                break
        # A kill after the output has its name leaves its parts to the next render of it.
        subprocess.run(command, check=True, capture_output=True)
        assert hash_file(output) == hash_file(whole)
        output.unlink()
    assert not any((root / "parts").iterdir())


def _pictures(size: tuple[int, int], count: int) -> Iterator[U8]:
    for i in range(count):
        picture = np.zeros((size[1], size[0], 3), np.uint8)
        picture[:, : 8 + 5 * i] = 40 * (i % 5) + 60
        yield picture


@pytest.mark.parametrize(
    ("suffix", "fps", "depth"),
    [(".mp4", "25", 8), (".mp4", "30000/1001", 8), (".mkv", "24000/1001", 8), (".webm", "30", 8),
     (".mov", "60000/1001", 10)],
)  # fmt: skip
def test_joined_parts_have_the_times_of_one_stream(
    tmp_path: Path, suffix: str, fps: str, depth: int
) -> None:
    rate, size = Fraction(fps), (96, 64)
    info = VideoInfo(Path("x"), *size, rate, 40, depth=depth)
    output = media.Output.parse(tmp_path / f"out{suffix}")
    options = parts_module.EncodeOptions(preset="ultrafast")
    places, split = [], [range(0, 13), range(13, 31), range(31, 40)]
    frames = _pictures(size, 40)
    for part in split:
        places.append(tmp_path / f"{part.start}.mp4")
        parts_module.encode_part(
            (next(frames) for _ in part), part, info, places[-1], output.format, options
        )
    joined = tmp_path / "joined.mp4"
    parts_module.join_parts(places, parts_module.part_starts(split, info), joined)
    parts_module.mux(joined, info, None, output.path, output.format, tags={"comment": "x"})
    with av.open(str(output.path)) as container:
        shown = [(frame.pts * frame.time_base, frame.to_ndarray(format="rgb24"))
                 for frame in container.decode(video=0)]  # fmt: skip
    assert len(shown) == 40
    tick = 0.0011 if suffix in (".mkv", ".webm") else 0.0  # Matroska counts milliseconds
    for i, (when, _) in enumerate(shown):
        assert abs(float(when) - float(i / rate)) <= tick + 1e-9
    for picture, (_, seen) in zip(_pictures(size, 40), shown, strict=True):
        assert np.abs(picture.astype(int) - seen).mean() < 6
    again = media.probe(output.path)
    assert (again.frame_count, again.fps) == (40, rate)


def test_irregular_times_are_kept_across_parts(tmp_path: Path) -> None:
    size, count = (96, 64), 30
    stamps = tuple(Fraction(i * i + 7 * i, 1000) for i in range(count))
    info = VideoInfo(Path("x"), *size, Fraction(25), count, stamps=stamps)
    output = media.Output.parse(tmp_path / "out.mp4")
    options = parts_module.EncodeOptions(preset="ultrafast")
    places, split = [], [range(0, 11), range(11, 30)]
    frames = _pictures(size, count)
    for part in split:
        places.append(tmp_path / f"{part.start}.mp4")
        parts_module.encode_part(
            (next(frames) for _ in part), part, info, places[-1], output.format, options
        )
    joined = tmp_path / "joined.mp4"
    parts_module.join_parts(places, parts_module.part_starts(split, info), joined)
    parts_module.mux(joined, info, None, output.path, output.format, tags={})
    with av.open(str(output.path)) as container:
        times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    assert times == list(stamps)


def test_the_manifest_names_what_the_parts_are_of(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    with open_parts(root, output, {"audio": "abc", "--crf": "16"}) as store:
        found = json.loads((store.folder / "manifest.json").read_text())
    assert found == {"output": str(output), "audio": "abc", "--crf": "16"}
