"""Turned heads and covered mouths keep the target's own picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import lipsync
from lipsync import media
from lipsync.face import landmarks
from lipsync.face.head_pose import measure_head_angles
from lipsync.face.similarity import apply_affine
from lipsync.face.tracked_face import TrackedFace
from lipsync.mouth.bank import mouth_bank
from lipsync.mouth.finish.visibility import (
    OCCLUDED_AT_ONCE,
    OCCLUDED_SCORES,
    VisibilityOptions,
    find_occluded,
    measure_visibility,
)
from lipsync.runtime.cache import Cache
from lipsync.types import Occluders
from tests.support.faces import similarity, track_of, turned_head

N = 60


@pytest.mark.parametrize("angle", [-35.0, -10.0, 0.0, 20.0, 45.0])
def test_angles_are_those_the_head_was_turned_by(angle: float) -> None:
    still = np.zeros(N)
    once = np.r_[still[:-1], angle]
    assert np.abs(measure_head_angles(turned_head(once, still))[0][-1]) == pytest.approx(
        abs(angle), abs=0.5
    )
    assert np.abs(measure_head_angles(turned_head(still, once))[1][-1]) == pytest.approx(
        abs(angle), abs=0.5
    )


def test_the_new_mouth_fades_where_the_head_turns_away() -> None:
    yaw = np.linspace(0, 60, N)
    share = measure_visibility(turned_head(yaw, np.zeros(N)), None, VisibilityOptions()).weight
    assert (share[yaw <= 29] == 1).all()
    assert (share[yaw >= 41] == 0).all()
    assert (np.diff(share) <= 1e-6).all() and np.abs(np.diff(share)).max() < 0.2
    wide = measure_visibility(turned_head(yaw, np.zeros(N)), None, VisibilityOptions(yaw=90)).weight
    assert (wide == 1).all()


def test_landmarks_without_depth_are_taken_as_facing() -> None:
    track = track_of([similarity(60, 0, 110, 60)] * 5)
    assert (measure_visibility(track, None, VisibilityOptions()).weight == 1).all()


def test_a_covered_stretch_fades_out_before_and_in_after() -> None:
    track = track_of([similarity(60, 0, 110, 60)] * N)
    odd = np.full(N, 0.02, np.float32)
    odd[30:36] = 0.3
    odd[33] = 0.02  # an odd frame less does not bring the mouth back for a moment
    found = measure_visibility(track, odd, VisibilityOptions())
    assert found.occluded.tolist() == [30 <= i < 36 for i in range(N)]
    assert (found.weight[30:36] == 0).all()
    assert (found.weight[:24] > 0.99).all() and (found.weight[42:] > 0.99).all()
    assert 0 < found.weight[29] < 1
    assert (measure_visibility(track, odd, VisibilityOptions(occlusion=False)).weight == 1).all()


def test_a_little_odd_for_a_moment_is_not_covered_and_very_odd_at_once_is() -> None:
    track = track_of([similarity(60, 0, 110, 60)] * N)
    odd = np.full(N, 0.02, np.float32)
    odd[10] = 0.02 * (OCCLUDED_SCORES[1] + OCCLUDED_AT_ONCE) / 2
    odd[25] = 0.02 * 2 * OCCLUDED_AT_ONCE
    assert np.flatnonzero(find_occluded(odd, track)).tolist() == [25]
    odd[40:50] = odd[10]
    assert np.flatnonzero(find_occluded(odd, track)).tolist() == [25, *range(40, 50)]
    odd[50:55] = 0.02 * sum(OCCLUDED_SCORES) / 2  # not sure by itself, but it goes on from what is
    assert np.flatnonzero(find_occluded(odd, track)).tolist() == [25, *range(40, 55)]
    odd[40:50] = odd[50]
    assert np.flatnonzero(find_occluded(odd, track)).tolist() == [25]


def test_the_jaw_stays_where_something_is_before_the_face() -> None:
    """Before the chin the new mouth is shown; before the lips it is not, with a fade around."""
    track = track_of([similarity(60, 0, 110, 60)] * N)
    rows = np.full(N, -1, np.int64)
    rows[20:40] = 0
    near = np.zeros(N, bool)
    near[30:32] = near[34] = True
    occluders = Occluders(rows, np.full((1, 4, 4), 255, np.uint8), near)
    found = measure_visibility(track, None, VisibilityOptions(), occluders)
    assert (found.jaw[20:40] == 0).all()
    assert (found.jaw[[10, 50]] == 1).all()
    assert (found.weight[30:35] == 0).all(), "a gap of two frames is no reason to blink"
    assert (found.weight[[20, 45]] > 0.95).all()
    assert 0 < found.weight[25] < 0.9
    shown = measure_visibility(track, None, VisibilityOptions(occlusion=False), occluders)
    assert (shown.weight == 1).all()


def test_nothing_is_covered_where_nothing_is_known() -> None:
    track = track_of([similarity(60, 0, 110, 60)] * 4)
    assert not find_occluded(np.full(4, np.nan, np.float32), track).any()


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("what", ["hand", "microphone"])
def test_what_is_before_the_mouth_stays_in_front(tmp_path: Path, shared: Path, what: str) -> None:
    """Skin of her cheek, or a dark disc, held before the mouth of s4 for 0.8 s."""
    source = media.probe(shared / "data" / "targets" / "grid_s4_60s.mp4")
    held = range(60, 80)
    target = tmp_path / "target.mkv"
    command = [media.ffmpeg_binary(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{source.width}x{source.height}", "-r", "25", "-i", "-"]
    command += ["-c:v", "ffv1", str(target)]
    import subprocess

    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for i, frame in enumerate(media.read_frames(source, 0, 225)):
            frame = frame.copy()
            if i in held:  # the mouth is near (328, 473)
                if what == "hand":
                    frame[425:515, 270:385] = cv2.resize(frame[375:440, 225:275], (115, 90))
                else:
                    cv2.circle(frame, (328, 473), 48, (25, 25, 28), -1)
            process.stdin.write(frame.tobytes())
        process.stdin.close()
    options = lipsync.RenderOptions.of(adapt="never", crf=0)
    speech = shared / "data" / "speech" / "LJ001-0001.wav"

    result = lipsync.render(speech, target, tmp_path / "out.mp4", options=options)

    assert 18 <= result.frames_covered <= 26
    assert any("before the mouth" in warning for warning in result.warnings)
    shot = list(media.read_frames(media.probe(target), 60, 80))
    made = list(media.read_frames(media.probe(result.output), 60, 80))
    for before, after in zip(shot[1:-1], made[1:-1], strict=True):
        off = np.abs(before[440:505, 290:365].astype(int) - after[440:505, 290:365])
        assert off.mean() < 2.5, "chroma of 4:2:0 aside, what was held there is still seen"


@pytest.mark.real
def test_skin_before_a_beard_is_noticed_and_nothing_else(tmp_path: Path, shared: Path) -> None:
    """Ten seconds of a man who moves: skin from beside his nose, held before his mouth."""
    info = media.probe(shared / "data" / "targets" / "englishvideo.mp4")
    frames, held = list(media.read_frames(info)), range(100, 120)
    with Cache(tmp_path) as cache:
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
        alignment = TrackedFace.of(track).alignment
        for i in held:
            place, half = alignment.to_frame[i], int(0.3 * alignment.scale[i])
            (x, y), (u, v) = (
                apply_affine(place, np.array([at], np.float32))[0].astype(int)
                for at in ((0.05, 0.95), (-0.35, 0.55))
            )
            skin = frames[i][v - half // 3 : v + half // 3, u - half // 3 : u + half // 3]
            frames[i] = frames[i].copy()
            frames[i][y - half : y + half, x - half : x + half] = cv2.resize(skin, (2 * half,) * 2)
        seen = landmarks.track_face(np.stack(frames), info.fps, landmarks.LandmarkOptions())
        face, options = TrackedFace.of(seen), mouth_bank.BankOptions()
        _, appearance = mouth_bank.build(iter(frames), face, options, cache, "held before a beard")
    hidden = np.flatnonzero(find_occluded(appearance.outlier_score, seen))
    assert set(range(102, 118)) <= set(hidden.tolist()) <= set(range(98, 122))
