"""Several speakers in one picture, each with their own mouth, speech and spans."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lipsync
from lipsync import media
from lipsync.cli.app import main
from lipsync.media.frame_coding import own_coding
from lipsync.options import RenderOptions
from lipsync.pipelines import part_making
from lipsync.types import U8
from tests.support.clips import run
from tests.support.renders import lips_in, predict_lips

SRT = """1
00:00:00,600 --> 00:00:02,200
[JACK] And so, my fellow Americans

2
00:00:02,000 --> 00:00:04,200
Linda: Printing, in the only sense
"""
SPANS = {"left": (0.6, 2.2), "right": (2.0, 4.2)}
SPEECH = {"left": "jfk.flac", "right": "LJ001-0001.wav"}
QUICK = RenderOptions.of(adapt="never")
FPS, WIDTH = 25, 720


@pytest.fixture(scope="module")
def pair(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A man on the left and a woman on the right, 5 s."""
    targets = shared / "data" / "targets"
    path = tmp_path_factory.mktemp("pair") / "pair.mp4"
    graph = (
        "[0:v]scale=720:576,setsar=1[a];[1:v]scale=720:576,setsar=1[b];[a][b]hstack,"
        "crop=1440:480:0:96[v]"
    )
    inputs = ("-i", str(targets / "grid_s1_120s.mp4"), "-i", str(targets / "grid_s4_60s.mp4"))
    run(
        *inputs, "-filter_complex", graph, "-map", "[v]", "-map", "0:a", "-t", "5",
        "-crf", "12", "-c:a", "aac", str(path),
    )  # fmt: skip
    return path


class Seen:
    """What was handed to the encoder, compared with the target there and then."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self.changed: list[tuple[bool, bool]] = []  # left half, right half
        self._encode = part_making.encode_part

    def __call__(self, frames: Iterable[U8], part: range, *rest: Any) -> None:
        def noted() -> Iterator[U8]:
            info = media.probe(self._target)
            own = media.read_frames(info, coding=own_coding(info))
            for frame, before in zip(frames, own, strict=True):
                new = (frame != before)[: info.height].any(0)  # luma
                self.changed.append((bool(new[:WIDTH].any()), bool(new[WIDTH:].any())))
                yield frame

        self._encode(noted(), part, *rest)


@pytest.fixture(scope="module")
def spoken(pair: Path, shared: Path) -> tuple[lipsync.RenderResult, Seen]:
    srt = pair.with_name("pair.srt")
    srt.write_text(SRT)
    speech = shared / "data" / "speech"
    seen = Seen(pair)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part_making, "encode_part", seen)
        result = lipsync.render(
            None,
            pair,
            pair.with_name("out.mp4"),
            speakers=[
                lipsync.Speaker("Jack", speech / SPEECH["left"], "left"),
                lipsync.Speaker("Linda", speech / SPEECH["right"], "right"),
            ],
            spans=srt,
            sheet=pair.with_name("sheet.png"),
            options=QUICK,
        )
    return result, seen


@pytest.mark.real
def test_each_moves_only_in_their_spans(spoken: tuple[lipsync.RenderResult, Seen]) -> None:
    """Bit for bit, before encoding; both where the two speak at once."""
    result, seen = spoken
    assert (result.frames, len(seen.changed)) == (125, 125)
    times = np.arange(125) / FPS
    for half, (first, end) in enumerate(SPANS.values()):
        changed = np.array(seen.changed)[:, half]
        inside = (times >= first) & (times < end)
        assert not changed[~inside].any()
        assert changed[inside].sum() >= inside.sum() - 2  # of which two are hardly there
    assert result.changed_frames == np.array(seen.changed).any(1).sum()
    assert result.warnings == ()
    record = json.loads(result.sidecar.read_text())
    assert [(s["name"], s["face"]) for s in record["speakers"]] == [
        ("Jack", "left"),
        ("Linda", "right"),
    ]
    assert record["speakers"][1]["spans"] == [[2.0, 4.2]]
    assert set(record["inputs"]) == {"video", "audio", "audio 2", "spans"}
    assert result.adaptation.startswith("Jack: ") and "; Linda: " in result.adaptation


@pytest.mark.real
def test_each_mouth_follows_its_own_speech(
    spoken: tuple[lipsync.RenderResult, Seen], pair: Path, shared: Path
) -> None:
    result, _ = spoken
    for face, (first, end) in SPANS.items():
        own = lips_in(pair, face)
        inside = slice(round((first + 0.12) * FPS), round((end - 0.12) * FPS))
        new = lips_in(result.output, face).opening[inside]
        fits = {}
        for whose, name in SPEECH.items():
            wanted = predict_lips(shared / "data" / "speech" / name, own, result.fps, result.frames)
            fits[whose] = np.corrcoef(new, wanted.opening[inside])[0, 1]
        assert fits[face] > 0.8, face
        assert fits[face] > max(v for k, v in fits.items() if k != face) + 0.3, face


@pytest.mark.real
def test_the_sound_is_theirs_in_the_spans_and_the_targets_outside(
    spoken: tuple[lipsync.RenderResult, Seen], pair: Path, shared: Path
) -> None:
    result, _ = spoken
    rate = 16000
    made, own = (media.read_audio(path, rate).samples for path in (result.output, pair))
    speech = {f: media.read_audio(shared / "data" / "speech" / n, rate) for f, n in SPEECH.items()}

    def alike(other: np.ndarray, first: float, end: float) -> float:
        here = slice(round(first * rate), round(end * rate))
        return float(np.corrcoef(made[here], other[here])[0, 1])

    assert alike(own, 4.3, 5.0) > 0.99
    assert alike(speech["left"].samples, 0.6, 2.0) > 0.98
    assert alike(speech["right"].samples, 2.2, 4.2) > 0.98
    assert len(made) / rate == pytest.approx(5, abs=0.03)


@pytest.mark.real
def test_without_spans_both_speak_throughout_and_are_mixed(
    pair: Path, shared: Path, tmp_path: Path
) -> None:
    short = {}
    for face, name in SPEECH.items():
        short[face] = tmp_path / f"{face}.wav"
        seconds = "1.2" if face == "left" else "1.6"
        source = str(shared / "data" / "speech" / name)
        run("-ss", "0.5", "-t", seconds, "-i", source, str(short[face]))
    arguments = [f"--speaker={face}={path}:{face}" for face, path in short.items()]
    output = tmp_path / "out.mp4"
    main(["render", "-v", str(pair), "-o", str(output), "--adapt", "never", *arguments])
    assert media.probe(output).frame_count == 40
    assert float(media.probe_audio(output).duration) == pytest.approx(1.6, abs=0.001)


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], pair: Path, tmp_path: Path) -> Callable[..., str]:
    """The one line that a command line of a render of the pair ends with."""

    def line(*arguments: object) -> str:
        with pytest.raises(SystemExit) as stop:
            output = str(tmp_path / "no.mp4")
            main(["render", "-v", str(pair), "-o", output, *(str(a) for a in arguments)])
        assert stop.value.code == 2
        assert not list(tmp_path.glob("no.mp4*"))
        (text,) = capsys.readouterr().err.strip().splitlines()
        return text

    return line


@pytest.mark.real
def test_bad_input_is_one_line(refused: Callable[..., str], shared: Path, tmp_path: Path) -> None:
    speech = shared / "data" / "speech" / "jfk.flac"
    jack, srt = f"--speaker=JACK={speech}:left", tmp_path / "a.srt"

    def cues(*lines: str) -> Path:
        srt.write_text("".join(f"{i}\n{line}\n\n" for i, line in enumerate(lines, 1)))
        return srt

    one = "00:00:01,000 --> 00:00:02,000\n"
    assert "--spans and --segment" in refused("-a", speech, "--segment", "1-2", "--spans", srt)
    assert "is no time" in refused("-a", speech, "--segment", "1-x")
    assert "unknown speaker 'JAK'; did you mean JACK?" in refused(
        jack, "--spans", cues(f"{one}[JAK] Hi")
    )
    assert "after the target's end" in refused("-a", speech, "--segment", "8s-9s")
    assert "gone.wav" in refused("--speaker=JACK=gone.wav:left")
    assert "no speech was given" in refused("--segment", "1-2")
    assert "at most 2 faces" in refused("-a", speech, "--face", "3")
    assert "no face there" in refused("-a", speech, "--face", "719,5@1")
    assert "the same face" in refused(jack, f"--speaker=LINDA={speech}:1")
    assert "option 'face'" in refused("-a", speech, "--face", "lefty")


@pytest.mark.real
def test_a_target_without_the_face_in_the_spans_is_refused(
    pair: Path, shared: Path, tmp_path: Path
) -> None:
    hidden = tmp_path / "hidden.mp4"
    cover = "drawbox=x=0:y=0:w=720:h=480:color=gray:t=fill:enable='between(t,1,3)'"
    run("-i", str(pair), "-vf", cover, "-crf", "12", str(hidden))
    with pytest.raises(lipsync.LipsyncError, match=r"\(left\) is not seen in any of its spans"):
        lipsync.render(
            shared / "data" / "speech" / "jfk.flac",
            hidden,
            tmp_path / "out.mp4",
            spans=[lipsync.Span(1.2, 2.5)],  # type: ignore[arg-type]
            options=RenderOptions.of(adapt="never", face="left"),
        )
    assert not list(tmp_path.glob("out*"))
