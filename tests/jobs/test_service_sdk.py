"""The API's public client against the service: nothing but its base_url is another."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sync import AsyncSync, Sync
from sync.common import (
    ActiveSpeaker,
    Audio,
    BadRequestError,
    GenerationOptions,
    GenerationSegment,
    NotFoundError,
    SegmentAudioInput,
    UnauthorizedError,
    Video,
)

from lipsync import media
from lipsync.jobs import worker_process
from lipsync.jobs.service.keys import read_keys
from tests.support import clips
from tests.support.services import CONTENT, FAILS, Running, Site, running, site, wait_until

REPO = Path(__file__).resolve().parents[2]
SAMPLE = REPO / "assets" / "sample"
KEY = "sdk-key-0123456789"
CRF = {"additional_body_parameters": {"lipsyncOptions": {"crf": FAILS}}}


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Site]:
    with site() as found:
        found.files["/clip.mp4"] = clips.video("served.mp4").read_bytes()
        found.files["/tone.wav"] = clips.sound("served.wav").read_bytes()
        yield found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, elsewhere: Site) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("sdk")
    (folder / "keys").write_text(f"sdk {KEY}\n")
    keys = read_keys(folder / "keys")
    with running(folder, keys=keys, allow_url_host=("127.0.0.1",)) as found:
        yield found


@pytest.fixture
def client(service: Running) -> Iterator[Sync]:
    with httpx.Client(timeout=60) as transport:
        yield Sync(base_url=service.url, api_key=KEY, httpx_client=transport)


def inputs(elsewhere: Site) -> list[Video | Audio]:
    return [
        Video(url=f"{elsewhere.url}/clip.mp4"),
        Audio(url=f"{elsewhere.url}/tone.wav", ref_id="speech"),
    ]


# The true program; other tests of this file put another in its place.
RENDERS = worker_process.PROGRAM


def finished(client: Sync, id: str, seconds: float = 90, pause: float = 0.05) -> Any:  # noqa: A002
    until = time.monotonic() + seconds
    while (one := client.generations.get(id)).status in ("PENDING", "PROCESSING"):
        assert time.monotonic() < until, one
        time.sleep(pause)
    return one


def test_a_generation_from_urls(client: Sync, elsewhere: Site, service: Running) -> None:
    made = client.generations.create(
        model="lipsync-2",
        input=inputs(elsewhere),
        options=GenerationOptions(
            sync_mode="loop",
            temperature=0.7,
            active_speaker_detection=ActiveSpeaker(frame_number=3, coordinates=[40, 30]),
        ),
        webhook_url=f"{elsewhere.url}/hook",
        output_file_name="dubbed",
    )
    assert made.status == "PENDING"
    assert made.created_at.tzinfo is not None
    done = finished(client, made.id)
    assert (done.status, done.output_duration, done.error) == ("COMPLETED", 2.0, None)
    assert done.input == made.input == inputs(elsewhere)
    assert done.options.sync_mode == "loop"
    assert done.webhook_url == f"{elsewhere.url}/hook"
    assert httpx.get(done.output_url).content == CONTENT
    options = service.job(made.id)["options"]
    assert (options["timing"], options["articulation"]) == ("loop", pytest.approx(1.2))
    assert options["face"] == "40,30@0.140000"
    assert [one.id for one in client.generations.list(status=["COMPLETED"], ids=[made.id])] == [
        made.id
    ]


def test_segments(client: Sync, elsewhere: Site, service: Running) -> None:
    made = client.generations.create(
        model="lipsync-2-pro",
        input=inputs(elsewhere),
        segments=[
            GenerationSegment(
                start_time=0.1, end_time=0.4, audio_input=SegmentAudioInput(ref_id="speech")
            )
        ],
    )
    done = finished(client, made.id)
    assert done.status == "COMPLETED"
    assert done.segments == made.segments
    (span,) = service.job(made.id)["spans"]
    assert (span["start"], span["end"]) == ("1/10", "2/5")


def test_files(client: Sync, elsewhere: Site) -> None:
    clip, tone = elsewhere.files["/clip.mp4"], elsewhere.files["/tone.wav"]
    made = client.generations.create_with_files(
        model="lipsync-2", video=("clip.mp4", clip), audio=("tone.wav", tone)
    )
    assert finished(client, made.id).status == "COMPLETED"
    mixed = client.generations.create_with_files(
        model="lipsync-2",
        video=("clip.mp4", clip),
        # The client can put only texts beside files: objects have to be JSON.
        input=[json.dumps({"type": "audio", "url": f"{elsewhere.url}/tone.wav"})],
        options=json.dumps({"sync_mode": "cut_off"}),
    )
    assert finished(client, mixed.id).status == "COMPLETED"
    kept = client.assets.list(limit=1, types=["VIDEO"], sort_by="dateDesc")
    assert (kept.items[0].name, kept.items[0].type) == ("clip.mp4", "VIDEO")
    assert kept.next_cursor is not None
    following = client.assets.list(limit=1, types=["VIDEO"], cursor=kept.next_cursor)
    assert following.items[0].id != kept.items[0].id
    asset = client.assets.get(kept.items[0].id)
    assert asset.size == len(clip)
    again = client.generations.create(
        model="lipsync-2",
        input=[Video(asset_id=asset.id), Audio(url=f"{elsewhere.url}/tone.wav")],
    )
    assert finished(client, again.id).status == "COMPLETED"


def test_a_batch(client: Sync, elsewhere: Site, service: Running) -> None:
    files = [{"type": "video", "path": "clip.mp4"}, {"type": "audio", "path": "tone.wav"}]
    payloads = [
        {"model": "lipsync-2", "input": files, "lipsyncOptions": {"crf": crf}}
        for crf in (20, FAILS, 20)
    ]
    lines = [{"request_id": f"r{n}", "payload": one} for n, one in enumerate(payloads)]
    data = "\n".join(map(json.dumps, lines)).encode()
    dry = client.batch.create(input=("jobs.jsonl", data), dry_run=True)
    assert dry.status == "VALIDATED"
    assert client.batch.list() == []
    hook = f"{elsewhere.url}/batch"
    made = client.batch.create(input=("jobs.jsonl", data), webhook_url=hook)
    assert made.metrics.total_generations == 3
    until = time.monotonic() + 90
    while (one := client.batch.get(made.id)).status not in ("COMPLETED", "FAILED"):
        assert time.monotonic() < until, one
        time.sleep(0.05)
    assert (one.metrics.success_count, one.metrics.failed_count) == (2, 1)
    assert [known.id for known in client.batch.list(status="COMPLETED")] == [made.id]
    results = [json.loads(line) for line in httpx.get(one.output_url).text.splitlines()]
    assert [line["request_id"] for line in results] == ["r0", "r1", "r2"]
    assert [line["response"]["status"] for line in results] == ["COMPLETED", "FAILED", "COMPLETED"]
    wait_until(lambda: any(made.id in body.decode() for _, body in elsewhere.messages))
    bad = json.dumps({"request_id": "r9", "payload": {"input": files[:1]}}).encode()
    before = service.service.generations.count()
    with pytest.raises(BadRequestError) as caught:
        client.batch.create(input=("jobs.jsonl", data + b"\n{\n" + bad))
    assert "line 4: is not JSON" in caught.value.body.message
    with pytest.raises(BadRequestError) as caught:
        client.batch.create(input=("jobs.jsonl", data + b"\n" + bad))
    assert "request r9: input: there is no audio" in caught.value.body.message
    assert service.service.generations.count() == before
    with pytest.raises(NotFoundError):
        client.batch.get("bat_none")


def test_models_and_errors(client: Sync, elsewhere: Site, service: Running) -> None:
    models = client.models.list()
    assert {one.type for one in models} == {"lipsync"}
    assert "lipsync-2" in {one.name for one in models}
    with pytest.raises(BadRequestError) as bad:
        client.generations.create(model="react-1", input=inputs(elsewhere))
    assert bad.value.body.status_code == 400
    assert "'react-1'" in bad.value.body.message
    with pytest.raises(NotFoundError):
        client.generations.get("gen_none")
    with pytest.raises(NotFoundError):
        client.assets.get("ast_none")
    failed = client.generations.create(
        model="lipsync-2", input=inputs(elsewhere), request_options=CRF
    )
    done = finished(client, failed.id)
    assert (done.status, done.error_code) == ("FAILED", "no_face")
    with httpx.Client() as transport:
        stranger = Sync(base_url=service.url, api_key="wrong", httpx_client=transport)
        with pytest.raises(UnauthorizedError):
            stranger.models.list()


def test_the_asynchronous_client(service: Running, elsewhere: Site) -> None:
    async def ask() -> str:
        async with httpx.AsyncClient(timeout=60) as transport:
            client = AsyncSync(base_url=service.url, api_key=KEY, httpx_client=transport)
            made = await client.generations.create(model="lipsync-2", input=inputs(elsewhere))
            while (one := await client.generations.get(made.id)).status in (
                "PENDING",
                "PROCESSING",
            ):
                await asyncio.sleep(0.05)
            return str(one.status)

    assert asyncio.run(ask()) == "COMPLETED"


def test_what_a_generation_would_cost(client: Sync, elsewhere: Site, service: Running) -> None:
    before = [one.id for one in client.generations.list()]
    (cost,) = client.generations.estimate_cost(model="lipsync-2", input=inputs(elsewhere))
    assert (cost.estimated_frame_count, cost.estimated_generation_cost) == (25, 0)
    assert cost.estimatedSeconds > 0
    assert [one.id for one in client.generations.list()] == before
    assert not list((service.folder / "data" / "inputs").glob("trial-*"))


@pytest.mark.slow
def test_the_sample_is_really_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, with the renderer: upload, render, webhook-free polling, download."""
    speech = clips.make("words.wav", "-i", str(SAMPLE / "speech.wav"), "-t", "1.2")
    with running(tmp_path) as service:
        monkeypatch.setattr(worker_process, "PROGRAM", RENDERS)
        with httpx.Client(timeout=60) as transport:
            client = Sync(base_url=service.url, api_key="any", httpx_client=transport)
            made = client.generations.create_with_files(
                model="lipsync-2",
                video=("target.mp4", (SAMPLE / "target.mp4").read_bytes()),
                audio=("words.wav", speech.read_bytes()),
                options=json.dumps({"sync_mode": "cut_off"}),
            )
            done = finished(client, made.id, 800, 0.5)
            assert (done.status, done.error) == ("COMPLETED", None)
            output = tmp_path / "output.mp4"
            output.write_bytes(transport.get(done.output_url).content)
    info = media.probe(output)
    assert info.frame_count == 30
    assert done.output_duration == pytest.approx(1.2)
    assert info.has_audio
    assert str(tmp_path) not in json.dumps(done.warnings)
