"""Footage: who is in it, what becomes a clip, and whether its sound and lips belong together."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync.face.tracked_face import TrackedFace
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32, Bools, FaceTrack
from tests.support.clips import run
from tests.support.faces import similarity, track_of
from tests.support.talkers import babble, speaker
from training.corpus import dataset, segments, speaker_preparation, sync_filter
from training.corpus.footage_files import Drop, find_speakers, write_drops
from training.corpus.sync_filter import SyncEvidence
from training.corpus.tracks import cut, join, measure, reduce

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


# --- tracks and segments ---------------------------------------------------------------------


def moving(frames: int, seed: int = 0) -> FaceTrack:
    """A known face that moves about and talks."""
    gap = np.clip(babble(seed, frames), 0.01, None)
    sway = np.sin(np.arange(frames) / 9 + seed)
    poses = [similarity(80 + seed, 0.05 * s, 150 + 10 * s, 100) for s in sway]
    return track_of(poses, gap.tolist())


def test_a_reduced_track_gives_the_same_lips() -> None:
    clips = [moving(60), moving(45, 1), moving(75, 2)]
    clips[1].points[10:13], clips[1].found[10:13] = np.nan, False
    whole = join(clips)
    lips = TrackedFace.of(whole).lips
    found, profile = measure([reduce(clip) for clip in clips])
    np.testing.assert_array_equal(np.concatenate([t.points for t in found]), lips.points)
    expected = LipProfile.of(lips)
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
    assert segments.segment_ranges(shown((3, True), cuts=(20, 50))) == [(0, 75)]
    assert segments.segment_ranges(shown((1, True), (0.2, False), (1.8, True))) == [(0, 75)]
    assert segments.segment_ranges(shown((3, False))) == []


def test_other_videos_are_cut_where_the_shot_ends_or_the_face_goes() -> None:
    assert segments.segment_ranges(shown((12, True), (1, False), (2, True), cuts=(100,))) == [
        (0, 100), (100, 300), (325, 375),
    ]  # fmt: skip
    assert segments.segment_ranges(shown((24, True))) == [(0, 200), (200, 400), (400, 600)]
    # A blink of the detector ends nothing; half a second each of face and none is no segment.
    assert segments.segment_ranges(shown((6, True), (0.2, False), (5, True)))[0] == (0, 140)
    assert segments.segment_ranges(shown(*[(0.3, True), (0.3, False)] * 20)) == []


def test_a_cut_piece_keeps_its_own_cuts() -> None:
    track = shown((4, True), cuts=(20, 50, 80))
    assert cut(track, 50, 90).cuts.tolist() == [0, 30]
    assert join([cut(track, 0, 50), cut(track, 50, 100)], seamless=True).cuts.tolist() == [
        20, 50, 80,
    ]  # fmt: skip


# --- sound and lips --------------------------------------------------------------------------


def said(
    seed: int, lag_s: float = 0.0, seconds: float = 3.0, other: int | None = None, name: str = "a"
) -> SyncEvidence:
    """A clip whose lips follow its sound, `lag_s` too early; or the sound of `other`'s clip."""
    n, rate = round(seconds * segments.RATE), segments.RATE
    spoken = babble(seed if other is None else 100 + other, n // 2 + 60)
    at = np.arange(n) / 2 + 20
    own = np.interp(at, np.arange(len(spoken)), babble(seed, n // 2 + 60))
    asked = np.interp(
        at - (lag_s + sync_filter.OWN_LAG_S) * rate / 2, np.arange(len(spoken)), spoken
    )
    everywhere: Bools = np.ones(n, bool)
    return SyncEvidence(Path(name), f32(own), f32(asked), everywhere)


def f32(values: np.ndarray) -> F32:
    return values.astype(np.float32)


def reasons(clips: list[SyncEvidence]) -> list[str]:
    return [decision.reason for decision in sync_filter.check_clips(clips)]


LIPS, OFF, SPEECHLESS = (
    "lips do not say what is heard",
    "sound off its picture",
    "hardly any speech",
)


def test_a_common_lag_is_corrected() -> None:
    for lag_s in (-0.18, -0.06, 0.1, 0.2):
        decisions = sync_filter.check_clips([said(seed, lag_s) for seed in range(6)])
        assert [v.reason for v in decisions] == [""] * 6
        assert decisions[0].lag_s == pytest.approx(lag_s, abs=0.015)
    assert all(
        v.lag_s == 0 for v in sync_filter.check_clips([said(seed, 0.01) for seed in range(6)])
    )
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
    lags = [decision.lag_s for decision in sync_filter.check_clips([*late, *early])]
    np.testing.assert_allclose(lags, [0.16] * 5 + [-0.12] * 5, atol=0.015)


def test_with_little_speech_nothing_is_moved() -> None:
    assert [(v.reason, v.lag_s) for v in sync_filter.check_clips([said(1), said(2)])] == [
        ("", 0.0)
    ] * 2
    assert reasons([said(1, 0.12), said(2, 0.12)]) == [OFF] * 2
    mute = said(3)
    mute.speaking[20:] = False
    assert reasons([mute]) == [SPEECHLESS]
    hidden = said(3)
    hidden.measured[20:] = np.nan
    assert reasons([hidden]) == [SPEECHLESS]


def test_trust_keeps_all_but_the_speechless() -> None:
    mute = said(3)
    mute.speaking[:] = False
    decisions = sync_filter.check_clips([said(1, 0.3), said(2, other=1), mute], trust=True)
    assert [(v.reason, v.lag_s) for v in decisions] == [("", 0.0), ("", 0.0), (SPEECHLESS, 0.0)]


def test_people_with_a_single_clip_teach_and_a_tenth_of_them_judges() -> None:
    (clip,) = speaker(clips=1).clips
    splits = [dataset.split((replace(clip, name=f"person {i}"),)) for i in range(500)]
    assert all(len(training) + len(judging) == 1 for training, judging in splits)
    assert sum(len(judging) for _, judging in splits) == pytest.approx(50, abs=15)


# --- sound that begins elsewhere -------------------------------------------------------------


def test_early_sound_costs_the_frames_before_it(tmp_path: Path) -> None:
    track = reduce(moving(75))
    none: F32 = np.zeros(150, np.float32)
    segment = segments.Segment(tmp_path, True, 0, 75, 0.0, track, none, none > 0)
    assert speaker_preparation.drop_unheard_frames(segment, 0.1) is segment
    later = speaker_preparation.drop_unheard_frames(segment, -0.1)
    assert (later.first, len(later.track)) == (3, 72)
    assert speaker_preparation.sound_span(later, -0.1)[0] == pytest.approx(0.02)
    assert speaker_preparation.drop_unheard_frames(replace(segment, lead_in=0.1), -0.1).first == 0


def test_the_picture_may_begin_after_the_sound(tmp_path: Path) -> None:
    """Players wait with the picture: its frames have their sound that much later in the file."""
    late = tmp_path / "late.mkv"
    run("-f", "lavfi", "-i", "sine=duration=2", "-itsoffset", "0.4", "-f", "lavfi", "-i",
        "testsrc2=size=96x64:rate=25", "-map", "1:v", "-map", "0:a", "-t", "2",
        str(late))  # fmt: skip
    footage = segments.probe_video(late)
    assert isinstance(footage, segments.SourceVideo)
    assert float(footage.lead_in) == pytest.approx(0.4, abs=0.002)
