"""Clips → a padded training set → batches of random crops.

All processes of a distributed run draw the same whole batch, and each builds its own rows of it.
So the batches do not depend on the number of processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lipsync.errors import MediaError, OptionsError
from lipsync.learning.lip_losses import resample, variances
from lipsync.speech import features
from lipsync.speech.features import FeatureSpec, encoder
from lipsync.speech.lip_model import LipDims
from lipsync.types import F32, I64, Waveform
from training.corpus import dataset
from training.parallel.distributed import ProcessGroup
from training.parallel.workers import worker_pool
from training.speech_model import augment
from training.speech_model.augment import Augmentation
from training.speech_model.breath_augmentation import BreathPose
from training.speech_model.options import TrainOptions

STEP_S = 1 / features.STEPS_PER_SECOND
VTLN_CLIPS = 20  # of a speaker, used to estimate the vocal tract length
CLIPS_PER_PROCESS = 50  # the least that makes another process worthwhile
MIN_STD = 0.03  # of features: nearly constant ones must not be amplified


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Clips as padded tensors: v voices of each of n clips, t steps, f frames."""

    values: torch.Tensor  # (v, n, t, d) float16; voice 0 is the recorded one
    steps: torch.Tensor  # (n,)
    lips: torch.Tensor  # (n, f, 36), relative
    frames: torch.Tensor  # (n,)
    fps: torch.Tensor  # (n,)
    mean: torch.Tensor  # (d,), of the features
    std: torch.Tensor  # (d,)

    def __len__(self) -> int:
        return len(self.lips)

    def shapes(self) -> torch.Tensor:
        """Lip shapes of all frames without padding, (m, 36)."""
        return self.lips[torch.arange(self.lips.shape[1]) < self.frames[:, None]]

    def scales(self, stride: int) -> dict[str, float]:
        """Variances that normalize `lip_loss`, at the network's output rate."""
        rate = features.STEPS_PER_SECOND / stride
        outputs = int((self.frames / self.fps).max() * rate)
        positions = torch.arange(outputs) * stride / features.STEPS_PER_SECOND * self.fps[:, None]
        return variances(resample(self.lips, positions), positions < self.frames[:, None])


@dataclass(frozen=True, eq=False)
class Batch:
    """This process's rows of a batch."""

    values: torch.Tensor  # (b, t, d) features
    wanted: torch.Tensor  # (b, m, 36) true shapes of the outputs
    share: float  # loss weight: rows here / mean rows per process


def build_training_set(
    speakers: list[dataset.Speaker],
    options: TrainOptions,
    what: str = "",
    processes: int = 1,
) -> TrainingSet:
    """Extract features and lips of all training clips, in recorded and augmented voices.

    Args:
        what: label of the progress counter on stderr.

    Raises:
        MediaError: there is no clip to train on.
        OptionsError: voice augmentation is requested for features that do not support it.
    """
    spec, ranges = options.features, options.augmentation
    if ranges.voices and spec.kind == "paper28":
        raise OptionsError("augmentation.voices: the paper's features cannot be disguised; use 0")
    pairs = [(speaker, clip) for speaker in speakers for clip in dataset.split(speaker.clips)[0]]
    pairs = _limit_minutes(pairs, options.minutes)
    if not pairs:
        raise MediaError(
            f"{', '.join(options.speakers)}: nothing left to train on; every "
            f"{dataset.VALIDATION_EVERY}th clip is kept for validation (minutes: {options.minutes})"
        )
    stretches = {speaker.name: _vocal_tract_stretch(speaker, spec) for speaker in speakers}
    breath_poses = {speaker.name: BreathPose(speaker) for speaker in speakers}
    jobs = [
        _Job(clip.wave, spec, stretches[speaker.name], ranges, (options.seed, i))
        for i, (speaker, clip) in enumerate(pairs)
    ]
    with worker_pool(min(processes, 1 + len(jobs) // CLIPS_PER_PROCESS)) as pool:
        voices = list(zip(*pool.map(_extract_voices, jobs, what), strict=True))
    lips = [breath_poses[s.name].part_lips(clip, ranges.lead, ranges.tail) for s, clip in pairs]
    everything = np.concatenate(voices[0])
    return TrainingSet(
        values=torch.stack([_pad(voice).half() for voice in voices]),
        steps=torch.tensor([len(values) for values in voices[0]]),
        lips=_pad(lips),
        frames=torch.tensor([len(clip.lips) for _, clip in pairs]),
        fps=torch.tensor([float(clip.lips.rate) for _, clip in pairs]),
        mean=torch.from_numpy(everything.mean(0)),
        std=torch.from_numpy(_feature_scales(everything, spec)),
    )


def _feature_scales(values: F32, spec: FeatureSpec) -> F32:
    """Deviations (d,) by which features are divided: their own, but one for all encoder states.

    The states are principal components: each scaled by itself, the smallest would count as much
    as the largest.
    """
    scales = np.maximum(values.std(0), MIN_STD)
    if "encoder" in spec.parts:
        here = spec.parts["encoder"]
        scales[here] = np.sqrt(np.square(scales[here]).mean())
    return np.asarray(scales, np.float32)


SpeakerClips = list[tuple[dataset.Speaker, dataset.Clip]]


def _limit_minutes(pairs: SpeakerClips, minutes: float | None) -> SpeakerClips:
    """Keep as many clips as the minutes allow, spread evenly."""
    total = sum(float(clip.wave.duration) for _, clip in pairs)
    if minutes is None or total <= 60 * minutes:
        return pairs
    share = 60 * minutes / total
    return [pair for i, pair in enumerate(pairs) if int((i + 1) * share) > int(i * share)]


def _vocal_tract_stretch(speaker: dataset.Speaker, spec: FeatureSpec) -> float:
    """VTLN factor of a speaker: the median over clips, as short clips alone are noisy."""
    some = speaker.clips[:: max(1, len(speaker.clips) // VTLN_CLIPS)]
    return float(np.median([features.stretch_of_voice(clip.wave.samples, spec) for clip in some]))


@dataclass(frozen=True, eq=False)
class _Job:
    wave: Waveform
    spec: FeatureSpec
    stretch: float
    ranges: Augmentation
    seed: tuple[int, int]  # of run and clip: independent of the process that does the work


def _extract_voices(job: _Job) -> list[F32]:
    """Features of a clip in its recorded voice and in each augmented one.

    Augmented voices vary around the normalized vocal tract, to which a render maps every voice.
    """
    rng = np.random.default_rng(job.seed)
    found = [features.extract(job.wave, job.spec, job.stretch).values]
    if job.ranges.voices:
        spectrum = features.power_spectra(job.wave.samples)
    for _ in range(job.ranges.voices):
        voice = augment.disguise_voice(spectrum, job.ranges, rng)
        energies = features.band_energies(voice, job.spec, job.stretch)
        # In a render, a clip may lie anywhere in the encoder's windows.
        place = int(rng.integers(encoder.LAST_POSITION + 1)) if "encoder" in job.spec.parts else 0
        found.append(features.features_of_bands(energies, job.spec, place))
    return found


def _pad(arrays: Sequence[F32]) -> torch.Tensor:
    longest = max(len(array) for array in arrays)
    padded = [np.pad(a, ((0, longest - len(a)), (0, 0)), mode="edge") for a in arrays]
    return torch.from_numpy(np.stack(padded))


def batches_per_epoch(data: TrainingSet, options: TrainOptions, group: ProcessGroup) -> int:
    """Number of batches in an epoch.

    Raises:
        OptionsError: there are fewer rows than members times processes.
    """
    rows, needed = min(options.batch, len(data)), group.count * options.members
    if rows < needed:
        raise OptionsError(
            f"batches of {rows} (batch: {options.batch}, training clips: {len(data)}) are too "
            f"small: {group.count} processes with {options.members} members each need {needed} rows"
        )
    return max(1, len(data) // options.batch)


def epoch_batches(
    data: TrainingSet,
    options: TrainOptions,
    dims: LipDims,
    rng: np.random.Generator,
    group: ProcessGroup,
) -> Iterator[Batch]:
    """Draw the batches of an epoch in random order; this process's rows of each."""
    order = torch.from_numpy(rng.permutation(len(data)))
    for batch in range(batches_per_epoch(data, options, group)):
        chosen = order[batch * options.batch : (batch + 1) * options.batch]
        own = rows_of_process(len(chosen), dims.members, group)
        values, wanted = draw_batch(data, chosen, dims, options, rng, own)
        yield Batch(values, wanted, len(values) * group.count / len(chosen))


def rows_of_process(b: int, members: int, group: ProcessGroup) -> I64:
    """Rows of a batch of b that this process builds.

    Rows are assigned to the members of the network in turn. A process takes whole rounds of them,
    so that a member trains on the same rows for any number of processes.
    """
    rows = np.arange(b)
    return np.flatnonzero(rows // members % group.count == group.rank)


def draw_batch(
    data: TrainingSet,
    chosen: torch.Tensor,
    dims: LipDims,
    options: TrainOptions,
    rng: np.random.Generator,
    own: I64 | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a batch: features (b, t, d), and target shapes (b, m, 36) of the outputs.

    Random numbers are drawn for all rows even if only `own` rows are built (None: all), so that all
    processes stay in step.
    """
    ranges, b, d = options.augmentation, len(chosen), data.values.shape[-1]
    own = np.arange(b) if own is None else own
    length = int(rng.choice(options.crop_steps))
    tempo = torch.from_numpy(augment.draw_tempos(b, ranges, rng))
    spare = (data.steps[chosen] - length * tempo).clamp(min=0)
    first = torch.from_numpy(rng.random(b, np.float32)) * spare
    if ranges.tempo == 1.0:
        first = first.floor()
    voice = torch.from_numpy(_draw_voices(b, len(data.values), ranges.recorded, rng))
    noise = torch.from_numpy(rng.standard_normal((b, length, d), np.float32)[own])
    seeds = rng.integers(2**32, size=b)[own]  # of the random draws within each row
    chosen, voice = chosen[own], voice[own]
    tempo, first = tempo[own][:, None], first[own][:, None]
    values = resample(data.values[voice, chosen].float(), first + tempo * torch.arange(length))
    values = values + ranges.feature_noise * data.std * noise
    mel = options.features.parts.get("logmel", slice(0, 0))
    for row, seed in zip(values.numpy(), seeds, strict=True):
        draws = np.random.default_rng(seed)
        augment.mask_features(row, data.mean.numpy(), mel, ranges, draws)
    outputs = length // dims.stride - dims.delay // dims.stride
    middles = torch.arange(outputs) * dims.stride + (dims.stride - 1) / 2
    seconds = features.FIRST_CENTER + (first + tempo * middles) * STEP_S + ranges.early_ms / 1000
    return values, resample(data.lips[chosen], seconds * data.fps[chosen][:, None])


def _draw_voices(b: int, count: int, recorded: float, rng: np.random.Generator) -> I64:
    """Choose a voice of each clip, (b,); 0 is the recorded one."""
    if count == 1:
        return np.zeros(b, np.int64)
    other = rng.integers(1, count, size=b)
    return np.where(rng.random(b) < recorded, 0, other)
