"""Which frame of the target is shown when."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync import media, retime
from lipsync.face import landmarks
from lipsync.retime import Motion, TimingOptions, keep_timing, keeps_order, path, plot
from lipsync.retime.loops import EDGE_S, bounce, hold, loop
from lipsync.speech import audio, vad
from lipsync.types import FaceTrack, Timing, VideoInfo, Waveform
from tests.support.faces import SCHEME, similarity, track_of

RATE = 25.0
HOWS = ("retime", "bounce", "loop", "hold", "cut")


def motion_of(head: np.ndarray, cuts: tuple[int, ...] = ()) -> Motion:
    """A head that goes to the right at these speeds (m,), outer-eye distances per second."""
    m = len(head)
    points = np.zeros((m, 2, 2), np.float32)
    points[1:, :, 0] = (np.cumsum(head)[:-1] / RATE)[:, None]
    joined = np.ones(m, bool)
    joined[[0, *cuts]] = False
    head = head.astype(np.float32)
    return Motion(points, head, head, np.ones(m, bool), joined, RATE)


def speech_of(n: int, *pauses: tuple[int, int]) -> np.ndarray:
    speaking = np.ones(n, bool)
    for first, end in pauses:
        speaking[first:end] = False
    return speaking


def wanders(m: int, seed: int = 0) -> np.ndarray:
    """Speeds that come and go within about a second."""
    steps = np.random.default_rng(seed).normal(size=m + 24)
    return 0.2 * np.abs(np.convolve(steps, np.hanning(25) / 5, "valid"))


def choose(speaking: np.ndarray, motion: Motion, how: str = "retime") -> np.ndarray:
    made = retime.choose_timing(speaking, motion, TimingOptions(timing=how))  # type: ignore[arg-type]
    return made.timing.position


# The path


def cost(
    frames: np.ndarray,
    speaking: np.ndarray,
    head: np.ndarray,
    motion: np.ndarray,
    found: np.ndarray,
) -> float:
    """What a path costs, by the formulas of the module's head."""
    total = path.FACELESS * float((~found[frames]).sum())
    for i, j in enumerate(frames):
        if i and j == frames[i - 1]:
            total += path.REPEAT * (motion[j] + path.IDLE)
        elif not speaking[i]:
            total += head[j]
        elif i >= 2 and speaking[i - 1] and not speaking[i - 2]:
            total -= path.RESUME * head[j]
    return total


def all_paths(n: int, m: int) -> list[list[int]]:
    """Every way of going on or showing a frame a second time."""
    paths = [[j] for j in range(m)]
    for _ in range(n - 1):
        longer = [[*p, p[-1] + 1] for p in paths if p[-1] + 1 < m]
        longer += [[*p, p[-1]] for p in paths if p[-2:-1] != p[-1:]]
        paths = longer
    return paths


@pytest.mark.parametrize("seed", range(25))
def test_the_path_is_the_cheapest_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 10))
    m = int(rng.integers(-(-n // 2), 9))
    speaking = rng.random(n) < 0.5
    head = rng.random(m).astype(np.float32)
    motion = head + rng.random(m).astype(np.float32)
    given = speaking, head, motion, rng.random(m) < (1 if seed % 2 else 0.7)
    least = min(cost(np.array(p), *given) for p in all_paths(n, m))
    assert cost(path.find_best_path(*given), *given) == pytest.approx(least, abs=1e-5)


def test_many_blocks_give_the_path_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows that are not kept are made again without a change."""
    n, head = 300, wanders(400).astype(np.float32)
    speaking = speech_of(n, (0, 20), (90, 130), (200, 260))
    given = speaking, head, head, np.arange(400) % 90 > 4
    whole = path.find_best_path(*given)
    monkeypatch.setattr(path, "BITS_PER_KEPT_FRAME", 7**2 / n)  # blocks of 7 rows
    np.testing.assert_array_equal(path.find_best_path(*given), whole)


def test_a_target_too_short_for_the_path() -> None:
    none = np.zeros(4, np.float32)
    with pytest.raises(ValueError, match="at least 5 target frames, got 4"):
        path.find_best_path(np.ones(9, bool), none, none, np.ones(4, bool))


def test_an_hour_over_an_hour_stays_within_memory() -> None:
    """A sixteenth of it in time takes a fourth of the rows: bounded by the formula at full size."""
    n = m = 90_000 // 16
    head = np.tile(wanders(375), m // 375).astype(np.float32)
    tracemalloc.start()
    try:
        path.find_best_path(np.arange(n) % 100 < 70, head, head, np.ones(m, bool))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3e6  # n × m of float32: 127 MB
    # Kept rows and moves grow with m √n: 64 times as much is an hour over an hour.
    assert 64 * peak < 200e6


# Retiming


@pytest.mark.parametrize("how", ["auto", "retime"])
def test_even_speech_over_even_motion_is_the_footage(how: str) -> None:
    even = motion_of(np.full(200, 0.1))
    position = choose(np.ones(100, bool), even, how)
    np.testing.assert_array_equal(position - position[0], np.arange(100))


def test_speech_with_a_pause_over_even_motion_stays_in_order() -> None:
    position = choose(speech_of(100, (40, 70)), motion_of(np.full(200, 0.1)))
    assert (np.diff(position) > 0).all()
    assert np.diff(position[:40]).min() == 1  # nothing is slowed down while somebody speaks


def test_the_head_rests_in_the_pauses() -> None:
    motion = motion_of(wanders(1500))
    speaking = speech_of(275, (0, 9), (57, 82), (110, 135), (192, 205))
    before, after = (motion.speed_along(choose(speaking, motion, how)) for how in ("cut", "retime"))
    assert np.nanmean(after[~speaking]) < 0.5 * np.nanmean(before[~speaking])
    assert np.nanmean(after[speaking]) > 0.7 * np.nanmean(before[speaking])


@pytest.mark.parametrize("seed", range(5))
def test_order_repeats_and_cuts(seed: int) -> None:
    cuts = (75, 150, 222, 301, 302, 380)
    motion = motion_of(wanders(450, seed), cuts)
    speaking = speech_of(300, (0, 20), (70, 110), (200, 240))
    position = choose(speaking, motion)
    steps = np.diff(position)
    assert set(steps.tolist()) <= {0.0, 0.25, 0.5, 1.0}
    halves = position % 1 > 0
    assert halves.any()
    # A picture between two frames is of one shot.
    first, second = np.floor(position).astype(int), np.ceil(position).astype(int)
    np.testing.assert_array_equal(motion.shot[first], motion.shot[second])
    # A frame is shown twice as it is only where its shot has no other.
    twice = np.flatnonzero(steps == 0)
    assert all(i == 0 or position[i] == 301 for i in twice)
    frames = path.find_best_path(speaking, motion.head, motion.speed, motion.found)
    assert set(np.diff(frames).tolist()) == {0, 1}
    assert (frames[2:] > frames[:-2]).all()  # at most twice in a row


def test_a_repeat_before_a_cut_goes_half_way_back() -> None:
    shown, shot = np.arange(6), np.array([0, 0, 0, 1, 1, 1])
    path_ = np.array([1, 2, 2, 3, 3, 4])
    np.testing.assert_array_equal(
        retime.interpolate_repeats(path_, shown, shot), [1, 1.5, 2, 3, 3.5, 4]
    )
    path_ = np.array([1, 1, 2, 2, 3, 4])
    np.testing.assert_array_equal(
        retime.interpolate_repeats(path_, shown, shot), [1, 1.5, 1.75, 2, 3, 4]
    )


def test_speech_is_not_laid_over_frames_without_a_face() -> None:
    motion = motion_of(wanders(400))
    rest = motion.head.copy()
    rest[:200] = 0.0  # the calmest stretch of all, but for half of it nobody is there
    found = np.ones(400, bool)
    found[50:200] = False
    position = choose(speech_of(100, (40, 60)), replace(motion, head=rest, found=found))
    assert found[np.floor(position).astype(int)].all()


def test_without_recognized_speech_nothing_is_fitted() -> None:
    position = choose(np.zeros(50, bool), motion_of(wanders(300)))
    np.testing.assert_array_equal(position, np.arange(50))


def test_a_shorter_target_is_retimed_over_its_forth_and_back() -> None:
    motion = motion_of(wanders(120))
    speaking = speech_of(300, (40, 80), (200, 230))
    position = choose(speaking, motion)
    assert len(position) == 300
    assert np.abs(np.diff(position)).max() <= 1
    assert position.min() >= 0
    assert position.max() <= 119


# The others


def test_bounce_turns_where_the_head_rests() -> None:
    speed = np.full(200, 0.3)
    speed[[20, 180]] = 0.0
    speed[[0, 75, 199]] = 0.0  # at the ends, and at a cut: no places to turn
    order = bounce(motion_of(speed, cuts=(75, 182)), 600)
    turns = order[1:-1][np.diff(np.sign(np.diff(order))) != 0]
    assert 20 in turns
    assert not {0, 75, 180, 199} & set(turns.tolist())  # 180 is two frames from the cut at 182


def test_bounce_turns_at_both_rests() -> None:
    speed = np.full(200, 0.3)
    speed[[20, 180]] = 0.0
    order = bounce(motion_of(speed), 600)
    np.testing.assert_array_equal(order[:181], np.arange(181))
    turns = order[1:-1][np.diff(np.sign(np.diff(order))) != 0]
    assert turns.tolist() == [180, 20, 180]
    assert set(np.abs(np.diff(order)).tolist()) == {1}


@pytest.mark.parametrize("m", [2, 3, 5, 50])
def test_bounce_goes_by_single_frames(m: int) -> None:
    order = bounce(Motion.motionless(m, RATE), 5 * m)
    assert set(np.abs(np.diff(order)).tolist()) == {1}
    assert order[0] == 0
    assert order.min() >= 0
    assert order.max() < m


def test_a_loop_joins_where_place_and_speed_fit() -> None:
    t = np.arange(200) / RATE
    x = np.sin(2 * np.pi * t / 6)  # 150 frames long: 0…149 fit 150…199
    motion = motion_of(np.abs(np.gradient(x)))
    points = np.stack([np.stack([x, x], 1), np.zeros((200, 2))], axis=2).astype(np.float32)
    order = loop(replace(motion, points=points), 500)
    back = np.flatnonzero(np.diff(order) != 1)
    assert len(back)
    for at in back:
        # What follows is what would have followed: one period earlier.
        assert order[at] + 1 - order[at + 1] == 150


def test_hold_stays_on_a_resting_frame() -> None:
    speed = np.full(100, 0.3)
    speed[90] = 0.0
    order = hold(motion_of(speed), 150)
    np.testing.assert_array_equal(order[:91], np.arange(91))
    assert set(order[90:].tolist()) == {90}
    assert set(hold(motion_of(speed, cuts=(95,)), 150)[100:].tolist()) == {95}


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("n", [1, 40])
def test_a_still_picture_is_held(how: str, n: int) -> None:
    assert choose(np.ones(n, bool), Motion.motionless(1, RATE), how).tolist() == [0] * n


@pytest.mark.parametrize("how", HOWS)
def test_a_target_longer_than_the_speech(how: str) -> None:
    position = choose(speech_of(60, (20, 40)), motion_of(wanders(300)), how)
    assert len(position) == 60
    if how != "retime":
        np.testing.assert_array_equal(position, np.arange(60))


@pytest.mark.parametrize(
    ("n", "how"), [(100, "straight"), (90, "straight"), (80, "retime"), (101, "bounce")]
)
def test_what_is_chosen_by_itself(n: int, how: str) -> None:
    made = retime.choose_timing(speech_of(n, (20, 40)), motion_of(wanders(100)), TimingOptions())
    assert made.mode == how
    assert len(made.timing) == n


def test_cut_ends_with_the_target_and_says_so() -> None:
    options = TimingOptions(timing="cut")
    info = VideoInfo(Path("a.mp4"), 96, 64, Fraction(25), 100)
    assert retime.count_output_frames(150, info, options) == 100
    assert retime.count_output_frames(50, info, options) == 50
    assert retime.count_output_frames(150, replace(info, still=True), options) == 150
    assert retime.count_output_frames(150, info, TimingOptions()) == 150
    made = retime.choose_timing(np.ones(100, bool), motion_of(wanders(100)), options)
    assert list(made.warnings(150)) == [
        "the video ends 2.00 s before the speech, whose end was cut (--timing cut)"
    ]
    assert list(made.warnings(100)) == []


def test_a_loop_that_jumps_says_so() -> None:
    away = motion_of(np.full(100, 0.5))  # never comes back
    made = retime.choose_timing(np.ones(300, bool), away, TimingOptions(timing="loop"))
    (line,) = made.warnings(300)
    assert "jumps by 0.8" in line
    assert "--timing bounce" in line


# Motion


def test_speed_is_that_of_the_head() -> None:
    poses = [similarity(80, 0.0, 100 + 2 * i, 90) for i in range(30)]
    motion = Motion.of(track_of(poses))
    np.testing.assert_allclose(motion.head, 25 * 2 / 80, rtol=1e-3)
    np.testing.assert_allclose(motion.speed, motion.head, atol=1e-3)
    np.testing.assert_allclose(motion.speed_along(np.arange(0, 20, 0.5))[1:], 25 / 80, rtol=1e-3)


def test_a_blink_is_motion_of_the_lids_alone() -> None:
    track = track_of([similarity(80, 0.0, 100, 90)] * 30)
    points = track.points.copy()
    for upper, lower in SCHEME.lids:
        points[10:12, upper] = points[10:12, lower]
    blinking = Motion.of(replace(track, points=points))
    assert blinking.head.max() < 1e-3
    assert blinking.speed[10:12].min() > 0.1
    assert blinking.speed[[0, 5, 20]].max() < 1e-3


def test_no_speed_across_cuts_nor_without_a_face() -> None:
    poses = [similarity(80, 0.0, 100 if i < 15 else 160, 90) for i in range(30)]
    track = track_of(poses)
    found = track.found.copy()
    found[20] = False
    points = track.points.copy()
    points[20] = np.nan
    cut = FaceTrack(points, found, track.confidence, np.array([15]), track.fps, SCHEME)
    motion = Motion.of(cut)
    rest = np.delete(motion.speed, 20)
    assert rest.max() < 1e-3
    assert motion.speed[20] == 1.0
    assert np.flatnonzero(motion.near_cut(round(EDGE_S * RATE))).tolist() == [
        0, 1, 2, 12, 13, 14, 15, 16, 17, 27, 28, 29,
    ]  # fmt: skip
    assert np.isnan(motion.speed_along(np.arange(30))[[0, 15]]).all()


# The plot


def test_the_plot_shows_pauses_and_pictures_in_between() -> None:
    motion = motion_of(wanders(400), (75, 150, 225))
    speaking = speech_of(100, (0, 10), (40, 70))
    position = choose(speaking, motion)
    wave = Waveform(np.zeros(4 * 16000, np.float32), 16000)
    picture = retime.plot_timing(wave, speaking, motion, position)
    assert picture.dtype == np.uint8
    shaded = (picture == plot.PAUSE).all(-1)
    across = np.flatnonzero(shaded[plot.TOP + 5])
    share = len(across) / (picture.shape[1] - plot.LEFT - plot.RIGHT)
    assert share == pytest.approx(0.4, abs=0.01)
    assert (picture == plot.RED).all(-1).any() == bool((position % 1).any())


@pytest.mark.parametrize("n", [1, 2])
def test_the_plot_of_next_to_nothing(n: int) -> None:
    wave = Waveform(np.zeros(640 * n, np.float32), 16000)
    still = Motion.motionless(1, RATE)
    assert retime.plot_timing(wave, np.ones(n, bool), still, np.zeros(n)).ndim == 3


# Real footage


@pytest.mark.real
def test_real_footage_rests_in_the_pauses(shared: Path) -> None:
    """The whole minutes are in docs/benchmarks/timing.md; here a third of one, from a file."""
    from lipsync.runtime.cache import Cache

    info = media.probe(shared / "data/targets/englishvideo.mp4")
    with Cache(Cache.default_root()) as cache:
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
    wave = audio.load_speech(shared / "data/speech/jfk.flac")
    times = np.arange(round(float(wave.duration) * 30)) / 30
    speaking = vad.detect_speech(wave).fill_pauses(retime.MIN_PAUSE_S).at(times)
    motion = Motion.of(track)
    before, after = (
        motion.speed_along(choose(speaking, motion, how)) for how in ("bounce", "retime")
    )
    assert np.nanmean(after[~speaking]) < 0.5 * np.nanmean(before[~speaking])
    largest = np.nanpercentile(motion.speed_along(np.arange(len(motion))), 99.9)
    assert np.nanmax(after) < 1.05 * largest


def test_positions_and_timing_are_one() -> None:
    position = np.array([0, 0.5, 1, 2, 1.5])
    timing = Timing.at(position)
    np.testing.assert_array_equal(timing.position, position)
    assert timing.source.tolist() == [0, 0, 1, 2, 1]


def test_the_face_that_moves_most_counts() -> None:
    """Of two people: frames that show both, and the larger speed; apart, whoever is seen."""
    still, quick = Motion.motionless(6, 25), Motion.motionless(6, 25)
    quick = replace(quick, head=quick.head + 0.5, speed=quick.speed + 0.5)
    assert Motion.combine([quick]) is quick
    one = replace(still, found=np.array([1, 1, 1, 1, 0, 0], bool))
    other = replace(quick, found=np.array([0, 0, 1, 1, 1, 1], bool))
    both = Motion.combine([one, other])
    assert both.found.tolist() == [False, False, True, True, False, False]
    assert both.speed[2:4].tolist() == [0.5, 0.5]
    assert both.points.shape == (6, 2, 2)
    apart = replace(other, found=~one.found)
    turns = Motion.combine([one, apart])
    assert turns.found.all()
    assert turns.speed.tolist() == [0, 0, 0, 0, 0.5, 0.5]


def test_a_face_that_is_not_seen_leaves_the_others_speed() -> None:
    seen, gone = Motion.motionless(4, 25), Motion.motionless(4, 25)
    seen.points[:, 0, 0] = np.arange(4) / 25  # one unit per second
    gone.points[:] = np.nan
    speed = Motion.combine([seen, gone]).speed_along(np.arange(4.0))
    assert np.isnan(speed[0])
    assert speed[1:] == pytest.approx(1)
    assert speed[1:] == pytest.approx(seen.speed_along(np.arange(4.0))[1:])


def test_whether_the_targets_order_stays_is_known_before() -> None:
    for how, length, stays in (
        ("auto", 9.6, True), ("auto", 9.4, False), ("auto", 12, True),
        ("cut", 5, True), ("retime", 9.9, False), ("bounce", 5, True),
    ):  # fmt: skip
        options = TimingOptions(timing=how)
        assert keeps_order(Fraction(10), Fraction(length), options) == stays, (how, length)
    same = keep_timing(5, 25.0)
    assert same.straight
    assert not list(same.warnings(5))
