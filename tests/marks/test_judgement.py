"""What marks say together: gone is told from never there, and copied from true."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lipsync.marks.credentials_reader import Credentials
from lipsync.marks.judgement import Findings, judge
from lipsync.marks.origin import GENERATED_MOUTH, SOURCE_TYPE, write_comment, write_id

ID, OTHER = 0x1A2B3C4D5E6F, 0x0000000000FF
SIGNED = write_comment(GENERATED_MOUTH, ID, signed=True)
SIDECAR = {"record": write_id(ID), "content_credentials": {"manifest": "in the file"}}
NOTHING = Findings(None, None, None, None, None, None)
ALL = Findings(
    comment=SIGNED,
    source_type=SOURCE_TYPE,
    xmp_comment=SIGNED,
    sidecar=SIDECAR,
    sidecar_fits=True,
    credentials=Credentials("untrusted", "signed by x", record_id=ID, watermarked=True),
    payload=ID,
    watermark_read=True,
)


def states(found: Findings) -> dict[str, str]:
    return {mark.name: mark.state for mark in judge(found).marks}


def test_all_marks_hold() -> None:
    marks = judge(ALL)
    assert (marks.verdict, marks.record) == ("valid", "1a2b3c4d5e6f")
    assert {mark.state for mark in marks.marks} == {"valid", "untrusted"}
    assert [mark.name for mark in marks.marks[:2]] == ["content credentials", "watermark"]


def test_nothing_is_absent_not_stripped() -> None:
    marks = judge(replace(NOTHING, watermark_read=True))
    assert (marks.verdict, marks.record) == ("absent", None)
    assert {mark.state for mark in marks.marks} == {"absent"}


def test_the_watermark_alone_shows_that_the_rest_was_there() -> None:
    """A platform has encoded the video anew: nothing in the file is left."""
    found = replace(NOTHING, payload=ID, watermark_read=True)
    assert states(found) == {
        "content credentials": "stripped",
        "watermark": "valid",
        "sidecar": "absent",
        "comment": "stripped",
        "source type": "stripped",
    }
    assert (judge(found).verdict, judge(found).record) == ("stripped", write_id(ID))


def test_the_comment_alone_tells_whether_there_was_a_signature() -> None:
    found = replace(NOTHING, comment=SIGNED)
    assert states(found)["content credentials"] == "stripped"
    unsigned = write_comment(GENERATED_MOUTH, ID, signed=False)
    found = replace(NOTHING, comment=unsigned, payload=ID, watermark_read=True)
    assert states(found)["content credentials"] == "absent"


def test_the_xmp_packet_speaks_for_a_lost_comment() -> None:
    found = replace(NOTHING, xmp_comment=SIGNED, source_type=SOURCE_TYPE)
    assert states(found)["comment"] == "stripped"
    assert states(found)["content credentials"] == "stripped"
    assert judge(found).record == write_id(ID)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"payload": OTHER}, "watermark"),
        ({"sidecar": {**SIDECAR, "record": write_id(OTHER)}}, "sidecar"),
        ({"comment": write_comment(GENERATED_MOUTH, OTHER, signed=True)}, "comment"),
    ],
)
def test_a_mark_of_another_record_was_copied(change: dict, name: str) -> None:
    marks = judge(replace(ALL, **change))
    assert marks.verdict == marks.state(name) == "altered"
    assert marks.record == write_id(ID)
    assert next(m.words for m in marks.marks if m.name == name).endswith(write_id(OTHER))


def test_a_watermark_that_cannot_be_read_is_stripped_only_where_the_file_was_changed() -> None:
    gone = {"payload": None, "watermark_words": "too few frames"}
    assert states(replace(ALL, **gone))["watermark"] == "absent"  # the signature holds
    changed = replace(
        ALL,
        **gone,
        sidecar=None,
        sidecar_fits=None,
        credentials=Credentials("altered", "changed", record_id=ID, watermarked=True),
    )
    assert states(changed)["watermark"] == "stripped"
    assert judge(changed).verdict == "altered"


def test_another_programs_signature_is_not_ours() -> None:
    other = Credentials("valid", "signed by y", generator="a camera 1.0")
    marks = judge(replace(NOTHING, credentials=other))
    assert (marks.verdict, marks.state("content credentials")) == ("absent", "absent")
    assert "a camera 1.0" in marks.marks[0].words
    broken = Credentials("altered", "changed", generator="a camera 1.0")
    assert judge(replace(NOTHING, credentials=broken)).verdict == "altered"


def test_another_programs_comment_is_nobodys_mark() -> None:
    found = replace(NOTHING, comment="Lavf61.7.100")
    assert states(found)["comment"] == "absent"
    assert states(replace(found, payload=ID, watermark_read=True))["comment"] == "stripped"


def test_the_watermark_can_be_added_later() -> None:
    before = judge(replace(ALL, payload=None, watermark_read=False))
    assert "watermark" not in {mark.name for mark in before.marks}
    after = before.with_watermark(ID, "99 of 100 frames")
    assert after.state("watermark") == "valid"
    assert "99 of 100 frames" in after.marks[1].words
    assert before.with_watermark(OTHER, "").verdict == "altered"
