"""The command line: what it prints where, its exit codes, and what it leaves behind."""

from __future__ import annotations

import importlib
import inspect
import json
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import cv2
import numpy as np
import pytest
from cyclopts import App

import lipsync
from lipsync import media
from lipsync.cli.app import COMMANDS, main

REPO = Path(__file__).resolve().parents[2]
SAMPLE = REPO / "assets" / "sample"
TARGET = SAMPLE / "target.mp4"


def run(*arguments: object) -> int:
    """Exit code of the command line, run in this process."""
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
        raise SystemExit(0)
    return int(stop.value.code or 0)


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """One second of the sample's speech: quick to render."""

    sound = media.read_audio(TARGET)
    path = tmp_path / "speech.wav"
    write_wav(path, sound.samples[8000:24000])
    return path


def write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def faceless(path: Path) -> Path:
    """A moving picture in which nobody is."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (160, 120))
    for i in range(10):
        writer.write(np.full((120, 160, 3), 20 * i, np.uint8))
    writer.release()
    return path


def test_version_and_help_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert lipsync.__version__ in capsys.readouterr().out
    assert run("render", "--help") == 0
    shown = capsys.readouterr().out
    for flag in ("--audio", "--video", "--sheet", "--plot", "--timing", "--crf", "--no-cache"):
        assert flag in shown


def test_json_goes_to_stdout_alone(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, sheet = tmp_path / "out.mp4", tmp_path / "sheet.png"
    code = run("render", "-a", speech, "-v", TARGET, "-o", output, "--sheet", sheet, "--json")
    assert code == 0
    result = json.loads(capsys.readouterr().out)
    assert result["output"] == str(output)
    assert output.stat().st_size > 0
    assert Path(result["sidecar"]).is_file()
    assert cv2.imread(str(sheet)) is not None
    assert result["frames"] == round(result["duration"] * 25)
    assert result["changed_frames"] == result["frames"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "out.mp4",
        "out.mp4.json",
        "sheet.png",
        "speech.wav",
    ]


def test_a_pipe_gets_the_video_and_nothing_else(
    speech: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    from lipsync.marks.reader import read_marks

    where = ("-o", "-", "--sidecar", tmp_path / "piped.mkv.json")
    assert run("render", "-a", speech, "-v", TARGET, *where) == 0
    piped = tmp_path / "piped.mkv"
    piped.write_bytes(capfdbinary.readouterr().out)
    marks = read_marks(piped).found
    assert marks.comment is not None
    assert "the mouth in this video was generated" in marks.comment
    assert marks.source_type is not None
    assert marks.sidecar_fits is True
    assert marks.sidecar is not None

    assert media.probe(piped).frame_count == marks.sidecar["frames"] == 25
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "piped.mkv",
        "piped.mkv.json",
        "speech.wav",
    ]


def test_a_pipe_has_no_sidecar_unless_a_place_is_named(
    speech: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run("render", "-a", speech, "-v", TARGET, "-o", "-") == 0
    said = capfdbinary.readouterr()
    assert said.out.startswith(b"\x1aE\xdf\xa3")  # EBML: Matroska
    assert "a pipe has no sidecar beside it" in " ".join(said.err.decode().split())
    assert [p.name for p in tmp_path.iterdir()] == ["speech.wav"]


def test_a_reader_that_leaves_is_one_line(speech: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "lipsync",
        "render",
        "-a",
        speech,
        "-v",
        TARGET,
        "-o",
        "-",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 2, said
    (line,) = said.strip().splitlines()
    assert "-: cannot be written (Broken pipe) at frame" in line


def test_frames_go_into_a_folder_with_their_sound(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from lipsync.marks.origin import SOURCE_TYPE
    from lipsync.marks.reader import read_marks

    folder = tmp_path / "frames"
    assert run("render", "-a", speech, "-v", TARGET, "-o", f"{folder}/") == 0
    assert capsys.readouterr().out.strip() == str(folder)
    names = sorted(p.name for p in folder.iterdir())
    assert names == [*(f"{i:06d}.png" for i in range(1, 26)), "sound.wav"]
    marks = read_marks(folder).found
    assert marks.source_type == SOURCE_TYPE
    assert marks.sidecar_fits is True
    assert (tmp_path / "frames.json").is_file()


def test_the_default_output_lies_beside_the_video(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = shutil.copy(TARGET, tmp_path / "person.mp4")
    assert run("render", "--audio", speech, "--video", target) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "person.lipsync.mp4")


def test_the_command_line_goes_before_the_file_of_options(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = tmp_path / "o.yaml"
    options.write_text("candidates: 4\ncrf: 30\ncache: false\ntiming: cut\nadapt: never\n")
    output = tmp_path / "out.mp4"
    code = run(
        "render", "-a", speech, "-v", TARGET, "-o", output, "--options", options, "--crf", 28
    )
    assert code == 0
    capsys.readouterr()
    used = json.loads((tmp_path / "out.mp4.json").read_text())["options"]
    assert (used["candidates"], used["crf"], used["cache"]) == (4, 28, False)
    assert (used["timing"], used["adapt"]) == ("cut", "never")  # so are stages called


@pytest.fixture
def bad(tmp_path: Path, speech: Path) -> dict[str, Path]:
    """Every kind of bad input, by name."""
    made = {
        name: tmp_path / name
        for name in ("text.mp4", "empty.wav", "short.wav", "silent.wav", "o.yaml", "w.safetensors")
    }
    made["text.mp4"].write_text("this is not a video")
    made["empty.wav"].write_bytes(b"")
    write_wav(made["short.wav"], np.ones(1600) * 0.1)
    write_wav(made["silent.wav"], np.zeros(16000))
    made["o.yaml"].write_text("candidats: 3\n")
    made["w.safetensors"].write_bytes(b"not weights")
    made["taken.mp4"] = Path(shutil.copy(TARGET, tmp_path / "taken.mp4"))
    made["person.mp4"] = Path(shutil.copy(TARGET, tmp_path / "person.mp4"))
    made["speech"] = speech
    (tmp_path / "s.json").write_text("{}")
    made["nowhere.wav"] = tmp_path / "nowhere.wav"
    made["faceless.avi"] = faceless(tmp_path / "faceless.avi")
    made["folder"] = tmp_path
    return made


CASES = {
    "missing audio": ("nowhere.wav", "person.mp4", [], ["nowhere.wav", "no such file"]),
    "missing video": ("speech", "nowhere.wav", [], ["nowhere.wav", "no such file"]),
    "a folder": ("speech", "folder", [], ["folder"]),
    "not media": ("speech", "text.mp4", [], ["text.mp4"]),
    "empty audio": ("empty.wav", "person.mp4", [], ["empty.wav"]),
    "no picture": ("speech", "speech", [], ["speech.wav", "picture"]),
    "no face": ("speech", "faceless.avi", [], ["faceless.avi", "face"]),
    "no sound": ("faceless.avi", "person.mp4", [], ["faceless.avi", "sound"]),
    "too short": ("short.wav", "person.mp4", [], ["short.wav", "0.2 s"]),
    "silence": ("silent.wav", "person.mp4", [], ["silent.wav", "silent"]),
    "output is input": ("speech", "person.mp4", ["-o", "person.mp4"], ["person.mp4", "input"]),
    "output exists": ("speech", "person.mp4", ["-o", "taken.mp4"], ["taken.mp4", "--overwrite"]),
    "no such folder": ("speech", "person.mp4", ["-o", "no/o.mp4"], ["no/o.mp4", "folder"]),
    "json and pipe": ("speech", "person.mp4", ["-o", "-", "--json"], ["--json", "stdout"]),
    "other container": ("speech", "person.mp4", ["-o", "o.avi"], ["o.avi", ".webm", "frames/"]),
    "folder in use": ("speech", "person.mp4", ["-o", "./"], ["input is in it"]),
    "sidecar exists": ("speech", "person.mp4", ["--sidecar", "s.json"], ["s.json", "overwrite"]),
    "no such track": (
        "speech",
        "person.mp4",
        ["--audio-mix", "background+speech", "--background-track", "9"],
        ["background_track", "got 9"],
    ),
    "unknown option": ("speech", "person.mp4", ["--candidats", "3"], ["--candidates"]),
    "bad value": ("speech", "person.mp4", ["--crf", "99"], ["crf", "51"]),
    "no number": ("speech", "person.mp4", ["--crf", "fine"], ["crf", "fine"]),
    "no such timing": ("speech", "person.mp4", ["--timing", "back"], ["back", "bounce"]),
    "a plot that is no png": ("speech", "person.mp4", ["--plot", "t.jpg"], ["t.jpg", ".png"]),
    "plot over the sheet": (
        "speech",
        "person.mp4",
        ["--sheet", "s.png", "--plot", "s.png"],
        ["s.png", "other files"],
    ),
    "unknown key": ("speech", "person.mp4", ["--options", "o.yaml"], ["o.yaml", "'candidates'"]),
    "no weights": ("speech", "person.mp4", ["--speech-model", "no.safetensors"], ["no.safetens"]),
    "bad weights": ("speech", "person.mp4", ["--speech-model", "w.safetensors"], ["w.safetens"]),
    "unfit weights": (
        "speech",
        "person.mp4",
        ["--speech-model", str(REPO / "assets" / "face_landmarker.task")],
        ["face_landmarker"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_line_exit_code_two_and_nothing_left(
    case: str,
    bad: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    audio, video, more, words = CASES[case]
    before = sorted(tmp_path.rglob("*"))
    more = more if "-o" in more else [*more, "-o", "out.mp4"]
    assert run("render", "-a", bad[audio], "-v", bad[video], *more) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1, said.err
    for word in words:
        assert word in said.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
def test_a_folder_that_cannot_be_written(speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even root can make a file in /proc."""
    assert run("render", "-a", speech, "-v", TARGET, "-o", "/proc/out.mp4") == 2
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1
    assert "/proc/out.mp4: cannot be written" in said


def test_an_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rendr", "-a", "x") == 2
    assert '"render"' in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="a script stands in for ffmpeg")
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_an_encoder_that_does_not_work_stops_before_the_work(
    more: tuple[str, ...], speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """As ffmpeg lists NVENC on machines without such a GPU."""
    program = tmp_path / "ffmpeg"
    program.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        '*-encoders*) printf " V....D libx264 x\\n V....D h264_nvenc x\\n";;\n'
        "*nvenc*) echo '[h264_nvenc @ 0x1] Cannot load libcuda.so.1' >&2; exit 255;;\n"
        f'*) exec "{media.ffmpeg_binary()}" "$@";;\n'
        "esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("LIPSYNC_FFMPEG", str(program))
    media.ffmpeg_binary.cache_clear()
    try:
        where = ("-o", tmp_path / "out.mp4", "--encoder", "h264_nvenc")
        assert run("render", "-a", speech, "-v", TARGET, *where, *more) == 2
        assert run("render", "-a", speech, "-v", TARGET, *where[:2], "--encoder", "nvenc") == 2
    finally:
        media.ffmpeg_binary.cache_clear()
    said = capsys.readouterr()
    assert "h264_nvenc does not work here (Cannot load libcuda.so.1); encoders that work here: " \
        "libx264" in " ".join(said.err.split())  # fmt: skip
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ffmpeg", "speech.wav"]


def test_a_full_disk_is_one_line_and_leaves_nothing(speech: Path, tmp_path: Path) -> None:
    """A limit on file size stands in for the disk: the system refuses the write likewise."""
    output = tmp_path / "out.mp4"
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from lipsync.cli import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
        "main(sys.argv[1:])"
    )
    warm = [sys.executable, "-m", "lipsync", "render", "-a", speech, "-v", TARGET]
    subprocess.run([*warm, "-o", tmp_path / "warm.mp4"], check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, [*warm[3:], "-o", output])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    *warnings, error = done.stderr.strip().splitlines()
    assert all(line.startswith("warning: the cache") for line in warnings)
    assert error.startswith(f"lipsync: error: {output}: cannot be written (")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["speech.wav", "warm.mp4", "warm.mp4.json"]


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    for place, text in COMMANDS.values():
        module, name = place.split(":")
        command = getattr(importlib.import_module(f"lipsync.cli.{module}"), name)
        own = command.help if isinstance(command, App) else inspect.getdoc(command)
        assert " ".join(own.split("\n\n")[0].split()) == text


def test_the_list_of_commands_needs_no_command() -> None:
    """What takes seconds to load is loaded by the command that needs it."""
    script = """
import sys
from lipsync.cli.app import main
try:
    main(["--help"])
finally:
    print([one for one in ("torch", "cv2", "scipy", "c2pa", "av") if one in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.rstrip().endswith("[]")
