"""What is heard in an output: one recording untouched, or several on its time line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import clips
import numpy as np
import pytest
from test_encode import QUICK, _info, _lag, _pictures

from lipsync import media
from lipsync.encode import EncodeOptions, encode, soundtrack
from lipsync.errors import AudioError, OptionsError
from lipsync.media import Sound, Soundtrack

RATE = 48000
MIX = EncodeOptions(preset="ultrafast", audio_mix="background+speech")


def _wav(path: Path, samples: np.ndarray) -> Path:
    import soundfile

    soundfile.write(path, samples.astype(np.float32), RATE, subtype="FLOAT")
    return path


def _noise(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-level, level, round(seconds * RATE))


def _heard(tmp_path: Path, track: Soundtrack, n: int = 25) -> np.ndarray:
    """The sound of an output with this track: FLAC, in Matroska."""
    info, out = _info(n=n), tmp_path / "out.mkv"
    encode(_pictures(info), info, track, out, QUICK)
    return media.read_audio(out, RATE).samples


def _target(tmp_path: Path, picture: float = 0, sound: float = 0, tracks: int = 1) -> Path:
    """2 s of picture, and of a noise per track, each beginning so many seconds late."""
    path = tmp_path / "target.mkv"
    plain = str(clips.video("plain2.mp4", "-c:v", "libx264", frames=50))
    noises = [_wav(tmp_path / f"n{i}.wav", _noise(2, 0.2, 5 + i)) for i in range(tracks)]
    inputs = [a for f in noises for a in ("-itsoffset", str(sound), "-i", str(f))]
    maps = [a for i in range(tracks) for a in ("-map", f"{i + 1}:a")]
    clips.run("-itsoffset", str(picture), "-i", plain, *inputs, "-map", "0:v", *maps,
              "-c:v", "copy", "-c:a", "flac", str(path))  # fmt: skip
    return path


@pytest.mark.parametrize(("picture", "sound"), [(0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.7, 0.2)])
def test_the_background_stays_with_its_picture(
    picture: float, sound: float, tmp_path: Path
) -> None:
    """Whichever of the two begins late in the target: what was heard at a picture still is."""
    target = _target(tmp_path, picture, sound)
    info = media.probe(target)
    assert float(info.start) == pytest.approx(picture, abs=0.001)
    speech = _wav(tmp_path / "speech.wav", np.zeros(RATE) + 1e-6)
    track, said = soundtrack(speech, info, Fraction(1), MIX)
    assert said == ()
    heard, late = _heard(tmp_path, track), round((sound - picture) * RATE)
    assert len(heard) == RATE
    noise = _noise(2, 0.2, 5)
    whole = np.zeros(4 * RATE)
    whole[RATE + late : RATE + late + len(noise)] = noise
    assert _lag(whole[RATE : 2 * RATE].astype(np.float32), heard) == 0
    # The same place of the same file, for the target's own speech.
    own = media.read_audio(target, RATE, media.sound_skipped(info)).samples
    assert abs(_lag(whole[RATE : 2 * RATE].astype(np.float32), own[:RATE])) <= 1


def test_nothing_clips_and_the_quiet_is_as_it_was(tmp_path: Path) -> None:
    """Both full scale in the first half: held below the peak; apart they are as recorded."""
    loud, quiet = _noise(0.5, 0.9, 1), np.zeros(RATE // 2)
    one = _wav(tmp_path / "one.wav", np.r_[loud, _noise(0.5, 0.3, 2)])
    other = _wav(tmp_path / "other.wav", np.r_[loud, quiet])
    heard = _heard(tmp_path, Soundtrack((Sound(one), Sound(other)), Fraction(1)))
    assert np.abs(heard).max() <= 0.9
    late = slice(round(0.8 * RATE), RATE)  # the limiter has let go by then
    want = media.read_audio(one, RATE).samples[late]
    assert _lag(want, heard[late]) == 0
    assert np.abs(heard[late] - want).max() < 0.01


def test_spans_are_heard_and_gaps_are_silent(tmp_path: Path) -> None:
    steady = _wav(tmp_path / "steady.wav", _noise(2, 0.3, 3))
    spans = ((Fraction(1, 5), Fraction(1, 2)), (Fraction(7, 10), Fraction(4, 5)))
    track = Soundtrack((Sound(steady, spans=spans),), Fraction(1))
    heard = _heard(tmp_path, track)
    level = np.abs(heard).reshape(-1, RATE // 100).mean(1)  # per 10 ms
    inside = np.zeros(100, bool)
    for begin, end in spans:
        inside[int(begin * 100) : int(end * 100)] = True
    assert level[~inside].max() < 0.002  # a step of the gain reaches 2.7 ms beyond its span
    whole = np.abs(media.read_audio(steady, RATE).samples).mean()
    assert level[23:47].min() > 0.8 * whole
    assert len(heard) == RATE
    assert np.abs(_heard(tmp_path, Soundtrack((Sound(steady, spans=()),), Fraction(1)))).max() == 0


def test_a_chosen_track(tmp_path: Path) -> None:
    info = media.probe(_target(tmp_path, tracks=2))
    speech = _wav(tmp_path / "speech.wav", np.zeros(RATE) + 1e-6)
    for number in (1, 2):
        options = EncodeOptions(audio_mix="background+speech", background_track=number)
        heard = _heard(tmp_path, soundtrack(speech, info, Fraction(1), options)[0])
        want = _noise(2, 0.2, 4 + number)[:RATE]
        assert np.corrcoef(heard, want)[0, 1] > 0.99
    options = EncodeOptions(audio_mix="background+speech", background_track=3)
    with pytest.raises(OptionsError, match=r"'background_track': .* has 2 sound tracks, got 3"):
        soundtrack(speech, info, Fraction(1), options)


def test_what_cannot_be_mixed_is_said(tmp_path: Path) -> None:
    speech = clips.sound("s16.wav", "-c:a", "pcm_s16le")
    silent = media.probe(clips.video("silent.mp4", "-c:v", "libx264"))
    track, said = soundtrack(speech, silent, Fraction(1), MIX)
    assert track == Soundtrack((Sound(speech),))
    assert "has no sound for a background" in said[0]
    _, said = soundtrack(speech, media.probe(_target(tmp_path)), Fraction(5), MIX)
    assert "its sound ends 3.0 s before the output does" in said[0]
    plain = EncodeOptions()
    assert soundtrack(speech, silent, Fraction(1), plain) == (Soundtrack((Sound(speech),)), ())
    with pytest.raises(AudioError, match="no sound"):
        media.probe_audio(_target(tmp_path), 1)
    with pytest.raises(AudioError, match="has 1 sound tracks, not 2"):
        Soundtrack((Sound(speech), Sound(speech, 1)), Fraction(1)).stream()
