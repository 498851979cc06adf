"""The service over HTTP, with workers that render nothing: routes, queue, limits, messages."""

from __future__ import annotations

import gc
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from lipsync.jobs.service import outbox, preparation, webhooks
from lipsync.jobs.service.keys import Keys, read_keys
from tests.support import clips
from tests.support.services import (
    CONTENT,
    DIES,
    FAILS,
    HOLDS,
    Running,
    Site,
    request_of,
    running,
    site,
    wait_until,
)

JSON = {"Content-Type": "application/json"}
ANNA, BEN = "anna-key-0123456789", "ben-key-0123456789ab"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One service for all tests that do not change how it runs."""
    with running(tmp_path_factory.mktemp("service"), workers=2) as service:
        yield service


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    with site() as found:
        yield found


def keys_of(folder: Path) -> Keys:
    path = folder / "keys"
    path.write_text(
        f"# who may\nanna {ANNA}\nben sha256:{hashlib.sha256(BEN.encode()).hexdigest()}\n"
    )
    return read_keys(path)


def error_of(answer: httpx.Response, status: int) -> str:
    """The code of an error, in the form that all errors have."""
    told = answer.json()
    assert answer.status_code == status, told
    assert told["statusCode"] == status
    assert told["message"] == told["error"]["message"]
    assert "\n" not in told["message"]
    assert set(told["error"]) == {"kind", "code", "message", "retryable"}
    assert told["errorCode"] == told["error"]["code"]
    return str(told["errorCode"])


def test_a_generation_is_made_and_its_output_sent(shared: Running) -> None:
    answer = shared.generate(outputFileName="dubbed", options={"sync_mode": "cut_off"})
    assert answer.status_code == 201
    told = answer.json()
    assert (told["status"], told["outputUrl"]) == ("PENDING", None)
    done = shared.wait(told["id"])
    assert (done["status"], done["outputDuration"], done["error"]) == ("COMPLETED", 2.0, None)
    assert done["warnings"] == ["the video: is short"]  # no path of this machine
    assert done["createdAt"].endswith("Z")
    assert done["createdAt"] <= done["startedAt"] <= done["finishedAt"]
    output = shared.client.get(done["outputUrl"])
    assert output.content == CONTENT
    assert output.headers["content-type"] == "video/mp4"
    assert 'filename="dubbed.mp4"' in output.headers["content-disposition"]
    job = shared.job(told["id"])
    assert job["options"]["timing"] == "cut"
    assert job["options"]["crf"] == 20


@pytest.mark.parametrize(
    ("asked", "found"),
    [("bytes=0-9", CONTENT[:10]), ("bytes=1000-", CONTENT[1000:]), ("bytes=-5", CONTENT[-5:])],
)
def test_ranges_of_an_output(shared: Running, asked: str, found: bytes) -> None:
    done = shared.wait(shared.generate().json()["id"])
    part = shared.client.get(done["outputUrl"], headers={"Range": asked})
    assert part.status_code == 206
    assert part.content == found
    assert part.headers["content-range"].endswith(f"/{len(CONTENT)}")
    head = shared.client.head(done["outputUrl"])
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(CONTENT)))
    beyond = shared.client.get(done["outputUrl"], headers={"Range": "bytes=999999999-"})
    assert beyond.status_code == 416


def test_a_file_of_a_client_keeps_its_name_in_records(shared: Running) -> None:
    files = {}
    for kind, name, called in (
        ("VIDEO", "clip.mp4", "The film: reel 2.mp4"), ("AUDIO", "tone.wav", "Deutsch (neu).wav")
    ):  # fmt: skip
        data = (shared.folder / "root" / name).read_bytes()
        files[kind.lower()] = (called, data)
    answer = shared.client.post("/v2/generate", files=files, data={"lipsyncOptions": '{"crf": 20}'})
    assert answer.status_code == 201, answer.text
    told = answer.json()
    shared.wait(told["id"])
    job = shared.job(told["id"])
    names = [Path(job[name]).name for name in ("video", "audio")]
    assert names == ["The film_ reel 2.mp4", "Deutsch (neu).wav"]


def test_a_job_that_fails_says_why(shared: Running) -> None:
    done = shared.wait(shared.generate(crf=FAILS).json()["id"])
    assert (done["status"], done["error_code"]) == ("FAILED", "no_face")
    assert done["error"] == "the video: no face was found in it"
    assert done["errorDetails"]["kind"] == "input"
    assert done["outputUrl"] is None
    assert error_of(shared.client.get(f"/v2/outputs/{done['id']}.mp4"), 404) == "output_not_found"


def test_a_worker_that_dies_is_tried_again_and_then_given_up(shared: Running) -> None:
    done = shared.wait(shared.generate(crf=DIES).json()["id"])
    assert (done["status"], done["error_code"]) == ("FAILED", "worker_lost")
    assert shared.noted("begun").count(done["id"]) == 3
    assert shared.wait(shared.generate().json()["id"])["status"] == "COMPLETED"


def test_canceling(tmp_path: Path) -> None:
    with running(tmp_path, workers=1) as service:
        first, second = (service.generate(crf=HOLDS).json()["id"] for _ in range(2))
        service.wait(first, "PROCESSING")
        wait_until(lambda: first in service.noted("begun"))
        for id in (second, first):  # noqa: A001
            told = service.client.post(f"/v2/generate/{id}/cancel").json()
            assert (told["status"], told["error_code"]) == ("CANCELED", "cancelled")
            assert service.client.post(f"/v2/generate/{id}/cancel").json()["status"] == "CANCELED"
        third = service.generate().json()["id"]  # the worker is free again
        assert service.wait(third)["status"] == "COMPLETED"
        assert service.noted("made") == [third]
        refused = service.client.post(f"/v2/generate/{third}/cancel")
        assert error_of(refused, 409) == "generation_finished"
        assert service.client.delete(f"/v2/generate/{third}").json() == {"id": third}
        assert error_of(service.client.get(f"/v2/generate/{third}"), 404) == "generation_not_found"
        assert not list((tmp_path / "data" / "outputs").iterdir())


def test_a_job_is_given_up_after_its_time(tmp_path: Path) -> None:
    with running(tmp_path, job_timeout=0.3) as service:
        done = service.wait(service.generate(crf=HOLDS).json()["id"])
        assert (done["status"], done["error_code"]) == ("FAILED", "timed_out")


def test_idempotency(shared: Running) -> None:
    headers = {"Idempotency-Key": "one-intention"}
    first = shared.generate(headers=headers)
    again = shared.generate(headers=headers)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    other = shared.generate(crf=21, headers=headers)
    assert error_of(other, 422) == "idempotency_conflict"
    bad = shared.generate(headers={"Idempotency-Key": "no spaces"})
    assert error_of(bad, 400) == "invalid_idempotency_key"
    with ThreadPoolExecutor(8) as pool:
        same = {"Idempotency-Key": "at-once"}
        ids = {a.json()["id"] for a in pool.map(lambda _: shared.generate(headers=same), range(8))}
    assert len(ids) == 1


def test_a_full_queue_and_a_quick_client_are_told_to_wait(tmp_path: Path) -> None:
    with running(tmp_path, max_queue=1, rate=60, read_timeout=5) as service:
        held = service.generate(crf=HOLDS).json()["id"]
        service.wait(held, "PROCESSING")
        assert service.generate().status_code == 201
        full = service.generate()
        assert error_of(full, 429) == "queue_full"
        assert int(full.headers["retry-after"]) >= 1
        assert full.json()["error"]["retryable"] is True
        answers = [service.client.get("/v2/models") for _ in range(15)]
        late = next(one for one in answers if one.status_code == 429)
        assert error_of(late, 429) == "rate_limited"
        assert int(late.headers["retry-after"]) >= 1
        assert service.client.get("/healthz").json()["status"] == "ok"  # is never counted


def test_lists(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        ids = [service.generate(crf=crf).json()["id"] for crf in (20, FAILS, 20)]
        for id in ids:  # noqa: A001
            service.wait(id)

        def listed(**asked: Any) -> list[str]:
            answer = service.client.get("/v2/generations", params=asked)
            assert answer.status_code == 200, answer.text
            return [one["id"] for one in answer.json()]

        assert listed() == ids[::-1]
        assert listed(status="FAILED") == [ids[1]]
        assert listed(status=["FAILED", "COMPLETED"]) == ids[::-1]
        assert listed(ids=f"{ids[0]},{ids[1]}") == [ids[1], ids[0]]
        page = service.client.get("/v2/generations", params={"limit": 2})
        assert page.headers["x-next-cursor"] == ids[1]
        assert listed(limit=2, cursor=page.headers["x-next-cursor"]) == [ids[0]]
        bad = service.client.get("/v2/generations", params={"status": "DONE"})
        assert error_of(bad, 400) == "invalid_request"
        assert error_of(service.client.get("/v2/generations?limit=0"), 400) == "invalid_request"


def test_keys_and_what_each_sees(tmp_path: Path) -> None:
    with running(tmp_path, keys=keys_of(tmp_path)) as service:
        assert error_of(service.generate(), 401) == "unauthorized"
        assert error_of(service.generate(headers={"x-api-key": "guess"}), 401) == "unauthorized"
        for path in ("/metrics", "/v2/models", "/v2/assets", "/openapi.json"):
            assert error_of(service.client.get(path), 401) == "unauthorized"
        told = service.generate(headers={"x-api-key": ANNA}).json()
        service.client.headers["authorization"] = f"Bearer {ANNA}"
        done = service.wait(told["id"])
        del service.client.headers["authorization"]
        link = done["outputUrl"]
        assert service.client.get(link).content == CONTENT  # as clients fetch it: without a key
        bare = link.partition("?")[0]
        assert error_of(service.client.get(bare), 401) == "unauthorized"
        for wrong in (
            link[:-1] + "0123456789"[link[-1] == "0"],
            link.replace("expires=1", "expires=2"),
        ):
            assert error_of(service.client.get(wrong), 403) == "link_expired"
        ben = {"x-api-key": BEN}
        assert service.client.get("/v2/generations", headers=ben).json() == []
        assert error_of(service.client.get(bare, headers=ben), 404) == "generation_not_found"
        for answer in (
            service.client.get(f"/v2/generate/{told['id']}", headers=ben),
            service.client.delete(f"/v2/generate/{told['id']}", headers=ben),
        ):
            assert error_of(answer, 404) == "generation_not_found"
        assert ANNA not in service.log.getvalue()
        assert {one.get("key") for one in service.events("request")} == {None, "anna", "ben"}


def test_pages_of_other_sites_cannot_use_a_service_without_keys(shared: Running) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example:8765"}):
        assert error_of(shared.generate(headers=headers), 403) == "forbidden"
    assert shared.generate(headers={"Origin": "http://localhost:3000"}).status_code == 201
    form = shared.client.post("/v2/generate", content="{}", headers={"Content-Type": "text/plain"})
    assert error_of(form, 415) == "unsupported_media_type"


BAD = [
    ({"input": []}, "invalid_request"),
    ({"input": [{"type": "video", "path": "clip.mp4"}]}, "invalid_request"),
    ({"input": [{"type": "film"}]}, "invalid_request"),
    ({"model": "react-1"}, "model_not_supported"),
    ({"options": {"sync_mode": "stretch"}}, "invalid_request"),
    ({"options": {"temperature": 2}}, "invalid_request"),
    ({"lipsyncOptions": {"crf": 99}}, "options"),
    ({"lipsyncOptions": {"crg": 20}}, "options"),
    ({"lipsyncOptions": {"device": "cuda"}}, "options"),
    ({"lipsyncOptions": {"watermark": False}}, "options"),
    ({"lipsyncOptions": {"reference": ["/etc/passwd"]}}, "options"),
    ({"lipsyncOptions": {"adapt": "/etc/passwd"}}, "options"),
    ({"lipsyncOptions": {"face": "/etc/passwd.png"}}, "options"),
    ({"options": {"sync_mode": "loop"}, "lipsyncOptions": {"timing": "cut"}}, "options"),
    ({"webhookUrl": "ftp://example.org"}, "invalid_url"),
    ({"webhookUrl": "http://10.0.0.1/x"}, "address_not_allowed"),
    ({"outputFileName": "../../etc/passwd"}, "invalid_request"),
    ({"segments": [{"startTime": 2, "endTime": 1, "audioInput": {"refId": "a"}}]},
     "invalid_request"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "code"), BAD, ids=range(len(BAD)))
def test_what_is_wrong_with_a_request_is_told(
    shared: Running, said: dict[str, Any], code: str
) -> None:
    assert error_of(shared.client.post("/v2/generate", json=request_of(**said)), 400) == code


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"a": NaN}', b"[" * 50_000, b"\xff"])
def test_bodies_that_are_no_request(shared: Running, body: bytes) -> None:
    answer = shared.client.post("/v2/generate", content=body, headers=JSON)
    assert error_of(answer, 400) in ("invalid_json", "invalid_request")


@pytest.mark.parametrize(
    "name",
    ["../secret", "/etc/passwd", "link.mp4", "folder/../../secret", "a\0b", ".", "", "none.mp4",
     "file:///etc/passwd", "file://localhost/etc/passwd", "file://other/clip.mp4", "~/x" * 2000],
)  # fmt: skip
def test_paths_lead_nowhere_else(shared: Running, name: str) -> None:
    (shared.folder / "secret").write_bytes((shared.folder / "root" / "clip.mp4").read_bytes())
    link = shared.folder / "root" / "link.mp4"
    if not link.is_symlink():
        link.symlink_to(shared.folder / "secret")
    key = "url" if name.startswith("file:") else "path"
    inputs = [{"type": "video", key: name}, {"type": "audio", "path": "tone.wav"}]
    answer = shared.client.post("/v2/generate", json=request_of(input=inputs))
    assert error_of(answer, 400) in ("path_not_found", "invalid_request")
    assert str(shared.folder) not in answer.text


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/a.mp4", "http://10.1.2.3/a", "http://[::1]/a", "http://[::ffff:127.0.0.1]/a",
     "http://169.254.169.254/latest/meta-data", "http://[fe80::1%25eth0]/a", "http://0.0.0.0/a"],
)  # fmt: skip
def test_urls_of_addresses_inside_are_refused_at_once(shared: Running, url: str) -> None:
    inputs = [{"type": "video", "url": url}, {"type": "audio", "path": "tone.wav"}]
    answer = shared.client.post("/v2/generate", json=request_of(input=inputs))
    assert error_of(answer, 400) == "address_not_allowed"


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "localhost"])
def test_names_that_lead_inside_are_refused(shared: Running, elsewhere: Site, host: str) -> None:
    elsewhere.files["/a.mp4"] = clips.video("served.mp4").read_bytes()
    url = f"{elsewhere.url.replace('127.0.0.1', host)}/a.mp4"
    inputs = [{"type": "video", "url": url}, {"type": "audio", "path": "tone.wav"}]
    done = shared.wait(
        shared.client.post("/v2/generate", json=request_of(input=inputs)).json()["id"]
    )
    assert (done["status"], done["error_code"]) == ("REJECTED", "address_not_allowed")
    assert not elsewhere.asked


def test_files_are_fetched_within_limits(tmp_path: Path, elsewhere: Site) -> None:
    clip, tone = clips.video("served.mp4").read_bytes(), clips.sound("served.wav").read_bytes()
    elsewhere.files |= {
        "/clip": clip, "/tone": tone, "/zip": b"PK\x03\x04" + bytes(100),
        "/list": b"#EXTM3U\nfile:///etc/passwd", "/large": clip + bytes(300_000),
        "/broken": clip[:40] + bytes(2000),
    }  # fmt: skip
    port = elsewhere.url.rpartition(":")[2]
    elsewhere.redirects |= {
        "/moved": "/clip", "/inside": f"http://localhost:{port}/clip", "/round": "/round",
        "/file": "file:///etc/passwd", "/private": "http://10.0.0.1/clip",
    }  # fmt: skip
    codes = {
        "/moved": None, "/inside": "address_not_allowed", "/private": "address_not_allowed",
        "/round": "too_many_redirects", "/file": "invalid_url", "/zip": "not_media",
        "/list": "not_media", "/large": "too_large", "/none": "url_not_available",
        "/broken": "media",
    }  # fmt: skip
    with running(tmp_path, allow_url_host=("127.0.0.1",), max_download="200k") as service:
        sound = {"type": "audio", "url": f"{elsewhere.url}/tone"}
        ids = {}
        for path in codes:
            video = {"type": "video", "url": elsewhere.url + path}
            answer = service.client.post("/v2/generate", json=request_of(input=[video, sound]))
            assert answer.status_code == 201, answer.text
            ids[path] = answer.json()["id"]
        for path, code in codes.items():
            done = service.wait(ids[path])
            assert done["error_code"] == code, path
            assert done["status"] == ("COMPLETED" if code is None else "REJECTED"), path
            assert str(tmp_path) not in json.dumps(done)
        assert not list((tmp_path / "data" / "inputs").iterdir())


def test_targets_beyond_the_limits_are_rejected_before_rendering(tmp_path: Path) -> None:
    with running(tmp_path, max_pixels=5000, max_seconds=0.6) as service:
        done = service.wait(service.generate().json()["id"])
        assert (done["status"], done["error_code"]) == ("REJECTED", "too_many_pixels")
        assert "96 × 64" in done["error"]
        tone = (tmp_path / "root" / "tone.wav").read_bytes()
        answer = service.client.post("/v2/assets", files={"file": ("tone.wav", tone)})
        assert error_of(answer, 400) == "too_long"
        assert not service.noted("begun")


def test_files_in_a_form(shared: Running) -> None:
    clip, tone = (shared.folder / "root" / name for name in ("clip.mp4", "tone.wav"))
    files = {
        "video": ("../my clip.mp4", clip.read_bytes()),
        "audio": ("tone.wav", tone.read_bytes()),
    }
    data = {
        "model": "lipsync-2",
        "options": '{"sync_mode": "loop"}',
        "lipsyncOptions": '{"crf": 20}',
    }
    headers = {"Idempotency-Key": "a-form"}
    answer = shared.client.post("/v2/generate", data=data, files=files, headers=headers)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    done = shared.wait(told["id"])
    assert done["status"] == "COMPLETED"
    assert shared.job(told["id"])["options"]["timing"] == "loop"
    asset = shared.client.get(f"/v2/assets/{told['input'][0]['assetId']}").json()
    assert (asset["name"], asset["type"], asset["inputType"]) == (
        "../my clip.mp4",
        "VIDEO",
        "UPLOAD",
    )
    before = shared.client.get("/v2/assets").json()["totalCount"]
    again = shared.client.post("/v2/generate", data=data, files=files, headers=headers)
    assert again.json()["id"] == told["id"]
    assert shared.client.get("/v2/assets").json()["totalCount"] == before
    for name, content in (
        ("video", b"PK\x03\x04zip"),
        ("video", b""),
        ("audio", clip.read_bytes()[:3]),
    ):
        bad = shared.client.post("/v2/generate", data=data, files={**files, name: ("x", content)})
        assert error_of(bad, 400) in ("not_media", "empty_file")
    assert shared.client.get("/v2/assets").json()["totalCount"] == before
    kept = [path.name for path in (shared.folder / "data" / "assets").iterdir()]
    assert not [name for name in kept if name.endswith(".part")]


def test_assets(shared: Running) -> None:
    clip = (shared.folder / "root" / "clip.mp4").read_bytes()
    made = shared.client.post("/v2/assets", files={"file": ("clip.mp4", clip)})
    assert made.status_code == 201, made.text
    asset = made.json()
    assert (asset["width"], asset["height"], asset["size"]) == (96, 64, len(clip))
    assert asset["durationSeconds"] == pytest.approx(0.48)
    assert shared.client.get(asset["url"]).content == clip
    announced = {"fileName": "three steps.mp4", "contentType": "video/mp4", "size": len(clip)}
    place = shared.client.post("/v2/assets/upload", json=announced).json()
    short = shared.client.put(place["uploadUrl"], content=clip[:-1])
    assert error_of(short, 400) == "wrong_size"
    early = shared.client.post("/v2/assets", json={"url": place["url"]})
    assert error_of(early, 400) == "upload_missing"
    assert shared.client.put(place["uploadUrl"], content=clip).status_code == 200
    three = shared.client.post("/v2/assets", json={"url": place["url"]}).json()
    assert three["name"] == "three steps.mp4"
    inputs = [{"type": "video", "assetId": three["id"]}, {"type": "audio", "path": "tone.wav"}]
    told = shared.client.post("/v2/generate", json=request_of(input=inputs)).json()
    assert shared.wait(told["id"])["status"] == "COMPLETED"
    asked = {"searchQuery": "THREE", "types": "VIDEO,AUDIO", "sortBy": "sizeAsc", "limit": 1}
    page = shared.client.get("/v2/assets", params=asked).json()
    assert [one["id"] for one in page["items"]] == [three["id"]]
    assert (page["totalCount"], page["nextCursor"]) == (1, None)
    assert error_of(shared.client.get("/v2/assets?sortBy=up"), 400) == "invalid_request"
    assert shared.client.delete(f"/v2/assets/{three['id']}").json() == {"id": three["id"]}
    gone = shared.client.post("/v2/generate", json=request_of(input=inputs))
    assert error_of(gone, 400) == "asset_not_found"
    with_sound = shared.client.post("/v2/assets", files={"file": ("x.mp4", clip[:60])})
    assert error_of(with_sound, 400) == "media"


def test_bodies_that_are_too_large_or_too_slow(tmp_path: Path) -> None:
    with running(tmp_path, max_upload="100k", read_timeout=1) as service:
        large = bytes(1_500_000)
        form = service.client.post("/v2/assets", files={"file": ("a", large)})
        assert error_of(form, 413) == "too_large"
        json_body = service.client.post("/v2/generate", content=b" " * 5_000_000, headers=JSON)
        assert error_of(json_body, 413) == "too_large"

        def blocks() -> Iterator[bytes]:
            yield from (b" " * 100_000 for _ in range(60))

        chunked = service.client.post("/v2/generate", content=blocks(), headers=JSON)
        assert error_of(chunked, 413) == "too_large"
        head = (
            b"POST /v2/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        )
        slow = exchange(service.url, head + b"Content-Length: 100\r\n\r\n{", 10)
        assert slow.startswith(b"HTTP/1.1 408")
        began = time.monotonic()
        assert exchange(service.url, head, 10) == b""  # a head that never ends
        assert exchange(service.url, b"", 10) == b""  # a client that never asks
        assert time.monotonic() - began < 6
        huge = exchange(service.url, head + b"X-Huge: " + b"a" * 40_000 + b"\r\n\r\n", 10)
        assert huge.startswith(b"HTTP/1.1 431")
        steps = head + b"X-Huge: " + b"a" * 16_000, b"a" * 24_000  # not all of it at once
        assert exchange(service.url, steps[0], 10, *steps[1:]).startswith(b"HTTP/1.1 400")
        assert service.client.get("/v2/models").status_code == 200


def exchange(url: str, sent: bytes, seconds: float, *later: bytes) -> bytes:
    """What a server answers to these bytes until it closes the connection."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), seconds) as connection:
        connection.sendall(sent)
        for more in later:
            time.sleep(0.1)
            connection.sendall(more)
        found = b""
        while block := connection.recv(65536):
            found += block
    return found


def test_a_webhook_is_signed_and_tried_again(
    tmp_path: Path, elsewhere: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "DELAYS_S", (0.05, 0.05, 0.05))
    monkeypatch.setattr(webhooks, "POLL_S", 0.05)
    elsewhere.failures = 2
    secret = "whsec_of-the-test-0123"  # noqa: S105
    with running(tmp_path, secret=secret, allow_url_host=("127.0.0.1",)) as service:
        hook = f"{elsewhere.url}/hook?token=t0ken"
        told = service.generate(webhookUrl=hook, outputFileName="name").json()
        done = service.wait(told["id"])
        wait_until(lambda: service.service.outbox.count_waiting() == 0)
        assert len(elsewhere.messages) == 3
        assert len({headers["Webhook-Id"] for headers, _ in elsewhere.messages}) == 1
        for headers, body in elsewhere.messages:
            at, digest = (
                part[part.index("=") + 1 :] for part in headers["Sync-Signature"].split(",")
            )
            assert abs(int(at) - time.time()) < 60
            right = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
            assert digest == right.hexdigest()
        message = json.loads(elsewhere.messages[-1][1])
        assert {**message, "outputUrl": 0} == {**done, "outputUrl": 0}
        assert service.client.get(message["outputUrl"]).content == CONTENT
        failed = service.generate(webhookUrl=hook, crf=FAILS).json()["id"]
        service.wait(failed)
        wait_until(lambda: len(elsewhere.messages) == 4)
        assert json.loads(elsewhere.messages[-1][1])["status"] == "FAILED"
        assert "t0ken" not in service.log.getvalue()
        tried = service.events("webhook")
        assert [one.get("again") for one in tried] == [True, True, None, None]


def test_a_url_that_fails_once_is_asked_again(
    tmp_path: Path, elsewhere: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "PAUSES_S", (0.01, 0.01))
    elsewhere.files["/clip"] = clips.video("served.mp4").read_bytes()
    elsewhere.unavailable = 2
    inputs = [
        {"type": "video", "url": f"{elsewhere.url}/clip"},
        {"type": "audio", "path": "tone.wav"},
    ]
    with running(tmp_path, allow_url_host=("127.0.0.1",)) as service:
        for code in (None, "url_not_available"):
            answer = service.client.post("/v2/generate", json=request_of(input=inputs))
            assert service.wait(answer.json()["id"])["error_code"] == code
            elsewhere.unavailable = 99
        assert len(elsewhere.asked) == 6


def test_a_webhook_may_not_lead_inside_later(
    tmp_path: Path, elsewhere: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "DELAYS_S", ())
    with running(tmp_path) as service:
        url = elsewhere.url.replace("127.0.0.1", "localhost")
        service.wait(service.generate(webhookUrl=url).json()["id"])
        wait_until(lambda: len(service.events("webhook")) == 1)
        assert service.events("webhook")[0]["reason"] == "address_not_allowed"
        assert not elsewhere.messages


def test_what_is_old_is_deleted(tmp_path: Path) -> None:
    with running(tmp_path, keep_days=1e-9) as service:
        clip = (tmp_path / "root" / "clip.mp4").read_bytes()
        used, unused = (
            service.client.post("/v2/assets", files={"file": ("clip.mp4", clip)}).json()["id"]
            for _ in range(2)
        )
        done = service.generate().json()["id"]
        service.wait(done)
        inputs = [{"type": "video", "assetId": used}, {"type": "audio", "path": "tone.wav"}]
        held = service.generate(crf=HOLDS, input=inputs).json()["id"]
        service.wait(held, "PROCESSING")
        service.service.keep_house()
        assert [one["id"] for one in service.client.get("/v2/generations").json()] == [held]
        assert not list((tmp_path / "data" / "outputs").glob(f"{done}*"))
        left = service.client.get("/v2/assets").json()["items"]
        assert [one["id"] for one in left] == [used]
        assert unused not in {path.stem for path in (tmp_path / "data" / "assets").iterdir()}


def test_what_operators_read(shared: Running) -> None:
    shared.wait(shared.generate().json()["id"])
    text = shared.client.get("/metrics").text
    for line in (
        'lipsync_generations_ended_total{status="COMPLETED"}',
        'lipsync_generations{status="PENDING"}',
        'lipsync_requests_total{method="POST",route="/v2/generate",status="201"}',
        "lipsync_workers_busy", "lipsync_webhooks_waiting 0.0",
    ):  # fmt: skip
        assert line in text, text
    described = shared.client.get("/openapi.json").json()
    assert "/v2/generate/{id}/cancel" in described["paths"]
    body = described["paths"]["/v2/generate"]["post"]["requestBody"]["content"]
    assert body["application/json"]["schema"]["$ref"].endswith("/GenerateRequest")
    references = set(find_references(described))
    assert {one.rpartition("/")[2] for one in references} <= set(described["components"]["schemas"])
    assert error_of(shared.client.get("/v2/nothing"), 404) == "not_found"
    assert error_of(shared.client.put("/v2/generate"), 405) == "method_not_allowed"


def find_references(told: Any) -> Iterator[str]:
    if isinstance(told, dict):
        if isinstance(told.get("$ref"), str):
            yield told["$ref"]
        for value in told.values():
            yield from find_references(value)
    elif isinstance(told, list):
        for value in told:
            yield from find_references(value)


def test_two_hundred_mixed_requests_at_once(tmp_path: Path) -> None:
    """No answer is a 5xx, every job is made at most once, memory stays as it is."""
    with running(tmp_path, workers=2, max_queue=60, rate=100_000) as service:
        held = service.generate(crf=HOLDS).json()["id"]
        clip = (tmp_path / "root" / "clip.mp4").read_bytes()

        def ask(number: int) -> httpx.Response:
            kind = number % 10
            if kind == 0:
                return service.client.post("/v2/generate", content=b"{" * number, headers=JSON)
            if kind == 1:
                return service.generate(headers={"Idempotency-Key": f"key-{number // 40}"})
            if kind == 2:
                id = service.generate().json().get("id", "none")  # noqa: A001
                return service.client.post(f"/v2/generate/{id}/cancel")
            if kind == 3:
                return service.client.get(f"/v2/generate/gen_{number}")
            if kind == 4:
                return service.client.post("/v2/generate", content=b" " * 4_300_000, headers=JSON)
            if kind == 5:
                return service.client.post("/v2/assets", files={"file": ("clip.mp4", clip)})
            if kind == 6:
                return service.client.get("/v2/generations", params={"limit": 5})
            if kind == 7:
                return service.client.get("/metrics")
            return service.generate(crf=FAILS if kind == 8 else 20)

        def storm() -> list[int]:
            with ThreadPoolExecutor(16) as pool:
                return [answer.status_code for answer in pool.map(ask, range(200))]

        statuses = storm()
        assert {200, 201, 400, 404, 413} <= set(statuses)
        assert max(statuses) < 500
        assert max(storm()) < 500
        gc.collect()
        memory = resident()  # once what threads and allocator keep is there
        for _ in range(2):
            assert max(storm()) < 500
        gc.collect()
        assert resident() - memory < 40e6
        (tmp_path / "go").touch()
        wait_until(lambda: counts(service)["PENDING"] + counts(service)["PROCESSING"] == 0, 60)
        assert service.wait(held)["status"] == "COMPLETED"
        begun = service.noted("begun")
        assert len(begun) == len(set(begun))
        made = counts(service)
        assert made["COMPLETED"] == len(service.noted("made"))
        assert made["FAILED"] > 0


def counts(service: Running) -> dict[str, int]:
    return service.service.generations.count()


def resident() -> float:
    """Bytes of memory of this process."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096.0
