"""What the service decides without HTTP: addresses, kinds of files, options, jobs, signatures."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpcore
import pytest

from lipsync import media
from lipsync.errors import InputError, OptionsError
from lipsync.jobs.service import look_process, look_worker
from lipsync.jobs.service.addresses import AddressRules, CheckedBackend, is_public
from lipsync.jobs.service.client_options import client_options
from lipsync.jobs.service.database import Database
from lipsync.jobs.service.file_kinds import tell_kind
from lipsync.jobs.service.generations import Generations
from lipsync.jobs.service.keys import VARIABLE, check_binding, read_keys
from lipsync.jobs.service.rates import Rates
from lipsync.jobs.service.refusal import Refusal
from lipsync.jobs.service.schema import ActiveSpeaker, GenerateRequest, read_said
from lipsync.jobs.service.signatures import Links, sign_message
from lipsync.jobs.service.translation import LocalInput, build_job, check_request, select_face
from lipsync.jobs.service.views import write_plainly
from lipsync.options import RenderOptions
from lipsync.pipelines.estimate import estimate_render
from tests.support import clips

PUBLIC = ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34",
          "64:ff9b::5db8:d822")  # fmt: skip
INSIDE = (
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",  # noqa: S104
    "100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1",
    "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::",
    "2001:db8::1",
)  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


def answers(*addresses: str) -> list[Any]:
    """What the resolver says."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in addresses]


def test_the_address_that_was_checked_is_the_one_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that is public once and private the next time gains nothing."""
    said = [answers("93.184.216.34"), answers("127.0.0.1")]
    asked: list[str] = []
    connected: list[str] = []

    def look_up(host: str, *given: Any, **named: Any) -> list[Any]:
        asked.append(host)
        return said[len(asked) - 1]

    def connect(self: Any, host: str, *given: Any) -> Any:
        connected.append(host)
        raise httpcore.ConnectError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    backend = CheckedBackend(AddressRules())
    with pytest.raises(httpcore.ConnectError):
        backend.connect_tcp("changes.example", 80)
    assert (asked, connected) == (["changes.example"], ["93.184.216.34"])
    with pytest.raises(Refusal):
        backend.connect_tcp("changes.example", 80)
    assert len(connected) == 1


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = answers("93.184.216.34", "10.0.0.1")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **named: found)
    with pytest.raises(Refusal, match="not public"):
        AddressRules().resolve("both.example", 443)
    both = ["93.184.216.34", "10.0.0.1"]
    assert AddressRules(hosts=frozenset({"both.example"})).resolve("Both.Example.", 443) == both
    assert AddressRules(private=True).resolve("both.example", 443) == both


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "gopher://example.org", "//example.org", "http://", "http://[::1", "x",
     "http://user:word@example.org/", "http://example.org:0/", "http://example.org:99999/",
     "http://example.org/a b", "http://example.org/\r\nHost: x"],
)  # fmt: skip
def test_what_is_no_url_to_fetch(url: str) -> None:
    with pytest.raises(Refusal):
        AddressRules(private=True).check_url(url, "input.0")


@pytest.mark.parametrize(
    "head",
    [b"", b"PK\x03\x04", b"#EXTM3U\n", b"ffconcat version 1.0\nfile /etc/passwd", b"<?xml", b"<MPD",
     b"RIFF\0\0\0\0WAVE<MPD dash:profile:x", b"ID3" + bytes(50) + b"#EXTM3U", b"\x1f\x8b\x08",
     b"SDP", b"v=0\r\n", b"%PDF-1.7", b"MZ", b"\x7fELF", b"#!/bin/sh"],
)  # fmt: skip
def test_what_is_no_media(head: bytes) -> None:
    with pytest.raises(Refusal, match="is not a video"):
        tell_kind(head, "input.0")


def test_media_are_told_by_their_bytes() -> None:
    made = {
        ".mp4": clips.video("kind.mp4"), ".mkv": clips.video("kind.mkv"),
        ".avi": clips.video("kind.avi"), ".ts": clips.video("kind.ts"),
        ".wav": clips.sound("kind.wav"), ".mp3": clips.sound("kind.mp3"),
        ".flac": clips.sound("kind.flac"), ".ogg": clips.sound("kind.ogg"),
        ".png": clips.video("kind.png", frames=1), ".m4a": clips.sound("kind.m4a"),
    }  # fmt: skip
    for suffix, path in made.items():
        assert tell_kind(path.read_bytes(), "x").suffix == suffix


def test_keys_are_read_and_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keys"
    path.write_text("anna  0123456789abcdef # hers\n\nanna fedcba9876543210\n")
    keys = read_keys(path)
    assert [keys.find(key) for key in ("0123456789abcdef", "fedcba9876543210", "0123", "")] == [
        "anna", "anna", None, None,
    ]  # fmt: skip
    for text, wrong in (("anna short", "shorter"), ("anna", "no name or no key"), ("#", "no key")):
        path.write_text(text)
        with pytest.raises(InputError, match=wrong) as caught:
            read_keys(path)
        assert "\n" not in str(caught.value)
    path.write_text("anna sha256:12")
    with pytest.raises(InputError, match="no SHA-256"):
        read_keys(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_keys(tmp_path / "none")
    monkeypatch.setenv(VARIABLE, "ben:0123456789abcdef,carl:fedcba9876543210")
    assert read_keys(None).find("fedcba9876543210") == "carl"
    monkeypatch.delenv(VARIABLE)
    assert not read_keys(None).known


def test_without_keys_only_this_machine_is_served(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("anna 0123456789abcdef")
    for host in ("127.0.0.1", "::1", "localhost", "127.0.0.2"):
        check_binding(host, read_keys(None))
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):  # noqa: S104
        with pytest.raises(OptionsError, match="without keys only this machine"):
            check_binding(host, read_keys(None))
        check_binding(host, read_keys(path))


def test_rates_fill_evenly() -> None:
    now = [0.0]
    rates = Rates(60, lambda: now[0])  # one a second, ten at once
    assert [rates.take("a") for _ in range(10)] == [0.0] * 10
    assert rates.take("a") == pytest.approx(1.0)
    assert rates.take("b") == 0.0
    now[0] = 1.0
    assert rates.take("a") == 0.0
    assert rates.take("a") > 0


def test_signatures_are_those_of_the_api() -> None:
    """The digest was computed by `openssl dgst -sha256 -hmac`."""
    signed = sign_message("whsec_test", '{"id":"1","outputDuration":2}', 1700000000)
    assert signed == (
        "t=1700000000,v1=1a6c3e50384d29799b847a55db882102709b2e09cc54eb98405f64fa177505af"
    )


def test_messages_are_written_as_javascript_would() -> None:
    told = {"a": 2.0, "b": [1.5, None, True], "c": "é", "d": {"e": 0.0}}
    assert write_plainly(told) == '{"a":2,"b":[1.5,null,true],"c":"é","d":{"e":0}}'


def test_links_open_one_path_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    links = Links("http://x", "secret-of-the-test")
    _, _, query = links.make("/v2/outputs/a.mp4").partition("?")
    until, signature = (part.partition("=")[2] for part in query.split("&"))
    assert links.opens("/v2/outputs/a.mp4", until, signature)
    assert not links.opens("/v2/outputs/b.mp4", until, signature)
    assert not links.opens("/v2/outputs/a.mp4", str(int(until) + 1), signature)
    for odd in ("", "x", "9" * 5000, "٣"):
        assert not links.opens("/v2/outputs/a.mp4", odd, "é")
    monkeypatch.setattr("time.time", lambda: float(until) + 1)
    assert not links.opens("/v2/outputs/a.mp4", until, signature)


def test_options_that_name_files_are_not_for_clients() -> None:
    known = client_options()
    assert {"crf", "timing", "span_fade", "articulation", "face", "adapt", "label"} <= known
    files = {"reference", "mouth_model", "certificate", "key"}
    work = {"device", "cache", "cache_size", "workers", "watermark", "content_credentials"}
    assert not known & (files | work)
    assert known | files | work | {"landmark_threads", "encoder"} == set(RenderOptions().flat())


VIDEO = {"type": "video", "path": "a.mp4"}
AUDIO = {"type": "audio", "path": "a.wav", "refId": "one"}
FACTS = {"fps": "30000/1001", "duration": 4.0, "still": False, "width": 96, "height": 64}


def job_of(
    sound: float = 3.0, facts: Mapping[str, Any] = FACTS, **said: Any
) -> tuple[Any, list[str]]:
    """The job of a request, and what its client should know."""
    inputs = said.pop("input", [VIDEO, AUDIO])
    request: GenerateRequest = read_said(GenerateRequest, {"input": inputs, **said})
    warnings = check_request(request)
    local = [
        LocalInput(Path(f"/in/{i}"), facts if one.type == "video" else {"duration": sound})
        for i, one in enumerate(request.input)
    ]

    def crop(path: Path, start: float, end: float) -> Path:
        return Path(f"{path}[{start:g}-{end:g}]")

    job, notes = build_job("id", request, local, Path("/out/id.mp4"), {"crf": 30}, crop)
    return job, [*warnings, *notes]


@pytest.mark.parametrize(
    ("mode", "timing", "told"),
    [("cut_off", "cut", None), ("loop", "loop", None), ("bounce", "bounce", None),
     ("remap", "retime", "not stretched evenly"), (None, "auto", None)],
)  # fmt: skip
def test_sync_modes(mode: str | None, timing: str, told: str | None) -> None:
    job, warnings = job_of(options={} if mode is None else {"sync_mode": mode})
    assert job.options.timing.timing == timing
    assert job.options.encode.crf == 30  # the operator's
    assert job.spans is None
    assert any(told in line for line in warnings) if told else not warnings


def test_silence_shows_all_of_the_video() -> None:
    job, warnings = job_of(options={"sync_mode": "silence"})
    (span,) = job.spans
    assert (span.start, span.end, job.audio) == (0, 4, Path("/in/1"))
    assert not warnings
    _, warnings = job_of(sound=5.0, options={"sync_mode": "silence"})
    assert "1.00 s longer than the video" in warnings[0]


def test_silence_is_what_the_renderer_makes_of_it() -> None:
    """The output has the frames of the video, the speech is shorter."""
    video = clips.video("silence.mp4", frames=50)
    sound = clips.sound("silence.wav", seconds=1.0)
    request = read_said(
        GenerateRequest, {"input": [VIDEO, AUDIO], "options": {"sync_mode": "silence"}}
    )
    facts = {**FACTS, "fps": "25", "duration": 2.0}
    local = [LocalInput(video, facts), LocalInput(sound, {"duration": 1.0})]
    job, _ = build_job("id", request, local, video.with_name("out.mp4"), {}, lambda p, s, e: p)
    assert estimate_render(**job.arguments()).frames == 50


def test_other_options_of_the_api() -> None:
    said = {"temperature": 0.5, "occlusion_detection_enabled": False, "prompt": "happy",
            "model_mode": "head", "new": 1}  # fmt: skip
    job, warnings = job_of(options=said, other=2)
    assert job.options.articulation.articulation == RenderOptions().articulation.articulation
    assert job.options.shown.occlusion is False
    for name in ("prompt", "model_mode", "options.new", "other"):
        assert any(name in line for line in warnings), name


def test_a_face_by_its_place() -> None:
    rate = Fraction(30000, 1001)
    for frame in (0, 1, 29, 1000, 107_892):
        face = select_face(ActiveSpeaker(frame_number=frame, coordinates=[640, 360]), rate)
        place, _, at = str(face).partition("@")
        assert place == "640,360"
        assert int(float(at) * float(rate) + 1e-6) == frame  # as face.landmarks.selection counts
    boxes = [None, [10, 10, 20, 20], [100, 50, 200, 150], None]
    face = select_face(ActiveSpeaker(bounding_boxes=boxes), Fraction(25))
    assert face == "150,100@0.100000"
    job, _ = job_of(options={"active_speaker_detection": {"bounding_boxes": boxes}})
    assert job.options.landmarks.face.startswith("150,100@")
    job, warnings = job_of(options={"active_speaker_detection": {"auto_detect": True}})
    assert job.options.landmarks.face == "largest"
    assert "who speaks when is not detected" in warnings[0]


def test_segments_become_spans() -> None:
    two = {"type": "audio", "path": "b.wav", "refId": "two"}
    segments = [
        {"startTime": 0.1, "endTime": 1, "audioInput": {"refId": "two"}},
        {"startTime": 2, "endTime": 3.5,
         "audioInput": {"refId": "one", "startTime": 0.5, "endTime": 1.5}},
    ]  # fmt: skip
    job, warnings = job_of(input=[VIDEO, AUDIO, two], segments=segments)
    assert not warnings
    assert (job.audio, job.speakers) == (None, ())
    assert [(one.start, one.end, str(one.audio)) for one in job.spans] == [
        (Fraction(1, 10), 1, "/in/2"), (2, Fraction(7, 2), "/in/1[0.5-1.5]"),
    ]  # fmt: skip
    _, warnings = job_of(segments=segments[1:], options={"sync_mode": "bounce"})
    assert "keeps its time line" in warnings[0]


def test_segments_of_several_speakers() -> None:
    left = {"active_speaker_detection": {"frame_number": 0, "coordinates": [10, 20]}}
    right = {"active_speaker_detection": {"frame_number": 0, "coordinates": [80, 20]}}
    segments = [
        {"startTime": start, "endTime": start + 1, "audioInput": {"refId": "one"}, **override}
        for start, override in ((0, {"optionsOverride": left}), (1, {"optionsOverride": right}),
                                (2, {"optionsOverride": left}), (3, {}))
    ]  # fmt: skip
    job, _ = job_of(segments=segments)
    assert [one.face.partition("@")[0] for one in job.speakers] == ["10,20", "80,20", "largest"]
    assert [one.speaker for one in job.spans] == [
        "speaker 1", "speaker 2", "speaker 1", "speaker 3"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"input": [VIDEO, {"type": "text", "provider": {}}]}, "text-to-speech"),
        ({"input": [VIDEO, VIDEO, AUDIO]}, "one video, got 2"),
        ({"input": [VIDEO, AUDIO, AUDIO]}, "need segments"),
        ({"input": [{**VIDEO, "url": "http://x"}, AUDIO]}, "one of url, assetId and path"),
        ({"input": [{**VIDEO, "segments_secs": [[0, 1]]}, AUDIO]}, "use segments"),
        ({"segments": [{"startTime": 0, "endTime": 1, "audioInput": {"refId": "x"}}]}, "no audio"),
        ({"options": {"active_speaker_detection": {"frame_number": 1}}}, "go together"),
        ({"options": {"active_speaker_detection": {"bounding_boxes": [None]}}}, "no box"),
        ({"options": {"active_speaker_detection": {"bounding_boxes": [[1, 2, 3]]}}}, "boxes"),
        ({"options": {"active_speaker_detection": {"frame_number": 0, "coordinates": [1, 2]}},
          "lipsyncOptions": {"face": "left"}}, "one of the two"),
    ],
)  # fmt: skip
def test_requests_that_cannot_be_done(said: dict[str, Any], wrong: str) -> None:
    with pytest.raises(Refusal, match=wrong) as caught:
        job_of(**said)
    assert caught.value.status == 400
    assert "\n" not in caught.value.error.message


def test_the_key_with_the_fewest_running_goes_first(tmp_path: Path) -> None:
    database = Database(tmp_path)
    queue = Generations(database, lambda one: None, lambda row, counts: None)
    for id, owner in (("a1", "anna"), ("a2", "anna"), ("a3", "anna"), ("b1", "ben")):  # noqa: A001
        queue.add(id, owner, {"input": []}, [], most_waiting=9)
    claimed = [one.id for _ in range(4) if (one := queue.claim()) is not None]
    assert claimed == ["a1", "b1", "a2", "a3"]
    assert queue.claim() is None
    queue.release("a2")
    again = queue.claim()
    assert again is not None
    assert (again.id, again.attempts) == ("a2", 1)
    assert queue.finish("a2", "COMPLETED") is not None
    assert queue.finish("a2", "FAILED") is None  # it has ended
    database.close()


def test_requests_are_kept_as_they_were_sent() -> None:
    said = {"model": "lipsync-2", "input": [VIDEO, {**AUDIO, "more": 1}],
            "options": {"sync_mode": "loop"}, "webhookUrl": "https://example.org"}  # fmt: skip
    request = read_said(GenerateRequest, said)
    assert request.told() == said
    assert read_said(GenerateRequest, json.loads(json.dumps(request.told()))) == request


def test_parts_of_a_sound_are_cut_and_planned(tmp_path: Path) -> None:
    """Two speakers, each with a part of one file, as the renderer plans it."""
    video = clips.video("segments.mp4", frames=50)
    sound = clips.sound("segments.wav", seconds=1.0)

    def crop(path: Path, start: float, end: float) -> Path:
        place = tmp_path / f"{start}.wav"
        found = look_worker.crop(str(path), start, end, str(place))
        assert found["duration"] == pytest.approx(end - start)
        assert float(media.probe_audio(place).duration) == pytest.approx(end - start)
        return place

    places = [{"frame_number": 0, "coordinates": [x, 30]} for x in (20, 70)]
    segments = [
        {"startTime": i, "endTime": i + 0.5,
         "audioInput": {"refId": "one", "startTime": 0.25 * i, "endTime": 0.25 * i + 0.5},
         "optionsOverride": {"active_speaker_detection": place}}
        for i, place in enumerate(places)
    ]  # fmt: skip
    request = read_said(GenerateRequest, {"input": [VIDEO, AUDIO], "segments": segments})
    local = [LocalInput(video, {**FACTS, "fps": "25"}), LocalInput(sound, {"duration": 1.0})]
    job, _ = build_job("id", request, local, tmp_path / "out.mp4", {}, crop)
    assert estimate_render(**job.arguments()).frames == 50
    beyond = look_worker.answer(
        {
            "ask": "crop",
            "of": {"path": str(sound), "start": 5, "end": 6, "to": str(tmp_path / "x")},
        },
        {"crop": look_worker.crop},
    )
    assert "ends before 5 s" in beyond["error"]["message"]


def test_spans_as_the_command_line_has_them_and_extras() -> None:
    job, notes = job_of(lipsyncSpans=["0.5s-1s", "2-3.25"], lipsyncExtras=["sheet", "compare"])
    assert notes == []
    assert isinstance(job.spans, tuple)
    assert [(one.start, one.end, one.audio) for one in job.spans] == [
        (Fraction(1, 2), Fraction(1), None), (Fraction(2), Fraction(13, 4), None),
    ]  # fmt: skip
    assert (job.sheet, job.compare) == (Path("/out/id.sheet.png"), Path("/out/id.compare.mp4"))
    for wrong, words in (
        ({"lipsyncSpans": ["backwards"]}, "lipsyncSpans"),
        ({"lipsyncSpans": ["1-2"], "segments": [
            {"startTime": 0, "endTime": 1, "audioInput": {"refId": "one"}}
        ]}, "give one of the two"),
    ):  # fmt: skip
        with pytest.raises(Refusal, match=words):
            check_request(read_said(GenerateRequest, {"input": [VIDEO, AUDIO], **wrong}))
    with pytest.raises(Refusal, match="lipsyncExtras"):
        read_said(GenerateRequest, {"input": [VIDEO, AUDIO], "lipsyncExtras": ["report"]})


def test_a_file_that_hangs_its_reader_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        look_process, "PROGRAM", "import sys, time; sys.stdin.readline(); time.sleep(99)"
    )
    look = look_process.LookProcess()
    with pytest.raises(Refusal, match=r"input\.0: cannot be read"):
        look.ask("video", "input.0", 0.3, path="x")
    monkeypatch.setattr(look_process, "PROGRAM", "import os; os._exit(1)")
    with pytest.raises(Refusal, match=r"input\.0: cannot be read"):
        look.ask("video", "input.0", 30.0, path="x")
    look.stop()
