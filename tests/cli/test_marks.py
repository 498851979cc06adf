"""`lipsync marks` for pipelines: exit codes, one line for faults, JSON; and marks by options."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography import x509

from lipsync.cli.app import main
from lipsync.marks.certificate import local_place
from lipsync.marks.reader import read_marks
from tests.support import clips, marked

REPO = Path(__file__).resolve().parents[2]
SAMPLE = REPO / "assets" / "sample"


def run(*arguments: object) -> int:
    """Exit code of the command line, run in this process."""
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
        raise SystemExit(0)
    return int(stop.value.code or 0)


def verify(*arguments: object) -> int:
    return run("marks", "verify", *arguments, "--no-watermark")


@pytest.fixture
def mp4(tmp_path: Path) -> Path:
    place = tmp_path / "out.mp4"
    marked.mark(place)
    return place


def test_valid_marks_are_zero(mp4: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(mp4) == 0
    head, *lines = capsys.readouterr().out.strip().splitlines()
    record = json.loads(Path(f"{mp4}.json").read_text())["record"]
    assert head == f"{mp4}: marks valid, record {record}"
    assert len(lines) == 4
    assert "untrusted  content credentials: signed by lipsync local signer" in lines[0]


def test_no_marks_are_three(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(marked.target()) == 3
    assert "no marks" in capsys.readouterr().out


def test_stripped_marks_are_three(mp4: Path, capsys: pytest.CaptureFixture[str]) -> None:
    remuxed = mp4.with_name("remuxed.mp4")
    clips.run("-i", str(mp4), "-c", "copy", str(remuxed))
    assert verify(remuxed) == 3
    shown = capsys.readouterr().out
    assert "marks stripped" in shown
    assert " stripped  content credentials" in shown


def test_altered_marks_are_four(mp4: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = bytearray(mp4.read_bytes())
    whole[len(whole) // 2] ^= 1
    mp4.write_bytes(whole)
    assert verify(mp4, "--json") == 4
    result = json.loads(capsys.readouterr().out)
    assert result["verdict"] == "altered"
    states = {one["name"]: one["state"] for one in result["marks"]}
    assert states["content credentials"] == states["sidecar"] == "altered"


def test_faults_of_the_user_are_two_and_one_line(
    mp4: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    (tmp_path / "text.mp4").write_text("this is not a video")
    for arguments, words in (
        ([tmp_path / "nothing.mp4"], "nothing.mp4: no such file"),
        ([tmp_path / "text.mp4"], "text.mp4: is not a media file"),
        ([mp4, "--trust", tmp_path / "text.pem"], "text.pem: holds no certificate"),
        ([mp4, "--trust", tmp_path / "no.pem"], "no.pem: these certificates cannot be read"),
    ):
        assert verify(*arguments) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert words in line


def test_the_local_root_can_be_handed_out(
    mp4: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root.pem"
    assert run("marks", "certificate", "-o", root) == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == str(root)
    assert str(local_place()) in " ".join(shown.err.split())
    assert "PRIVATE" not in root.read_text()
    assert run("marks", "certificate") == 0
    (certificate,) = x509.load_pem_x509_certificates(capsys.readouterr().out.encode())
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert verify(mp4, "--trust", root) == 0
    assert " valid  content credentials: signed by" in capsys.readouterr().out


RENDER = ("render", "-a", SAMPLE / "speech.wav", "-v", SAMPLE / "target.mp4")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--certificate", "no.pem", "--key", "no.key"], "no.pem: cannot be read (No such file"),
        (["--certificate", "no.pem"], "--certificate needs --key"),
        (["--label-language", "tlh"], "label_language"),
        (["--label-position", "middle"], "label_position"),
        (["--label-seconds", "-1"], "label_seconds"),
    ],
)
def test_a_render_that_cannot_be_marked_does_not_start(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(*RENDER, "-o", "out.mp4", *arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert words in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_without_a_place_for_a_certificate_the_other_marks_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    assert run(*RENDER, "-o", tmp_path / "out.mp4") == 0
    said = capsys.readouterr().err.splitlines()
    (line,) = [one for one in said if one.startswith("warning: no content credentials")]
    assert "--no-content-credentials" in line
    assert "watermark" in (tmp_path / "out.mp4.json").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"file", "out.mp4", "out.mp4.json"}


def test_a_manifest_in_the_way_is_not_replaced_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out.c2pa").write_text("another's")
    assert run(*RENDER, "-o", tmp_path / "out.mkv") == 2
    assert "out.c2pa: exists already; pass --overwrite" in capsys.readouterr().err
    assert (tmp_path / "out.c2pa").read_text() == "another's"


@pytest.mark.slow
def test_a_render_into_matroska_has_all_marks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.mkv"
    assert run(*RENDER, "-o", output, "--label", "--adapt", "never") == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "readers will call them untrusted" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.c2pa",
        "out.mkv",
        "out.mkv.json",
    ]
    marks = read_marks(output)
    assert (marks.verdict, marks.state("content credentials")) == ("valid", "untrusted")
    assert f"record {marks.record}" in said
    assert verify(output) == 0
