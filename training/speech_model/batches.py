"""Clips → batches: crops of their sound and the lips that belong to it.

Processes that train together draw the same batch, all of it, and each makes its own rows. So
the batches do not depend on how many processes there are.
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
from training.parallel.distributed import Ranks
from training.parallel.workers import workers
from training.speech_model import augment
from training.speech_model.augment import Augmentation
from training.speech_model.breath_augmentation import Habit
from training.speech_model.options import TrainOptions

STEP_S = 1 / features.STEPS_PER_SECOND
THROAT_CLIPS = 20  # of a speaker, in which the throat's length is looked for
CLIPS_EACH = 50  # to be worth starting another process
SMALLEST_STD = 0.03  # of features: what hardly ever varies must not be blown up to a unit


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
        """(m, 36): the lips of all frames, without the padding."""
        return self.lips[torch.arange(self.lips.shape[1]) < self.frames[:, None]]

    def scales(self, stride: int) -> dict[str, float]:
        """What `lip_loss` divides by, at the rate of the network's outputs."""
        rate = features.STEPS_PER_SECOND / stride
        outputs = int((self.frames / self.fps).max() * rate)
        places = torch.arange(outputs) * stride / features.STEPS_PER_SECOND * self.fps[:, None]
        return variances(resample(self.lips, places), places < self.frames[:, None])


@dataclass(frozen=True, eq=False)
class Batch:
    """This process's rows of a batch."""

    values: torch.Tensor  # (b, t, d) features
    wanted: torch.Tensor  # (b, m, 36) true shapes of the outputs
    share: float  # rows here / rows per process, on average: the weight of their loss


def gather(
    speakers: list[dataset.Speaker],
    options: TrainOptions,
    what: str = "",
    processes: int = 1,
) -> TrainingSet:
    """Training clips of all speakers, each in its own voice and in drawn ones.

    Args:
        what: counted on stderr.

    Raises:
        MediaError: no clip is left to train on.
        OptionsError: other voices are wanted for features that cannot be disguised.
    """
    spec, ranges = options.features, options.augmentation
    if ranges.voices and spec.kind == "paper28":
        raise OptionsError("augmentation.voices: the paper's features cannot be disguised; use 0")
    pairs = [(speaker, clip) for speaker in speakers for clip in dataset.split(speaker.clips)[0]]
    pairs = _limited(pairs, options.minutes)
    if not pairs:
        raise MediaError(
            f"{', '.join(options.speakers)}: nothing left to train on; every "
            f"{dataset.VALIDATION_EVERY}th clip is kept for validation (minutes: {options.minutes})"
        )
    throats = {speaker.name: _throat(speaker, spec) for speaker in speakers}
    habits = {speaker.name: Habit(speaker) for speaker in speakers}
    jobs = [
        _Job(clip.wave, spec, throats[speaker.name], ranges, (options.seed, i))
        for i, (speaker, clip) in enumerate(pairs)
    ]
    with workers(min(processes, 1 + len(jobs) // CLIPS_EACH)) as work:
        voices = list(zip(*work.each(_voices_of, jobs, what), strict=True))
    lips = [habits[s.name].parted(clip, ranges.lead, ranges.tail) for s, clip in pairs]
    everything = np.concatenate(voices[0])
    return TrainingSet(
        values=torch.stack([_padded(voice).half() for voice in voices]),
        steps=torch.tensor([len(values) for values in voices[0]]),
        lips=_padded(lips),
        frames=torch.tensor([len(clip.lips) for _, clip in pairs]),
        fps=torch.tensor([float(clip.lips.rate) for _, clip in pairs]),
        mean=torch.from_numpy(everything.mean(0)),
        std=torch.from_numpy(np.maximum(everything.std(0), SMALLEST_STD)),
    )


Pairs = list[tuple[dataset.Speaker, dataset.Clip]]


def _limited(pairs: Pairs, minutes: float | None) -> Pairs:
    """As many clips as the minutes allow, spread evenly over all of them."""
    total = sum(float(clip.wave.duration) for _, clip in pairs)
    if minutes is None or total <= 60 * minutes:
        return pairs
    share = 60 * minutes / total
    return [pair for i, pair in enumerate(pairs) if int((i + 1) * share) > int(i * share)]


def _throat(speaker: dataset.Speaker, spec: FeatureSpec) -> float:
    """A speaker's throat is the same in all clips; found in one short clip, it wavers."""
    some = speaker.clips[:: max(1, len(speaker.clips) // THROAT_CLIPS)]
    return float(np.median([features.throat_of(clip.wave.samples, spec) for clip in some]))


@dataclass(frozen=True, eq=False)
class _Job:
    wave: Waveform
    spec: FeatureSpec
    stretch: float
    ranges: Augmentation
    seed: tuple[int, int]  # of the run and of the clip: whoever does the work, the voices are equal


def _voices_of(job: _Job) -> list[F32]:
    """Features of a clip in its own voice and in every drawn one.

    The disguise is drawn about the usual throat, to which a render brings every voice.
    """
    rng = np.random.default_rng(job.seed)
    found = [features.extract(job.wave, job.spec, job.stretch).values]
    if job.ranges.voices:
        spectrum = features.power(job.wave.samples)
    for _ in range(job.ranges.voices):
        voice = augment.disguise(spectrum, job.ranges, rng)
        energies = features.bands(voice, job.spec, job.stretch)
        # A clip may stand anywhere in the sound of a render.
        place = int(rng.integers(encoder.WIDEST + 1)) if "encoder" in job.spec.parts else 0
        found.append(features.of_bands(energies, job.spec, place))
    return found


def _padded(arrays: Sequence[F32]) -> torch.Tensor:
    longest = max(len(array) for array in arrays)
    padded = [np.pad(a, ((0, longest - len(a)), (0, 0)), mode="edge") for a in arrays]
    return torch.from_numpy(np.stack(padded))


def per_epoch(data: TrainingSet, options: TrainOptions, here: Ranks) -> int:
    """Batches in an epoch.

    Raises:
        OptionsError: there is not a row for every member in every process.
    """
    rows, needed = min(options.batch, len(data)), here.count * options.members
    if rows < needed:
        raise OptionsError(
            f"batches of {rows} (batch: {options.batch}, training clips: {len(data)}) are too "
            f"small: {here.count} processes with {options.members} members each need {needed} rows"
        )
    return max(1, len(data) // options.batch)


def epoch(
    data: TrainingSet, options: TrainOptions, dims: LipDims, rng: np.random.Generator, here: Ranks
) -> Iterator[Batch]:
    """The batches of an epoch, in a drawn order; this process's rows of each."""
    order = torch.from_numpy(rng.permutation(len(data)))
    for batch in range(per_epoch(data, options, here)):
        chosen = order[batch * options.batch : (batch + 1) * options.batch]
        own = own_rows(len(chosen), dims.members, here)
        values, wanted = draw(data, chosen, dims, options, rng, own)
        yield Batch(values, wanted, len(values) * here.count / len(chosen))


def own_rows(b: int, members: int, here: Ranks) -> I64:
    """Which of b rows this process makes.

    The members of a network take rows in turn. A process makes whole rounds of them, so that a
    member learns from the same rows however many processes there are.
    """
    rows = np.arange(b)
    return np.flatnonzero(rows // members % here.count == here.rank)


def draw(
    data: TrainingSet,
    chosen: torch.Tensor,
    dims: LipDims,
    options: TrainOptions,
    rng: np.random.Generator,
    own: I64 | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The own rows of a batch: features (b, t, d), and the true shapes (b, m, 36) of the outputs.

    All rows are drawn, whichever are made (None: all): the next batch is the same for everybody.
    """
    ranges, b, d = options.augmentation, len(chosen), data.values.shape[-1]
    own = np.arange(b) if own is None else own
    length = int(rng.choice(options.crop_steps))
    tempo = torch.from_numpy(augment.tempos(b, ranges, rng))
    spare = (data.steps[chosen] - length * tempo).clamp(min=0)
    first = torch.from_numpy(rng.random(b, np.float32)) * spare
    if ranges.tempo == 1.0:
        first = first.floor()
    voice = torch.from_numpy(_voices(b, len(data.values), ranges.recorded, rng))
    noise = torch.from_numpy(rng.standard_normal((b, length, d), np.float32)[own])
    seeds = rng.integers(2**32, size=b)[own]  # of what each row draws for itself
    chosen, voice = chosen[own], voice[own]
    tempo, first = tempo[own][:, None], first[own][:, None]
    values = resample(data.values[voice, chosen].float(), first + tempo * torch.arange(length))
    values = values + ranges.feature_noise * data.std * noise
    mel = options.features.parts.get("logmel", slice(0, 0))
    for row, seed in zip(values.numpy(), seeds, strict=True):
        draws = np.random.default_rng(seed)
        augment.mask(row, data.mean.numpy(), mel, ranges, draws)
    outputs = length // dims.stride - dims.delay // dims.stride
    middles = torch.arange(outputs) * dims.stride + (dims.stride - 1) / 2
    seconds = features.FIRST_CENTRE + (first + tempo * middles) * STEP_S + ranges.early_ms / 1000
    return values, resample(data.lips[chosen], seconds * data.fps[chosen][:, None])


def _voices(b: int, count: int, recorded: float, rng: np.random.Generator) -> I64:
    """(b,) which of a clip's voices is heard; 0 is the recorded one."""
    if count == 1:
        return np.zeros(b, np.int64)
    other = rng.integers(1, count, size=b)
    return np.where(rng.random(b) < recorded, 0, other)
