"""What two outputs of the same render have in common: all but signature and time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import av

from lipsync.marks.credentials_reader import read_credentials


def describe_output(path: Path) -> dict[str, Any]:
    """Every packet of a file with its times, its tags and its sidecar, without what is of the run.

    The account of the run is when it was made, and the signature, which differs each time: of the
    latter it is told whether it holds and names the hash in the sidecar.
    """
    with av.open(str(path)) as container:
        streams = [
            (stream.type, stream.codec_context.name, str(stream.time_base),
             _digest(stream.codec_context.extradata or b""))
            for stream in container.streams
        ]  # fmt: skip
        packets = [
            (packet.stream.index, packet.pts, packet.dts, packet.duration, packet.is_keyframe,
             _digest(bytes(packet)))
            for packet in container.demux()
        ]  # fmt: skip
        tags = dict(container.metadata)
    sidecar = json.loads(path.with_name(f"{path.name}.json").read_text("utf-8"))
    del sidecar["created"]
    credentials = read_credentials(path)
    return {
        "streams": streams,
        "packets": packets,
        "tags": tags,
        "hash in the sidecar": sidecar["output"].pop("sha256") == _digest(path.read_bytes()),
        "sidecar": sidecar,
        "signature": None if credentials is None else (credentials.state, credentials.record_id),
    }


def list_differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Names of what is not the same."""
    return [name for name in one if one[name] != other[name]]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
