"""Many voices, rooms and microphones from one recording; the lips stay true.

A step's log power spectrum is split by its cepstrum into an envelope (the vocal tract) and a
fine structure (the voice's harmonics). Both are stretched along the frequency axis, each by its
own factor, and put together again: another throat, another pitch. Time is stretched by
resampling the steps, and the lips along with them. Noise, echo and the microphone's colour are
put on the mel bands afterwards. All of it is a few matrix products per batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from lipsync import features
from lipsync.types import FeatureSpec, Waveform

LIFTER = 40  # cepstral bins (of 16 kHz: 2.5 ms) that make up the envelope
NEPERS_PER_DB = math.log(10) / 10  # of power
DECAY_STEPS = 30  # length of the echo's tail: 300 ms
ECHO_60_DB_S = (0.1, 0.6)  # reverberation times


@dataclass(frozen=True)
class Augmentation:
    """Ranges that every batch draws from; 1 or 0 switches a change off."""

    tempo: float = 1.0  # speech up to so many times as fast or slow
    formants: float = 1.0  # throat up to so many times as short or long
    pitch_up: float = 1.0  # voice up to so many times as high
    pitch_down: float = 1.0  # … and as low
    tilt_db: float = 0.0  # the microphone's colour over the whole band, standard deviation
    telephone: float = 0.0  # share of clips without anything below 300 and above 3400 Hz
    noise: float = 0.0  # share of clips with noise
    noise_db: float = 5.0  # of the loud steps above the loudest noise
    echo: float = 0.0  # share of clips with a room
    band_masks: int = 0  # groups of up to 8 neighbouring bands that are blanked per clip
    feature_noise: float = 0.0  # standard deviation, of normalised features


@dataclass(frozen=True, eq=False)
class Spectra:
    """Envelope and fine structure of clips, (n, steps, 257) in nepers of power."""

    envelope: torch.Tensor  # float16
    fine: torch.Tensor  # float16
    lengths: torch.Tensor  # (n,) steps


def analyse(waves: list[Waveform]) -> Spectra:
    """Split the spectra of clips; shorter ones are padded with their last step."""
    logs = [np.log(features.power(wave.samples) + 0.01) for wave in waves]
    steps = max(len(log) for log in logs)
    lifter = _lifter()
    envelope = torch.empty(len(logs), steps, features.BINS, dtype=torch.float16)
    fine = torch.empty_like(envelope)
    for i, log in enumerate(logs):
        whole = torch.from_numpy(np.pad(log, ((0, steps - len(log)), (0, 0)), mode="edge"))
        smooth = whole @ lifter
        envelope[i], fine[i] = smooth.half(), (whole - smooth).half()
    return Spectra(envelope, fine, torch.tensor([len(log) for log in logs]))


def _lifter() -> torch.Tensor:
    """(257, 257): keeps the low end of a log spectrum's cepstrum, fading out by a half cosine."""
    mirrored = np.concatenate([np.arange(features.BINS), np.arange(features.BINS - 2, 0, -1)])
    quefrency = np.minimum(np.arange(features.FFT), features.FFT - np.arange(features.FFT))
    keep = np.where(quefrency < LIFTER, 0.5 + 0.5 * np.cos(np.pi * quefrency / LIFTER), 0.0)
    smooth = np.fft.ifft(np.fft.fft(np.eye(features.BINS)[:, mirrored], axis=1) * keep, axis=1).real
    return torch.from_numpy(smooth[:, : features.BINS].astype(np.float32))


def voices(
    spectra: Spectra,
    chosen: torch.Tensor,
    times: torch.Tensor,
    spec: FeatureSpec,
    ranges: Augmentation,
    rng: torch.Generator,
) -> torch.Tensor:
    """Log mel features of chosen clips in drawn voices, rooms and microphones.

    Args:
        chosen: (b,) clips.
        times: (b, t) steps of the recording, fractions allowed, that the output steps show.

    Returns:
        (b, t, spec.bands), levelled as `lipsync.features.extract` levels a clip.
    """
    b = len(chosen)
    formants = _log_uniform(b, 1 / ranges.formants, ranges.formants, rng)
    pitch = formants * _log_uniform(b, 1 / ranges.pitch_down, ranges.pitch_up, rng)
    log_power = resample(spectra.envelope, chosen, times) @ stretch(formants, hold=True)
    log_power += resample(spectra.fine, chosen, times) @ stretch(pitch, hold=False)
    bands = torch.exp(log_power) @ torch.from_numpy(features.mel_filters(spec.bands))
    bands = _room(bands, ranges, rng)
    bands = bands * torch.exp(_microphone(b, spec.bands, ranges, rng))[:, None]
    bands = _noise(bands, ranges, rng)
    values = _level(torch.log(bands + 1e-3), spec)
    return _masks(values, ranges, rng)


def tempos(n: int, ranges: Augmentation, rng: torch.Generator) -> torch.Tensor:
    """(n,) drawn factors: 1.2 speaks 1.2 times as fast."""
    return _log_uniform(n, 1 / ranges.tempo, ranges.tempo, rng)


def _log_uniform(n: int, low: float, high: float, rng: torch.Generator) -> torch.Tensor:
    share = torch.rand(n, generator=rng)
    return torch.exp(math.log(low) + share * (math.log(high) - math.log(low)))


def _chance(n: int, share: float, rng: torch.Generator) -> torch.Tensor:
    return torch.rand(n, generator=rng) < share


def resample(values: torch.Tensor, chosen: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
    """Steps (b, t, 257) at fractional places, linearly; beyond the ends, the end."""
    last = values.shape[1] - 1
    times = times.clamp(0, last)
    left = times.floor().long().clamp(max=max(last - 1, 0))
    share = (times - left)[..., None]
    rows = chosen[:, None]
    right = (left + 1).clamp(max=last)
    return values[rows, left].float() * (1 - share) + values[rows, right].float() * share


def stretch(factors: torch.Tensor, hold: bool) -> torch.Tensor:
    """(b, 257, 257): bin f of the result shows bin f / factor; past the top the last one or 0."""
    top = features.BINS - 1
    source = torch.arange(features.BINS)[None] / factors[:, None]
    inside = (source <= top).float()
    source = source.clamp(max=top)
    left = source.floor().long().clamp(max=top - 1)
    share = source - left
    weight = torch.ones_like(share) if hold else inside
    matrix = torch.zeros(len(factors), features.BINS, features.BINS)
    matrix.scatter_(1, left[:, None], ((1 - share) * weight)[:, None])
    matrix.scatter_(1, (left + 1)[:, None], (share * weight)[:, None])
    return matrix


def _room(bands: torch.Tensor, ranges: Augmentation, rng: torch.Generator) -> torch.Tensor:
    """Add an exponentially decaying tail of the sound's energy."""
    b = len(bands)
    with_room = _chance(b, ranges.echo, rng)
    if not with_room.any():
        return bands
    decay_s = _log_uniform(b, *ECHO_60_DB_S, rng)
    steps = torch.arange(1, DECAY_STEPS + 1) / features.STEPS_PER_SECOND
    tail = torch.exp(-math.log(1e6) * steps[None] / decay_s[:, None])
    loudness = torch.exp(NEPERS_PER_DB * (-3 - 12 * torch.rand(b, generator=rng)))
    tail = tail / tail.sum(1, keepdim=True) * (loudness * with_room)[:, None]
    kernel = torch.cat([torch.ones(b, 1), tail], dim=1).flip(1)
    padded = torch.nn.functional.pad(bands.transpose(1, 2), (DECAY_STEPS, 0))
    windows = padded.unfold(2, DECAY_STEPS + 1, 1)
    return torch.einsum("bkts,bs->btk", windows, kernel)


def _microphone(b: int, k: int, ranges: Augmentation, rng: torch.Generator) -> torch.Tensor:
    """(b, bands) gain in nepers: a smooth random colour, sometimes a telephone's narrow band."""
    place = torch.linspace(0, 1, k)
    gain = torch.zeros(b, k)
    for waves in range(1, 4):
        amount = torch.randn(b, 1, generator=rng) * ranges.tilt_db / waves
        gain += amount * torch.cos(math.pi * waves * place)
    hertz = 700 * (10 ** (torch.linspace(_mel(60), _mel(7600), k + 2)[1:-1] / 2595) - 1)
    narrow = _chance(b, ranges.telephone, rng)[:, None] & ((hertz < 300) | (hertz > 3400))
    return NEPERS_PER_DB * (gain - 40.0 * narrow)


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def _noise(bands: torch.Tensor, ranges: Augmentation, rng: torch.Generator) -> torch.Tensor:
    """Add noise of a random colour, steady or swelling, between −60 dB and the loudest allowed."""
    b, t, k = bands.shape
    loud = bands.mean(2).quantile(0.95, dim=1)
    below = ranges.noise_db + (60 - ranges.noise_db) * torch.rand(b, generator=rng)
    below = torch.where(_chance(b, ranges.noise, rng), below, torch.tensor(200.0))
    place = torch.linspace(-1, 1, k)
    colour = torch.randn(b, 1, generator=rng) * 6 * place
    colour = colour + torch.randn(b, 1, generator=rng) * 4 * torch.cos(2 * math.pi * place)
    swell = (
        torch.randn(b, 1, generator=rng)
        * 3
        * torch.cos(2 * math.pi * (torch.linspace(0, 2, t)[None] + torch.rand(b, 1, generator=rng)))
    )
    decibels = colour[:, None, :] + swell[:, :, None] - below[:, None, None]
    # The energy of a band of Gaussian noise scatters like the mean of a few exponentials.
    scatter = (
        torch.empty(2, b, t, k).exponential_(generator=rng).mean(0)
        if below.min() < 100
        else torch.ones(1)
    )
    return bands + loud[:, None, None] * torch.exp(NEPERS_PER_DB * decibels) * scatter


def _level(logmel: torch.Tensor, spec: FeatureSpec) -> torch.Tensor:
    """`features.level` for a batch."""
    loudness = logmel.exp().mean(2).log()
    loud = loudness.quantile(features.LOUD_PERCENTILE / 100, dim=1)[:, None]
    values = torch.logaddexp(logmel, (loud - spec.floor_db * NEPERS_PER_DB)[..., None])
    values = values - loud[..., None]
    if spec.per_clip:
        audible = (loudness > loud - features.AUDIBLE_DB * NEPERS_PER_DB).float()[..., None]
        values = values - (values * audible).sum(1, keepdim=True) / audible.sum(1, keepdim=True)
    return values


def _masks(values: torch.Tensor, ranges: Augmentation, rng: torch.Generator) -> torch.Tensor:
    """Blank a few neighbouring bands to the clip's mean."""
    b, _, k = values.shape
    place = torch.arange(k)[None]
    for _ in range(ranges.band_masks):
        first = torch.randint(0, k, (b, 1), generator=rng)
        width = torch.randint(0, 9, (b, 1), generator=rng)
        blank = (place >= first) & (place < first + width)
        values = torch.where(blank[:, None], values.mean(1, keepdim=True), values)
    return values
