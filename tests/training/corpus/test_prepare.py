"""Preparing: real footage becomes clips; what would teach the wrong thing is dropped; resuming."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from fractions import Fraction
from functools import wraps
from pathlib import Path

import numpy as np
import pytest
import yaml

from lipsync import media
from lipsync.errors import NoFaceError
from lipsync.face import landmarks
from lipsync.face.landmarks import video_faces
from lipsync.face.schemes import MEDIAPIPE_478
from lipsync.runtime.cache import Cache
from lipsync.speech import audio
from lipsync.types import FaceTrack
from tests.support.clips import run
from training.corpus import dataset, prepare, segments, tracks
from training.corpus.footage_files import Drop
from training.corpus.tracks import reduce

LIPS, OFF = "lips do not say what is heard", "sound off its picture"
WRONG = {LIPS, OFF}  # of 3 s of another's voice: it may well fit somewhere by chance


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--videos", "{}/absent"], "no such folder or video"),
        (["--videos", "{}/empty"], r"no video in this folder or below it .*\.mp4"),
        (["--data", "{}", "--speakers", "empty"], "no video in this folder"),
        (["--videos", "{}/text", "--processes", "1"], r"nothing in it .*dropped\.tsv says why"),
    ],
)
def test_what_cannot_be_prepared_is_one_line(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    for name in ("empty/readme.md", "text/text.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    arguments = [argument.format(tmp_path) for argument in arguments]
    with pytest.raises(SystemExit, match=f"^error: .*{message}"):
        prepare.main([*arguments, "--out", str(tmp_path / "out")])
    assert not list((tmp_path / "out").glob("*.npz"))


@pytest.mark.parametrize(
    "arguments",
    [["--videos", "v", "--speakers", "a"], ["--data", "d", "--no-sync-check"],
     ["--videos", "v", "--data", "d"], ["--videos", "v", "--processes", "0"], []],
)  # fmt: skip
def test_options_that_do_not_go_together(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        prepare.main(arguments)
    assert stop.value.code == 2
    assert "--" in capsys.readouterr().err.splitlines()[-1]


# --- real footage ----------------------------------------------------------------------------


def spoken_by_another(shared: Path, folder: Path) -> Path:
    """Three seconds of running speech."""
    sound = folder / "another.wav"
    run("-ss", "8", "-i", str(shared / "data" / "speech" / "jfk.flac"), "-t", "3", str(sound))
    return sound


def with_sound(video: Path, sound: Path, out: Path, late_s: float = 0.0) -> None:
    """The picture of one file, untouched, and the sound of another, so much later."""
    delay = ["-af", f"adelay={round(late_s * 1000)}"] if late_s else []
    run("-i", str(video), "-i", str(sound), "-map", "0:v", "-map", "1:a", "-c:v", "copy", *delay,
        "-c:a", "flac", "-t", "3", str(out))  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A folder that was prepared, and what was said."""

    root: Path
    out: Path
    stdout: str
    stderr: str

    @property
    def dropped(self) -> dict[str, list[str]]:
        """path → its other cells."""
        lines = (self.out / "dropped.tsv").read_text("utf-8").splitlines()[1:]
        return {line.split("\t")[0]: line.split("\t")[1:] for line in lines}


@pytest.fixture(scope="module")
def odd(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good clips in an odd layout, and one of everything that is wrong."""
    folder = tmp_path_factory.mktemp("footage")
    root = folder / "odd corpus"
    person = root / "anna" / "take 1"
    person.mkdir(parents=True)
    good = sorted((shared / "data" / "grid_s31").glob("*.mkv"))[:5]
    for clip in good:
        shutil.copy(clip, person)
    with_sound(good[0], good[0], person / "late.mkv", 0.24)
    with_sound(good[1], spoken_by_another(shared, folder), person / "dubbed.mkv")
    run("-i", str(good[2]), "-an", "-c", "copy", str(person / "mute.mkv"))
    run("-i", str(good[3]), "-r", "30", "-c:v", "libx264", "-crf", "12", str(person / "thirty.mp4"))
    run("-i", str(good[3]), "-t", "0.5", str(person / "brief.mp4"))
    (person / "text.mp4").write_text("not a video")
    testing = ["-f", "lavfi", "-i", "color=gray:size=96x64:rate=25", "-i", str(good[0])]
    run(*testing, "-map", "0:v", "-map", "1:a", "-t", "2", str(person / "faceless.mkv"))
    shutil.copy(next((shared / "data" / "grid_s26").glob("lwajza.mkv")), root)
    return root


@pytest.fixture(scope="module")
def made(odd: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    out = tmp_path_factory.mktemp("prepared")
    stdout, stderr = run_main(["--videos", str(odd), "--out", str(out), "--processes", "2"])
    return Made(odd, out, stdout, stderr)


def run_main(arguments: list[str]) -> tuple[str, str]:
    """What `prepare` writes to stdout and stderr."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        prepare.main(arguments)
    return out.getvalue(), err.getvalue()


@pytest.mark.real
@pytest.mark.slow
def test_footage_of_any_layout_becomes_speakers(made: Made, shared: Path) -> None:
    assert sorted(p.name for p in made.out.glob("*.npz")) == [
        "anna-take_1.npz", "odd_corpus.npz",
    ]  # fmt: skip
    anna = dataset.load(made.out, "anna-take_1")
    good = sorted(p.stem for p in (shared / "data" / "grid_s31").glob("*.mkv"))[:5]
    assert [clip.name for clip in anna.clips] == [*good, "thirty"]
    assert anna.profile.width == pytest.approx(0.53, abs=0.05)
    for clip in anna.clips:
        assert abs(float(clip.wave.duration) - len(clip.lips) / clip.lips.rate) < 0.05
        known = clip.lips.points[np.isfinite(clip.lips.points).all((1, 2))]
        assert np.abs(known.mean((0, 1)) - (0, 0.9)).max() < 0.25


@pytest.mark.real
@pytest.mark.slow
def test_the_same_take_at_another_frame_rate_has_the_same_lips(made: Made) -> None:
    clips = {clip.name: clip for clip in dataset.load(made.out, "anna-take_1").clips}
    fast, slow = clips["thirty"].lips, clips["lbig7s"].lips
    assert (fast.rate, slow.rate) == (30, 25)
    at = np.arange(len(fast)) / 30 * 25
    same = np.interp(at, np.arange(len(slow)), slow.opening)
    assert np.corrcoef(same, fast.opening)[0, 1] > 0.95
    assert np.abs(same - fast.opening).mean() < 0.01  # outer-eye distances


@pytest.mark.real
@pytest.mark.slow
def test_what_would_teach_the_wrong_thing_is_dropped_and_listed(made: Made) -> None:
    folder = "anna/take 1"
    reasons = {path: cells[1] for path, cells in made.dropped.items()}
    assert reasons.pop(f"{folder}/dubbed.mkv") in WRONG
    assert reasons == {
        f"{folder}/brief.mp4": "too short",
        f"{folder}/faceless.mkv": "no face",
        f"{folder}/late.mkv": OFF,
        f"{folder}/mute.mkv": "no sound",
        f"{folder}/text.mp4": "unreadable",
    }
    lag = made.dropped[f"{folder}/late.mkv"][2].split(" at ")[1].split(" ms")[0]
    assert int(lag) == pytest.approx(240, abs=30)
    assert "dropped 6: " in made.stderr.splitlines()[-1]
    assert yaml.safe_load(made.stdout.split("\n\n")[1]) == {
        "speakers": ["anna-take_1", "odd_corpus"]
    }


@pytest.mark.real
@pytest.mark.slow
def test_the_same_clips_are_as_if_prepared_as_they_are(made: Made, tmp_path: Path) -> None:
    source = tmp_path / "someone"
    source.mkdir()
    anna = dataset.load(made.out, "anna-take_1")
    for clip in anna.clips:
        video = next((made.root / "anna" / "take 1").glob(f"{clip.name}.*"))
        (source / video.name).symlink_to(video)
    shutil.copytree(made.out / "cache" / "faces", tmp_path / "out" / "cache" / "faces")
    plain = prepare.prepare_clips(source, tmp_path / "out", processes=1)
    assert plain.profile.width == anna.profile.width
    for a, b in zip(plain.clips, anna.clips, strict=True):
        assert a.name == b.name
        np.testing.assert_array_equal(a.lips.points, b.lips.points)
        np.testing.assert_allclose(a.wave.samples, b.wave.samples, atol=1 / 32767)


@pytest.mark.real
@pytest.mark.slow
def test_a_finished_run_is_not_done_again(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(path: Path) -> Drop:
        raise AssertionError(f"{path} was looked at again")

    monkeypatch.setattr(segments, "probe_video", look)
    before = {p: p.stat().st_mtime_ns for p in made.out.glob("*.npz")}
    table = (made.out / "dropped.tsv").read_text()
    arguments = ["--videos", str(made.root), "--out", str(made.out), "--processes", "1"]
    stdout, stderr = run_main(arguments)
    assert stdout == made.stdout
    assert stderr.splitlines()[-3:] == made.stderr.splitlines()[-3:]
    assert {p: p.stat().st_mtime_ns for p in made.out.glob("*.npz")} == before
    assert (made.out / "dropped.tsv").read_text() == table
    (made.out / "odd_corpus.npz").touch()  # somebody else's now
    with pytest.raises(AssertionError, match="looked at again"):
        run_main(arguments)


@pytest.mark.real
@pytest.mark.slow
def test_an_interrupted_run_goes_on_where_it_was(
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root, out = tmp_path / "someone", tmp_path / "out"
    root.mkdir()
    for clip in sorted((shared / "data" / "grid_s26").glob("*.mkv"))[:2]:
        shutil.copy(clip, root)
    tracked, heard = (
        counted(monkeypatch, video_faces, "detect_faces"),
        counted(monkeypatch, segments, "OpeningPredictor"),
    )
    arguments = ["--videos", str(root), "--out", str(out), "--processes", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(segments, "OpeningPredictor", stops_after(segments.OpeningPredictor, 1))
        with pytest.raises(SystemExit) as stop:
            prepare.main(arguments)
    assert stop.value.code == 130
    assert "goes on from here" in capsys.readouterr().err
    assert not list(out.glob("*.npz"))
    assert not list((out / "cache").rglob("*.part"))
    assert (len(tracked), len(heard)) == (2, 1)
    prepare.main(arguments)
    assert (len(tracked), len(heard)) == (2, 2)
    assert len(dataset.load(out, "someone").clips) == 2


def counted(patch: pytest.MonkeyPatch, place: object, name: str) -> list[int]:
    """Grows with every call of a function."""
    calls: list[int] = []
    real = getattr(place, name)

    @wraps(real)  # the cache asks a function for its module
    def call(*args: object) -> object:
        calls.append(1)
        return real(*args)

    # Where tracking itself is called, so that what the cache holds does not count.
    patch.setattr(place, name, call)
    return calls


def stops_after(real: Callable[..., object], count: int) -> Callable[..., object]:
    done: list[int] = []

    def call(*args: object) -> object:
        if len(done) == count:
            raise KeyboardInterrupt
        done.append(1)
        return real(*args)

    return call


@pytest.mark.real
@pytest.mark.slow
def test_a_long_video_is_tracked_in_pieces_and_judged_in_parts(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three takes end to end, the second dubbed: it goes, the others stay and are cut apart."""
    monkeypatch.setattr(segments, "PIECE_S", 4)
    monkeypatch.setattr(segments, "MAX_SEGMENT_S", 4)
    clips = sorted((shared / "data" / "grid_s31").glob("*.mkv"))[:3]
    sounds = [clips[0], spoken_by_another(shared, tmp_path), clips[2]]
    video, out = tmp_path / "talk.mkv", tmp_path / "out"
    (tmp_path / "list").write_text("".join(f"file '{clip}'\n" for clip in clips))
    inputs = [argument for sound in sounds for argument in ("-i", str(sound))]
    pads = "".join(f"[{i + 1}:a]apad,atrim=0:3[s{i}];" for i in range(3))
    graph = f"{pads}[s0][s1][s2]concat=n=3:v=0:a=1[a]"
    run("-f", "concat", "-safe", "0", "-i", str(tmp_path / "list"), *inputs, "-filter_complex",
        graph, "-map", "0:v", "-map", "[a]", "-c:v", "copy", "-c:a", "flac",
        str(video))  # fmt: skip
    (result,) = prepare.prepare_videos(video, out, processes=1)
    talk = dataset.load(out, "talk")
    assert [clip.name for clip in talk.clips] == ["talk@0000.00", "talk@0006.00"]
    assert [len(clip.lips) for clip in talk.clips] == [75, 75]
    own = audio.load_speech(clips[2]).samples
    assert np.corrcoef(own[:47000], talk.clips[1].wave.samples[:47000])[0, 1] > 0.999
    (drop,) = result.drops
    assert drop.reason in WRONG
    assert drop.part == (3.0, 6.0)
    footage = segments.probe_video(video)
    assert isinstance(footage, segments.SourceVideo)
    assert len(segments.split_video(footage)) == 2
    with Cache(out / "cache") as cache:
        pieced = segments.track_source(footage, cache)
        whole = reduce(landmarks.track_video(media.probe(video), tracks.LANDMARK_OPTIONS, cache))
    np.testing.assert_array_equal(pieced.points, whole.points)
    assert pieced.cuts.tolist() == whole.cuts.tolist() == [75, 150]


def test_nobody_in_the_footage_is_an_error() -> None:
    nothing = np.zeros(25, np.float32)
    points = np.full((25, MEDIAPIPE_478.count, 2), np.nan, np.float32)
    none = np.zeros(0, np.int64)
    track = FaceTrack(points, nothing > 0, nothing, none, Fraction(25), MEDIAPIPE_478)
    with pytest.raises(NoFaceError, match="someone: no video of this speaker shows a face"):
        prepare.assemble_speaker("someone", [Path("a.mp4")], [track])
