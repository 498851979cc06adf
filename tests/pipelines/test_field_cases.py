"""Footage and sound as others' bug reports have them, through the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from lipsync import media
from lipsync.cli.app import main
from tests.support import clips

pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Outcome:
    """What a command left."""

    code: int
    output: Path
    said: str  # on stderr

    def codec(self) -> str:
        return media.probe_audio(self.output).codec

    def sound(self) -> np.ndarray:  # type: ignore[type-arg]
        return media.read_audio(self.output).samples


Run = Callable[..., Outcome]


@pytest.fixture
def cases(shared: Path) -> Path:
    return shared / "data" / "cases"


@pytest.fixture
def run(cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def render(*arguments: object, video: str | Path = "v.mp4", name: str = "o.mp4") -> Outcome:
        output = tmp_path / name
        target = video if "://" in str(video) else cases / video
        words = ["render", "-v", str(target), "-o", str(output), "--adapt", "never"]
        words += ["--timing", "cut", *map(str, arguments)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", None)
            try:
                main(words)
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
        return Outcome(code, output, " ".join(capsys.readouterr().err.split()))

    return render


@pytest.mark.parametrize("name", ["o.mp4", "o.mov"])
def test_speech_from_a_synthesizer_plays_everywhere(name: str, run: Run, cases: Path) -> None:
    assert run("-a", cases / "tts.mp3", name=name).codec() == "aac"


def test_speech_is_copied_on_request(run: Run, cases: Path) -> None:
    assert run("-a", cases / "tts.mp3", "--audio-codec", "copy").codec() == "mp3"


def test_a_broadcast_of_two_parts(run: Run, cases: Path) -> None:
    out = run("-a", cases / "a3.wav", video="restart.ts")
    info = media.probe(out.output)
    assert (info.frame_count, info.duration) == (75, 3)
    assert "left out" not in out.said


@pytest.mark.parametrize("role", ["-a", "-v", "--spans", "--reference"])
def test_pipes_of_a_shell(role: str, cases: Path, tmp_path: Path) -> None:
    """In a process of its own: `<(…)`, as bash has it."""
    cue = tmp_path / "cues"
    cue.write_text("1\n00:00:00,200 --> 00:00:01,000\nHello\n")
    given = {"-a": cases / "a.wav", "-v": cases / "v.mp4"}
    files = {"--spans": cue, "--reference": cases / "vs.mp4"}
    given |= {role: given.get(role) or files[role]}
    words = " ".join(f"{r} <(cat '{f}')" if r == role else f"{r} '{f}'" for r, f in given.items())
    out = tmp_path / "o.mp4"
    command = f"'{sys.executable}' -m lipsync render {words} -o '{out}' --adapt never --timing cut"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    assert "lipsync-pipe" not in done.stderr, "the name of a temporary file"
    assert media.probe(out).frame_count in (50, 75)


def test_speech_on_standard_input(cases: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    words = [
        sys.executable,
        "-m",
        "lipsync",
        "render",
        "-a",
        "-",
        "-v",
        str(cases / "v.mp4"),
        "-o",
        str(out),
    ]
    data = (cases / "a.wav").read_bytes()
    done = subprocess.run([*words, "--adapt", "never", "--timing", "cut"],
                          input=data, capture_output=True, timeout=500)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert media.probe_audio(out).duration == 2


def test_cues_before_the_beginning(run: Run, cases: Path) -> None:
    out = run("-a", cases / "a3.wav", "--spans", cases / "negative.srt", video="vs.mp4")
    assert out.code == 2
    assert "negative.srt: line 2 (cue 1) has a time below zero" in out.said
    assert not out.output.exists()


def test_cues_that_overlap_are_joined(run: Run, cases: Path) -> None:
    out = run("-a", cases / "a3.wav", "--spans", cases / "overlap_one.srt", video="vs.mp4")
    assert out.code == 0
    assert "overlaps the one before and was joined with it" in out.said


def test_a_cue_of_no_length_is_left_out(run: Run, cases: Path) -> None:
    out = run("-a", cases / "a3.wav", "--spans", cases / "zero_cue.srt", video="vs.mp4")
    assert out.code == 0
    assert "a span of no length was left out" in out.said


def test_the_default_track_speaks(run: Run, cases: Path) -> None:
    two = cases / "two_tracks_default_second.m4a"
    assert float(np.abs(run("-a", two).sound()).max()) > 0.05
    silent = run("-a", two, "--audio-track", 1, name="silent.mp4")
    assert (silent.code, "silent throughout" in silent.said) == (2, True)
    third = run("-a", two, "--audio-track", 3, name="third.mp4")
    assert "there is no sound track 3 in it; it has 2" in third.said


def test_samples_that_are_no_numbers(run: Run, cases: Path) -> None:
    out = run("-a", cases / "nan.wav")
    assert "samples are no numbers (NaN or infinite); silence is heard instead" in out.said
    assert np.isfinite(out.sound()).all()


def test_an_inverted_channel(run: Run, cases: Path) -> None:
    out = run("-a", cases / "antiphase.wav")
    assert "left and right cancel each other" in out.said
    assert float(np.abs(out.sound()).max()) > 0.05
    assert media.probe_audio(out.output).voice is None


def test_a_hole_in_the_speech_is_silence(run: Run, cases: Path) -> None:
    out = run("-a", cases / "gap.mka")
    with av.open(str(out.output)) as container:
        stream = container.streams.audio[0]
        longest = max(packet.duration or 0 for packet in container.demux(stream))
        assert longest * stream.time_base < 0.1
    assert abs(media.probe_audio(out.output).duration - 2) < 0.1


def test_audio_that_nobody_speaks(run: Run, cases: Path) -> None:
    out = run("-a", cases / "a.wav", "--speaker", f"A={cases / 'a3.wav'}")
    assert out.code == 2
    assert "a.wav: nobody speaks it" in out.said


def test_an_empty_sound(run: Run, cases: Path) -> None:
    out = run("-a", cases / "empty.wav")
    assert (out.code, "empty.wav: its sound is empty" in out.said) == (2, True)


def test_an_address(run: Run, cases: Path) -> None:
    out = run("-a", cases / "a.wav", video="https://example.com/x.mp4")
    assert out.code == 2
    assert "https://example.com/x.mp4: is a URL; download it first" in out.said


@pytest.mark.parametrize("name", ["upside_down.mp4", "v.mp4"])
def test_upside_down(name: str, run: Run, cases: Path, tmp_path: Path) -> None:
    """The detector finds a face in most frames that are upside down: an eye is its mouth."""
    video = cases / name
    if name == "v.mp4":
        video = tmp_path / "turned.mp4"
        clips.run("-i", str(cases / name), "-t", "1", "-vf", "hflip,vflip", str(video))
    out = run("-a", cases / "a.wav", video=video)
    assert (out.code, "no usable face (upside down?)" in out.said) == (2, True)
    assert not out.output.exists()


def test_a_shaken_camera_shows_one_person(run: Run, cases: Path, tmp_path: Path) -> None:
    video = tmp_path / "shaken.mp4"
    shake = "crop=iw-56:ih-56:28+28*mod(n*7\\,3)-28:28+28*mod(n*5\\,3)-28"
    clips.run("-i", str(cases / "v.mp4"), "-t", "2", "-vf", shake, str(video))
    out = run("-a", cases / "a.wav", video=video)
    assert out.code == 0
    assert "people" not in out.said
    assert media.probe(out.output).frame_count == 50
