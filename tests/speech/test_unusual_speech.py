"""What lips do for sound that is not clean reading: nothing grotesque, and as much as can be asked.

Telephone sound is in test_bad_audio.py. All other sound is made here, from the bundled sample or
from nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import librosa
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

from lipsync.speech import audio, features, vad
from lipsync.speech.articulation import predict_speech
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32, SPEECH_RATE, LipTrack, Waveform
from tests.conftest import REPO
from tests.support.faces import FPS, mouth

SAMPLE = REPO / "assets" / "sample" / "speech.wav"
RATE = float(FPS)

# A person who shuts the mouth and opens it by a third of its width, and never rests.
OPENINGS = 0.1 - 0.1 * np.cos(2 * np.pi * 3 * np.arange(500) / RATE)
PERSON = LipProfile.of(LipTrack(np.stack([mouth(float(gap)) for gap in OPENINGS]), FPS))
RANGE = PERSON.opening_range
UPPER, LOWER = [12, 13, 14], [17, 16, 15]  # the inner lips' points, upper above lower
MIDDLE = 1  # of these

# What nobody's lips do. The sample's own cross by 0.006 outer-eye distances, open to 1.13 ranges,
# move at 1.6 outer-eye distances per second, and are 0.90 to 1.06 of the neutral mouth's width.
CROSSED = 0.02 * PERSON.width  # outer-eye distances; about a millimeter
GAPING = 1.8  # opening ranges above the shut mouth
FASTER = 1.5  # than the sample's lips
STRETCHED = 0.35  # of the neutral mouth's width, more or less
# Opening ranges above the shut mouth, and the deviation of one that is held.
NEARLY_SHUT, OPEN, STEADY = 0.25, 0.3, 0.2
SECOND_VOICE_DB, MUSIC_DB = -6.0, -10.0  # to the speech
ROOM_DB = -60.0  # of full scale: a quiet room
HA_HZ = 5
COUGH_S, QUIET_S = 0.15, 1.5

FORMANTS = {"a": (850, 1220, 2810, 3800), "i": (310, 2790, 3310, 4200), "u": (370, 950, 2670, 3700)}
BANDWIDTHS = (80, 100, 140, 200)  # Hz


def inner_gaps(points: F32) -> F32:
    """(n, 3) of (n, 18, 2), signed: negative where the lower lip is above the upper one."""
    return np.asarray(points[:, LOWER, 1] - points[:, UPPER, 1])


def openness(lips: LipTrack) -> F32:
    """(n,), how far above the person's shut mouth, in opening ranges."""
    assert PERSON.shut is not None
    shut = inner_gaps(PERSON.shut[None])[:, MIDDLE]
    return np.asarray((inner_gaps(lips.points)[:, MIDDLE] - shut) / RANGE)


def top_speed(lips: LipTrack) -> float:
    """Of the fastest point, outer-eye distances per second."""
    return float(np.linalg.norm(np.diff(lips.points, axis=0), axis=-1).max() * RATE)


def assert_sane(lips: LipTrack, clean: LipTrack) -> None:
    """Nothing that a viewer would call grotesque; clean: the lips of the sample."""
    assert np.isfinite(lips.points).all(), "a point is unknown"
    narrowest, widest = float(inner_gaps(lips.points).min()), float(openness(lips).max())
    assert narrowest > -CROSSED, "the lips cross"
    assert widest < GAPING, "the mouth gapes"
    assert top_speed(lips) < FASTER * top_speed(clean), "the lips jump"
    stretch = float(np.abs(lips.width / PERSON.width - 1).max())
    assert stretch < STRETCHED, "the mouth is stretched"


def lips_of(samples: np.ndarray) -> LipTrack:
    """As a render has them; the sound at the standard level, as `audio.load_speech` returns it."""
    wave = audio.standardize(Waveform(np.asarray(samples, np.float32), SPEECH_RATE))
    model = LipLSTM.load(LipOptions("default"))
    heard = features.extract(wave, model.spec)
    n = round(wave.duration * FPS)
    return predict_speech(model, heard, vad.detect_speech(wave), PERSON, (FPS, n))


def likeness(lips: LipTrack, clean: LipTrack, tempo: float = 1.0) -> float:
    """Correlation of the opening with the clean lips' at `tempo` times their speed."""
    times = np.arange(len(lips)) * tempo
    known = times <= len(clean) - 1
    want = np.interp(times[known], np.arange(len(clean)), openness(clean))
    return float(np.corrcoef(openness(lips)[known], want)[0, 1])


def closures(lips: LipTrack) -> int:
    """How often the lips come together."""
    shut = (openness(lips) < NEARLY_SHUT).astype(int)
    return int((np.diff(shut, prepend=0) > 0).sum())


@pytest.fixture(scope="module")
def speech() -> F32:
    return audio.load_speech(SAMPLE).samples


@pytest.fixture(scope="module")
def clean(speech: F32) -> LipTrack:
    return lips_of(speech)


# Sounds


def mixed(speech: F32, other: np.ndarray, db: float) -> np.ndarray:
    """Both sounds, the other one so much louder than the speech."""
    gain = float(speech.std() / other.std()) * 10 ** (db / 20)
    return np.asarray(speech + gain * other)


def in_a_room(samples: np.ndarray, quiet: float = 0.5) -> np.ndarray:
    """The sound, after and before so many seconds of silence, in the noise of a room."""
    padded = np.pad(samples, round(quiet * SPEECH_RATE))
    return padded + np.random.default_rng(1).normal(0, 10 ** (ROOM_DB / 20), len(padded))


def whispered(speech: F32) -> np.ndarray:
    """The sample's spectral envelope, 30 cepstra every 8 ms, excited by noise."""
    noise = np.random.default_rng(0).normal(size=len(speech))
    spoken, excitation = (librosa.stft(x, n_fft=512, hop_length=128) for x in (speech, noise))
    cepstra = np.fft.irfft(np.log(np.abs(spoken) + 1e-4), axis=0)
    cepstra[30:-29] = 0
    envelope = np.exp(np.fft.rfft(cepstra, axis=0).real)
    return librosa.istft(envelope * excitation, hop_length=128, length=len(speech))


def chords(length: int) -> np.ndarray:
    """Four chords, struck twice a second and left to decay; six harmonics each."""
    made = np.zeros(length)
    triads = [(262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294)]  # Hz
    beat = SPEECH_RATE // 2
    for i, start in enumerate(range(0, length, beat)):
        t = np.arange(min(4 * beat, length - start)) / SPEECH_RATE
        for root in triads[i // 2 % len(triads)]:
            tones = [np.sin(2 * np.pi * k * root * t) / k for k in range(1, 7)]
            made[start : start + len(t)] += np.exp(-3 * t) * sum(tones)
    return made


def resonate(excitation: np.ndarray, formants: tuple[int, ...]) -> np.ndarray:
    """The excitation through a resonator for each formant (Hz), one after the other."""
    for formant, width in zip(formants, BANDWIDTHS, strict=True):
        radius = np.exp(-np.pi * width / SPEECH_RATE)
        turn = 2 * np.pi * formant / SPEECH_RATE
        poles = np.array([1, -2 * radius * np.cos(turn), radius**2])
        excitation = lfilter([poles.sum()], poles, excitation)
    return np.asarray(0.5 * excitation / np.abs(excitation).max())


def voice(pitch: np.ndarray, breath: float = 0.03) -> np.ndarray:
    """Pulses at this pitch (n,), in Hz, as unsteady and breathy as those of a throat.

    Without that, what a synthesizer holds sounds like a buzzer rather than a vowel.
    """
    rng = np.random.default_rng(5)
    drift = gaussian_filter1d(rng.normal(size=len(pitch)), 0.01 * SPEECH_RATE)
    phase = np.cumsum(pitch * (1 + 0.01 * drift / drift.std())) / SPEECH_RATE
    pulses = lfilter([1], [1, -0.97], np.diff(np.floor(phase), prepend=0))
    steady = (pulses - pulses.mean()) / pulses.std()
    return np.asarray(steady + breath * rng.normal(size=len(pitch)))


def seconds(count: float) -> np.ndarray:
    """Times of the samples of so many seconds."""
    return np.arange(round(count * SPEECH_RATE)) / SPEECH_RATE


def sung(vowel: str, pitch: np.ndarray) -> np.ndarray:
    """A vowel at this pitch (n,), faded in and out in 80 ms."""
    steps = np.arange(len(pitch)) / (0.08 * SPEECH_RATE)
    fade = np.clip(np.minimum(steps, steps[::-1]), 0, 1)
    return in_a_room(fade * resonate(voice(pitch), FORMANTS[vowel]))


def straight(vowel: str) -> np.ndarray:
    """3 s of one vowel on one pitch."""
    return sung(vowel, np.full(len(seconds(3)), 200.0))


def glissando(vowel: str) -> np.ndarray:
    """An octave up in 3 s, with a vibrato of half a semitone."""
    t = seconds(3)
    return sung(vowel, 200 * 2 ** (t / 3 + 0.5 / 12 * np.sin(2 * np.pi * 5.5 * t)))


def laughter() -> np.ndarray:
    """2 s of a falling "ha-ha-ha": every one begins with breath alone and ends with voice."""
    t = seconds(2)
    phase = t * HA_HZ % 1
    loudness = np.sin(np.pi * np.clip(phase / 0.6, 0, 1)) * (1 - 0.2 * t)
    breath = np.random.default_rng(2).normal(0, 0.7, len(t))
    return in_a_room(
        loudness * resonate(voice(280 - 20 * t) * (phase > 0.2) + breath, FORMANTS["a"])
    )


def cough() -> np.ndarray:
    """COUGH_S of noise that dies away."""
    t = seconds(COUGH_S)
    noise = np.random.default_rng(3).normal(size=len(t))
    return resonate(noise, (600, 1500, 2500, 3600)) * np.clip(t / 0.005, 0, 1) * np.exp(-t / 0.04)


def in_digital_silence(samples: np.ndarray, quiet: float) -> np.ndarray:
    """As of a track cut in an editor: nothing but zeros after and before the sound."""
    return np.pad(samples, round(quiet * SPEECH_RATE))


# The measure


def broken(points: F32) -> F32:
    points[50, 3] = np.nan
    return points


def crossed(points: F32) -> F32:
    points[50, LOWER, 1] = points[50, UPPER, 1] - np.float32(1.5 * CROSSED)
    return points


def gaping(points: F32) -> F32:
    points[:, 7:12, 1] += np.float32(GAPING * RANGE)
    points[:, LOWER, 1] += np.float32(GAPING * RANGE)
    return points


def jumping(points: F32) -> F32:
    points[50:, :, 0] += np.float32(FASTER * 2 / RATE)
    return points


def stretched(points: F32) -> F32:
    return points * np.array([1.5, 1], np.float32)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (broken, "a point is unknown"),
        (crossed, "the lips cross"),
        (gaping, "the mouth gapes"),
        (jumping, "the lips jump"),
        (stretched, "the mouth is stretched"),
    ],
)
def test_what_is_grotesque_is_noticed(
    spoil: Callable[[F32], F32], fault: str, clean: LipTrack
) -> None:
    assert_sane(clean, clean)
    with pytest.raises(AssertionError, match=fault):
        assert_sane(LipTrack(spoil(clean.points.copy()), FPS), clean)


# What lips do


def test_whisper(speech: F32, clean: LipTrack) -> None:
    lips = lips_of(whispered(speech))
    assert_sane(lips, clean)
    assert likeness(lips, clean) > 0.85  # measured: 0.97


@pytest.mark.parametrize("tempo", [1.5, 0.67])
def test_fast_and_slow_speech(tempo: float, speech: F32, clean: LipTrack) -> None:
    lips = lips_of(librosa.effects.time_stretch(speech, rate=tempo))
    assert_sane(lips, clean)
    assert likeness(lips, clean, tempo) > 0.68  # measured: 0.80 at either tempo
    # Measured: 10 fast and 14 slow closures, of 13.
    assert 0.6 < closures(lips) / closures(clean) < 1.4


def test_two_voices(speech: F32, clean: LipTrack) -> None:
    """Another, deeper voice says the sample's second half, then the first."""
    other = np.roll(speech, len(speech) // 2)
    other = librosa.effects.pitch_shift(other, sr=SPEECH_RATE, n_steps=-5)
    lips = lips_of(mixed(speech, other, SECOND_VOICE_DB))
    assert_sane(lips, clean)
    assert likeness(lips, clean) > 0.7  # measured: 0.82
    assert likeness(lips_of(other), clean) < 0.3  # measured: -0.02, other words are not alike


def test_music_under_speech(speech: F32, clean: LipTrack) -> None:
    lips = lips_of(mixed(speech, chords(len(speech)), MUSIC_DB))
    assert_sane(lips, clean)
    assert likeness(lips, clean) > 0.8  # measured: 0.92


def test_music_alone(speech: F32, clean: LipTrack) -> None:
    assert_sane(lips_of(chords(len(speech))), clean)


@pytest.mark.parametrize("vowel", list(FORMANTS))
@pytest.mark.parametrize("sound", [straight, glissando])
def test_long_vowels_and_singing(
    sound: Callable[[str], np.ndarray], vowel: str, clean: LipTrack
) -> None:
    assert_sane(lips_of(sound(vowel)), clean)


def test_a_long_vowel_is_held() -> None:
    # Without its first and last half second.
    held = {vowel: openness(lips_of(straight(vowel)))[25:75] for vowel in FORMANTS}
    assert held["a"].mean() > OPEN  # measured: 0.5
    assert held["a"].std() < STEADY  # measured: 0.16
    # Measured: 0.0 and 0.1. The mouth does not merely hang open.
    assert max(held["i"].mean(), held["u"].mean()) < held["a"].mean() - 0.2


def test_laughter(clean: LipTrack) -> None:
    lips = lips_of(laughter())
    assert_sane(lips, clean)
    # The mouth opens and shuts with every "ha"; eight of them are looked at.
    laughs = openness(lips)[17:57]
    swings = 2 / len(laughs) * np.abs(np.fft.rfft(laughs - laughs.mean()))
    assert swings.argmax() == round(HA_HZ * len(laughs) / RATE)
    assert swings.max() > 0.22  # measured: 0.31, and 0.08 at the next of the other frequencies


@pytest.mark.parametrize("silence", [in_a_room, in_digital_silence])
def test_a_cough(silence: Callable[[np.ndarray, float], np.ndarray], clean: LipTrack) -> None:
    lips = lips_of(silence(cough(), QUIET_S))
    assert_sane(lips, clean)
    opened = openness(lips)
    before = opened[: round((QUIET_S - 0.4) * RATE)]
    after = opened[round((QUIET_S + COUGH_S + 0.6) * RATE) :]
    # Measured in a room: up to 0.1 before, 0.6 during, 0.0 after.
    assert float(before.max()) < NEARLY_SHUT
    assert float(np.abs(after - before.mean()).max()) < NEARLY_SHUT
