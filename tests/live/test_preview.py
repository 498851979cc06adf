"""A second of the result, soon."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import lipsync
from lipsync import media
from lipsync.errors import OptionsError
from lipsync.face.landmarks import LandmarkOptions
from lipsync.live.preview import FOOTAGE_S, Previewer, find_surroundings, move_place
from lipsync.live.renderer import Renderer
from lipsync.media.excerpt import write_excerpt
from lipsync.options import RenderOptions
from lipsync.pipelines.show_faces import show_faces
from tests.support import clips

SAMPLE = Path(lipsync.__file__).parents[1] / "assets" / "sample"
SPEECH, TARGET = SAMPLE / "speech.wav", SAMPLE / "target.mp4"


@pytest.fixture(scope="module")
def previewer(tmp_path_factory: pytest.TempPathFactory) -> Previewer:
    return Previewer(Renderer(), tmp_path_factory.mktemp("excerpts"))


def options(**chosen: object) -> RenderOptions:
    return RenderOptions.of(content_credentials=False, workers=1, **chosen)


def test_it_is_one_second_of_the_target_with_another_mouth(
    previewer: Previewer, tmp_path: Path
) -> None:
    output, compare = tmp_path / "second.mp4", tmp_path / "compare.mp4"
    made = previewer.make(SPEECH, TARGET, output, options(), compare=compare)
    info, target = media.probe(output), media.probe(TARGET)
    assert info.frame_count == round(info.fps)
    assert made.result.changed_frames > 0
    assert made.result.compare_layout is not None
    # The frames are the target's at that time, but for the lower face.
    first = round(made.target_start * target.fps)
    shown = next(media.read_frames(info, 0, 1)).astype(int)
    filmed = next(media.read_frames(target, first, first + 1)).astype(int)
    x, y, width, height = made.box or (0, 0, target.width, target.height)
    assert (info.width, info.height) == (width, height)
    filmed = filmed[y : y + height, x : x + width]
    assert np.abs(shown - filmed)[: info.height // 3].mean() < 2
    assert np.abs(shown - filmed).max() > 20


def test_the_next_one_is_soon_and_obeys_its_options(previewer: Previewer, tmp_path: Path) -> None:
    places = [tmp_path / f"{name}.mp4" for name in "abc"]
    previewer.make(SPEECH, TARGET, places[0], options())
    began = time.monotonic()
    previewer.make(SPEECH, TARGET, places[1], options(jaw=0, sharpen=0))
    assert time.monotonic() - began < 15  # analyzed it takes half a minute on a busy machine
    previewer.make(SPEECH, TARGET, places[2], options())
    frames = [np.stack(list(media.read_frames(media.probe(one)))) for one in places]
    assert np.array_equal(frames[0], frames[2])
    assert not np.array_equal(frames[0], frames[1])


def test_a_place_on_a_face_moves_with_the_excerpt() -> None:
    assert move_place("120,80@7.5", 5.0, None) == "120,80@2.500"
    assert move_place("120,80@7.5s", 10.0, (100, 50, 64, 64)) == "20,30@0.000"
    for other in ("largest", "left", "2"):
        assert move_place(other, 5.0, (100, 50, 64, 64)) == other


def test_the_surroundings_hold_the_face_that_was_chosen(tmp_path: Path) -> None:
    """Two of the sample beside one another, in a picture of which they are a small part."""
    twice = tmp_path / "twice.mp4"
    graph = "[0:v]split[a][b];[a]pad=1600:900:0:0[c];[c][b]overlay=1000:200"
    clips.run("-t", "3", "-i", str(TARGET), "-filter_complex", graph, "-an", str(twice))
    info = media.probe(twice)
    centers = ((256, 260), (1256, 460))
    for x, y in centers:
        box = find_surroundings(info, 0.0, 3.0, LandmarkOptions(face=f"{x},{y}@0.5"))
        assert box is not None
        assert all(size % 2 == 0 and 400 < size < 600 for size in box[2:])
        inside = [
            box[0] + 150 < cx < box[0] + box[2] - 150 and box[1] + 150 < cy < box[1] + box[3] - 150
            for cx, cy in centers
        ]
        assert inside == [(x, y) == center for center in centers]
    assert find_surroundings(info, 0.0, 3.0, LandmarkOptions(face="left")) is None


def test_speech_that_ends_before_the_preview_is_refused(
    previewer: Previewer, tmp_path: Path
) -> None:
    with pytest.raises(OptionsError, match="ends before 900 s"):
        previewer.make(SPEECH, TARGET, tmp_path / "x.mp4", options(), start=900.0)


def test_an_excerpt_has_the_frames_of_its_time(tmp_path: Path) -> None:
    target = media.probe(TARGET)
    excerpt = media.probe(write_excerpt(target, 1.0, 2.0, tmp_path / "part.mkv"))
    assert excerpt.fps == target.fps
    assert excerpt.frame_count == 2 * target.fps
    first = int(target.fps)
    for got, filmed in zip(
        media.read_frames(excerpt, 0, 3), media.read_frames(target, first, first + 3), strict=True
    ):
        assert np.abs(got.astype(int) - filmed).mean() < 1
    assert media.read_audio(tmp_path / "part.mkv").duration == pytest.approx(Fraction(2), abs=0.1)
    assert FOOTAGE_S > 2


def test_all_faces_are_shown_from_left_to_right(tmp_path: Path) -> None:
    picture = tmp_path / "faces.png"
    shown = show_faces(TARGET, picture)
    (face,) = shown.faces
    info = media.probe(TARGET)
    x, y, width, height = face.box
    assert 0 <= x < x + width <= 1 and 0 <= y < y + height <= 1
    place, _, at = face.selector.partition("@")
    left, top = (float(one) for one in place.split(","))
    assert x * info.width < left < (x + width) * info.width
    assert y * info.height < top < (y + height) * info.height
    assert float(at) == pytest.approx(shown.at, abs=0.001)
    assert picture.stat().st_size > 1000
