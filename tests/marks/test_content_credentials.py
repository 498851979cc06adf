"""Content credentials: what they say, who can read them, and that nobody is asked on a network."""

from __future__ import annotations

import datetime
import http.server
import io
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipsync import media
from lipsync.errors import OutputError
from lipsync.marks.c2pa_library import open_context
from lipsync.marks.certificate import load_identity
from lipsync.marks.content_credentials import RECORD_ASSERTION, merge_spans, sign
from lipsync.marks.credentials_reader import read_credentials
from lipsync.marks.marking import Marking
from lipsync.marks.options import MarkOptions
from lipsync.marks.origin import SOURCE_TYPE, write_id
from lipsync.marks.reader import read_marks
from lipsync.marks.sidecar import sidecar_path
from tests.support import clips, marked
from tests.support.marked import manifest_of

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")


@pytest.fixture(params=SUFFIXES)
def signed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    place = tmp_path / f"out{request.param}"
    marked.mark(place)
    return place


@pytest.fixture
def mp4(tmp_path: Path) -> Path:
    place = tmp_path / "out.mp4"
    marked.mark(place)
    return place


def test_an_output_is_signed_and_says_what_was_done(signed: Path) -> None:
    record = json.loads(sidecar_path(signed).read_text())
    active, _ = manifest_of(signed)
    assertions = {one["label"]: one["data"] for one in active["assertions"]}
    opened, placed, edited = assertions["c2pa.actions.v2"]["actions"]
    assert opened["action"] == "c2pa.opened"
    assert placed["action"] == "c2pa.placed"
    assert edited["action"] == "c2pa.edited"
    assert edited["digitalSourceType"] == SOURCE_TYPE
    assert edited["softwareAgent"]["name"] == "lipsync"
    when = datetime.datetime.fromisoformat(edited["when"].replace("Z", "+00:00"))
    assert abs(datetime.datetime.now(datetime.timezone.utc) - when).total_seconds() < 600
    spans = [one["region"][0]["time"] for one in edited["changes"]]
    assert [(one["start"], one["end"]) for one in spans] == [("0.000", "0.200"), ("0.280", "0.480")]
    source, sound = active["ingredients"]
    assert (source["title"], source["relationship"]) == ("plain.mp4", "parentOf")
    assert (sound["title"], sound["relationship"]) == ("s16.wav", "componentOf")
    assert assertions[RECORD_ASSERTION]["record"] == record["record"]
    assert assertions[RECORD_ASSERTION]["models"][0]["sha256"] == marked.CARD.sha256
    assert record["content_credentials"]["self_made_certificate"] is True
    beside = signed.suffix in (".mkv", ".webm")
    assert record["content_credentials"]["manifest"] == ("out.c2pa" if beside else "in the file")
    assert signed.with_suffix(".c2pa").exists() == beside


def test_marks_agree_and_the_local_certificate_is_called_untrusted(signed: Path) -> None:
    marks = read_marks(signed)
    assert marks.verdict == "valid"
    assert marks.state("content credentials") == "untrusted"
    assert {marks.state(name) for name in ("comment", "source type", "sidecar")} == {"valid"}
    trusting = read_marks(signed, trust=load_identity(None, None).root)
    assert trusting.state("content credentials") == "valid"


def test_signing_leaves_picture_and_sound_as_they_are(mp4: Path) -> None:
    plain = clips.video("coded.mp4", *marked.CODING[".mp4"])
    before, after = (list(media.read_frames(media.probe(path))) for path in (plain, mp4))
    np.testing.assert_array_equal(before, after)


def test_another_reader_of_other_code_calls_it_valid(signed: Path) -> None:
    """encypher-c2pa shares no C2PA code with c2pa-python. It has no type for Matroska; a manifest
    beside a file binds all of its bytes whatever they are."""
    encypher_c2pa = pytest.importorskip("encypher_c2pa")
    beside = signed.with_suffix(".c2pa")

    def read(data: bytes, **more: Any) -> Any:
        changed = signed.with_name(f"copy{signed.suffix}")
        changed.write_bytes(data)
        store = {"manifest_store": beside} if beside.exists() else {}
        kind = "audio/mpeg" if store else None
        return encypher_c2pa.verify(changed, kind, **store, **more)

    whole = signed.read_bytes()
    report = read(whole)
    states = (report["integrity"], report["signature"], report["hard_binding"])
    assert states == ("valid", "valid", "match")
    assert report["trust"]["status"] == "not_valid_for_supplied_material"
    failures = [one["code"] for one in report["validation_results"]["failure"]]
    assert failures == ["signingCredential.untrusted"]
    root = load_identity(None, None).root
    assert read(whole, trust_pem=root)["trust"]["status"] == "valid_for_supplied_material"
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    assert read(bytes(flipped))["integrity"] == "invalid"


def test_the_sources_own_manifest_is_kept(signed: Path) -> None:
    again = signed.with_name("again.mp4")
    marking = marked.mark(again, source=signed)
    active, manifests = manifest_of(again)
    assert len(manifests) == 2
    source = active["ingredients"][0]
    inner = manifests[source["active_manifest"]]
    record = json.loads(sidecar_path(signed).read_text())["record"]
    data = {one["label"]: one["data"] for one in inner["assertions"]}
    assert data[RECORD_ASSERTION]["record"] == record
    found = read_credentials(again)
    assert found is not None
    assert (found.record_id, found.latest) == (marking.record_id, True)


def test_a_manifest_beside_the_source_of_another_file_is_not_taken(tmp_path: Path) -> None:
    """clip.c2pa belongs to clip.mkv: clip.mp4 beside them is somebody else's."""
    marked.mark(tmp_path / "clip.mkv")
    stranger = tmp_path / "clip.mp4"
    stranger.write_bytes(marked.target().read_bytes())
    assert read_credentials(stranger) is None
    marked.mark(tmp_path / "out.mp4", source=stranger)
    _, manifests = manifest_of(tmp_path / "out.mp4")
    assert len(manifests) == 1


def test_nothing_is_left_where_signing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sidecar cannot be written: then there is no manifest either, and no half of the two."""
    from lipsync.marks import marking as module

    def fail(*_: Any, **__: Any) -> None:
        raise OutputError("sidecar: cannot be written (no space left)")

    monkeypatch.setattr(module, "write_sidecar", fail)
    with pytest.raises(OutputError, match="no space left"):
        marked.mark(tmp_path / "out.mkv")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_signed_is_one_line(tmp_path: Path) -> None:
    output = media.Output.parse(tmp_path / "out.mp4")
    marking = Marking.plan(output, "x", MarkOptions(), 1)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0\0\0\x18ftypisom" + bytes(12) + b"\xff\xff\xff\xffmoov")
    assert marking.identity is not None
    with pytest.raises(OutputError, match=r"out\.mp4: cannot be signed \(") as caught:
        sign(broken, output, marked.record(marking), marking.identity)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.mp4"]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file size there")
def test_a_disk_that_fills_up_while_signing_leaves_nothing(tmp_path: Path) -> None:
    """A limit on file size stands in for the disk: there is room for the file alone."""
    import resource
    import signal

    load_identity(None, None), marked.speech(), marked.target()  # made before the limit
    room = clips.video("coded.mp4", *marked.CODING[".mp4"]).stat().st_size + 3000
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
        with pytest.raises(OutputError, match=r"out\.mp4: cannot be (written|signed) \(") as caught:
            marked.mark(tmp_path / "out.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_credentials_can_be_switched_off_and_then_are_not_missed(tmp_path: Path) -> None:
    place = tmp_path / "out.mkv"
    marked.mark(place)
    place.unlink()
    marked.mark(place, MarkOptions(content_credentials=False))
    assert not place.with_suffix(".c2pa").exists()  # that of the output that it replaced
    marks = read_marks(place)
    assert (marks.verdict, marks.state("content credentials")) == ("valid", "absent")


def test_a_folder_and_a_pipe_are_not_signed(tmp_path: Path) -> None:
    for name in (f"{tmp_path}/frames/", "-"):
        marking = Marking.plan(media.Output.parse(name), "x", MarkOptions(), 1)
        assert marking.identity is None
        assert "no content credentials" in marking.summary
        assert ", signed" not in marking.comment


def test_many_spans_are_told_in_few() -> None:
    spans = [(float(i), i + 0.5 + 0.4 * (i % 3 == 0)) for i in range(1000)]
    few = merge_spans(spans, 200)
    assert len(few) <= 200
    assert (few[0][0], few[-1][1]) == (spans[0][0], spans[-1][1])
    for first, end in spans:
        assert any(a <= first and end <= b for a, b in few)
    assert merge_spans(spans[:5], 200) == spans[:5]
    assert merge_spans([], 200) == []


@pytest.mark.skipif(sys.platform != "linux", reason="strace watches the system calls of Linux")
def test_signing_and_reading_open_no_socket(tmp_path: Path) -> None:
    import shutil

    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    code = (
        "import sys; from pathlib import Path; from tests.support import marked;"
        "from lipsync.marks.reader import read_marks; place = Path(sys.argv[1]);"
        "marked.mark(place); print(read_marks(place).verdict)"
    )
    log = tmp_path / "strace.txt"
    watched = ["strace", "-f", "-e", "trace=socket,connect,sendto", "-o", str(log)]
    run = subprocess.run(
        [*watched, sys.executable, "-c", code, str(tmp_path / "out.mp4")],
        capture_output=True, text=True, check=False, cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    if "ptrace" in run.stderr and "not permitted" in run.stderr:
        pytest.skip("tracing is not allowed here")
    assert run.stdout.strip() == "valid", run.stderr
    calls = [line for line in log.read_text().splitlines() if "(" in line and "AF_UNIX" not in line]
    assert not [line for line in calls if "socket(" in line or "connect(" in line]


def test_an_address_in_a_source_is_not_visited(tmp_path: Path) -> None:
    """A file may say that its manifest is on a server: the server would learn who works on it."""
    from c2pa import Builder, C2paSignerInfo, Signer

    asked: list[str] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        identity = load_identity(None, None)
        info = (identity.algorithm, identity.chain, identity.key)
        signer = Signer.from_info(C2paSignerInfo(*(one.encode() for one in info), None))
        actions = [{"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}]
        entry = {"label": "c2pa.actions.v2", "data": {"actions": actions}}
        definition = {"title": "x", "assertions": [entry]}
        source = tmp_path / "source.mp4"
        with open_context(signer) as context, Builder(definition, context) as builder:
            builder.set_no_embed()
            builder.set_remote_url(f"http://127.0.0.1:{server.server_port}/manifest.c2pa")
            with marked.target().open("rb") as file, source.open("w+b") as made:
                builder.sign("video/mp4", file, made)
        assert b"manifest.c2pa" in source.read_bytes()
        read_marks(source)
        marked.mark(tmp_path / "out.mp4", source=source)
        server.shutdown()
    assert asked == []
    assert read_marks(tmp_path / "out.mp4").verdict == "valid"


def test_the_id_of_the_record_is_in_every_mark(mp4: Path) -> None:
    marks = read_marks(mp4)
    assert marks.record_id is not None
    assert set(marks.found.records) == {"content credentials", "sidecar", "comment"}
    assert set(marks.found.records.values()) == {marks.record_id}
    assert write_id(marks.record_id).encode() in io.BytesIO(mp4.read_bytes()).getvalue()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_names_that_are_no_text_are_signed_as_far_as_they_are(suffix: str, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    place, source = tmp_path / f"{name}{suffix}", tmp_path / f"{name}-source.mp4"
    shutil.copy(marked.target(), source)
    marked.mark(place, source=source)
    record = json.loads(sidecar_path(place).read_text("utf-8"))
    assert record["output"]["name"] == f"caf\ufffd{suffix}"
    assert record["inputs"]["video"]["name"] == "caf\ufffd-source.mp4"
    found = read_credentials(place)
    assert found is not None
    assert found.state == "untrusted"
    active, _ = manifest_of(place)
    assert active["title"] == f"caf\ufffd{suffix}"
