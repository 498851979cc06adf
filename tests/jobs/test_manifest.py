"""Manifests: every line that is wrong is named, and nothing starts before all are right."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import lipsync
from lipsync.dialogue.spans import Span
from lipsync.errors import LipsyncError, ManifestError
from lipsync.jobs.job import Job, list_outputs, read_job
from lipsync.jobs.manifest import read_manifest
from lipsync.options import RenderOptions
from lipsync.types import Speaker

SAMPLE = Path(lipsync.__file__).parents[1] / "assets" / "sample"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder with a video and speeches, and one for outputs."""
    for name in ("target.mp4", "speech.wav"):
        (tmp_path / name).symlink_to(SAMPLE / name)
    (tmp_path / "other.wav").symlink_to(SAMPLE / "speech.wav")
    (tmp_path / "out").mkdir()
    return tmp_path


def _write(base: Path, lines: list[Any], name: str = "jobs.jsonl") -> Path:
    text = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    (base / name).write_text(text, "utf-8")
    return base / name


def _read(base: Path, lines: list[Any], **rest: Any) -> list[Job]:
    return [one.job for one in read_manifest(_write(base, lines), base / "out", **rest)]


def _faults(base: Path, lines: list[Any], name: str = "jobs.jsonl", **rest: Any) -> list[str]:
    with pytest.raises(ManifestError) as raised:
        read_manifest(_write(base, lines, name), base / "out", **rest)
    return list(raised.value.faults)


def test_lines_become_jobs_with_places_that_hold_anywhere(base: Path) -> None:
    jobs = _read(base, [
        "# a comment", "",
        {"video": "target.mp4", "audio": "speech.wav"},
        {"id": "de", "video": "target.mp4", "audio": "other.wav", "language": "de",
         "candidates": 9, "options": {"timing": "cut"}, "sheet": "de.png"},
        {"video": "target.mp4", "output": "named.mkv", "speakers": ["ANNA=speech.wav:left"],
         "spans": [[0.5, "1.25"]]},
    ])  # fmt: skip
    first, second, third = jobs
    assert first == Job("0001", base / "target.mp4", base / "speech.wav",
                        base / "out" / "target.speech.mp4")  # fmt: skip
    assert second.output == base / "out" / "target.de.mp4" and second.id == "de"
    assert (second.options.texture.candidates, second.options.timing.timing) == (9, "cut")
    assert second.sheet == base / "out" / "de.png"
    assert third.output == base / "out" / "named.mkv"
    assert third.speakers == (Speaker("ANNA", base / "speech.wav", "left"),)
    assert isinstance(third.spans, tuple) and third.spans[0].end == Fraction(5, 4)
    assert len(list(list_outputs(second))) == 3


def test_a_job_survives_json(base: Path) -> None:
    job = Job(
        id="x", video=base / "target.mp4", audio=None, output=base / "o.mp4", language="pt-BR",
        speakers=(Speaker("ANNA", base / "speech.wav"),),
        spans=(Span(Fraction(1, 3), Fraction(2), "ANNA", base / "other.wav", "Hi.", "one"),),
        plot=base / "p.png", options=RenderOptions.of(reference=("r.mp4",), detail=0.5, key="k"),
    )  # fmt: skip
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job
    with_file = Job("y", base / "v", base / "a", base / "o.mp4", spans=base / "s.srt")
    assert Job.from_json(json.loads(json.dumps(with_file.to_json()))) == with_file


def test_csv_says_the_same(base: Path) -> None:
    table = "\ufeffid,video,audio,candidates,timing,label\r\n" + (
        "a,target.mp4,speech.wav,,,\r\n\r\nb,target.mp4,other.wav,12,cut,true\r\n"
    )
    path = _write(base, [table], "jobs.csv")
    one, other = (found.job for found in read_manifest(path, base / "out"))
    assert (one.id, one.options) == ("a", RenderOptions())
    assert other.options == RenderOptions.of(candidates=12, timing="cut", label=True)


def test_all_wrong_lines_are_named_at_once(base: Path) -> None:
    (base / "empty.mp4").touch()
    faults = _faults(base, [
        {"video": "target.mp4", "audio": "speech.wav"},
        "{",
        '"text"',
        {"audio": "speech.wav"},
        {"video": "missing.mp4", "audio": "speech.wav"},
        {"video": "target.mp4", "audio": "speech.wav", "candidats": 3, "output": "b.mp4"},
        {"video": "target.mp4", "audio": "speech.wav", "candidates": 0, "output": "c.mp4"},
        {"video": "target.mp4", "audio": "speech.wav", "output": "d.avi"},
        {"video": "target.mp4", "audio": "speech.wav", "output": "-"},
        {"video": "target.mp4", "audio": "other.wav", "output": "none/e.mp4"},
        {"video": "target.mp4", "audio": "speech.wav", "spans": [[2, 1]], "output": "f.mp4"},
        {"video": "target.mp4", "audio": "speech.wav", "options": 7, "output": "g.mp4"},
        {"video": "target.mp4", "output": "h.mp4"},
        "[" * 20_000,
    ])  # fmt: skip
    numbers = [int(fault.split()[1].rstrip(":")) for fault in faults]
    assert numbers == [*range(2, 15)]
    told = " | ".join(faults)
    for words in (
        "is not JSON", "wanted an object", "'video' is missing", "missing.mp4",
        "did you mean 'candidates'", "option 'candidates'", ".avi", "not a pipe",
        "make it first", "end after it begins", "wanted names and values",
    ):  # fmt: skip
        assert words in told, words
    assert all("\n" not in fault for fault in faults)


def test_jobs_that_would_meet_are_named(base: Path) -> None:
    one = {"video": "target.mp4", "audio": "speech.wav"}
    faults = _faults(base, [
        {**one, "id": "a"}, {**one, "id": "a", "output": "x.mp4"},
        {**one, "id": "c"}, {**one, "id": "d", "output": "y.mp4", "sheet": "y.png"},
        {**one, "id": "e", "output": "z.mp4", "plot": "y.png"},
    ])  # fmt: skip
    assert [fault.split(":")[0] for fault in faults] == ["line 2", "line 3", "line 3", "line 5"]
    assert "its id 'a' is that of line 1" in faults[0]
    assert "target.speech.mp4, as line 1 does" in faults[1]


def test_a_job_that_reads_what_another_writes_is_named(base: Path) -> None:
    made = base / "out" / "made.mp4"
    shutil.copy(SAMPLE / "target.mp4", made)
    faults = _faults(base, [
        {"video": "target.mp4", "audio": "speech.wav", "output": "made.mp4"},
        {"video": str(made), "audio": "speech.wav", "output": "second.mp4"},
    ])  # fmt: skip
    assert any("line 2: reads" in fault and "which line 1 writes" in fault for fault in faults)


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("jobs.jsonl", b"", "there is no job in it"),
        ("jobs.jsonl", b'{"video": "\xff"}', "is not UTF-8"),
        ("jobs.csv", b"video,video\na,b\n", "names a column twice"),
        ("jobs.csv", b"video,audio\na,b,c\n", "has 3 cells"),
    ],
)
def test_files_that_are_no_manifest(base: Path, name: str, data: bytes, told: str) -> None:
    (base / name).write_bytes(data)
    with pytest.raises(ManifestError, match=told):
        read_manifest(base / name, base / "out")
    with pytest.raises(ManifestError, match="cannot be read"):
        read_manifest(base / "nowhere.jsonl", base / "out")


def test_defaults_give_way_to_the_line(base: Path) -> None:
    one = {"video": "target.mp4", "audio": "speech.wav"}
    jobs = _read(
        base, [{**one}, {**one, "output": "b.mp4", "crf": 30}, {**one, "output": "c.mp4",
        "options": {"crf": 31}}], defaults={"crf": 20, "detail": 0.5},
    )  # fmt: skip
    assert [job.options.encode.crf for job in jobs] == [20, 30, 31]
    assert {job.options.texture.detail for job in jobs} == {0.5}


@pytest.mark.parametrize(
    "values", [{"video": 3}, {"video": "\0"}, {"video": "v", "speakers": 5}, {"video": ["v"]},
               {"video": "v", "segment": "x"}, {"video": "v", "segment": "1-2", "spans": "s.srt"},
               {"video": "v", "language": 5}, {"video": "v", "sheet": 5}],
)  # fmt: skip
def test_values_of_the_wrong_kind_are_one_line(values: dict[str, Any]) -> None:
    with pytest.raises(LipsyncError) as raised:
        read_job(values, Path(), Path(), "1")
    assert "\n" not in str(raised.value)
