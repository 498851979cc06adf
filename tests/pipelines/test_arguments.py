"""What callers from Python give: taken, or one line of ours."""

from __future__ import annotations

import os
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lipsync
from lipsync import RenderOptions, Span, Speaker, SwapOptions
from lipsync.errors import LipsyncError, MediaError, OptionsError, OutputError, SpansError
from lipsync.media import PipedInputs
from lipsync.pipelines.arguments import as_options, as_spans, as_speakers, read_arguments
from tests.support import clips


def test_options_of_any_form() -> None:
    assert as_options(None, RenderOptions) == RenderOptions()
    for given in ({"crf": 18}, RenderOptions.of(crf=18)):
        assert as_options(given, RenderOptions).encode.crf == 18
    assert as_options({"audio-codec": "copy"}, RenderOptions).encode.audio_codec == "copy"
    wrong: list[Any] = [{"crv": 18}, {"crf": "high"}, SwapOptions(), 18, "crf=18", {1: 2}]
    for one in wrong:
        with pytest.raises(OptionsError):
            as_options(one, RenderOptions)


def test_options_made_wrongly_are_one_line() -> None:
    with pytest.raises(OptionsError, match=r"no stage 'crf'; RenderOptions\.of\(crf=…\)"):
        RenderOptions(crf=18)  # type: ignore[call-arg]
    with pytest.raises(OptionsError, match=r"option 'crf': .*less than or equal to 51, got 99"):
        RenderOptions(encode={"crf": 99})  # type: ignore[arg-type]


def test_speakers_of_any_form() -> None:
    want = Speaker("A", Path("a.wav"), "left")
    for one in (want, ("A", "a.wav", "left"), ["A", b"a.wav", "left"], "A=a.wav:left",
                {"name": "A", "audio": "a.wav", "face": "left"}):  # fmt: skip
        assert as_speakers([one]) == [want]
    assert as_speakers((("A", "a.wav"),)) == [Speaker("A", Path("a.wav"))]
    assert as_speakers(None) == as_speakers(()) == []
    wrong: list[Any] = [
        "A=a.wav", 5, [5], [()], [("A", "a", "left", 1)], [(1, "a.wav")], [("A", 5)],
        [{"who": "A"}], [None], {"A": "a.wav"},
    ]  # fmt: skip
    for one in wrong:
        with pytest.raises(OptionsError, match="speaker"):
            as_speakers(one)


def test_spans_of_any_form() -> None:
    half = Fraction(1, 2)
    for one in ((0.5, 1), [np.float32(0.5), np.int64(1)], (Decimal("0.5"), half * 2), ("0.5s", 1),
                {"start": 0.5, "end": 1}, np.array([0.5, 1])):  # fmt: skip
        (span,) = as_spans([one])  # type: ignore[misc]
        assert (span.start, span.end, span.speaker) == (half, 1, None)
    assert as_spans([(0.5, 1, "A")])[0].speaker == "A"  # type: ignore[index]
    assert as_spans("a.srt") == as_spans(b"a.srt") == Path("a.srt")
    wrong: list[Any] = [
        [], 5, [5], [(1,)], [(1, 2, "A", None, 5)], [("a", "b")], [(None, 1)], [(2, 1)], [(-1, 1)],
        [(0, float("nan"))], [(0, float("inf"))], [{"from": 1}], [None], {"start": 0, "end": 1},
    ]  # fmt: skip
    for one in wrong:
        with pytest.raises(SpansError):
            as_spans(one)
    with pytest.raises(SpansError, match="wanted the start in seconds, got None"):
        Span(None, 1)  # type: ignore[arg-type]


FOOTAGE = {"audio": "speech.wav", "video": "person.mp4"}
MISUSES: list[tuple[dict[str, Any], str]] = [
    ({"video": None}, "video: wanted a path, got None"),
    ({"video": 5}, "video: wanted a path, got 5"),
    ({"video": ""}, "video: wanted a path, got ''"),
    ({"video": "a\0b"}, "video: wanted a path"),
    ({"video": "gone.mp4"}, "gone.mp4: no such file"),
    ({"video": "https://example.com/x.mp4"}, "https://example.com/x.mp4: is a URL; download it"),
    ({"video": Path("https://example.com/x.mp4")}, "https://example.com/x.mp4: is a URL"),
    ({"audio": "HTTPS://example.com/a.wav"}, "HTTPS://example.com/a.wav: is a URL"),
    ({"audio": "file:///tmp/a.wav"}, "file:///tmp/a.wav: is a URL"),
    ({"audio": 1.5}, "audio: wanted a path, got 1.5"),
    ({"audio": None}, "no speech was given"),
    ({"audio": "gone.wav"}, "gone.wav: no such file"),
    ({"output": 5}, "output: wanted a path, got 5"),
    ({"sheet": 5}, "sheet: wanted a path, got 5"),
    ({"options": {"crv": 18}}, "unknown option 'crv'"),
    ({"options": 18}, "options: wanted RenderOptions"),
    ({"speakers": [5]}, "speakers: wanted Speaker"),
    ({"speakers": [("A", "speech.wav")]}, "speech.wav: nobody speaks it"),
    ({"speakers": [("A", "gone.wav")], "audio": None}, "gone.wav: no such file"),
    ({"spans": [5]}, "spans: wanted Span"),
    ({"spans": "gone.srt"}, "gone.srt: no such file"),
    ({"options": {"reference": ("gone.mp4",)}}, "gone.mp4: no such file"),
]


@pytest.mark.parametrize(("given", "words"), MISUSES, ids=[str(m[0])[:40] for m in MISUSES])
def test_misuse_is_one_line_of_ours(
    given: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "speech.wav").write_bytes(clips.sound("s16.wav", "-c:a", "pcm_s16le").read_bytes())
    (tmp_path / "person.mp4").write_bytes(clips.video("v.mp4", "-c:v", "libx264").read_bytes())
    with pytest.raises(LipsyncError, match=re.escape(words)) as caught:
        lipsync.render(**(FOOTAGE | given))
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["person.mp4", "speech.wav"]


@pytest.mark.parametrize("call", [
    lambda: lipsync.adapt(None),  # type: ignore[arg-type]
    lambda: lipsync.adapt("gone.mp4", options={"nothing": 1}),
    lambda: lipsync.train_mouth(5),  # type: ignore[arg-type]
    lambda: lipsync.train_mouth("gone.mp4", options=RenderOptions()),  # type: ignore[arg-type]
    lambda: lipsync.extract_faces(None, "faces"),  # type: ignore[arg-type]
    lambda: lipsync.extract_faces("gone.mp4", None),  # type: ignore[arg-type]
    lambda: lipsync.swap(None, "v.mp4", "m", consent="c"),  # type: ignore[arg-type]
    lambda: lipsync.swap("f", "v.mp4", "m", consent="c", options=5),  # type: ignore[arg-type]
    lambda: lipsync.verify_marks(None),  # type: ignore[arg-type]
])  # fmt: skip
def test_misuse_of_the_other_commands(call: Any) -> None:
    with pytest.raises(LipsyncError):
        call()


def test_bytes_and_path_likes_are_paths(tmp_path: Path) -> None:
    sound, video = tmp_path / "a.wav", tmp_path / "v.mp4"
    sound.touch()
    video.touch()

    class Place:
        def __fspath__(self) -> bytes:
            return os.fsencode(video)

    with PipedInputs() as piped:
        given = read_arguments(piped, os.fsencode(sound), Place(), b"out.mp4", None, None, None)
    assert (given.audio, given.video, given.output) == (sound, video, Path("out.mp4"))


def test_a_piped_video_has_no_name_for_its_output() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a video")
    os.close(writing)
    try:
        with pytest.raises(OutputError, match="--output"), PipedInputs() as piped:
            read_arguments(piped, None, f"/dev/fd/{reading}", None, None, None, None)
    finally:
        os.close(reading)


def test_a_speaker_and_a_reference_may_be_pipes(tmp_path: Path) -> None:
    video = tmp_path / "v.mp4"
    video.touch()
    ends = [os.pipe() for _ in range(3)]
    for number, (_, writing) in enumerate(ends):
        os.write(writing, b"%d" % number)
        os.close(writing)
    names = [f"/dev/fd/{reading}" for reading, _ in ends]
    with PipedInputs() as piped:
        given = read_arguments(
            piped, None, video, None, [f"A={names[0]}:left"], [(0, 1, "A", names[1])],
            {"reference": (names[2],)},
        )  # fmt: skip
        (speaker,), (span,) = given.speakers, given.spans  # type: ignore[misc]
        taken = [speaker.audio, span.audio, Path(given.options.footage.reference[0])]
        assert [path.read_bytes() for path in taken] == [b"0", b"1", b"2"]
    for reading, _ in ends:
        os.close(reading)
    assert not any(path.exists() for path in taken)


def test_a_missing_file_is_a_media_error() -> None:
    with pytest.raises(MediaError):
        lipsync.render("gone.wav", "gone.mp4")
