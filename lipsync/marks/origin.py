"""The origin of an output: that it was generated, by what, from what, and the id of its record.

The id is a digest of everything that decides the output and stands in every mark, so that a mark
found alone leads to the record, and marks of two outputs cannot be mixed unnoticed. Made again from
the same files with the same options, an output has the same id, and so the same pictures.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lipsync._version import __version__
from lipsync.media.frame_times import display_times
from lipsync.runtime.hashing import hash_file
from lipsync.types import VideoInfo

# IPTC NewsCodes, "digitalsourcetype": real footage combined with generated elements.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
SOURCE_TAG = "digital_source_type"  # of containers without a place for XMP

# As many as a watermark holds. Of a million outputs two share an id with a probability of 1:560.
RECORD_BITS = 48

GENERATED_MOUTH = f"made with lipsync {__version__}: the mouth in this video was generated"
GENERATED_FACE = (
    f"made with lipsync {__version__}: the face in this video was replaced by a generated one of "
    "another person"
)
_COMMENT = re.compile(r"made with lipsync \S+: [^(]*(?:\(record ([0-9a-f]{12})(, signed)?\))?")


def derive_record_id(statement: str, files: Iterable[Path], settings: Mapping[str, Any]) -> int:
    """The id of the output that these files give with these settings, `RECORD_BITS` bits.

    Args:
        files: what the output is made from. Their bytes count, not their names.
        settings: JSON-able. Texts that name a file count as its bytes.
    """
    facts = [statement, list(files), dict(settings)]
    written = json.dumps(_contents(facts), sort_keys=True, default=str).encode()
    return int(hashlib.sha256(written).hexdigest(), 16) >> (256 - RECORD_BITS)


def _contents(value: Any) -> Any:
    """The same with every name of a file replaced by the digest of its bytes.

    A file that cannot be read keeps its name: whoever needs it will say what is wrong with it.
    """
    if isinstance(value, Mapping):
        return {key: _contents(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_contents(one) for one in value]
    if isinstance(value, (str, Path)):
        with suppress(OSError, ValueError):  # no file, no name of a file
            path = Path(value)
            return hash_file(path) if path.is_file() else value
    return value


def write_id(record_id: int) -> str:
    """An id as every mark but the watermark writes it: 12 hexadecimal digits."""
    return f"{record_id:0{RECORD_BITS // 4}x}"


def read_id(text: object) -> int | None:
    """The id that `write_id` wrote; None: it is none."""
    if isinstance(text, str) and re.fullmatch(r"[0-9a-f]{12}", text):
        return int(text, 16)
    return None


def write_comment(
    statement: str, record_id: int, *, signed: bool, consent: str | None = None
) -> str:
    """The comment of a container: statement, record, and whether content credentials belong to it.

    The last is said so that their loss is noticed.
    """
    comment = f"{statement} (record {write_id(record_id)}{', signed' if signed else ''})"
    return comment if consent is None else f"{comment}. Consent: {consent}"


@dataclass(frozen=True)
class CommentClaim:
    """What a comment written by this program says."""

    record_id: int | None  # None: of a version that had no ids
    signed: bool  # the output had content credentials


def read_comment(comment: str | None) -> CommentClaim | None:
    """What a comment says; None: it is no comment of this program."""
    found = _COMMENT.match(comment or "")
    return CommentClaim(read_id(found[1]), bool(found[2])) if found else None


@dataclass(frozen=True)
class ModelCard:
    """A trained model that was used, as the records list it."""

    name: str
    version: str
    sha256: str
    licence: str

    @staticmethod
    def of(meta: Mapping[str, Any], weights: Path) -> ModelCard:
        """Take the card from the metadata of weights, and from their file."""
        return ModelCard(
            name=str(meta.get("name", "unnamed")),
            version=str(meta.get("version", "unknown")),
            sha256=hash_file(weights),
            licence=str(meta.get("licence", "not stated")),
        )


def span_times(
    info: VideoInfo, frames: int, spans: Iterable[tuple[int, int]]
) -> list[tuple[float, float]]:
    """Spans (first, end) of an output's frames in seconds; it has the times of `info`."""
    shown = display_times(info, frames)
    shown = np.append(shown, shown[-1:] + 1 / float(info.fps))
    last = len(shown) - 1
    return [(float(shown[min(i, last)]), float(shown[min(end, last)])) for i, end in spans]


@dataclass(frozen=True)
class OriginRecord:
    """What a video was made from, with what, and where it was changed."""

    record_id: int  # from `derive_record_id`
    inputs: Mapping[str, Path]  # role → file, e.g. audio and video
    models: Iterable[ModelCard]  # the trained models used
    options: Mapping[str, Any]  # JSON-able, by their plain names
    frames: int  # in the output
    fps: Any  # of the output, written exactly ("30000/1001")
    changed: Iterable[tuple[int, int]]  # (first, end) of every run of changed frames
    changed_s: Iterable[tuple[float, float]] = ()  # the same runs in seconds
    watermarked: bool = False  # the id is hidden in the changed frames
    statement: str = GENERATED_MOUTH
    consent: str | None = None  # who agreed to what, in the words of the video's maker
    speakers: Iterable[Mapping[str, Any]] = ()  # who speaks what, with which face; JSON-able
