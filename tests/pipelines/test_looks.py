"""What a render writes for looking at it: the sheet and the comparison, of a real render."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np
import pytest

import lipsync
from lipsync import media
from lipsync.errors import OutputError
from lipsync.marks.reader import read_marks
from lipsync.media import read_png_texts
from lipsync.mouth.finish.mouth_scores import SCORES
from lipsync.options import RenderOptions
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.pipelines.sheet_making import SheetPlan, open_sheets
from lipsync.pipelines.speaker_drawing import FrameLog
from lipsync.report.contact_sheet import (
    BAND,
    CAPTION,
    GAP,
    HEADING,
    LEFT,
    STRIP,
    TILE,
    TITLE,
    WIDTH,
)
from lipsync.report.face_tiles import FACE, MOUTH, cut_tile
from lipsync.report.mouth_course import MouthCourse
from lipsync.report.side_by_side import SideBySide, Titles
from lipsync.types import U8
from tests.support import clips
from tests.support.renders import face_in
from tests.support.streams import psnr

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


def _course(loud: int) -> MouthCourse:
    """A mouth that opens widest at one frame."""
    opening = 0.1 + 0.05 * np.sin(np.arange(200) / 4)
    opening[loud] = 0.5
    return MouthCourse(
        np.arange(200) / 25, opening.astype(np.float32), np.full(200, 0.6, np.float32),
        np.ones(200, np.float32),
    )  # fmt: skip


def test_every_speaker_has_moments_of_their_own() -> None:
    sheets = open_sheets([SheetPlan(_course(60), "ANNA"), SheetPlan(_course(150), "BEN")])
    widest = [[m.frame for m in one.moments if "widest" in m.words] for one in sheets]
    assert widest == [[60], [150]]
    assert all(len(one.moments) <= BAND for one in sheets), "they share a picture"
    assert all(len(one.strip) == STRIP for one in sheets)


def test_scores_choose_moments_once_frames_are_made() -> None:
    log = FrameLog.empty(200)
    log.changed[:] = True
    log.changed[120:130] = False
    log.scores[:] = 0
    log.scores[90, SCORES.index("tone")] = 9
    log.scores[125, SCORES.index("flicker")] = 9  # where nothing is new
    made = cast(FrameMaking, SimpleNamespace(drawings=[SimpleNamespace(log=log)]))
    plans = [SheetPlan(_course(60), "")]
    words = {m.frame: m.words for m in open_sheets(plans, made)[0].moments}
    assert "skin tone" in words[90]
    assert not any("flicker" in text for frame, text in words.items() if 119 < frame < 131)
    assert not any("tone" in m.words for m in open_sheets(plans)[0].moments), "not yet known"


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
