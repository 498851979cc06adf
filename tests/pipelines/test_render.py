"""Renders from end to end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import lipsync
from lipsync import media, retime
from lipsync.face import landmarks
from lipsync.face.tracked_face import TrackedFace
from lipsync.marks.origin import SOURCE_TYPE
from lipsync.marks.reader import read_marks
from lipsync.options import RenderOptions
from lipsync.pipelines.part_worker import FRAMES_A_REPORT
from lipsync.runtime.cache import Cache
from lipsync.runtime.hashing import hash_file
from lipsync.runtime.prefetch import read_ahead
from lipsync.runtime.timer import StageTimer
from tests.support import clips
from tests.support.renders import correlate_openings, face_in, lips_in, predict_lips

REPO = Path(__file__).resolve().parents[2]
SAMPLE = REPO / "assets" / "sample"


def positions(target: Path, n: int) -> np.ndarray:
    """What n frames of a longer speech show of a target."""
    motion = retime.Motion.of(face_in(target).track)
    return retime.choose_timing(np.ones(n, bool), motion, retime.TimingOptions()).timing.position


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """The sample's speech on the sample's target, and what was reported on the way."""
    out = tmp_path_factory.mktemp("render") / "out.mp4"
    reports: list[tuple[str, int, int | None]] = []
    result = lipsync.render(
        SAMPLE / "speech.wav",
        SAMPLE / "target.mp4",
        out,
        sheet=out.with_suffix(".png"),
        progress=lambda *report: reports.append(report),
    )
    return result, reports


def test_frames_rate_and_sound_are_exact(rendered) -> None:  # type: ignore[no-untyped-def]
    result, _ = rendered
    speech = media.probe_audio(SAMPLE / "speech.wav")
    made, sound = media.probe(result.output), media.probe_audio(result.output)
    assert made.fps == media.probe(SAMPLE / "target.mp4").fps
    assert made.frame_count == result.frames == round(speech.duration * made.fps)
    assert abs(sound.duration - speech.duration) < Fraction(1, 16000)
    assert sound.codec == "aac"  # mp4 players do not take PCM


def test_progress_counts_all_frames(rendered) -> None:  # type: ignore[no-untyped-def]
    result, reports = rendered
    counted = [done for stage, done, total in reports if stage == "render"]
    # Frames that other processes make are counted some at a time.
    assert counted[0] <= FRAMES_A_REPORT
    assert counted[-1] == result.frames
    assert all(0 <= b - a <= 3 * FRAMES_A_REPORT for a, b in pairwise(counted))
    assert set(result.seconds) >= {"landmarks", "mouth bank", "texture", "composite", "encode"}


def test_the_result_says_what_it_is(rendered) -> None:  # type: ignore[no-untyped-def]
    result, _ = rendered
    marks = read_marks(result.output)
    assert marks.found.source_type == SOURCE_TYPE
    assert lipsync.__version__ in (marks.found.comment or "")
    assert marks.found.sidecar_fits
    assert marks.verdict == "valid"
    assert marks.state("content credentials") == "untrusted"
    record = json.loads(result.sidecar.read_text())
    assert marks.record == record["record"]
    assert f"record {record['record']}; content credentials signed by" in result.marks
    assert result.seconds["marks"] < 0.03 * sum(result.seconds.values())
    assert record["inputs"]["video"]["sha256"] == hash_file(SAMPLE / "target.mp4")
    assert record["models"][0]["licence"]
    assert record["changed_frames"] == [[0, result.frames]]


def test_the_mouth_says_what_was_predicted(rendered) -> None:  # type: ignore[no-untyped-def]
    result, _ = rendered
    wanted = predict_lips(
        SAMPLE / "speech.wav", lips_in(SAMPLE / "target.mp4"), result.fps, result.frames
    )
    # Measured: 0.79. In pauses the render shuts the lips, which the prediction does not.
    assert correlate_openings(wanted, lips_in(result.output)) > 0.75


def test_the_same_input_gives_the_same_streams(tmp_path: Path) -> None:
    """Each output has a record of its own, in its marks; picture and sound are the same."""
    options = RenderOptions.of(watermark=False)  # which is the record's id
    streams = []
    for name in ("one.mp4", "other.mp4"):
        sound, target = SAMPLE / "speech.wav", SAMPLE / "target.mp4"
        result = lipsync.render(sound, target, tmp_path / name, options=options)
        with av.open(str(result.output)) as container:
            streams.append([bytes(packet) for packet in container.demux()])
    assert streams[0] == streams[1]


def test_longer_speech_plays_the_video_back_and_forth(tmp_path: Path) -> None:
    """Two seconds of target under five of speech: before the turn the head is as after it."""
    short = tmp_path / "short.mkv"
    frames = media.read_frames(media.probe(SAMPLE / "target.mp4"), 0, 50)
    writer = cv2.VideoWriter(str(short), cv2.VideoWriter.fourcc(*"FFV1"), 25, (0, 0))
    first = next(frames)
    writer = cv2.VideoWriter(str(short), cv2.VideoWriter.fourcc(*"FFV1"), 25, first.shape[1::-1])
    for frame in (first, *frames):
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    result = lipsync.render(SAMPLE / "speech.wav", short, tmp_path / "out.mp4")
    assert result.frames > 60
    assert result.timing == "bounce"
    turn = int(positions(short, result.frames).argmax())
    assert 35 <= turn < 50
    shown = list(media.read_frames(media.probe(result.output), 0, 60))
    top = slice(0, shown[0].shape[0] // 4)  # hair and background: no mouth
    for k in (1, 5, 9):
        there, back = shown[turn - k][top].astype(int), shown[turn + k][top].astype(int)
        assert np.abs(there - back).mean() < 2  # levels; two encodings of one picture


def test_cut_ends_with_the_target(tmp_path: Path) -> None:
    """Sound and picture end together, one line says so, and the plot is there."""
    short, plot = tmp_path / "short.mp4", tmp_path / "timing.png"
    clips.run("-i", str(SAMPLE / "target.mp4"), "-frames:v", "40", "-an", str(short))
    options = RenderOptions.of(timing="cut")
    result = lipsync.render(
        SAMPLE / "speech.wav", short, tmp_path / "out.mp4", options=options, plot=plot
    )
    assert result.frames == media.probe(result.output).frame_count == 40
    assert result.duration == pytest.approx(1.6)
    assert float(media.probe_audio(result.output).duration) == pytest.approx(1.6, abs=0.03)
    assert "whose end was cut" in result.warnings[0]
    assert result.plot == plot
    assert cv2.imread(str(plot)).shape[1] > 1000


def test_a_still_picture_speaks(tmp_path: Path) -> None:
    still = tmp_path / "person.png"
    frame = next(iter(media.read_frames(media.probe(SAMPLE / "target.mp4"))))
    cv2.imwrite(str(still), frame[..., ::-1])
    result = lipsync.render(SAMPLE / "speech.wav", still, tmp_path / "out.mp4")
    assert result.fps == 25
    assert result.changed_frames == result.frames
    assert lips_in(result.output).opening.std() > 0.01


def test_frames_without_a_face_keep_their_picture_and_are_counted(tmp_path: Path) -> None:
    target = tmp_path / "gap.mkv"
    frames = list(media.read_frames(media.probe(SAMPLE / "target.mp4"), 0, 60))
    for i in range(20, 30):
        frames[i] = np.full_like(frames[i], 90)
    writer = cv2.VideoWriter(
        str(target), cv2.VideoWriter.fourcc(*"FFV1"), 25, frames[0].shape[1::-1]
    )
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    result = lipsync.render(
        SAMPLE / "target.mp4", target, tmp_path / "out.mp4", options=RenderOptions.of(crf=4)
    )
    order = positions(target, result.frames)
    expected = int(((order >= 20) & (order < 30)).sum())
    assert result.frames_without_face == expected
    assert result.changed_frames == result.frames - expected
    assert "no face" in result.warnings[0]
    shown = list(media.read_frames(media.probe(result.output), 20, 30))
    assert np.abs(np.stack(shown).astype(int) - 90).max() <= 2


def test_a_clock_charges_the_innermost_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(now)))
    clock = StageTimer()
    with clock.stage("outer"), clock.stage("inner"):
        pass
    assert clock.seconds == {"outer": 2.0, "inner": 1.0}


def test_a_clock_charges_each_thread_for_its_own_stage() -> None:
    clock = StageTimer()

    def numbers() -> Iterator[int]:
        yield from range(3)

    with clock.stage("here"):
        assert list(read_ahead(clock.each("there", numbers()))) == [0, 1, 2]
    assert set(clock.seconds) == {"here", "there"}


@pytest.mark.real
@pytest.mark.parametrize(
    ("target", "speech", "frames", "seconds"),
    [
        ("grid_s1_120s.mp4", "jfk.flac", 275, 11.0),
        ("grid_s4_60s.mp4", "LJ001-0001.wav", 241, 9.655),
        ("englishvideo.mp4", "LJ001-0001.wav", 290, 9.655),
    ],
)
def test_real_footage_speaks_what_was_predicted(
    shared: Path, tmp_path: Path, target: str, speech: str, frames: int, seconds: float
) -> None:
    video, sound = shared / "data" / "targets" / target, shared / "data" / "speech" / speech
    result = lipsync.render(sound, video, tmp_path / "out.mp4")
    made = media.probe(result.output)
    assert (made.frame_count, made.fps) == (frames, media.probe(video).fps)
    assert float(media.probe_audio(result.output).duration) == pytest.approx(seconds, abs=1e-3)
    wanted = predict_lips(sound, lips_in(video), result.fps, result.frames)
    assert correlate_openings(wanted, lips_in(result.output)) >= 0.8


def test_a_varying_rate_keeps_its_times_and_its_lips(tmp_path: Path) -> None:
    """Every frame of the output at its target's time, with the lips that are due then."""
    import av

    target, speech = tmp_path / "target.mkv", tmp_path / "speech.wav"
    shaky = "select='not(eq(mod(n,5),2))',setpts='PTS+mod(N,2)*0.003/TB'"
    clips.run(
        *("-i", str(SAMPLE / "target.mp4"), "-t", "4", "-vf", shaky, "-fps_mode", "vfr", "-an"),
        *("-c:v", "libx264", "-crf", "10", str(target)),
    )
    clips.run("-i", str(SAMPLE / "speech.wav"), "-t", "3", str(speech))
    options = RenderOptions.of(adapt="never", preset="ultrafast", timing="cut")
    result = lipsync.render(speech, target, tmp_path / "out.mkv", options=options)
    assert result.warnings == ()

    def times(path: Path) -> list[Fraction]:
        with av.open(str(path)) as container:
            return [f.pts * f.time_base for f in container.decode(video=0)]

    kept = times(result.output)
    assert kept == times(target)[: len(kept)]
    assert kept[-1] < 3 <= times(target)[len(kept)]
    assert result.frames == result.changed_frames == len(kept)
    steady = lipsync.render(speech, SAMPLE / "target.mp4", tmp_path / "steady.mp4", options=options)
    with Cache(Cache.default_root()) as cache:
        info = media.probe(result.output, keep_stamps=True)
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
    seen = TrackedFace.of(track).lips.opening
    want = lips_in(steady.output).opening
    at = np.array([float(t) for t in kept])
    due = np.interp(at, np.arange(len(want)) / float(steady.fps), want)
    assert np.corrcoef(seen, due)[0, 1] > 0.9
