"""What the marks that were found say together: each one's state, and the whole file's.

A mark that can be lost is called stripped only where another one shows that it was there. Marks
of different records contradict each other: at least one was copied from another file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from lipsync.marks.credentials_reader import Credentials
from lipsync.marks.origin import CommentClaim, read_comment, read_id, write_id

State = Literal["valid", "untrusted", "altered", "stripped", "absent"]
Verdict = Literal["valid", "altered", "stripped", "absent"]


@dataclass(frozen=True)
class Findings:
    """What was found in a file and beside it; None where there is nothing."""

    comment: str | None  # of the container, whoever wrote it
    source_type: str | None  # IPTC digital source type
    xmp_comment: str | None  # the comment in the XMP packet
    sidecar: Mapping[str, Any] | None
    sidecar_fits: bool | None  # its hash is the file's
    credentials: Credentials | None
    payload: int | None = None  # of the watermark
    watermark_read: bool = False  # it was looked for
    watermark_words: str = ""  # how it was read, or why it was not

    @property
    def claim(self) -> CommentClaim | None:
        """What this program wrote into the comment, or into the XMP packet."""
        return read_comment(self.comment) or read_comment(self.xmp_comment)

    @property
    def records(self) -> dict[str, int]:
        """Mark → id of the record it names, the most reliable mark first."""
        ids = {
            "content credentials": self.credentials.record_id if self.credentials else None,
            "sidecar": read_id((self.sidecar or {}).get("record")),
            "watermark": self.payload,
            "comment": self.claim.record_id if self.claim else None,
        }
        return {name: one for name, one in ids.items() if one is not None}

    @property
    def intact(self) -> bool:
        """The file is, bit for bit, what was delivered: its sidecar or its manifest proves it."""
        signed = self.credentials
        holds = signed is not None and signed.state != "altered" and signed.record_id is not None
        return bool(self.sidecar_fits) or (holds and signed is not None and signed.latest)


@dataclass(frozen=True)
class Mark:
    """The state of one mark."""

    name: str
    state: State
    words: str


@dataclass(frozen=True)
class Marks:
    """The states of all marks of a file, the most reliable first."""

    marks: tuple[Mark, ...]
    record_id: int | None
    found: Findings

    @property
    def verdict(self) -> Verdict:
        """Of all together: altered before stripped before valid; absent: never marked."""
        states = {mark.state for mark in self.marks}
        for state in ("altered", "stripped"):
            if state in states:
                return state
        return "valid" if states - {"absent"} else "absent"

    @property
    def record(self) -> str | None:
        """The id of the record, as the marks write it."""
        return None if self.record_id is None else write_id(self.record_id)

    def state(self, name: str) -> State:
        """The state of a mark by its name."""
        return next(mark.state for mark in self.marks if mark.name == name)

    def with_watermark(self, payload: int | None, words: str) -> Marks:
        """The same file, its watermark looked for; `words`: how it was read, or why not."""
        return judge(
            replace(self.found, payload=payload, watermark_read=True, watermark_words=words)
        )


def judge(found: Findings) -> Marks:
    """The states of all marks."""
    records = found.records
    record_id = next(iter(records.values()), None)
    strangers = [name for name, one in records.items() if one != record_id]
    marks = [_credentials(found), _sidecar(found), _comment(found), _source_type(found)]
    if found.watermark_read:
        marks.insert(1, _watermark(found))
    marks = [
        _contradict(mark, records[mark.name]) if mark.name in strangers else mark for mark in marks
    ]
    return Marks(tuple(marks), record_id, found)


def _contradict(mark: Mark, record_id: int) -> Mark:
    """A mark that names another record than a more reliable one does."""
    return replace(mark, state="altered", words=f"is of another record, {write_id(record_id)}")


def _was_marked(found: Findings) -> bool:
    """Whether any mark shows that the file was made by this program."""
    return bool(found.records) or found.claim is not None


def _credentials(found: Findings) -> Mark:
    name = "content credentials"
    signed, claim = found.credentials, found.claim
    if signed is not None and signed.record_id is None and signed.state != "altered":
        words = f"those of another program ({signed.generator or 'unnamed'}), {signed.why}"
        return Mark(name, "absent", words)
    if signed is not None:
        after = "" if signed.latest or signed.state == "altered" else "; kept in a later manifest"
        return Mark(name, signed.state, signed.why + after)
    entry = (found.sidecar or {}).get("content_credentials")
    says = "the comment" if claim and claim.signed else "the sidecar" if entry else None
    if says is None and claim is None and found.payload is not None:
        says = "the watermark"  # outputs are signed unless their maker chose otherwise
    if says is not None:
        return Mark(name, "stripped", f"there are none, but {says} shows that there were")
    return Mark(name, "absent", "there are none")


def _watermark(found: Findings) -> Mark:
    name = "watermark"
    if found.payload is not None:
        words = f"says record {write_id(found.payload)}"
        more = f" ({found.watermark_words})" if found.watermark_words else ""
        return Mark(name, "valid", words + more)
    why = found.watermark_words or "none can be read"
    noted = (found.sidecar or {}).get("watermark") is True
    if not found.intact and (noted or (found.credentials and found.credentials.watermarked)):
        return Mark(name, "stripped", f"{why}, but the record says that there was one")
    return Mark(name, "absent", why)


def _sidecar(found: Findings) -> Mark:
    name = "sidecar"
    if found.sidecar is None:
        return Mark(name, "absent", "there is none beside the file")
    if found.sidecar_fits:
        return Mark(name, "valid", "its hash is that of the file")
    return Mark(name, "altered", "its hash is of another file: one of the two was changed since")


def _comment(found: Findings) -> Mark:
    name = "comment"
    if read_comment(found.comment) is not None:
        return Mark(name, "valid", str(found.comment))
    words = "another program's" if found.comment else "there is none"
    return Mark(name, "stripped" if _was_marked(found) else "absent", words)


def _source_type(found: Findings) -> Mark:
    name = "source type"
    if found.source_type is not None:
        return Mark(name, "valid", found.source_type)
    return Mark(name, "stripped" if _was_marked(found) else "absent", "there is none")
