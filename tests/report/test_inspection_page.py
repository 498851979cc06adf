"""The page of an inspection is whole, safe and readable; its pictures are of the right frames."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from lipsync import media
from lipsync.errors import OutputError
from lipsync.inspection.questions import QUESTIONS
from lipsync.report import page_media
from lipsync.report.inspection_charts import clock, curve_parts, frame_curve, row_cells
from lipsync.report.inspection_page import render_page, write_report
from lipsync.report.page_media import copy_video
from lipsync.report.results import InspectResult
from lipsync.types import Answer, SpanScores
from tests.support import clips
from tests.support.inspections import NAME, Inspected, inspect_blurred
from tests.support.streams import psnr


@pytest.fixture(scope="module")
def inspected(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Inspected:
    return inspect_blurred(shared, tmp_path_factory.mktemp("inspected"))


@pytest.fixture(scope="module")
def page(inspected: Inspected) -> str:
    return render_page(inspected.result, inspected.face)


@pytest.fixture
def faceless(tmp_path: Path) -> InspectResult:
    """What `inspect` returns of a video that shows nobody."""
    video = clips.video("nobody.mp4", "-c:v", "libx264", frames=5)
    why = "no face was found in its 5 frames"
    answers = tuple(
        Answer(key, one.text, "not applicable", why, None, (), ()) for key, one in QUESTIONS.items()
    )
    return InspectResult(
        video=video, source=None, frames=5, fps=Fraction(25), duration=0.2, face_frames=0,
        likelihood=None, threshold=0.5, made=None, way=None, against="nothing", error_rates={},
        answers=answers, shots=(), timeline=(), per_frame={}, marks=(), report=None,
        warnings=(why,), seconds={},
    )  # fmt: skip


class _Tags(HTMLParser):
    """Every start tag with its attributes, and the text of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.real
def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    for tag, attributes in _Tags(page).tags:
        for name in ("src", "href", "srcset", "action", "poster"):
            assert attributes.get(name, "data:").startswith(("data:", "#")), (tag, attributes[name])
    for text in ("@import", "url(", "http://", "https://"):
        assert text not in page


@pytest.mark.real
def test_the_policy_allows_this_style_and_this_script_alone(page: str) -> None:
    policy = next(a["content"] for t, a in _Tags(page).tags if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; img-src data:; media-src data: blob:;")
    assert "unsafe" not in policy
    for kind, pattern in (
        ("style", r"<style>(.*?)</style>"),
        ("script", r"<script>(.*?)</script>"),
    ):
        (own,) = re.findall(pattern, page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


@pytest.mark.real
def test_names_from_outside_are_text(page: str) -> None:
    parsed = _Tags(page)
    assert NAME in parsed.text
    assert not any("onerror" in attributes for _, attributes in parsed.tags)
    assert "Made with lipsync <0.4> & friends" in parsed.text
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)


@pytest.mark.real
def test_the_page_says_what_was_found(page: str, inspected: Inspected) -> None:
    result, text = inspected.result, _Tags(page).text
    assert result.likelihood is not None
    percent = round(100 * result.likelihood)
    assert f"{percent if percent < 100 else '> 99'} %" in text  # certainty is never claimed
    assert "Very likely made or altered" in text
    assert "evidence, not a verdict" in text
    assert result.against in text
    assert hashlib.sha256(result.video.read_bytes()).hexdigest() in text
    assert "recordings called made: 2 %" in text
    for answer in result.answers:
        assert answer.text in text
        assert answer.words[1:] in text
        for score in answer.scores:
            assert score.words[1:] in text
    assert str(result.video.parent) not in page  # says nothing of this machine


@pytest.mark.real
def test_the_copy_is_the_same_frame_by_frame_and_has_its_sound(
    inspected: Inspected, tmp_path: Path
) -> None:
    video = inspected.result.video
    copy, _ = copy_video(video, {}, None)
    assert copy.mp4 is not None
    place = tmp_path / "copy.mp4"
    place.write_bytes(copy.mp4)
    info, before = media.probe(place), media.probe(video)
    assert (info.frame_count, info.fps) == (before.frame_count, before.fps)
    assert info.height == min(before.height, 480)
    assert info.has_audio
    heard, said = (media.read_audio(one).samples for one in (place, video))
    n = min(len(heard), len(said))
    assert np.corrcoef(heard[:n], said[:n])[0, 1] > 0.95
    cut = inspected.blurred_from
    for i in (0, cut - 1, cut, info.frame_count - 1):
        (mine,), (theirs,) = (list(media.read_frames(one, i, i + 1)) for one in (info, before))
        import cv2

        small = cv2.resize(theirs, mine.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert psnr(mine, small) > 30, i


@pytest.mark.real
def test_the_pictures_show_the_face_of_their_frame_with_its_heat(inspected: Inspected) -> None:
    import cv2

    blur = inspected.result.answers[0]
    assert blur.question == "blur"
    assert blur.moments
    wanted = {one.frame: ("blur",) for one in blur.moments}
    assert all(frame >= inspected.blurred_from for frame in wanted)
    _, pictures = copy_video(inspected.result.video, wanted, inspected.face)
    assert set(pictures) == {(frame, "blur") for frame in wanted}
    for picture in pictures.values():
        shown = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert shown.shape == (picture.height, picture.width, 3)
        assert 1 < picture.enlarged <= page_media.ENLARGED_MOST
        assert picture.heat is not None
        heat = cv2.imdecode(np.frombuffer(picture.heat, np.uint8), cv2.IMREAD_UNCHANGED)[..., 3]
        rows = np.flatnonzero(heat.sum(1) > heat.sum(1).max() / 2)
        assert 0.5 < rows.mean() / len(heat) < 0.9  # the mouth, which was blurred


@pytest.mark.real
def test_without_a_face_moments_show_the_whole_frame(inspected: Inspected) -> None:
    frame = inspected.result.answers[0].moments[0].frame
    _, pictures = copy_video(inspected.result.video, {frame: ("blur",)}, None)
    picture = pictures[frame, "blur"]
    info = media.probe(inspected.result.video)
    assert picture.heat is None
    assert picture.width / picture.height == pytest.approx(info.width / info.height, rel=0.01)


@pytest.mark.real
def test_the_script_gets_windows_and_moments(page: str, inspected: Inspected) -> None:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    data = json.loads(text)
    assert (data["frames"], data["fps"]) == (inspected.result.frames, 25)
    assert [tuple(one[:2]) for one in data["windows"]] == [
        (one.first, one.end) for one in inspected.result.timeline
    ]
    assert data["moments"] == sorted(set(data["moments"])) != []


def test_a_video_without_a_face_has_a_page_too(faceless: InspectResult) -> None:
    text = _Tags(render_page(faceless)).text
    assert "Whether it was made cannot be told" in text
    assert "cannot be told" in text
    assert "No face was found in its 5 frames" in text
    assert "There are no scores to show." in text


def test_a_video_too_long_for_a_page_is_chosen_by_its_viewer(
    faceless: InspectResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_media, "MOST_BYTES", 100)
    tags = _Tags(render_page(faceless)).tags
    video = next(attributes for tag, attributes in tags if tag == "video")
    assert "src" not in video
    assert any(attributes.get("id") == "choose" for tag, attributes in tags if tag == "input")


def test_likelihoods_near_the_threshold_are_worded_with_care(faceless: InspectResult) -> None:
    for likelihood, words, percent in (
        (0.999, "Very likely made or altered", "> 99 %"),
        (0.6, "Probably made or altered", "60 %"),
        (0.4, "Some signs, too few to call it made", "40 %"),
        (0.001, "No sign that it was made", "< 1 %"),
    ):
        text = _Tags(render_page(replace(faceless, likelihood=likelihood))).text
        assert words in text
        assert percent in text


def test_the_page_appears_whole_or_not_at_all(faceless: InspectResult, tmp_path: Path) -> None:
    place = write_report(tmp_path / "report.html", faceless)
    assert place.read_text("utf-8").endswith("</html>")
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(OutputError, match="cannot be written"):
        write_report(tmp_path / "no" / "report.html", faceless)


def _span(first: int, end: int, z: float | None, likelihood: float | None = 0.5) -> SpanScores:
    return SpanScores(first, end, {"blur": z}, likelihood)


def test_cells_of_overlapping_windows_share_the_time() -> None:
    spans = [_span(0, 50, 0.5), _span(12, 62, None), _span(50, 100, 7.0)]
    cells = row_cells(spans, "blur", 100, 25.0)
    assert [one["x"] for one in cells] == [0, 31, 56]
    assert sum(one["width"] for one in cells) == pytest.approx(100)
    assert cells[1]["z"] is None
    assert cells[2]["top"] == 0 < cells[0]["top"]
    assert (cells[0]["level"], cells[2]["level"]) == (0, 4)
    assert cells[2]["title"] == "0:02.00 – 0:04.00: score +7.0"


def test_the_curve_breaks_where_the_likelihood_is_unknown() -> None:
    spans = [_span(0, 50, 1, 0.2), _span(25, 75, 1, None), _span(50, 100, 1, 0.9)]
    first, second = curve_parts(spans, 100)
    assert first["path"] == "M0.0 80.0 L187.5 80.0"
    assert second["path"].endswith("L1000.0 10.0")
    assert curve_parts([], 100) == []


def test_a_curve_of_frames_has_gaps_and_stays_short() -> None:
    assert frame_curve([None, 1.0, None]) == ""
    path = frame_curve([0.0, 1.0, None, 0.5, 1.0])
    assert path.count("M") == 2
    assert frame_curve(list(np.sin(np.arange(90_000.0)))).count(" ") < 8000


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00.00"), (1.24, "0:01.24"), (59.999, "0:59.99"), (61, "1:01.00")]
)
def test_times_are_rounded_down_as_a_player_does(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def _luminance(color: str) -> float:
    levels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read(scheme: int) -> None:
    """WCAG 2's contrast of at least 4.5 for text, 3 for what is drawn."""
    css = resources.files("lipsync.report").joinpath("inspection_page.css").read_text("utf-8")
    colors = dict(re.findall(r"--([\w-]+): (#\w{6})", css.split(":root {")[1 + scheme]))
    papers = ("paper", "panel")
    pairs = [(ink, paper) for ink in ("ink", "soft", "accent") for paper in papers]
    pairs += [(kind, f"{kind}-paper") for kind in ("bad", "ok", "none", "warn")]
    pairs += [("accent-ink", "accent"), ("head-ink", "head"), ("ink", "z1"), ("ink", "none-paper")]
    drawn = [(one, "none-paper") for one in ("z3", "z4", "curve")] + [("strong", "paper")]
    for least, group in ((4.5, pairs), (3.0, drawn)):
        for one, other in group:
            light = sorted((_luminance(colors[one]), _luminance(colors[other])))
            assert (light[1] + 0.05) / (light[0] + 0.05) >= least, (one, other)
