"""What a render writes for looking at it: the sheet and the comparison, of a real render."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest

import lipsync
from lipsync import media
from lipsync.errors import OutputError
from lipsync.marks.reader import read_marks
from lipsync.media import read_png_texts
from lipsync.media.encode import EncodeOptions, encode_video
from lipsync.media.frame_coding import RGB
from lipsync.options import RenderOptions
from lipsync.pipelines.comparison import draw_frames, resize
from lipsync.pipelines.finished_output import FinishedOutput
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.pipelines.outputs import OutputPaths
from lipsync.report.contact_sheet import CAPTION, GAP, HEADING, LEFT, TILE, TITLE, WIDTH
from lipsync.report.face_tiles import FACE, MOUTH, cut_tile
from lipsync.report.side_by_side import SideBySide, Titles
from lipsync.runtime.context import RunContext
from lipsync.types import U8, VideoInfo
from tests.support import clips
from tests.support.renders import face_in
from tests.support.streams import moving_pictures, psnr, video_info

SAMPLE = Path(lipsync.__file__).parents[1] / "assets" / "sample"
SPEECH, TARGET = SAMPLE / "speech.wav", SAMPLE / "target.mp4"
SPANS = [(0.4, 1.6)]
CODED_DB = 32.0  # of two encodings of one picture


@dataclass
class _Rendered:
    result: lipsync.RenderResult
    target: Path


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> _Rendered:
    """Two seconds of the sample that speak in a span, with sheet and comparison."""
    place = tmp_path_factory.mktemp("looks")
    target = place / "short.mp4"
    clips.run("-i", str(TARGET), "-t", "2", "-crf", "8", "-an", str(target))
    result = lipsync.render(
        SPEECH, target, place / "out.mp4", spans=SPANS, sheet=place / "sheet.png",
        compare=place / "both.mp4", options=RenderOptions.of(adapt="never", workers=1),
    )  # fmt: skip
    return _Rendered(result, target)


def _frames(path: Path) -> list[U8]:
    return list(media.read_frames(media.probe(path)))


def _drawing(result: lipsync.RenderResult, target: Path) -> SideBySide:
    info = media.probe(target)
    face = face_in(target)
    scale = float(np.median(face.alignment.scale[: result.frames]))
    return SideBySide(info.width, info.height, [scale], Titles("", "", ""))


def test_the_comparison_is_as_long_as_the_result(rendered: _Rendered) -> None:
    result = rendered.result
    assert result.compare is not None
    both, one = media.probe(result.compare), media.probe(result.output)
    assert (both.frame_count, both.fps) == (one.frame_count, one.fps)
    heard = [media.read_audio(path, 16000) for path in (result.compare, result.output)]
    one_sound, other = (wave.samples for wave in heard)
    assert len(one_sound) == len(other)
    assert np.corrcoef(one_sound, other)[0, 1] > 0.99


def test_the_comparison_shows_target_result_and_both_mouths(rendered: _Rendered) -> None:
    result, target = rendered.result, rendered.target
    assert result.compare is not None
    drawing, face = _drawing(result, target), face_in(target)
    pictures = [_frames(target), _frames(result.output)]
    for i, both in enumerate(_frames(result.compare)):
        if i % 5:
            continue
        for side, (x, y, width, height) in enumerate(drawing.places):
            shown = both[y : y + height, x : x + width]
            assert psnr(shown, pictures[side][i]) > CODED_DB
            x, y, width, height = drawing.mouth_place(0, side)
            mouth = cut_tile(
                pictures[side][i], face.alignment.to_frame[i], MOUTH, (width, height),
                drawing.factors[0],
            )  # fmt: skip
            assert psnr(both[y : y + height, x : x + width], mouth) > CODED_DB
    spoken = [_frames(result.compare)[i] for i in (20, 25, 30)]
    changes = []
    for both in spoken:
        left, right = (
            both[y : y + h, x : x + w].astype(int)
            for x, y, w, h in (drawing.mouth_place(0, side) for side in (0, 1))
        )
        changes.append(np.abs(left - right).mean())
    assert max(changes) > 3, "the mouth is another one"


def test_the_comparison_is_marked_as_the_result_is(rendered: _Rendered) -> None:
    assert rendered.result.compare is not None
    marks, own = (read_marks(path) for path in (rendered.result.compare, rendered.result.output))
    assert marks.verdict == "valid"
    assert marks.record == own.record
    assert marks.found.sidecar_fits
    assert marks.state("content credentials") == "untrusted"


def test_the_sheet_shows_what_its_words_say(rendered: _Rendered) -> None:
    """The first column of the first band is one and the same frame of target and result."""
    result = rendered.result
    assert result.sheet is not None
    sheet = cv2.imread(str(result.sheet))[..., ::-1]
    assert sheet.shape[1] == WIDTH
    assert result.sheet.stat().st_size < 3_000_000
    packet = "".join(read_png_texts(result.sheet).values())
    assert "compositeWithTrainedAlgorithmicMedia" in packet
    face = face_in(rendered.target)
    top, left = HEADING + TITLE + CAPTION, LEFT
    tiles = [sheet[top + k * (TILE + GAP) :][:TILE, left : left + TILE] for k in (0, 1)]
    found = []
    for tile, path in zip(tiles, (rendered.target, result.output), strict=True):
        cut = [
            cut_tile(frame, face.alignment.to_frame[i], FACE, (TILE, TILE))
            for i, frame in enumerate(_frames(path))
        ]
        found.append([i for i, one in enumerate(cut) if np.array_equal(one, tile)])
    assert len(found[1]) == 1, "the tile is cut from one frame of the result"
    assert found[1][0] in found[0]
    assert SPANS[0][0] <= found[1][0] / 25 < SPANS[0][1], "where the mouth is new"


class _Making:
    """Makes frames as `FrameMaking`, with a disk for a mouth."""

    def __init__(self, info: VideoInfo) -> None:
        self.info, self.coding = info, RGB
        place = np.array([[12, 0, 48], [0, 12, 24]], np.float32)
        times = np.arange(info.frame_count) / float(info.fps)
        if info.stamps is not None:
            times = np.array([float(one) for one in info.stamps])
        head = np.repeat(place[None], info.frame_count, 0)
        self.drawings = [SimpleNamespace(head=head, times=times)]

    def __len__(self) -> int:
        return self.info.frame_count

    def read_target(self, part: range) -> Iterator[U8]:
        for i, frame in enumerate(moving_pictures(self.info)):
            if i in part:
                yield frame.copy()

    def make(self) -> Iterator[U8]:
        for frame in self.read_target(range(len(self))):
            cv2.circle(frame, (48, 34), 5, (170, 60, 70), -1)
            yield frame


def _irregular(n: int) -> tuple[Fraction, ...]:
    return tuple(Fraction(i, 22) + Fraction(i % 3, 100) for i in range(n))


@pytest.mark.parametrize(
    "info",
    [
        video_info(n=10),
        video_info(97, 65, n=6),
        video_info(64, 97, n=6),
        video_info(fps="60000/1001", n=12),
        replace(video_info(fps="22", n=12), stamps=_irregular(12)),
    ],
    ids=["usual", "odd", "portrait", "60 fps", "varying"],
)
def test_any_picture_and_rate_can_be_compared(info: VideoInfo, tmp_path: Path) -> None:
    made = cast(FrameMaking, _Making(info))
    output, place = tmp_path / "out.mp4", tmp_path / "both.mp4"
    encode_video(cast(Any, made).make(), info, None, output, EncodeOptions(crf=4))
    run = cast(RunContext, SimpleNamespace(report=lambda *_: None))
    drawing = SideBySide(info.width, info.height, [12.0], Titles("target", "result", "AI"))
    frames = draw_frames(output, made, drawing, run)
    encode_video(frames, resize(info, drawing), None, place, EncodeOptions(crf=4))
    varying = info.stamps is not None
    back = media.probe(place, keep_stamps=varying)
    assert (back.width, back.height) == (drawing.width, drawing.height)
    assert back.frame_count == info.frame_count
    if info.stamps is None:
        assert back.fps == info.fps
    else:
        assert back.stamps is not None
        assert np.allclose([float(a - b) for a, b in zip(back.stamps, info.stamps, strict=True)], 0)
    wanted = zip(made.read_target(range(len(made))), cast(Any, made).make(), strict=True)
    for both, pair in zip(media.read_frames(back), wanted, strict=True):
        for (x, y, width, height), picture in zip(drawing.places, pair, strict=True):
            assert psnr(both[y : y + height, x : x + width], picture) > 30


def test_some_frames_of_a_finished_output_are_the_right_ones(tmp_path: Path) -> None:
    info = video_info(n=60)
    made = cast(FrameMaking, _Making(info))
    output = tmp_path / "out.mp4"
    encode_video(cast(Any, made).make(), info, None, output, EncodeOptions(crf=4))
    whole = _frames(output)
    seen = list(FinishedOutput(output, made).some([50, 3, 4, 10, 55, 3]))
    assert [i for i, *_ in seen] == [3, 4, 10, 50, 55]
    targets = list(made.read_target(range(60)))
    for i, target, frame in seen:
        assert np.array_equal(frame, whole[i])
        assert np.array_equal(target, targets[i])


@pytest.mark.parametrize(
    ("output", "compare", "words"),
    [
        ("-", "both.mp4", "a comparison needs an output that is one video file"),
        ("frames/", "both.mp4", "a comparison needs an output that is one video file"),
        ("out.mp4", "both/%06d.png", "a comparison is one video file"),
        ("out.mp4", "out.mp4", "is one of the other files"),
        ("out.mp4", "in.mp4", "is one of the other files"),
        ("out.mp4", "mask.mp4", "is one of the other files"),
        ("out.mp4", "there.mp4", "exists already"),
        ("out.mp4", "gone/both.mp4", "there is no folder"),
    ],
)
def test_places_where_no_comparison_can_be(
    output: str, compare: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.mp4").touch()
    Path("there.mp4").touch()
    mask = "mask.mp4" if output == "out.mp4" else None
    with pytest.raises(OutputError, match=words):
        OutputPaths.check(
            output, None, None, None, None, mask, compare, inputs=[Path("in.mp4")], overwrite=False
        )


def test_if_only_the_comparison_cannot_be_written_the_video_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rendered: _Rendered
) -> None:
    from lipsync.pipelines import comparison

    def fail(*_: object, **__: object) -> None:
        raise OutputError("both.mp4: cannot be written (no room)")

    monkeypatch.setattr(comparison, "encode_video", fail)
    with pytest.raises(OutputError, match=r"no room\); .*out.mp4 was written"):
        lipsync.render(
            SPEECH, rendered.target, tmp_path / "out.mp4", spans=SPANS,
            compare=tmp_path / "both.mp4", options=RenderOptions.of(adapt="never", workers=1),
        )  # fmt: skip
    assert (tmp_path / "out.mp4").is_file()
    assert not (tmp_path / "both.mp4").exists()
