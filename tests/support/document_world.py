"""The files that the documents' commands name, as short clips made from the bundled sample."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

from tests.support import clips
from tests.support.document_commands import REPO, blocks

SAMPLE = REPO / "assets" / "sample"
SECONDS, SIDE = "1.2", 256  # of a clip, and pixels of a person in it

# Kind of file → names by which documents call it.
NAMES = {
    "person.mp4": (
        *("video.mp4", "original.mp4", "ep1.mp4", "ep2.mp4", "download.mp4"),
        "presenter.mp4",
    ),
    "talk.mp4": ("film.mp4", "talk.mov"),
    "speech.wav": (
        *("anna.wav", "ben.wav", "dub.wav", "line1.wav", "ep1.de.wav", "ep1.fr.wav"),
        *("film.de.wav", "film.pl.wav", "out/htdemucs/talk_audio/no_vocals.mp3"),
        "audio_instruments.wav",
    ),
}
ONE = "1\n00:00:00,200 --> 00:00:00,700\nWhere have you been?\n"
TWO = (
    "1\n00:00:00,200 --> 00:00:00,500\n[ANNA] Where have you been?\n\n"
    "2\n00:00:00,700 --> 00:00:01,100\n[BEN] At the moon.\n"
)
LINES = [
    {"start": 0.2, "end": 0.5, "speaker": "SPEAKER_00", "audio": "anna.wav"},
    {"start": 0.7, "end": 1.1, "speaker": "SPEAKER_01", "audio": "ben.wav"},
]
TTML = (
    '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata">'
    '<head><metadata><ttm:agent xml:id="a" type="person"><ttm:name>ANNA</ttm:name></ttm:agent>'
    '<ttm:agent xml:id="b" type="person"><ttm:name>BEN</ttm:name></ttm:agent></metadata></head>'
    '<body><div><p begin="0.2s" end="0.5s" ttm:agent="a">One</p>'
    '<p begin="0.7s" end="1.1s" ttm:agent="b">Two</p></div></body></tt>'
)


@cache
def originals() -> dict[str, Path]:
    """One file of each kind."""
    target, sound = str(SAMPLE / "target.mp4"), str(SAMPLE / "speech.wav")
    one = f"scale={SIDE}:{SIDE}"
    both = f"[0:v]{one}[a];[1:v]{one},hflip[b];[a][b]hstack"
    first, later = ("-t", SECONDS, "-i", target), ("-ss", "4", "-t", SECONDS, "-i", target)
    return {
        "person.mp4": clips.make("document-person.mp4", *first, "-vf", one),
        "talk.mp4": clips.make(
            "document-talk.mp4", *first, *later, "-filter_complex", both, "-map", "0:a"
        ),
        "speech.wav": clips.make("document-speech.wav", "-t", "1.0", "-i", sound),
        "person.jpg": clips.make("document-person.jpg", *first, "-vf", one, "-frames:v", "1"),
    }


def make_world(folder: Path, jobs: int) -> None:
    """Put all of them into a folder.

    Args:
        jobs: lines of the manifest that docs/batch.md shows which the folder's has.
    """
    for kind, path in originals().items():
        for name in (kind, *NAMES.get(kind, ())):
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, place)
    (folder / "one.srt").write_text(ONE)
    (folder / "dub.srt").write_text(TWO)
    (folder / "dub.json").write_text(json.dumps(LINES))
    (folder / "ep2.de.json").write_text(json.dumps(LINES[:1]))
    (folder / "talk.ttml").write_text(TTML)
    (folder / "jobs.jsonl").write_text("\n".join(manifest_lines()[:jobs]) + "\n")
    for name in ("plans", "dubbed/ep2"):
        (folder / name).mkdir(parents=True)


def manifest_lines() -> list[str]:
    """The jobs that docs/batch.md shows."""
    found = [lines for _, _, lines in blocks(REPO / "docs" / "batch.md")]
    return next(lines for lines in found if lines[0].startswith('{"id": "ep1-de", "video"'))
