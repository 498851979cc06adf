"""Preparing: footage of any layout becomes clips; what would teach the wrong thing is dropped."""

from __future__ import annotations

import io
import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import yaml
from clips import run
from faces import similarity, track_of
from talkers import babble, speaker

from lipsync import audio, geometry, landmarks, media
from lipsync.cache import Cache
from lipsync.errors import LipsyncError, NoFaceError
from lipsync.types import F32, Bools, FaceTrack
from training import corpus, judge, people, prepare, takes, workers
from training.footage import Drop, find_speakers, write_drops
from training.judge import Evidence
from training.tracks import cut, joined, measure, reduced

# --- who is who ------------------------------------------------------------------------------


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_every_folder_with_videos_is_a_speaker(tmp_path: Path) -> None:
    root = tmp_path / "My Corpus"
    touch(root, "b.mp4", "a.MKV", "notes.txt", "anna/x.mov", "anna/late/y.webm", "R & D/über/z.avi")
    touch(root, "anna/._x.mov", ".trash/w.mp4", "empty/readme.md")
    found = find_speakers(root)
    assert {name: [v.name for v in videos] for name, videos in found.items()} == {
        "My_Corpus": ["a.MKV", "b.mp4"],
        "anna": ["x.mov"],
        "anna-late": ["y.webm"],
        "R_D-über": ["z.avi"],
    }
    assert list(find_speakers(root / "anna", "file")) == ["late-y", "x"]
    assert find_speakers(root / "b.mp4") == {"b": [root / "b.mp4"]}


def test_names_stay_apart_and_links_do_not_go_round(tmp_path: Path) -> None:
    touch(tmp_path, "a/b/1.mp4", "a-b/2.mp4", "A-B/3.mp4", "?/4.mp4")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    found = find_speakers(tmp_path)
    assert sorted(found) == ["A-B", "a-b-2", "a-b-3", "speaker"]
    assert sorted(v.name for videos in found.values() for v in videos) == [
        "1.mp4", "2.mp4", "3.mp4", "4.mp4",
    ]  # fmt: skip


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
    touch(tmp_path, "empty/readme.md", "text/text.mp4")
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


def test_the_list_of_drops_is_a_table_whatever_the_names(tmp_path: Path) -> None:
    root = tmp_path / "in"
    drops = [
        Drop(root / "a\tb\n.mp4", "no face"),
        Drop(root / "c.mp4", "too short", "0.5 s", (1.0, 1.5)),
    ]
    write_drops(tmp_path / "dropped.tsv", root, drops)
    assert (tmp_path / "dropped.tsv").read_text().splitlines() == [
        "path\tseconds\treason\tfigures",
        "a b .mp4\tall\tno face\t",
        "c.mp4\t1.00-1.50\ttoo short\t0.5 s",
    ]


# --- tracks and takes ------------------------------------------------------------------------


def moving(frames: int, seed: int = 0) -> FaceTrack:
    """A known face that moves about and talks."""
    gap = np.clip(babble(seed, frames), 0.01, None)
    sway = np.sin(np.arange(frames) / 9 + seed)
    poses = [similarity(80 + seed, 0.05 * s, 150 + 10 * s, 100) for s in sway]
    return track_of(poses, gap.tolist())


def test_a_reduced_track_gives_the_same_lips() -> None:
    clips = [moving(60), moving(45, 1), moving(75, 2)]
    clips[1].points[10:13], clips[1].found[10:13] = np.nan, False
    whole = joined(clips)
    lips = geometry.lips(whole, geometry.align(whole))
    found, profile = measure([reduced(clip) for clip in clips])
    np.testing.assert_array_equal(np.concatenate([t.points for t in found]), lips.points)
    expected = geometry.LipProfile.of(lips)
    assert (profile.width, profile.opening_range) == (expected.width, expected.opening_range)
    np.testing.assert_array_equal(profile.neutral, expected.neutral)


def test_clips_of_another_frame_rate_are_measured_alike() -> None:
    slow = moving(76)
    poses = np.arange(151) / 2
    gaps = np.interp(poses, np.arange(76), np.clip(babble(0, 76), 0.01, None))
    sway = np.interp(poses, np.arange(76), np.sin(np.arange(76) / 9))
    turns = [similarity(80, 0.05 * s, 150 + 10 * s, 100) for s in sway]
    fast = replace(track_of(turns, gaps.tolist()), fps=Fraction(50))
    (a, b), _ = measure([slow, fast])
    assert (a.rate, b.rate) == (25, 50)
    np.testing.assert_allclose(b.points[::2], a.points, atol=2e-3)  # outer-eye distances


def shown(*stretches: tuple[float, bool], cuts: tuple[int, ...] = ()) -> FaceTrack:
    """A track in which the face is in view (or not) for so many seconds each."""
    found = np.concatenate([np.full(round(25 * s), seen) for s, seen in stretches])
    track = track_of([similarity(80, 0, 150, 100)] * len(found))
    track.points[~found] = np.nan
    return replace(track, found=found, cuts=np.array(cuts, np.int64))


def test_a_short_video_with_a_face_stays_whole_whatever_its_cuts() -> None:
    assert takes.in_view(shown((3, True), cuts=(20, 50))) == [(0, 75)]
    assert takes.in_view(shown((1, True), (0.2, False), (1.8, True))) == [(0, 75)]
    assert takes.in_view(shown((3, False))) == []


def test_other_videos_are_cut_where_the_shot_ends_or_the_face_goes() -> None:
    assert takes.in_view(shown((12, True), (1, False), (2, True), cuts=(100,))) == [
        (0, 100), (100, 300), (325, 375),
    ]  # fmt: skip
    assert takes.in_view(shown((24, True))) == [(0, 200), (200, 400), (400, 600)]
    # A blink of the detector ends nothing; half a second each of face and none is no take.
    assert takes.in_view(shown((6, True), (0.2, False), (5, True)))[0] == (0, 140)
    assert takes.in_view(shown(*[(0.3, True), (0.3, False)] * 20)) == []


def test_a_cut_piece_keeps_its_own_cuts() -> None:
    track = shown((4, True), cuts=(20, 50, 80))
    assert cut(track, 50, 90).cuts.tolist() == [0, 30]
    assert joined([cut(track, 0, 50), cut(track, 50, 100)], seamless=True).cuts.tolist() == [
        20, 50, 80,
    ]  # fmt: skip


# --- sound and lips --------------------------------------------------------------------------


def said(
    seed: int, lag_s: float = 0.0, seconds: float = 3.0, other: int | None = None, name: str = "a"
) -> Evidence:
    """A clip whose lips follow its sound, `lag_s` too early; or the sound of `other`'s clip."""
    n, rate = round(seconds * takes.RATE), takes.RATE
    spoken = babble(seed if other is None else 100 + other, n // 2 + 60)
    at = np.arange(n) / 2 + 20
    own = np.interp(at, np.arange(len(spoken)), babble(seed, n // 2 + 60))
    asked = np.interp(at - (lag_s + judge.OWN_LAG_S) * rate / 2, np.arange(len(spoken)), spoken)
    everywhere: Bools = np.ones(n, bool)
    return Evidence(Path(name), f32(own), f32(asked), everywhere)


def f32(values: np.ndarray) -> F32:
    return values.astype(np.float32)


def reasons(clips: list[Evidence]) -> list[str]:
    return [verdict.reason for verdict in judge.judge(clips)]


LIPS, OFF, SPEECHLESS = (
    "lips do not say what is heard",
    "sound off its picture",
    "hardly any speech",
)


def test_a_common_lag_is_corrected() -> None:
    for lag_s in (-0.18, -0.06, 0.1, 0.2):
        verdicts = judge.judge([said(seed, lag_s) for seed in range(6)])
        assert [v.reason for v in verdicts] == [""] * 6
        assert verdicts[0].lag_s == pytest.approx(lag_s, abs=0.015)
    assert all(v.lag_s == 0 for v in judge.judge([said(seed, 0.01) for seed in range(6)]))
    assert reasons([said(seed, 0.3) for seed in range(6)]) == [OFF] * 6


def test_a_clip_must_agree_with_the_others() -> None:
    clips = [said(seed, 0.12) for seed in range(6)]
    assert reasons([*clips, said(6)]) == [""] * 6 + [OFF]
    assert reasons([*clips, said(6, other=1)])[:6] == [""] * 6
    assert reasons([*clips, said(6, other=1)])[6] in (LIPS, OFF)
    assert reasons([said(seed, other=seed) for seed in range(6)]) == [LIPS] * 6


def test_every_long_file_has_its_own_lag() -> None:
    late = [said(seed, 0.16, name="late.mp4") for seed in range(5)]
    early = [said(seed, -0.12, name="early.mp4") for seed in range(5, 10)]
    lags = [verdict.lag_s for verdict in judge.judge([*late, *early])]
    np.testing.assert_allclose(lags, [0.16] * 5 + [-0.12] * 5, atol=0.015)


def test_with_little_speech_nothing_is_moved() -> None:
    assert [(v.reason, v.lag_s) for v in judge.judge([said(1), said(2)])] == [("", 0.0)] * 2
    assert reasons([said(1, 0.12), said(2, 0.12)]) == [OFF] * 2
    mute = said(3)
    mute.speaking[20:] = False
    assert reasons([mute]) == [SPEECHLESS]
    hidden = said(3)
    hidden.seen[20:] = np.nan
    assert reasons([hidden]) == [SPEECHLESS]


def test_trust_keeps_all_but_the_speechless() -> None:
    mute = said(3)
    mute.speaking[:] = False
    verdicts = judge.judge([said(1, 0.3), said(2, other=1), mute], trust=True)
    assert [(v.reason, v.lag_s) for v in verdicts] == [("", 0.0), ("", 0.0), (SPEECHLESS, 0.0)]


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
    testing = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25", "-i", str(good[0])]
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
    anna = corpus.load(made.out, "anna-take_1")
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
    clips = {clip.name: clip for clip in corpus.load(made.out, "anna-take_1").clips}
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
    assert {path: cells[1] for path, cells in made.dropped.items()} == {
        f"{folder}/brief.mp4": "too short",
        f"{folder}/dubbed.mkv": LIPS,
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
    anna = corpus.load(made.out, "anna-take_1")
    for clip in anna.clips:
        video = next((made.root / "anna" / "take 1").glob(f"{clip.name}.*"))
        (source / video.name).symlink_to(video)
    shutil.copytree(made.out / "cache" / "track", tmp_path / "out" / "cache" / "track")
    plain = prepare.prepare(source, tmp_path / "out", processes=1)
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

    monkeypatch.setattr(takes, "look", look)
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
    tracked, heard = counted(monkeypatch, landmarks, "track"), counted(monkeypatch, takes, "Ear")
    arguments = ["--videos", str(root), "--out", str(out), "--processes", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(takes, "Ear", stops_after(takes.Ear, 1))
        with pytest.raises(SystemExit) as stop:
            prepare.main(arguments)
    assert stop.value.code == 130
    assert "goes on from here" in capsys.readouterr().err
    assert not list(out.glob("*.npz"))
    assert not list((out / "cache").rglob("*.part"))
    assert (len(tracked), len(heard)) == (2, 1)
    prepare.main(arguments)
    assert (len(tracked), len(heard)) == (2, 2)
    assert len(corpus.load(out, "someone").clips) == 2


def counted(patch: pytest.MonkeyPatch, place: object, name: str) -> list[int]:
    """Grows with every call of a function."""
    calls: list[int] = []
    real = getattr(place, name)

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
    monkeypatch.setattr(takes, "PIECE_S", 4)
    monkeypatch.setattr(takes, "LONGEST_S", 4)
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
    talk = corpus.load(out, "talk")
    assert [clip.name for clip in talk.clips] == ["talk@0000.00", "talk@0006.00"]
    assert [len(clip.lips) for clip in talk.clips] == [75, 75]
    own = audio.load(clips[2]).samples
    assert np.corrcoef(own[:47000], talk.clips[1].wave.samples[:47000])[0, 1] > 0.999
    (drop,) = result.drops
    assert (drop.reason, drop.part) == (LIPS, (3.0, 6.0))
    footage = takes.look(video)
    assert isinstance(footage, takes.Footage)
    assert len(takes.pieces(footage)) == 2
    with Cache(out / "cache") as cache:
        pieced = takes._tracked(footage, cache)
        whole = reduced(landmarks.track_video(media.probe(video), takes.OPTIONS, cache))
    np.testing.assert_array_equal(pieced.points, whole.points)
    assert pieced.cuts.tolist() == whole.cuts.tolist() == [75, 150]


def test_people_with_a_single_clip_teach_and_a_tenth_of_them_judges() -> None:
    (clip,) = speaker(clips=1).clips
    splits = [corpus.split((replace(clip, name=f"person {i}"),)) for i in range(500)]
    assert all(len(training) + len(judging) == 1 for training, judging in splits)
    assert sum(len(judging) for _, judging in splits) == pytest.approx(50, abs=15)


# --- sound that begins elsewhere -------------------------------------------------------------


def test_early_sound_costs_the_frames_before_it(tmp_path: Path) -> None:
    track = reduced(moving(75))
    none: F32 = np.zeros(150, np.float32)
    take = takes.Take(tmp_path, True, 0, 75, 0.0, track, none, none > 0)
    assert people._heard_throughout(take, 0.1) is take
    later = people._heard_throughout(take, -0.1)
    assert (later.first, len(later.track)) == (3, 72)
    assert people._span(later, -0.1)[0] == pytest.approx(0.02)
    assert people._heard_throughout(replace(take, lead_in=0.1), -0.1).first == 0


def test_the_picture_may_begin_after_the_sound(tmp_path: Path) -> None:
    """Players wait with the picture: its frames have their sound that much later in the file."""
    late = tmp_path / "late.mkv"
    run("-f", "lavfi", "-i", "sine=duration=2", "-itsoffset", "0.4", "-f", "lavfi", "-i",
        "testsrc2=size=96x64:rate=25", "-map", "1:v", "-map", "0:a", "-t", "2",
        str(late))  # fmt: skip
    footage = takes.look(late)
    assert isinstance(footage, takes.Footage)
    assert float(footage.lead_in) == pytest.approx(0.4, abs=0.002)


# --- processes -------------------------------------------------------------------------------


def test_nobody_in_the_footage_is_an_error() -> None:
    with pytest.raises(NoFaceError, match="someone: no video of this speaker shows a face"):
        prepare.assemble("someone", [Path("a.mp4")], [shown((1, False))])


@pytest.mark.slow
def test_a_process_that_is_killed_is_one_line() -> None:
    with pytest.raises(LipsyncError, match="start fewer"), workers.workers(2) as work:
        work.each(os._exit, [1, 1])


@pytest.mark.slow
def test_processes_end_at_once_when_they_are_interrupted() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt), workers.workers(2) as work:
            assert work.each(abs, [-1, 2]) == [1, 2]
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            work.each(time.sleep, [300, 300, 300])
    finally:
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - started < 100
