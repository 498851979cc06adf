"""Comment, XMP packet and sidecar can be read back, by others too, and do the file no harm."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lipsync import __version__, media
from lipsync.errors import MediaError, OutputError
from lipsync.marks.options import MarkOptions
from lipsync.marks.origin import (
    GENERATED_FACE,
    GENERATED_MOUTH,
    SOURCE_TAG,
    SOURCE_TYPE,
    OriginRecord,
    derive_record_id,
    read_comment,
    read_id,
    span_times,
    write_comment,
    write_id,
)
from lipsync.marks.reader import find_marks, read_marks
from lipsync.marks.sidecar import sidecar_path, write_sidecar
from lipsync.marks.xmp import embed_xmp, picture_texts
from lipsync.media.encode import encode_video
from tests.support import clips, marked
from tests.support.streams import QUICK, moving_pictures, video_info

UNSIGNED = MarkOptions(content_credentials=False)
COMMENT = write_comment(GENERATED_MOUTH, 0x1A2B3C4D5E6F, signed=False)


@pytest.fixture
def result(tmp_path: Path) -> Path:
    path = tmp_path / "out.mp4"
    marked.mark(path, UNSIGNED)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A video of somebody else."""
    path = tmp_path / "plain.mp4"
    path.write_bytes(clips.video("coded.mp4", *marked.CODING[".mp4"]).read_bytes())
    return path


def test_every_mark_reads_back(result: Path) -> None:
    found = find_marks(result)
    assert found.comment is not None
    assert found.comment.startswith(GENERATED_MOUTH)
    assert __version__ in found.comment
    assert found.source_type == SOURCE_TYPE
    assert found.sidecar_fits is True
    assert found.xmp_comment == found.comment
    assert found.credentials is None
    marks = read_marks(result)
    assert marks.verdict == "valid"
    assert marks.record == json.loads(sidecar_path(result).read_text())["record"]


def test_a_recording_has_none(plain: Path) -> None:
    marks = read_marks(plain)
    assert (marks.verdict, marks.record) == ("absent", None)
    assert {mark.state for mark in marks.marks} == {"absent"}


def test_ids_and_comments_are_read_as_they_were_written() -> None:
    for number in (0, 1, 0xABCDEF, 2**48 - 1):
        assert len(write_id(number)) == 12
        assert read_id(write_id(number)) == number
        for signed in (True, False):
            text = write_comment(GENERATED_FACE, number, signed=signed, consent="A (record B)")
            claim = read_comment(text)
            assert claim is not None
            assert (claim.record_id, claim.signed) == (number, signed)
    assert read_comment("Lavf61.7.100") is None
    assert read_comment(None) is None
    assert (
        read_comment("made with lipsync 0.0.9: the mouth in this video was generated") is not None
    )
    assert read_id("1A2B3C4D5E6F") is None
    assert read_id(12) is None


def test_what_is_made_again_has_the_same_id_and_nothing_else_has(tmp_path: Path) -> None:
    speech, other, elsewhere = (tmp_path / name for name in ("a.wav", "b.wav", "c.wav"))
    for path, sound in ((speech, b"hello"), (other, b"hallo"), (elsewhere, b"hello")):
        path.write_bytes(sound)
    settings = {"crf": 16, "reference": (str(speech),), "teeth": "auto"}
    found = derive_record_id(GENERATED_MOUTH, [speech], settings)
    moved = settings | {"reference": (str(elsewhere),)}
    assert derive_record_id(GENERATED_MOUTH, [elsewhere], moved) == found < 2**48
    others = [
        derive_record_id(GENERATED_FACE, [speech], settings),
        derive_record_id(GENERATED_MOUTH, [other], settings),
        derive_record_id(GENERATED_MOUTH, [speech], settings | {"crf": 18}),
        derive_record_id(GENERATED_MOUTH, [speech], settings | {"reference": (str(other),)}),
        derive_record_id(GENERATED_MOUTH, [tmp_path / "not there"], settings),
    ]
    assert len({found, *others}) == 6


def test_a_marked_file_plays_as_before(plain: Path) -> None:
    frames = list(media.read_frames(media.probe(plain)))
    whole = plain.read_bytes()
    embed_xmp(plain, None, COMMENT)
    assert plain.read_bytes().startswith(whole)  # nothing moved
    np.testing.assert_array_equal(list(media.read_frames(media.probe(plain))), frames)


def test_the_xmp_is_where_others_look_for_it(plain: Path) -> None:
    """The standard's box, read without our reader: ffmpeg's own demuxer finds it."""
    embed_xmp(plain, None, COMMENT)
    with av.open(str(plain), options={"export_xmp": "1"}) as container:
        xmp = container.metadata["xmp"]
    assert SOURCE_TYPE in xmp
    assert 'DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/' in xmp


def test_the_sidecar_tells_all(result: Path) -> None:
    place = sidecar_path(result)
    assert place == result.with_name("out.mp4.json")
    record = json.loads(place.read_text("utf-8"))
    assert record["output"]["sha256"] == hashlib.sha256(result.read_bytes()).hexdigest()
    assert record["inputs"]["audio"] == {
        "name": "s16.wav",
        "sha256": hashlib.sha256(marked.speech().read_bytes()).hexdigest(),
    }
    assert record["models"][0]["licence"] == "CC-BY-4.0"
    assert record["options"] == {"crf": 16, "preset": "fast"}
    assert record["changed_frames"] == [[0, 5], [7, 12]]
    assert (record["frames"], record["fps"], record["lipsync"]) == (12, "25", __version__)
    assert record["created"].endswith("+00:00")
    assert record["content_credentials"] is None
    assert record["watermark"] is False
    assert str(result.parent) not in place.read_text("utf-8")  # says nothing of this machine


def test_a_sidecar_names_files_but_not_where_they_are(result: Path, tmp_path: Path) -> None:
    options = {"key": tmp_path / "secret" / "my-key.pem", "crf": 16}
    record = OriginRecord(1, inputs={}, models=[], options=options, frames=1, fps=25, changed=[])
    text = write_sidecar(record, result, result).read_text("utf-8")
    assert "my-key.pem" in text
    assert "secret" not in text


def test_a_changed_video_no_longer_fits_its_sidecar(result: Path) -> None:
    with result.open("ab") as file:
        file.write(b"\0\0\0\x08free")
    marks = read_marks(result)
    assert marks.found.sidecar_fits is False
    assert marks.verdict == marks.state("sidecar") == "altered"


def test_other_tools_xmp_is_read_too(plain: Path) -> None:
    """The property as an element, among other boxes, and nothing from a hostile packet."""
    uuid = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
    head = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><a xmlns:i="http://iptc.org/std/Iptc4xmpExt/'
    packet = f'{head}2008-02-29/"><i:DigitalSourceType>{SOURCE_TYPE}</i:DigitalSourceType></a>'
    packet += "</x:xmpmeta>"
    before_it = plain.read_bytes()
    for before, text, want in (
        (b"", packet, SOURCE_TYPE),
        (b"\0\0\0\x18uuid" + bytes(16), packet, SOURCE_TYPE),
        (b"", '<!DOCTYPE x [<!ENTITY a "b">]>' + packet, None),
        (b"", packet[:-3], None),
    ):
        box = uuid + text.encode()
        size = (8 + len(box)).to_bytes(4, "big")
        plain.write_bytes(before_it + before + size + b"uuid" + box)
        assert find_marks(plain).source_type == want


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_every_container_is_marked(suffix: str, tmp_path: Path) -> None:
    output = media.Output.parse(tmp_path / f"out{suffix}")
    info, tags = video_info(n=5), {"comment": COMMENT, SOURCE_TAG: SOURCE_TYPE}
    encode_video(moving_pictures(info), info, marked.speech(), output, QUICK, tags=tags)
    embed_xmp(output.path, output, COMMENT)
    found = find_marks(output.path)
    assert (found.comment, found.source_type) == (COMMENT, SOURCE_TYPE)
    assert media.probe(output.path).frame_count == 5


def test_a_folder_of_frames_is_marked_in_every_picture(tmp_path: Path) -> None:
    output = media.Output.parse(f"{tmp_path}/frames/")
    info, texts = video_info(n=3), picture_texts(COMMENT)
    encode_video(moving_pictures(info), info, marked.speech(), output, QUICK, texts=texts)
    for file in output.path.glob("*.png"):
        assert media.read_png_texts(file)["Comment"] == COMMENT
        assert SOURCE_TYPE in media.read_png_texts(file)["XML:com.adobe.xmp"]
    assert sidecar_path(output.path) == tmp_path / "frames.json"
    record = OriginRecord(
        0x1A2B3C4D5E6F, inputs={}, models=[], options={}, frames=3, fps=25, changed=[]
    )
    write_sidecar(record, output.path, output.path)
    marks = read_marks(output.path)
    assert (marks.found.comment, marks.found.source_type) == (COMMENT, SOURCE_TYPE)
    assert (marks.verdict, marks.record) == ("valid", "1a2b3c4d5e6f")
    (output.path / "000002.png").write_bytes(b"another")
    assert read_marks(output.path).verdict == "altered"


def test_faults_are_one_line(result: Path, tmp_path: Path) -> None:
    sidecar_path(result).write_text("{not json")
    with pytest.raises(MediaError, match="not a JSON file"):
        read_marks(result)
    with pytest.raises(MediaError, match="no such file"):
        read_marks(tmp_path / "nothing.mp4")
    with pytest.raises(OutputError, match="cannot be written"):
        embed_xmp(tmp_path / "no" / "out.mp4", None, COMMENT)


@pytest.mark.parametrize("text", ["[]", "{}", '{"output": null}', '{"output": "sha256"}'])
def test_another_programs_json_is_no_sidecar(result: Path, text: str) -> None:
    sidecar_path(result).write_text(text)
    assert read_marks(result).state("sidecar") == "absent"


def test_a_swaps_consent_is_kept_in_the_mark(tmp_path: Path) -> None:
    consent, place = 'Anna & "Bert" <both>', tmp_path / "out.mp4"
    marked.mark(place, UNSIGNED, consent=consent)
    found = find_marks(place)
    assert found.comment is not None
    assert found.comment.endswith(f". Consent: {consent}")
    assert found.xmp_comment == found.comment
    assert found.source_type == SOURCE_TYPE
    assert "Anna &amp; " in place.read_bytes()[-3000:].decode("utf-8", "ignore")


def test_spans_are_told_in_the_times_of_the_output() -> None:
    info, spans = video_info(fps="25", n=10), [(2, 4), (8, 10)]
    np.testing.assert_allclose(span_times(info, 10, spans), [(0.08, 0.16), (0.32, 0.4)])
    irregular = replace(info, stamps=tuple(Fraction(i * i, 100) for i in range(10)))
    np.testing.assert_allclose(span_times(irregular, 10, spans), [(0.04, 0.16), (0.64, 0.85)])
