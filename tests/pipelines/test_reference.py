"""Further footage of the person, its light, and what is missing in it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import lipsync
from lipsync import media
from lipsync.errors import NoFaceError
from lipsync.face import landmarks
from lipsync.face.alignment import rigid_template
from lipsync.face.tracked_face import TrackedFace
from lipsync.mouth.bank.footage import Footage, join_tracks
from lipsync.mouth.bank.mouth_bank import BankOptions
from lipsync.mouth.texture import TextureOptions, open_texture
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.cache import Cache
from lipsync.speech.features.phone_embedding import PHONE_SPEC, embed_phones
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import AudioFeatures, FootageAppearance, LipTrack, MouthBank
from tests.support.faces import similarity, track_of


def test_tracks_end_to_end_have_a_cut_between_them() -> None:
    first, second = (track_of([similarity(60, 0, 110, 60)] * n) for n in (4, 3))
    whole = join_tracks([first, second])
    assert len(whole) == 7
    assert whole.cuts.tolist() == [4]
    assert np.array_equal(whole.points[4:], second.points)
    assert join_tracks([first]).cuts.tolist() == []


def test_what_is_said_is_near_for_like_sounds_and_smooth() -> None:
    values = np.zeros((200, PHONE_SPEC.size), np.float32)
    values[:100, -42] = 1  # one phone for a second …
    values[100:, -41] = 1  # … then another
    heard = AudioFeatures(values, 100.0, 0.0125)

    found = embed_phones(heard, np.array([0.3, 0.6, 1.6, 99.0]))

    assert found.shape == (4, 42)
    distance = np.linalg.norm(found[:, None] - found[None], axis=-1)
    assert distance[0, 1] == pytest.approx(0, abs=1e-4)
    assert distance[1, 2] == pytest.approx(np.sqrt(2), abs=1e-3)
    assert distance[2, 3] == pytest.approx(0, abs=1e-4), "past the end, the end is heard"


def bank_of(files: list[Path]) -> tuple[MouthBank, FootageAppearance]:
    """Bank and appearance of several files; its crops are in memory."""
    infos = [media.probe(file) for file in files]
    with Cache(None) as cache:
        tracks = [landmarks.track_video(i, landmarks.LandmarkOptions(), cache) for i in infos]
        videos = [VideoSpeech(info) for info in infos]
        footage = Footage.of(videos, tracks, rigid_template(tracks[0]))
        bank, appearance = footage.collect_bank(BankOptions(), cache)
        return replace(bank, crops=np.array(bank.crops), small=None), appearance


@pytest.mark.real
def test_another_persons_footage_lends_no_mouth(shared: Path) -> None:
    data = shared / "data"
    s1 = sorted((data / "grid_s1").glob("*.mkv"))[:2]
    s4 = sorted((data / "grid_s4").glob("*.mp4"))[0]

    bank, appearance = bank_of([*s1, s4])

    assert appearance.other_identity_shots.tolist() == [2]
    assert (bank.quality[bank.shots == 2] == 0).all()
    assert (bank.quality[bank.shots != 2] > 0).mean() > 0.9


@pytest.mark.real
def test_a_darker_and_redder_take_is_seen_in_the_targets_light(
    shared: Path, tmp_path: Path
) -> None:
    """The same clip twice, once filtered: the light is measured, and undone in the patch."""
    clip = sorted((shared / "data" / "grid_s1").glob("*.mkv"))[3]
    tinted = tmp_path / "tinted.mkv"
    command = [
        media.ffmpeg_binary(),
        "-v",
        "error",
        "-i",
        str(clip),
        "-c:v",
        "ffv1",
        "-c:a",
        "copy",
    ]
    mixer = "colorchannelmixer=rr=0.95:gg=0.75:bb=0.7"
    subprocess.run([*command, "-vf", mixer, str(tinted)], check=True)
    bank, appearance = bank_of([clip, tinted])
    n = media.probe(clip).frame_count

    ratio = appearance.skin_color[n:].mean(0) / appearance.skin_color[:n].mean(0)

    assert ratio == pytest.approx([0.95, 0.75, 0.7], abs=0.03)
    # Only the tinted take may lend its mouths: what it gives must look like the target.
    lends = np.where(bank.frames >= n, bank.quality, 0).astype(np.float32)
    bank = replace(bank, quality=lends)
    colorless = replace(bank, skin_color=None, usual_skin_color=None)
    with Cache(None) as cache:
        info = media.probe(clip)
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
    face, frames = TrackedFace.of(track), np.arange(20, 26)
    lips = LipTrack(face.lips.points[frames], face.fps)
    shown = list(media.read_frames(info, 20, 26))
    known = bank, appearance.skin_color[frames]
    for (lender, color), close in ((known, True), ((colorless, None), False)):
        source = open_texture(lender, TextureOptions())
        wanted = WantedMouths(lips, face, frames, skin_color=color)
        off = []
        for frame, patch in zip(shown, source.draw_patches(wanted), strict=True):
            assert patch is not None
            x, y = (-patch.from_frame[:, 2]).astype(int)
            h, w = patch.rgb.shape[:2]
            middle = slice(h // 4, 3 * h // 4), slice(w // 4, 3 * w // 4)
            there = frame[y : y + h, x : x + w][middle].mean((0, 1))
            off.append(np.abs(patch.rgb[middle].mean((0, 1)) - there).max())
        assert (np.mean(off) < 5) == close, np.mean(off)


@pytest.mark.real
@pytest.mark.slow
def test_a_render_takes_mouths_from_the_reference_and_says_where_they_are_thin(
    shared: Path, tmp_path: Path
) -> None:
    """2 s of a shut mouth as target: alone its mouths are bent, with footage they are real."""
    data = shared / "data"
    clips = sorted((data / "grid_s1").glob("*.mkv"))
    speech = data / "speech" / "jfk.flac"
    options = {"adapt": "never", "cache": False}
    alone = lipsync.render(
        speech,
        shut_mouth(clips[0], tmp_path),
        tmp_path / "alone.mp4",
        options=lipsync.RenderOptions.of(**options),
    )
    helped = lipsync.render(
        speech,
        shut_mouth(clips[0], tmp_path),
        tmp_path / "helped.mp4",
        options=lipsync.RenderOptions.of(
            **options, reference=tuple(str(clip) for clip in clips[10:16])
        ),
    )

    def thin_s(result: lipsync.RenderResult) -> float:
        return sum(end - begin for begin, end in result.coverage)

    assert alone.changed_frames == helped.changed_frames == 275
    assert thin_s(alone) > 2 and thin_s(helped) < 0.25 * thin_s(alone)
    assert any("--reference" in warning for warning in alone.warnings)


def shut_mouth(clip: Path, folder: Path) -> Path:
    """The first 0.4 s of a clip, before its speech, to and fro for 2 s."""
    target = folder / "shut.mkv"
    loop = "trim=end_frame=10,loop=4:10:0,setpts=N/25/TB"
    command = [media.ffmpeg_binary(), "-y", "-v", "error", "-i", str(clip), "-vf", loop, "-an"]
    subprocess.run([*command, "-c:v", "ffv1", str(target)], check=True)
    assert media.probe(target).fps == Fraction(25)
    return target


def test_a_reference_without_a_face_is_named(tmp_path: Path) -> None:
    sample = Path(__file__).resolve().parents[2] / "assets" / "sample"
    wall = tmp_path / "wall.mp4"
    command = [media.ffmpeg_binary(), "-v", "error", "-f", "lavfi", "-i", "testsrc=d=0.4:s=160x120"]
    subprocess.run([*command, str(wall)], check=True)
    options = lipsync.RenderOptions.of(reference=(str(wall),), adapt="never")
    with pytest.raises(NoFaceError, match=r"wall\.mp4: no face"):
        lipsync.render(
            sample / "speech.wav", sample / "target.mp4", tmp_path / "o.mp4", options=options
        )
    assert not (tmp_path / "o.mp4").exists()
