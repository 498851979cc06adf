"""Jobs whose files are in a store, here a folder that is spoken to as one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

import lipsync
from lipsync.errors import ManifestError, MediaError, OptionsError
from lipsync.jobs.batch import run_batch
from lipsync.jobs.job import Job, read_job
from lipsync.jobs.object_store import brought_here, describe_object, is_remote
from lipsync.jobs.urls import show_place, stand_in, url_of
from lipsync.marks.sidecar import sidecar_path
from lipsync.runtime.hashing import hash_file

SAMPLE = Path(lipsync.__file__).parents[1] / "assets" / "sample"
PLAIN = {"content_credentials": False, "adapt": "never", "workers": 1}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store that holds the sample, with two seconds of its speech."""
    place = tmp_path / "store" / "in"
    place.mkdir(parents=True)
    (place / "target.mp4").write_bytes((SAMPLE / "target.mp4").read_bytes())
    samples, rate = soundfile.read(SAMPLE / "speech.wav")
    soundfile.write(place / "speech.wav", samples[: 2 * rate], rate)
    return place.parent


@pytest.mark.parametrize(
    "url", ["s3://bucket/film/a.mp4", "gs://b/a%20b.mp4", "file:///srv/a.mp4", "az://c@d/e/f.wav"]
)
def test_a_path_stands_for_a_url_and_its_neighbours(url: str) -> None:
    place = stand_in(url)
    assert place is not None
    assert url_of(place) == show_place(place) == url
    assert url_of(stand_in(Path(url))) == url
    assert url_of(sidecar_path(place)) == f"{url}.json"
    assert place == (Path("/work") / place).absolute()


@pytest.mark.parametrize("text", ["film.mp4", "/srv/film.mp4", "C:/film.mp4", "a:b", "-", ""])
def test_what_is_no_url_is_a_path(text: str) -> None:
    assert stand_in(text) is None
    assert url_of(Path(text)) is None


@pytest.mark.parametrize("text", ["s3://bucket/", "s3://bucket"])
def test_a_folder_is_refused(text: str) -> None:
    with pytest.raises(OptionsError, match="is a folder"):
        stand_in(text)


def test_a_job_with_urls_survives_being_sent(tmp_path: Path) -> None:
    values = {
        "video": "s3://b/film.mp4", "output": "s3://b/out/film.de.mp4",
        "speakers": [{"name": "ANNA", "audio": "s3://b/anna.wav", "face": "left"}],
        "spans": [{"start": 0, "end": 1, "audio": "gs://c/line.wav"}],
    }  # fmt: skip
    job = read_job(values, tmp_path, tmp_path, "1")
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job
    assert is_remote(job)
    assert url_of(job.speakers[0].audio) == "s3://b/anna.wav"
    assert isinstance(job.spans, tuple)
    assert url_of(job.spans[0].audio) == "gs://c/line.wav"


def test_a_batch_reads_from_a_store_and_writes_to_it(store: Path, tmp_path: Path) -> None:
    """As with files, once; it is skipped the second time, and made again when an input changed."""
    base = f"file://{store}"
    lines = [
        {"id": "far", "video": f"{base}/in/target.mp4", "audio": f"{base}/in/speech.wav",
         "output": f"{base}/out/film.mp4"},
        {"id": "near", "video": str(SAMPLE / "target.mp4"), "audio": str(store / "in/speech.wav"),
         "output": "film.mp4"},
    ]  # fmt: skip
    manifest = tmp_path / "jobs.jsonl"
    manifest.write_text("\n".join(map(json.dumps, lines)))
    made = run_batch(manifest, tmp_path / "out", options=PLAIN)
    assert (made.done, made.failed) == (2, ())
    assert hash_file(store / "out" / "film.mp4") == hash_file(tmp_path / "out" / "film.mp4")
    far, near = (
        json.loads(place.with_name("film.mp4.json").read_text())
        for place in (store / "out" / "film.mp4", tmp_path / "out" / "film.mp4")
    )
    assert far | {"created": ""} == near | {"created": ""}
    told = {line["id"]: line for line in map(json.loads, made.ledger.read_text().splitlines())}
    assert told["far"]["output"] == told["far"]["result"]["output"] == f"{base}/out/film.mp4"
    assert told["far"]["result"]["sidecar"] == f"{base}/out/film.mp4.json"
    again = run_batch(manifest, tmp_path / "out", options=PLAIN)
    assert (again.done, again.skipped) == (0, 2)
    (store / "out" / "film.mp4").write_bytes(b"something else")
    with pytest.raises(ManifestError, match=r"job far: file:///.*film\.mp4 exists already"):
        run_batch(manifest, tmp_path / "out", options=PLAIN)


def test_what_is_missing_is_named_before_anything_starts(store: Path, tmp_path: Path) -> None:
    base = f"file://{store}"
    lines = [
        {"video": f"{base}/in/none.mp4", "audio": f"{base}/in/speech.wav"},
        {"video": f"{base}/in/target.mp4", "audio": str(tmp_path / "none.wav"), "output": "a.mp4"},
        {"video": f"{base}/in/target.mp4", "audio": f"{base}/in/speech.wav", "output": "b.gif"},
        {"video": "warp://ship/film.mp4", "audio": f"{base}/in/speech.wav", "output": "c.mp4"},
    ]  # fmt: skip
    manifest = tmp_path / "jobs.jsonl"
    manifest.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(ManifestError) as wrong:
        run_batch(manifest, tmp_path / "out", options=PLAIN)
    first, second, third, fourth = wrong.value.faults
    assert "line 1: file:///" in first
    assert "there is no such object" in first
    assert "none.wav: no such file" in second
    assert "b.gif: only .mp4" in third
    assert "warp://ship/film.mp4" in fourth


def test_of_a_job_that_fails_nothing_is_stored(store: Path, tmp_path: Path) -> None:
    base = f"file://{store}"
    values = {"video": f"{base}/in/target.mp4", "output": f"{base}/out/film.mp4"}
    job = read_job(values, tmp_path, tmp_path, "1")
    with pytest.raises(MediaError, match="torn"), brought_here(job) as here:
        assert hash_file(here.video) == hash_file(SAMPLE / "target.mp4")
        here.output.write_bytes(b"half")
        raise MediaError("torn")
    assert describe_object(job.output) is None
    assert not (store / "out").exists()
