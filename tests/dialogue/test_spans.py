"""Spans: what dubbing pipelines write, and what they get wrong."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync.dialogue.span_files import read_spans
from lipsync.dialogue.span_fitting import fit_spans_to_target
from lipsync.dialogue.spans import (
    Span,
    cue_speaker,
    format_time,
    parse_segment,
    parse_time,
)
from lipsync.dialogue.speaker_parts import (
    SpeakerPart,
    assign_parts,
    parse_speaker,
)
from lipsync.errors import LipsyncError, OptionsError, SpansError
from lipsync.types import Speaker

SRT = """1
00:00:01,000 --> 00:00:02,500
[ANNA] Good morning.

2
00:00:03,000 --> 00:00:04,250
Ben: And to you.

3
00:00:05,000 --> 00:00:06,000
Note that nobody is named here.
"""
VTT = """WEBVTT

intro
00:01.000 --> 00:02.500 align:start
<v Anna>Good <i>morning</i>.</v>

00:00:03.000 --> 00:00:04.250
<v.loud Ben Smith>And to you.
"""


def wrote(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10), ("10", 10), (10.25, Fraction("10.25")), ("1:02.5", Fraction("62.5")),
        ("00:00:10,500", Fraction("10.5")), ("1:00:00", 3600), (0.1, Fraction(1, 10)),
    ],
)  # fmt: skip
def test_times_are_exact(text: object, seconds: Fraction) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "10m", "1:2:3:4", "-3", None, True, "1;30"])
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is no time"):
        parse_time(text)


def test_subrip_and_webvtt(tmp_path: Path) -> None:
    srt, vtt = (
        read_spans(wrote(tmp_path / "a.srt", SRT)),
        read_spans(wrote(tmp_path / "a.vtt", VTT)),
    )
    assert [(s.start, s.end) for s in srt[:2]] == [(s.start, s.end) for s in vtt]
    assert (vtt[1].start, vtt[1].end) == (3, Fraction("4.25"))
    assert [s.speaker for s in vtt] == ["Anna", "Ben Smith"]
    assert [cue_speaker(s, ("Anna", "Ben")) for s in srt] == ["ANNA", "Ben", None]
    assert "cue 2 (0:03.000 to 0:04.250)" in str(srt[1])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_tell_the_encoding(encoding: str, tmp_path: Path) -> None:
    file = wrote(tmp_path / "a.srt", SRT.replace("ANNA", "ZOË").replace("\n", "\r\n"), encoding)
    spans = read_spans(file)
    assert len(spans) == 3
    assert cue_speaker(spans[0], ("Zoë",)) == "ZOË"


def test_json_as_pipelines_write_it(tmp_path: Path) -> None:
    entries = [
        {"id": 7, "start": 1.1, "end": "0:02.5", "speaker": "Anna", "text": "Hi", "words": []},
        {"start": "00:00:03,000", "end": 4, "audio": "ben/1.wav"},
    ]
    for value in (entries, {"language": "en", "segments": entries}):
        spans = read_spans(wrote(tmp_path / "a.json", json.dumps(value)))
        assert [s.start for s in spans] == [Fraction("1.1"), 3]
        assert spans[0].speaker == "Anna"
        assert spans[1].audio == tmp_path / "ben" / "1.wav"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.srt", b"1\n00:00:01,000 --> 00:00:02,000\nna\xefve\n", ["line 3", "UTF-8"]),
        ("a.srt", b"nothing at all\n", ["no span"]),
        ("a.srt", b"1\n00:00:01,000 --> soon\nHi\n", ["line 2", "two times"]),
        ("a.srt", b"1\n00:00:02,000 --> 00:00:01,000\nHi\n", ["cue 1", "end after"]),
        ("a.ass", b"", [".srt, .vtt or .json"]),
        ("a.json", b"{", ["not JSON"]),
        ("a.json", b'[{"start": 1}]', ["entry 1 'end'", "required"]),
        ("a.json", b'[{"start": 1, "end": "x"}]', ["entry 1 'end'", "no time"]),
        ("a.json", b'[{"start": 2, "end": 1}]', ["entry 1", "end after"]),
        ("a.json", b'{"start": 1}', ["list"]),
    ],
)
def test_bad_files_are_one_line(name: str, data: bytes, words: list[str], tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SpansError) as caught:
        read_spans(tmp_path / name)
    for word in [name, *words]:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "times", "words"),
    [
        ("a.srt", "-00:00:01,000 --> 00:00:01,500", "below zero"),
        ("a.srt", "00:00:01,000 --> -00:00:01,500", "below zero"),
        ("a.srt", "\N{MINUS SIGN}0:00:01,000 --> 00:00:01,500", "below zero"),
        ("a.vtt", "-00:01.000 --> 00:01.500", "below zero"),
        ("a.srt", "100:00:01,000 --> 100:00:01,500", "100 hours or more"),
        ("a.srt", "00:00:01,000 --> 0100:00:01,500", "100 hours or more"),
        ("a.srt", "00:00:-1,000 --> 00:00:01,500", "no two times"),
    ],
)
def test_times_that_cannot_be_name_their_cue(
    name: str, times: str, words: str, tmp_path: Path
) -> None:
    """The parser looks for times anywhere in a line: it would read another time."""
    head = "WEBVTT\n\n" if name.endswith("vtt") else ""
    first = "00:00:00.100 --> 00:00:00.500" if head else "00:00:00,100 --> 00:00:00,500"
    text = f"{head}1\n{first}\nHi\n\n2\n{times}\nHello\n"
    with pytest.raises(SpansError, match=rf"{name}: line \d+ \(cue 2\) has .*{words}"):
        read_spans(wrote(tmp_path / name, text))


def test_hours_of_webvtt_may_have_three_digits(tmp_path: Path) -> None:
    text = "WEBVTT\n\n100:00:01.000 --> 100:00:02.000\nHi\n"
    (span,) = read_spans(wrote(tmp_path / "a.vtt", text))
    assert span.start == 360001


@pytest.mark.parametrize("start", [-1, -0.5, "-1", float("nan"), float("inf"), None])
def test_times_of_json_that_cannot_be(start: object, tmp_path: Path) -> None:
    file = wrote(tmp_path / "a.json", json.dumps([{"start": start, "end": 2}]))
    with pytest.raises(SpansError, match="entry 1 'start'"):
        read_spans(file)


def test_small_times_of_json(tmp_path: Path) -> None:
    file = wrote(tmp_path / "a.json", json.dumps([{"start": 5e-05, "end": 1e1}]))
    (span,) = read_spans(file)
    assert (span.start, span.end) == (Fraction("0.00005"), 10)


@pytest.mark.parametrize("name", ["a.srt", "a.vtt", "a.json"])
def test_a_span_of_no_length_is_left_out(name: str, tmp_path: Path) -> None:
    times = [("00:00:00.500", "00:00:00.500"), ("00:00:01.000", "00:00:01.500")]
    if name.endswith("json"):
        text = json.dumps([{"start": start, "end": end} for start, end in times])
    else:
        cues = "\n\n".join(f"{start} --> {end}\nHi" for start, end in times)
        text = f"WEBVTT\n\n{cues}\n" if name.endswith("vtt") else cues.replace(".", ",")
    notes: list[str] = []
    (span,) = read_spans(wrote(tmp_path / name, text), notes)
    assert (span.start, span.end) == (1, Fraction("1.5"))
    (note,) = notes
    assert name in note and "a span of no length was left out" in note and "0:00.500" in note
    with pytest.raises(SpansError, match="no span in it that lasts"):
        read_spans(
            wrote(tmp_path / name, text.replace("01.500", "01.000").replace("1,500", "1,000"))
        )


def test_a_file_without_a_suffix_is_what_it_looks_like(tmp_path: Path) -> None:
    entries = json.dumps([{"start": 1, "end": 2.5}])
    for text in (SRT, VTT, entries):
        assert read_spans(wrote(tmp_path / "63", text))[0].start == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpansError, match=r"gone\.srt: cannot be read"):
        read_spans(tmp_path / "gone.srt")


def test_a_segment_is_one_span() -> None:
    span = parse_segment("10s-1:02.5")
    assert (span.start, span.end) == (10, Fraction("62.5"))
    for text in ("10s", "20-10", "a-b"):
        with pytest.raises(SpansError, match="segment"):
            parse_segment(text)


@pytest.mark.parametrize(
    ("text", "known", "who"),
    [
        ("[ANNA] Hi", ("Anna", "Ben"), "ANNA"),
        ("anna: Hi", ("Anna", "Ben"), "anna"),
        ("[ANA] Hi", ("Anna", "Ben"), "ANA"),  # and then an error: nobody is called so
        ("Remember: two", ("Anna", "Ben"), None),
        ("[laughs] Hi", ("Anna",), None),
        ("It is 10:30 now", ("Anna",), None),
        ("[ANNA] Hi", ("",), "ANNA"),
    ],
)
def test_who_a_cue_names(text: str, known: tuple[str, ...], who: str | None) -> None:
    assert cue_speaker(Span(Fraction(0), Fraction(1), text=text), known) == who


def test_speakers_as_they_are_written(tmp_path: Path) -> None:
    audio = tmp_path / "a:b.wav"
    audio.touch()
    assert parse_speaker(f"ANNA={audio}:left") == Speaker("ANNA", audio, "left")
    assert parse_speaker(f"ANNA={audio}") == Speaker("ANNA", audio)
    assert parse_speaker("BEN=:100,200@1.5") == Speaker("BEN", None, "100,200@1.5")
    assert parse_speaker("BEN=gone.wav:2") == Speaker("BEN", Path("gone.wav"), "2")
    for text in ("ANNA", "=a.wav", "ANNA="):
        with pytest.raises(OptionsError, match="NAME=AUDIO:FACE"):
            parse_speaker(text)


A, B = Speaker("Anna", Path("a.wav"), "left"), Speaker("Ben", Path("b.wav"), "right")


def span_of(start: float, end: float, who: str | None = None, audio: Path | None = None) -> Span:
    return Span(Fraction(start), Fraction(end), who, audio, name=f"cue at {start}")


def test_spans_find_their_speakers() -> None:
    parts = assign_parts(None, [A, B], [span_of(0, 1, "anna"), span_of(1, 2, "BEN")], "largest")
    assert [(p.speaker.name, len(p.spans or ())) for p in parts] == [("Anna", 1), ("Ben", 1)]
    (only,) = assign_parts(Path("a.wav"), (), [span_of(0, 1), span_of(1, 2, "X")], "2")
    assert only.speaker == Speaker("", Path("a.wav"), "2")
    (lone,) = assign_parts(None, [A, B], [span_of(0, 1, "Ben")], "largest")
    assert lone.speaker == B, "who says nothing keeps their mouth"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: assign_parts(None, [A, A], None, "largest"), "given twice"),
        (
            lambda: assign_parts(None, [A, B], [span_of(0, 1, "Bob")], "largest"),
            "unknown speaker 'Bob'",
        ),
        (lambda: assign_parts(None, [A, B], [span_of(0, 1)], "largest"), "which of Anna, Ben"),
        (lambda: assign_parts(None, (), None, "largest"), "no speech was given"),
        (lambda: assign_parts(None, [A], None, "left"), "each has its own"),
        (
            lambda: assign_parts(
                Path("a.wav"), (), [span_of(0, 1, "X"), span_of(1, 2, "Y")], "largest"
            ),
            "name 2 speakers",
        ),
    ],
)
def test_what_cannot_be_cast_is_one_line(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LipsyncError, match=words):
        call()


def test_spans_are_sorted_cut_and_kept_apart() -> None:
    part = SpeakerPart(A, (span_of(5, 9), span_of(1, 2)))
    (done,), notes = fit_spans_to_target([part], Fraction(8))
    assert [(s.start, s.end) for s in done.spans or ()] == [(1, 2), (5, 8)]
    assert "out of order" in notes[0] and "Anna" in notes[0]
    assert "cut there" in notes[1] and "cue at 5" in notes[1]
    with pytest.raises(SpansError, match=r"cue at 1 .* and cue at 1\.2 .* overlap"):
        own = span_of(1, 2, audio=Path("own.wav"))
        fit_spans_to_target([SpeakerPart(A, (own, span_of(1.2, 3)))], Fraction(8))
    with pytest.raises(SpansError, match=r"cue at 9 .*after the target's end"):
        fit_spans_to_target([SpeakerPart(A, (span_of(9, 10),))], Fraction(8))
    # Two people may talk at once.
    fit_spans_to_target(
        [SpeakerPart(A, (span_of(1, 2),)), SpeakerPart(B, (span_of(1, 2),))], Fraction(8)
    )


def test_spans_of_one_speaker_that_overlap_are_joined() -> None:
    """The same speech lies under both; rolling captions overlap always."""
    part = SpeakerPart(A, (span_of(0.25, 1), span_of(0.75, 2), span_of(1.5, 1.75), span_of(3, 4)))
    (done,), notes = fit_spans_to_target([part], Fraction(8))
    assert [(s.start, s.end) for s in done.spans or ()] == [(0.25, 2), (3, 4)]
    (note,) = notes
    assert note.startswith("Anna: 2 spans overlap the one before and were joined with it")
    assert "cue at 0.75" in note
    same = SpeakerPart(A, (span_of(1, 2), span_of(1, 2)))
    (done,), notes = fit_spans_to_target([same], Fraction(8))
    assert len(done.spans or ()) == len(notes) == 1


def test_a_file_of_its_own_ends_where_the_next_span_begins() -> None:
    first, second = (span_of(t, t + 1, audio=Path("own.wav")) for t in (1, 1.875))
    (done,), notes = fit_spans_to_target([SpeakerPart(A, (first, second))], Fraction(8))
    assert [(s.start, s.end) for s in done.spans or ()] == [(1, 1.875), (1.875, 2.875)]
    assert "cue at 1 " in notes[0] and "cut where it begins" in notes[0]


def test_speech_that_nobody_speaks_is_refused() -> None:
    with pytest.raises(OptionsError, match=r"c\.wav: nobody speaks it"):
        assign_parts(Path("c.wav"), [A, B], None, "largest")
    lone = Speaker("Cleo", None, "2")
    parts = assign_parts(Path("c.wav"), [A, lone], None, "largest")
    assert [part.audio for part in parts] == [A.audio, Path("c.wav")]


def test_fades_lie_inside_of_spans_and_not_at_the_videos_ends() -> None:
    part = SpeakerPart(A, (span_of(0, 1), span_of(2, 3), span_of(3, 4), span_of(5, 6)))
    times = np.arange(0, 6, 0.04)
    share = part.blend_weight(times, 0.12, 6.0)
    inside = (times < 1) | ((times >= 2) & (times < 4)) | (times >= 5)
    assert (share[~inside] == 0).all()
    middle = inside & ~np.any(np.abs(times[:, None] - [1, 2, 4, 5]) < 0.125, axis=1)
    assert (share[middle] == 1).all(), "spans that follow on one another are one"
    assert share[0] == share[-1] == 1
    assert 0 < share[np.searchsorted(times, 2.05)] < 1
    assert (
        SpeakerPart(A, (span_of(2, 3),)).blend_weight(times, 0, 6.0) == ((times >= 2) & (times < 3))
    ).all()


def test_clock() -> None:
    assert format_time(Fraction("7.25")) == "0:07.250"
    assert format_time(Fraction("3723.0004")) == "1:02:03.000"
