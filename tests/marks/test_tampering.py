"""What was done to a file after it was signed is told: changed, stripped, mixed, signed again."""

from __future__ import annotations

import struct
import threading
from pathlib import Path

import numpy as np
import pytest

from lipsync.marks.c2pa_library import open_context
from lipsync.marks.certificate import load_identity
from lipsync.marks.credentials_reader import read_credentials
from lipsync.marks.reader import read_marks
from lipsync.marks.sidecar import sidecar_path
from tests.support import clips, marked
from tests.support.marked import manifest_of


@pytest.fixture
def mp4(tmp_path: Path) -> Path:
    place = tmp_path / "out.mp4"
    marked.mark(place)
    return place


def boxes(data: bytes) -> dict[bytes, tuple[int, int]]:
    """Type → (offset, size) of the top-level boxes of an mp4, of the last one of a type."""
    found, at = {}, 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        found[kind + data[at + 8 : at + 9] if kind == b"uuid" else kind] = (at, size)
        at += size
    return found


MANIFEST_BOX, XMP_BOX = b"uuid\xd8", b"uuid\xbe"


@pytest.mark.parametrize("box", [b"moov", b"mdat", XMP_BOX])
def test_one_flipped_byte_is_reported(mp4: Path, box: bytes) -> None:
    whole = mp4.read_bytes()
    at, size = boxes(whole)[box]
    # Not the box's size and type, which would hide what is in it.
    for place in np.linspace(at + 24, at + size - 1, 12).astype(int).tolist():
        changed = bytearray(whole)
        changed[place] ^= 0x10
        mp4.write_bytes(changed)
        found = read_credentials(mp4)
        assert found is not None, place
        assert found.state == "altered", place


def test_a_flipped_byte_beside_a_manifest_is_reported(tmp_path: Path) -> None:
    place = tmp_path / "out.mkv"
    marked.mark(place)
    whole = bytearray(place.read_bytes())
    whole[-100] ^= 1
    place.write_bytes(whole)
    marks = read_marks(place)
    assert marks.state("content credentials") == marks.state("sidecar") == "altered"
    assert "the file was changed since" in marks.marks[0].words


def test_a_flipped_byte_in_the_manifest_never_passes_unseen(mp4: Path) -> None:
    """The padding of a signature is not covered by it: there the sidecar's hash tells."""
    whole = mp4.read_bytes()
    at, size = boxes(whole)[MANIFEST_BOX]
    noticed = 0
    places = np.linspace(at + 8, at + size - 1, 60).astype(int).tolist()
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 0x10
        mp4.write_bytes(changed)
        marks = read_marks(mp4)
        assert marks.verdict == "altered", place
        noticed += marks.state("content credentials") in ("altered", "stripped")
    assert noticed > 0.6 * len(places)


def test_damage_is_one_line(mp4: Path) -> None:
    whole = bytearray(mp4.read_bytes())
    at, size = boxes(bytes(whole))[MANIFEST_BOX]
    whole[at + 24 : at + size] = bytes(size - 24)
    mp4.write_bytes(whole)
    found = read_credentials(mp4)
    assert found is not None
    assert found.state == "altered"
    assert found.why.startswith("the manifest is damaged: ")
    assert "\n" not in found.why


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_remux_strips_it_and_the_comment_tells(mp4: Path, suffix: str) -> None:
    """What a platform or a cutting program does at least."""
    remuxed = mp4.with_name(f"remuxed{suffix}")
    clips.run("-i", str(mp4), "-c", "copy", str(remuxed))
    marks = read_marks(remuxed)
    assert marks.verdict == marks.state("content credentials") == "stripped"
    assert (marks.state("comment"), marks.state("source type")) == ("valid", "stripped")
    assert marks.record == read_marks(mp4).record
    assert "the comment shows that there were" in marks.marks[0].words


def test_a_lost_manifest_file_is_noticed(tmp_path: Path) -> None:
    place = tmp_path / "out.mkv"
    marked.mark(place)
    place.with_suffix(".c2pa").unlink()
    assert read_marks(place).state("content credentials") == "stripped"


def test_marks_of_two_outputs_contradict_each_other(tmp_path: Path) -> None:
    one, other = tmp_path / "one.mkv", tmp_path / "other.mkv"
    marked.mark(one)
    marked.mark(other)
    sidecar_path(other).replace(sidecar_path(one))
    marks = read_marks(one)
    assert marks.verdict == marks.state("sidecar") == "altered"
    assert "another record" in next(one.words for one in marks.marks if one.name == "sidecar")


def test_a_source_with_a_damaged_manifest_is_used_all_the_same(mp4: Path) -> None:
    whole = bytearray(mp4.read_bytes())
    at, size = boxes(bytes(whole))[MANIFEST_BOX]
    whole[at + 24 : at + size] = bytes(size - 24)
    mp4.write_bytes(whole)
    again = mp4.with_name("again.mp4")
    marked.mark(again, source=mp4)
    active, manifests = manifest_of(again)
    assert len(manifests) == 1
    assert active["ingredients"][0]["title"] == "out.mp4"
    assert "could not be read" in active["ingredients"][0]["description"]


def test_a_later_manifest_of_another_program_keeps_ours(mp4: Path) -> None:
    from c2pa import Builder, C2paSignerInfo, Signer

    identity = load_identity(None, None)
    info = (identity.algorithm, identity.chain, identity.key)
    signer = Signer.from_info(C2paSignerInfo(*(one.encode() for one in info), None))
    action = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["x"]}}
    definition = {
        "title": "later.mp4",
        "claim_generator_info": [{"name": "a cutting program"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
    }
    later = mp4.with_name("later.mp4")
    with open_context(signer) as context, Builder(definition, context) as builder:
        entry = {"title": "out.mp4", "relationship": "parentOf", "label": "x"}
        with mp4.open("rb") as file:
            builder.add_ingredient(entry, "video/mp4", file)
        with mp4.open("rb") as file, later.open("w+b") as made:
            builder.sign("video/mp4", file, made)
    found = read_credentials(later)
    assert found is not None
    assert (found.state, found.latest) == ("untrusted", False)
    assert found.generator == "a cutting program"
    marks = read_marks(later)
    assert marks.record == read_marks(mp4).record
    assert "kept in a later manifest" in marks.marks[0].words


def test_an_expired_certificate_is_said_to_be_expired(
    mp4: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lipsync.marks import certificate

    monkeypatch.setattr(certificate, "VALID_DAYS", 8 / 86400)  # long enough to sign
    monkeypatch.setattr(certificate, "local_place", lambda: mp4.with_name("short.pem"))
    place = mp4.with_name("expired.mp4")
    marked.mark(place)
    threading.Event().wait(10.5)
    found = read_credentials(place, trust=load_identity_root(mp4.with_name("short.pem")))
    assert found is not None
    assert found.state == "untrusted"
    assert "has expired" in found.why


def load_identity_root(pem: Path) -> str:
    """The last certificate in a file."""
    begin = "-----BEGIN CERTIFICATE-----"
    return begin + pem.read_text().rpartition(begin)[2]
