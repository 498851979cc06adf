"""Cases of several speakers, spans and timing, for footage.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.footage.input_cases import (
    FLASH,
    JITTER,
    SPEECH_SECONDS,
    VFR,
    X264,
    Case,
    RenderArguments,
    SourceClips,
    delay,
    long_speech,
    run_ffmpeg,
    to,
)
from lipsync.dialogue.spans import parse_segment
from lipsync.types import Speaker

MAN, WOMAN = "grid_s1_120s.mp4", "grid_s4_60s.mp4"  # 720 × 576, 25 fps
SEEN = "setpts=PTS-STARTPTS,scale=720:576,setsar=1,crop=720:480:0:96"  # a face in its middle
MIDDLE = "360,240"
LEFT, RIGHT = ((0.4, 1.7),), ((1.5, 2.8),)


def filter_both(base: SourceClips, path: Path, filters: str, seconds: float = 3.2) -> None:
    """Filter both people, [0:v] and [1:v], into [v], with the man's sound."""
    both = [a for name in (MAN, WOMAN) for a in ("-i", str(base.data / "targets" / name))]
    run_ffmpeg(
        *(*both, "-filter_complex", f"{filters}[p];[p]{FLASH}[v]", "-map", "[v]", "-map", "0:a"),
        *("-t", str(seconds), *X264, "-c:a", "aac", str(path)),
    )


def pair(base: SourceClips, path: Path) -> None:
    filter_both(base, path, f"[0:v]{SEEN}[a];[1:v]{SEEN}[b];[a][b]hstack")


def in_turn(base: SourceClips, path: Path) -> None:
    """Shot and reverse shot, 1.6 s each."""
    cut = f"trim=0:1.6,{SEEN}"
    filter_both(base, path, f"[0:v]{cut}[a];[1:v]{cut}[b];[a][b]concat")


def small(base: SourceClips, path: Path) -> None:
    """Two faces about 95 px wide in 1280 × 720."""
    one = f"{SEEN},scale=244:162"
    filter_both(
        base, path,
        f"[0:v]{one},pad=1280:720:200:280:gray[a];[1:v]{one}[b];[a][b]overlay=840:280",
    )  # fmt: skip


def other_speech(base: SourceClips, path: Path) -> Path:
    made = path / "other.wav"
    source = base.data / "speech" / "jfk.flac"
    run_ffmpeg(
        "-ss", "0.3", "-i", str(source), "-t", str(SPEECH_SECONDS), "-ar", "48000", str(made)
    )
    return made


def two_speakers(left: str, right: str, srt: bool = True) -> RenderArguments:
    """Two speakers with these faces: with lines in one SubRip file, or throughout."""

    def make(base: SourceClips, folder: Path) -> dict[str, Any]:
        anna = Speaker("ANNA", base.speech, left)
        given = {"speakers": [anna, Speaker("BEN", other_speech(base, folder), right)]}
        return given | ({"spans": _srt(folder, {"ANNA": LEFT, "BEN": RIGHT})} if srt else {})

    return make


def _srt(folder: Path, lines: dict[str, tuple[tuple[float, float], ...]]) -> Path:
    cues = [
        f"00:00:0{a:.3f} --> 00:00:0{b:.3f}\n[{name}] words\n".replace(".", ",")
        for name, spans in lines.items()
        for a, b in spans
    ]
    path = folder / "lines.srt"
    path.write_text("\n".join(f"{i}\n{cue}" for i, cue in enumerate(cues, 1)))
    return path


def own_file(base: SourceClips, folder: Path) -> dict[str, Any]:
    """A span in JSON with a sound file of its own."""
    run_ffmpeg("-i", str(base.speech), "-t", "1.4", str(folder / "line.wav"))
    path = folder / "lines.json"
    path.write_text(json.dumps([{"start": 0.5, "end": 1.9, "audio": "line.wav"}]))
    return {"spans": path}


def one_span(text: str) -> RenderArguments:
    return lambda base, folder: {"spans": [parse_segment(text)]}


def picture_of_face(base: SourceClips, folder: Path) -> dict[str, Any]:
    """The face given as a picture, of another moment."""
    picture = folder / "ben.png"
    run_ffmpeg(
        "-ss", "20", "-i", str(base.data / "targets" / WOMAN), "-frames:v", "1", str(picture)
    )
    return {"face": str(picture)}


def short_speech(base: SourceClips, path: Path) -> None:
    run_ffmpeg("-i", str(base.speech), "-t", "2.0", str(path))


SPEAKER_CASES = (
    Case("speakers: two, one SubRip file", ".mp4", pair, inputs=two_speakers("left", "right"),
         face="left", spans=LEFT),
    Case("speakers: two, throughout", ".mp4", pair, inputs=two_speakers("left", "right", srt=False),
         face="left"),
    Case("speakers: shot and reverse shot", ".mp4", in_turn,
         inputs=two_speakers(f"{MIDDLE}@0.5", f"{MIDDLE}@2.4"), face=f"{MIDDLE}@0.5",
         spans=((0.4, 1.5),), warns="show only other faces"),
    Case("speakers: two faces of 95 px", ".mp4", small, inputs=two_speakers("322,360", "962,360"),
         face="322,360", spans=LEFT),
    Case("speakers: the second face, a segment", ".mp4", pair, options={"face": "2"},
         inputs=one_span("0.6s-2.4s"), face="2", spans=((0.6, 2.4),)),
    Case("speakers: the face of a picture", ".mp4", pair, inputs=picture_of_face, face="right"),
    Case("spans: a file of its own, JSON", ".mp4", to(), inputs=own_file, begins=0.5,
         spans=((0.5, 1.9),)),
    Case("spans: target without sound", ".mp4", to("-an"), inputs=one_span("0.6s-2.4s"),
         spans=((0.6, 2.4),)),
    Case("spans: varying rate", ".mp4", to("-vf", JITTER, *VFR), inputs=one_span("0.6s-2.4s"),
         spans=((0.6, 2.4),)),
    Case("spans: sound begins 0.4 s late, a background", ".mp4", delay("a", 0.4),
         options={"audio_mix": "background+speech"}, inputs=one_span("0.6s-2.4s"),
         spans=((0.6, 2.4),)),
    Case("spans: picture begins 0.4 s late", ".mp4", delay("v", 0.4), inputs=one_span("0.6s-2.4s"),
         spans=((0.6, 2.4),)),
    Case("timing: retime", ".mp4", to(), options={"timing": "retime"}, speech=short_speech,
         timed=True),
    Case("timing: retime, varying rate", ".mp4", to("-vf", JITTER, *VFR), speech=short_speech,
         timed=True, warns="the head is timed to the speech"),
    Case("timing: retime, two speakers", ".mp4", pair, speech=short_speech, timed=True,
         options={"timing": "retime"}, inputs=two_speakers("left", "right", srt=False),
         face="left"),
    *(
        Case(f"timing: {how}", ".mp4", to(), options={"timing": how}, speech=long_speech,
             timed=True)
        for how in ("bounce", "loop", "hold")
    ),
    Case("timing: cut", ".mp4", to(), options={"timing": "cut"}, speech=long_speech,
         warns="was cut"),
    Case("timing: cut, varying rate", ".mp4", to("-vf", JITTER, *VFR), options={"timing": "cut"},
         speech=long_speech, warns="was cut"),
)  # fmt: skip
