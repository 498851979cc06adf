"""What the file says of itself can be read back, and does it no harm."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import av
import numpy as np
import pytest

from lipsync import __version__, media
from lipsync.errors import MediaError, OutputError
from lipsync.report.provenance import (
    GENERATED_FACE,
    GENERATED_MOUTH,
    SOURCE_TYPE,
    ModelCard,
    SidecarRecord,
    embed_xmp,
    sidecar_path,
    write_sidecar,
)
from lipsync.report.provenance_reader import read_marks
from tests.support import clips


@pytest.fixture
def result(tmp_path: Path) -> Path:
    path = tmp_path / "out.mp4"
    source = clips.video("plain.mp4", "-c:v", "libx264")
    clips.run("-i", str(source), "-c", "copy", "-metadata", f"comment={GENERATED_MOUTH}", str(path))
    return path


def _sidecar(path: Path, finished: Path | None = None) -> Path:
    speech = clips.sound("s16.wav", "-c:a", "pcm_s16le")
    record = SidecarRecord(
        inputs={"audio": speech, "video": clips.video("plain.mp4", "-c:v", "libx264")},
        models=[ModelCard("lip-lstm", "1", "ab" * 32, "CC-BY-4.0")],
        options={"crf": 16, "preset": "fast"},
        frames=12,
        fps=media.probe(finished or path).fps,
        changed=[(0, 5), (7, 12)],
    )
    return write_sidecar(record, path, finished or path)


def test_every_mark_reads_back(result: Path) -> None:
    before = read_marks(result)
    assert (before.source_type, before.sidecar, before.sidecar_fits) == (None, None, None)
    embed_xmp(result)
    _sidecar(result)
    after = read_marks(result)
    assert after.comment == GENERATED_MOUTH
    assert __version__ in GENERATED_MOUTH
    assert after.source_type == SOURCE_TYPE
    assert after.sidecar_fits is True


def test_a_marked_file_plays_as_before(result: Path) -> None:
    frames = list(media.read_frames(media.probe(result)))
    whole = result.read_bytes()
    embed_xmp(result)
    assert result.read_bytes().startswith(whole)  # nothing moved
    np.testing.assert_array_equal(list(media.read_frames(media.probe(result))), frames)


def test_the_xmp_is_where_others_look_for_it(result: Path) -> None:
    """The standard's box, read without our reader: ffmpeg's own demuxer finds it."""
    embed_xmp(result)
    with av.open(str(result), options={"export_xmp": "1"}) as container:
        xmp = container.metadata["xmp"]
    assert SOURCE_TYPE in xmp
    assert 'DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/' in xmp


def test_the_sidecar_tells_all(result: Path) -> None:
    embed_xmp(result)
    place = _sidecar(result)
    assert place == sidecar_path(result) == result.with_name("out.mp4.json")
    record = json.loads(place.read_text("utf-8"))
    assert record["output"]["sha256"] == hashlib.sha256(result.read_bytes()).hexdigest()
    speech = clips.sound("s16.wav", "-c:a", "pcm_s16le")
    assert record["inputs"]["audio"] == {
        "name": "s16.wav",
        "sha256": hashlib.sha256(speech.read_bytes()).hexdigest(),
    }
    assert record["models"][0]["licence"] == "CC-BY-4.0"
    assert record["options"] == {"crf": 16, "preset": "fast"}
    assert record["changed_frames"] == [[0, 5], [7, 12]]
    assert (record["frames"], record["fps"], record["lipsync"]) == (12, "25", __version__)
    assert record["created"].endswith("+00:00")
    assert str(result.parent) not in place.read_text("utf-8")  # says nothing of this machine


def test_a_changed_video_no_longer_fits_its_sidecar(result: Path) -> None:
    _sidecar(result)
    assert read_marks(result).sidecar_fits is True
    with result.open("ab") as file:
        file.write(b"\0\0\0\x08free")
    assert read_marks(result).sidecar_fits is False


def test_the_sidecar_of_a_temporary_file_names_the_final_one(result: Path) -> None:
    final = result.with_name("final.mp4")
    _sidecar(final, finished=result)
    result.replace(final)
    assert read_marks(final).sidecar_fits is True


def test_other_tools_xmp_is_read_too(result: Path) -> None:
    """The property as an element, among other boxes, and nothing from a hostile packet."""
    uuid = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
    head = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><a xmlns:i="http://iptc.org/std/Iptc4xmpExt/'
    packet = f'{head}2008-02-29/"><i:DigitalSourceType>{SOURCE_TYPE}</i:DigitalSourceType></a>'
    packet += "</x:xmpmeta>"
    plain = result.read_bytes()
    for before, text, want in (
        (b"", packet, SOURCE_TYPE),
        (b"\0\0\0\x18uuid" + bytes(16), packet, SOURCE_TYPE),
        (b"", '<!DOCTYPE x [<!ENTITY a "b">]>' + packet, None),
        (b"", packet[:-3], None),
    ):
        box = uuid + text.encode()
        size = (8 + len(box)).to_bytes(4, "big")
        result.write_bytes(plain + before + size + b"uuid" + box)
        assert read_marks(result).source_type == want


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_every_container_is_marked(suffix: str, tmp_path: Path) -> None:
    from lipsync.media.encode import encode_video
    from lipsync.report.provenance import TAGS
    from tests.support.streams import QUICK, moving_pictures, video_info

    output = media.Output.parse(tmp_path / f"out{suffix}")
    speech, info = clips.sound("s16.wav", "-c:a", "pcm_s16le"), video_info(n=5)
    encode_video(moving_pictures(info), info, speech, output, QUICK, tags=TAGS)
    embed_xmp(output.path, output)
    after = read_marks(output.path)
    assert (after.comment, after.source_type) == (GENERATED_MOUTH, SOURCE_TYPE)
    assert media.probe(output.path).frame_count == 5


def test_a_folder_of_frames_is_marked_in_every_picture(tmp_path: Path) -> None:
    from lipsync.media.encode import encode_video
    from lipsync.report.provenance import picture_texts
    from tests.support.streams import QUICK, moving_pictures, video_info

    output = media.Output.parse(f"{tmp_path}/frames/")
    speech, info = clips.sound("s16.wav", "-c:a", "pcm_s16le"), video_info(n=3)
    encode_video(moving_pictures(info), info, speech, output, QUICK, texts=picture_texts())
    for file in output.path.glob("*.png"):
        assert media.read_png_texts(file)["Comment"] == GENERATED_MOUTH
        assert SOURCE_TYPE in media.read_png_texts(file)["XML:com.adobe.xmp"]
    assert sidecar_path(output.path) == tmp_path / "frames.json"
    record = SidecarRecord(inputs={}, models=[], options={}, frames=3, fps=25, changed=[])
    write_sidecar(record, output.path, output.path)
    after = read_marks(output.path)
    assert (after.comment, after.source_type) == (GENERATED_MOUTH, SOURCE_TYPE)
    assert after.sidecar_fits is True
    (output.path / "000002.png").write_bytes(b"another")
    assert read_marks(output.path).sidecar_fits is False


def test_faults_are_one_line(result: Path, tmp_path: Path) -> None:
    sidecar_path(result).write_text("{not json")
    with pytest.raises(MediaError, match="not a JSON file"):
        read_marks(result)
    with pytest.raises(MediaError, match="no such file"):
        read_marks(tmp_path / "nothing.mp4")
    with pytest.raises(OutputError, match="cannot be written"):
        embed_xmp(tmp_path / "no" / "out.mp4")


def test_a_swaps_consent_is_kept_in_the_mark(result: Path) -> None:
    embed_xmp(result, comment=f'{GENERATED_FACE}. Consent: Anna & "Bert" <both>')
    assert read_marks(result).source_type == SOURCE_TYPE
    assert "Anna &amp; " in result.read_bytes()[-3000:].decode("utf-8", "ignore")
