"""Spans as dubbing programs and subtitle editors write them, good and damaged."""

from __future__ import annotations

import json
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from lipsync.dialogue.span_files import read_spans
from lipsync.dialogue.span_formats.ttml_times import TtmlClock
from lipsync.dialogue.spans import Span
from lipsync.errors import SpansError


def wrote(path: Path, data: Any) -> Path:
    """A file with text, or with a value as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data, ensure_ascii=False))
    return path


def sound(path: Path, seconds: float) -> Path:
    """A silent WAV file, whatever its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * round(8000 * seconds)))
    return path


def times(spans: list[Span]) -> list[tuple[Fraction, Fraction]]:
    return [(span.start, span.end) for span in spans]


def fault(path: Path) -> str:
    """The one line that says why a file is refused."""
    with pytest.raises(SpansError) as caught:
        read_spans(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# open-dubbing 0.2.3: open_dubbing/utterance.py


def utterance(number: int, start: float, end: float, **changed: Any) -> dict[str, Any]:
    """An utterance of the metadata; its folder is `out`."""
    return {
        "id": number,
        "start": start,
        "end": end,
        "speaker_id": "SPEAKER_00",
        "path": f"out/clip/chunk_{start}_{end}.mp3",
        "text": "The kettle is on.",
        "for_dubbing": True,
        "gender": "Female",
        "translated_text": "La tetera està al foc.",
        "assigned_voice": "ca-ES-JoanaNeural",
        "speed": 1.0,
        "dubbed_path": f"out/clip/dubbed_chunk_{start}_{end}.mp3",
        "hash": "b1946ac92492d2347c6235b4d2611184b1946ac92492d2347c6235b4d2611184",
        **changed,
    }


def metadata(*utterances: dict[str, Any]) -> dict[str, Any]:
    return {
        "utterances": list(utterances),
        "PreprocessingArtifacts": {
            "video_file": "out/clip/clip_video.mp4",
            "audio_file": "out/clip/clip_audio.mp3",
            "audio_vocals_file": "out/clip/htdemucs/clip_audio/vocals.mp3",
            "audio_background_file": "out/clip/htdemucs/clip_audio/no_vocals.mp3",
        },
        "metadata": {
            "source_language": "eng",
            "original_subtitles": False,
            "dubbed_subtitles": False,
        },
    }


def test_open_dubbing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of sounds are relative to where the program ran; they lie beside the metadata."""
    first = utterance(1, 0.0309687, 1.5)
    other = utterance(2, 2.25, 3.0, speaker_id="SPEAKER_01")
    song = utterance(3, 4.0, 5.0, for_dubbing=False, dubbed_path="out/clip/chunk_4.0_5.0.mp3")
    folder = tmp_path / "out" / "clip"
    sounds = [sound(folder / Path(u["dubbed_path"]).name, 0.5) for u in (first, other)]
    file = wrote(folder / "utterance_metadata_cat.json", metadata(first, other, song))
    for place in (tmp_path, tmp_path.parent):
        monkeypatch.chdir(place)
        spans = read_spans(file)
        assert times(spans) == [(Fraction("0.0309687"), Fraction("1.5")), (Fraction("2.25"), 3)]
        assert [span.speaker for span in spans] == ["SPEAKER_00", "SPEAKER_01"]
        assert [span.audio.resolve() for span in spans if span.audio] == sounds
    assert spans[1].text == "La tetera està al foc."
    bare = wrote(folder / "utterance_metadata_spa.json", [first, other])
    assert times(read_spans(bare)) == times(spans), "as early versions wrote it"


def test_a_line_of_open_dubbing_lasts_as_long_as_its_sound(tmp_path: Path) -> None:
    """But not into the next line, even of another speaker."""
    lines = [utterance(1, 1.0, 2.0), utterance(2, 2.25, 3.0, speaker_id="SPEAKER_01")]
    for line in lines:
        sound(tmp_path / Path(line["dubbed_path"]).name, 1.5)
    file = wrote(tmp_path / "utterance_metadata_cat.json", metadata(*lines))
    assert times(read_spans(file)) == [(1, Fraction("2.25")), (Fraction("2.25"), Fraction("3.75"))]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"start": None}, ["utterance 1 'start'", "no time"]),
        ({"end": [1]}, ["utterance 1 'end'", "no time"]),
        ({"speaker_id": {"a": 1}}, ["utterance 1 'speaker_id'", "string"]),
        ({"dubbed_path": None}, ["utterance 1", "run to its end"]),
        ({"dubbed_path": "gone.mp3"}, ["utterance 1", "gone.mp3 is missing", "intermediate files"]),
        ({"dubbed_path": "C:\\out\\gone.mp3"}, ["gone.mp3 is missing"]),
        ({"dubbed_path": "no_sound.mp3"}, ["utterance 1", "no_sound.mp3"]),
        ({"for_dubbing": False}, ["none of its utterances is for dubbing"]),
        ({"end": 0.5}, ["utterance 1", "end after"]),
    ],
)
def test_bad_metadata_of_open_dubbing(
    changed: dict[str, Any], words: list[str], tmp_path: Path
) -> None:
    sound(tmp_path / "line.mp3", 0.1)
    (tmp_path / "no_sound.mp3").write_text("not a sound\n")
    line = {**utterance(1, 1.0, 2.0, dubbed_path="line.mp3"), **changed}
    said = fault(wrote(tmp_path / "utterance_metadata_cat.json", metadata(line)))
    for word in ["utterance_metadata_cat.json", *words]:
        assert word in said


def test_utterances_that_are_no_list(tmp_path: Path) -> None:
    file = wrote(tmp_path / "a.json", {**metadata(), "utterances": {"1": 2}})
    assert "a.json: the file: input should be a valid list" in fault(file)
    assert "no span" in fault(wrote(tmp_path / "a.json", metadata()))
    ours = {"utterances": [{"start": 250, "end": 500}], "segments": [{"start": 1, "end": 2}]}
    assert times(read_spans(wrote(tmp_path / "a.json", ours))) == [(1, 2)], "another program's"


@pytest.mark.parametrize(
    ("audio", "words"),
    [("~nobody-is-called-so/a.wav", "a.wav"), ("a\0.wav", "its audio: wanted a path")],
)
def test_sounds_with_names_that_no_file_has(audio: str, words: str, tmp_path: Path) -> None:
    file = wrote(tmp_path / "b.json", [{"start": 0, "end": 1, "audio": audio}])
    if "wanted" in words:
        assert words in fault(file)
    else:
        assert words in str(read_spans(file)[0].audio)
    line = utterance(1, 1.0, 2.0, dubbed_path=audio)
    assert "is missing" in fault(wrote(tmp_path / "c.json", metadata(line)))


def test_a_number_beyond_all_floats_is_a_time(tmp_path: Path) -> None:
    file = wrote(tmp_path / "a.json", f'[{{"start": 0, "end": 1{"0" * 400}}}]')
    assert read_spans(file)[0].end == 10**400


# pyvideotrans: videotrans/task/_stage_diariz.py, _speech2text.py

CUES = """1
00:00:01,000 --> 00:00:02,500
Where did you put the keys?

2
00:00:03,000 --> 00:00:04,250
On the shelf.
"""


def test_pyvideotrans_lists_speakers_beside_a_translation(tmp_path: Path) -> None:
    file = wrote(tmp_path / "_video_out" / "talk-mp4" / "fr.srt", CUES)
    assert [span.speaker for span in read_spans(file)] == [None, None]
    wrote(file.with_name("speaker.json"), ["spk1", "spk0"])
    spans = read_spans(file)
    assert [span.speaker for span in spans] == ["spk1", "spk0"]
    assert times(spans)[0] == (1, Fraction("2.5"))
    wrote(file.with_name("speaker.json"), ["[Speaker 1]", "[Speaker 2]"])
    assert [span.speaker for span in read_spans(file)] == ["Speaker 1", "Speaker 2"]
    wrote(file.with_name("speaker.json"), {"volume": 11})
    assert [span.speaker for span in read_spans(file)] == [None, None], "of something else"


def test_pyvideotrans_tags_a_transcription(tmp_path: Path) -> None:
    tagged = CUES.replace("Where", "[spk0]Where").replace("On", "[spk12]On")
    file = wrote(tmp_path / "talk.srt", tagged)
    wrote(tmp_path / "speaker.json", ["spk7"])  # of another file: tags are in this one
    spans = read_spans(file)
    assert [span.speaker for span in spans] == ["spk0", "spk12"]
    assert [span.text for span in spans] == ["Where did you put the keys?", "On the shelf."]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("[", ["speaker.json", "not JSON"]),
        ("[" * 100_000, ["speaker.json"]),
        (["spk0", 1], ["speaker.json: entry 2 is not the name"]),
        (["spk0", " "], ["speaker.json: entry 2 is not the name"]),
        (["spk0"], ["names 1 speaker for 2 cues of fr.srt", "move speaker.json away"]),
        (["spk0"] * 3, ["names 3 speakers for 2 cues of fr.srt"]),
    ],
)
def test_bad_speakers_of_pyvideotrans(names: Any, words: list[str], tmp_path: Path) -> None:
    file = wrote(tmp_path / "fr.srt", CUES)
    wrote(tmp_path / "speaker.json", names)
    said = fault(file)
    for word in words:
        assert word in said


# KrillinAI: internal/service/dubbing/types.go, runner.go


def item(index: int, start: float, end: float, **changed: Any) -> dict[str, Any]:
    """An item of a dubbing plan."""
    return {
        "index": index,
        "original_start": start - 0.2,
        "original_end": end + 0.4,
        "new_start": start,
        "new_end": end,
        "original_text": "明天 下雨。",
        "clean_text": "明天下雨。",
        "spoken_text": "明天下雨。",
        "estimated_duration": 1.28,
        "estimate_confidence": 0.8,
        "actual_duration": 1.306122,
        "speed_factor": 1,
        "chunk_id": 1,
        "rewrite_attempts": 0,
        **changed,
    }


def test_krillin_plans_when_each_line_is_spoken(tmp_path: Path) -> None:
    plan = [item(1, 0.2, 1.506122), item(2, 2.9, 4.2, warning="spoken faster")]
    spans = read_spans(wrote(tmp_path / "dubbing" / "dubbing_plan.json", plan))
    assert times(spans) == [
        (Fraction("0.2"), Fraction("1.506122")),
        (Fraction("2.9"), Fraction("4.2")),
    ]
    assert [(span.speaker, span.audio) for span in spans] == [(None, None)] * 2
    assert spans[0].text == "明天下雨。"
    cues = (
        "1\n00:00:00,200 --> 00:00:01,506\n明天下雨。\n\n2\n00:00:02,900 --> 00:00:04,200\n好。\n\n"
    )
    (first, _) = read_spans(wrote(tmp_path / "dubbing" / "dub.srt", cues))
    assert first.end == Fraction("1.506")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"new_start": "soon"}, "item 2 'new_start': value error, 'soon' is no time"),
        ({"new_end": True}, "item 2 'new_end'"),
        ({"spoken_text": 7}, "item 2 'spoken_text'"),
        ({"new_end": 1.0}, "item 2"),
    ],
)
def test_bad_plans_of_krillin(changed: dict[str, Any], words: str, tmp_path: Path) -> None:
    plan = [item(1, 0.2, 1.5), {**item(2, 2.9, 4.2), **changed}]
    assert words in fault(wrote(tmp_path / "dubbing_plan.json", plan))


def test_a_plan_of_krillin_without_new_times(tmp_path: Path) -> None:
    unfitted = item(1, 0.2, 1.5)
    del unfitted["new_end"]
    assert "item 1 'new_end': field required" in fault(wrote(tmp_path / "a.json", [unfitted]))


# Linly-Dubbing: tools/step030_translation.py, step040_tts.py


def line(start: float, end: float, **changed: Any) -> dict[str, Any]:
    """A line of translation.json."""
    return {
        "start": start,
        "end": end,
        "text": "The tide comes in at six.",
        "speaker": "SPEAKER_00",
        "translation": "六点涨潮。",
        **changed,
    }


def test_linly_has_a_sound_for_each_line(tmp_path: Path) -> None:
    lines = [line(0.031, 1.7510416666666666), line(2.0, 3.25, speaker="SPEAKER_01")]
    file = wrote(tmp_path / "translation.json", lines)
    assert [span.audio for span in read_spans(file)] == [None, None]
    for name in ("0000", "0000_adjusted", "0001"):
        sound(tmp_path / "wavs" / f"{name}.wav", 0.1)
    spans = read_spans(file)
    assert times(spans)[0] == (Fraction("0.031"), Fraction("1.7510416666666666"))
    assert [span.speaker for span in spans] == ["SPEAKER_00", "SPEAKER_01"]
    assert [span.audio and span.audio.name for span in spans] == ["0000_adjusted.wav", "0001.wav"]
    assert spans[0].text == "六点涨潮。"
    heard = [{key: one[key] for key in ("start", "end", "text", "speaker")} for one in lines]
    originals = read_spans(wrote(tmp_path / "transcript.json", heard))
    assert originals[1].speaker == "SPEAKER_01"
    assert originals[1].audio is None, "the sounds are those of the translation"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"translation": None}, ["line 2 'translation'", "string"]),
        ({"start": -1}, ["line 2 'start'", "no time"]),
        ({"speaker": 3}, ["line 2 'speaker'", "string"]),
        ({}, ["line 2", "wavs/0001.wav is missing", "--audio"]),
    ],
)
def test_bad_translations_of_linly(
    changed: dict[str, Any], words: list[str], tmp_path: Path
) -> None:
    sound(tmp_path / "wavs" / "0000.wav", 0.1)
    said = fault(wrote(tmp_path / "translation.json", [line(0, 1), {**line(2, 3), **changed}]))
    for word in ["translation.json", *words]:
        assert word in said


# TTML: W3C Recommendations TTML1, TTML2 and IMSC1.1

TTML = """<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata"
    xmlns:ttp="http://www.w3.org/ns/ttml#parameter" xmlns:tts="http://www.w3.org/ns/ttml#styling"
    ttp:profile="http://www.w3.org/ns/ttml/profile/imsc1/text" ttp:timeBase="media"
    ttp:frameRate="24" ttp:frameRateMultiplier="1000 1001" ttp:tickRate="10000000" xml:lang="en">
  <head>
    <metadata>
      <ttm:title>Harbor</ttm:title>
      <ttm:agent xml:id="a1" type="person"><ttm:name type="alias">Annie</ttm:name>
        <ttm:name type="full">Anna  Berg</ttm:name></ttm:agent>
      <ttm:agent xml:id="a2" type="person"><ttm:name type="alias">Ben</ttm:name></ttm:agent>
    </metadata>
    <layout><region xml:id="r" tts:origin="10% 80%"/></layout>
  </head>
  <body region="r">
    <div begin="10s" ttm:agent="a2">
      <p begin="00:00:01.500" end="00:00:02">Low
        tide<br/>at <span tts:fontStyle="italic">six</span>.<metadata><ttm:desc>no</ttm:desc>
        </metadata></p>
      <p begin="24f" dur="12f" ttm:agent="a1">Then we wait.</p>
      <p begin="50000000t" end="60000000t" ttm:agent="a3"> Who? </p>
      <p begin="7s" end="9s">
        <span begin="0s" end="500ms">One,</span> <span begin="1s" dur="5s">two.</span>
      </p>
      <p/>
    </div>
  </body>
</tt>
"""


def ttml(body: str, attributes: str = "") -> str:
    """A document around a body."""
    spaces = 'xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata"'
    parameters = 'xmlns:ttp="http://www.w3.org/ns/ttml#parameter"'
    return f"<tt {spaces} {parameters} {attributes}><body>{body}</body></tt>"


@pytest.mark.parametrize("name", ["a.ttml", "a.dfxp", "a.XML", "63"])
def test_ttml(name: str, tmp_path: Path) -> None:
    spans = read_spans(wrote(tmp_path / name, TTML))
    second = Fraction(1001, 1000)  # in which 24 frames are shown
    assert times(spans) == [
        (Fraction("11.5"), 12),
        (10 + second, 10 + second * Fraction(3, 2)),
        (15, 16),
        (17, Fraction("17.5")),
        (18, 19),
    ]
    assert [span.speaker for span in spans] == ["Ben", "Anna Berg", "a3", "Ben", "Ben"]
    assert [span.text for span in spans[:3]] == ["Low tide\nat six.", "Then we wait.", "Who?"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_encoding_of_xml_is_that_of_the_file(encoding: str, tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-1"?>' + ttml('<p begin="1s" end="2s">Zoë</p>')
    file = tmp_path / "a.ttml"
    file.write_bytes(text.encode(encoding))
    assert read_spans(file)[0].text == "Zoë"


def test_ttml_before_it_was_called_so(tmp_path: Path) -> None:
    """Drafts, which DFXP files still name, had other namespaces and a colon in the multiplier."""
    text = ttml(
        '<div><p begin="30f" end="60f" ttm:agent="x">Hi</p></div>',
        'ttp:frameRateMultiplier="1000:1001"',
    )
    text = text.replace("www.w3.org/ns/ttml", "www.w3.org/2006/10/ttaf1")
    file = wrote(tmp_path / "a.dfxp", text)
    (span,) = read_spans(file)
    assert (span.start, span.speaker) == (Fraction(1001, 1000), "x")


def test_a_sequence_in_ttml(tmp_path: Path) -> None:
    body = '<div timeContainer="seq"><p dur="2s">A</p><p begin="1s" dur="2s">B</p><p>C</p></div>'
    notes: list[str] = []
    spans = read_spans(wrote(tmp_path / "a.ttml", ttml(body)), notes)
    assert times(spans) == [(0, 2), (3, 5)]
    assert "no length" in notes[0]
    clipped = '<div end="4s"><p begin="3s" end="9s">A</p><p begin="5s" end="6s">B</p></div>'
    assert times(read_spans(wrote(tmp_path / "b.ttml", ttml(clipped)))) == [(3, 4)]


@pytest.mark.parametrize(
    ("text", "parameters", "seconds"),
    [
        ("01:02:03", {}, 3723),
        ("100:00:00.25", {}, Fraction("360000.25")),
        ("00:00:01:15", {}, Fraction("1.5")),
        ("00:00:01:12", {"frameRate": "24"}, Fraction("1.5")),
        ("00:00:00:12.1", {"frameRate": "25", "subFrameRate": "2"}, Fraction("0.5")),
        ("1.5h", {}, 5400),
        ("2m", {}, 120),
        ("7ms", {}, Fraction(7, 1000)),
        ("7t", {}, 7),
        ("50t", {"frameRate": "25"}, 2),
        ("50t", {"frameRate": "25", "subFrameRate": "2"}, 1),
        ("00:01:00:02", {"frameRate": "30", "frameRateMultiplier": "1000 1001",
                         "timeBase": "smpte", "dropMode": "dropNTSC"}, Fraction("60.06")),
        ("01:00:00:00", {"frameRate": "30", "frameRateMultiplier": "1000 1001",
                         "timeBase": "smpte"}, Fraction("3603.6")),
    ],
)  # fmt: skip
def test_times_of_ttml_are_exact(text: str, parameters: dict[str, str], seconds: Fraction) -> None:
    assert TtmlClock.of(parameters).parse(text) == seconds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TTML[:-20], ["not XML", "line"]),
        ("<tt/>", ["no TTML", "<tt>"]),
        ("<html xmlns='http://www.w3.org/1999/xhtml'/>", ["no TTML", "<html>"]),
        (ttml(""), ["no span"]),
        (ttml("\n<p begin='1'>Hi</p>"), ["line 2", "'1' is no time"]),
        (ttml("<p begin='1s' end='99:99'>Hi</p>"), ["line 1", "is no time"]),
        (ttml("<p begin='-1s' end='1s'>Hi</p>"), ["is no time"]),
        (ttml("<p begin='" + "9" * 9999 + "s'>Hi</p>"), ["line 1"]),
        (ttml("<p begin='00:00:01:30' end='3s'>Hi</p>"), ["frame 30 of 30"]),
        (ttml("\n\n<p begin='1s'>Hi</p>"), ["<p> of line 3 has no end"]),
        (ttml("<p begin='2s' end='1s'>Hi</p>"), ["cue 1", "end after"]),
        (ttml("\n<p dur='1s' ttm:agent='a b'>Hi</p>"), ["line 2", "2 agents", "paragraph of its"]),
        (ttml("", "ttp:frameRate='0'"), ["frameRate '0'"]),
        (ttml("", "ttp:frameRateMultiplier='1'"), ["frameRateMultiplier '1'"]),
        (ttml("", "ttp:timeBase='clock'"), ["timeBase 'clock'", "media"]),
        (ttml("", "ttp:timeBase='smpte' ttp:dropMode='dropPAL'"), ["dropMode 'dropPAL'"]),
        (ttml("<div>" * 5000 + "</div>" * 5000), ["200 elements within one another"]),
    ],
)
def test_bad_ttml(text: str, words: list[str], tmp_path: Path) -> None:
    said = fault(wrote(tmp_path / "a.ttml", text))
    for word in ["a.ttml", *words]:
        assert word in said


def test_entities_of_ttml_are_never_expanded(tmp_path: Path) -> None:
    """Neither a file of this machine, nor a bomb, is read."""
    secret = wrote(tmp_path / "secret", "12s")
    levels = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10))
    for declared in (f'<!ENTITY e SYSTEM "{secret.as_uri()}">', '<!ENTITY e0 "ha">' + levels):
        text = f"<!DOCTYPE tt [{declared}]>" + ttml("<p begin='1s' end='2s'>&e;&e9;</p>")
        assert "document type declaration" in fault(wrote(tmp_path / "a.ttml", text))
