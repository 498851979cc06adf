"""Adapt the speech model to a person, from footage in which they speak.

    video ─ sound, lips → in sync? enough? → fine-tune → better on held-out footage? → weights

If the footage cannot teach the model, one line says why: `adapt` raises it, a render goes on
with the model as it is.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lipsync import media
from lipsync.errors import AdaptError, InputError
from lipsync.learning.fine_tuning import FineTuningResult, TrainingData, TuneOptions, fine_tune
from lipsync.learning.own_speech import check_sound, collect_training_data
from lipsync.options import PersonOptions, RenderOptions
from lipsync.pipelines import outputs
from lipsync.pipelines.arguments import as_options, as_place
from lipsync.pipelines.person import find_person
from lipsync.report.results import AdaptResult
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors
from lipsync.runtime.code_digest import digest_code
from lipsync.runtime.context import RunContext
from lipsync.runtime.hashing import hash_array, hash_file
from lipsync.speech import lip_model
from lipsync.speech.lip_model import LipLSTM
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import LipTrack, Progress, as_path


@dataclass(frozen=True, eq=False)
class BaseModel:
    """A speech model as it was before adaptation, and where its weights are."""

    path: Path
    network: LipLSTM

    @staticmethod
    def load(path: Path) -> BaseModel:
        """Raises: WeightsError: missing or damaged weights."""
        return BaseModel(path, LipLSTM.load(path))


@dataclass(frozen=True, eq=False)
class Choice:
    """The speech model of a render, and what was done about adaptation, in one line."""

    weights: Path
    model: LipLSTM  # on the run's device
    line: str


def adapt(
    video: str | Path,
    output: str | Path | None = None,
    *,
    options: PersonOptions | Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> AdaptResult:
    """Fine-tune the speech model on the person in `video`, by their own sound and lips.

    Args:
        video: footage in which the person speaks, in sync: at least 10 s of speech.
        output: a .safetensors file; default: the video's name with `.person.safetensors`.

    Raises:
        AdaptError: the footage cannot teach the model, or did not make it better.
        LipsyncError: anything else that the caller can mend. Nothing was written.
    """
    options, video = as_options(options, PersonOptions), as_path(video, "video")
    output = as_place(output, "output") or video.with_name(f"{video.stem}.person.safetensors")
    outputs.check_output(output, [video], overwrite, ".safetensors")
    with options.run.open(progress) as run:
        with run.timer.stage("landmarks"), _name_video(video):
            speech = VideoSpeech(media.probe(video))
            check_sound(speech)
            lips = find_person(speech.info, options.landmarks, run).face.lips
        base = BaseModel.load(lip_model.weights_path(options.lips))
        with _name_video(video):
            return _adapt(speech, lips, base, options.tuning, output, run)


def choose_weights(
    speech: VideoSpeech, lips: LipTrack, options: RenderOptions, run: RunContext
) -> Choice:
    """The speech model for a render of this target, adapted if wanted and possible.

    Args:
        speech: the target's own.
        lips: the speaker's, at a regular rate.

    Raises:
        WeightsError: weights that the options name cannot be used.
    """
    path, wanted = lip_model.weights_path(options.lips), options.adapt.adapt
    if wanted == "never":
        line = "not adapted: never was asked for"
        return Choice(path, LipLSTM.load(path, run.device), line)
    if wanted != "auto":
        weights = Path(wanted).expanduser()
        model = LipLSTM.load(weights, run.device)
        return Choice(weights, model, f"adapted beforehand: {weights.name}")
    base = BaseModel.load(path)  # missing or damaged weights are no reason to go on without
    folder = _adapted_folder(speech, lips, base, options.tuning, run)
    adapted = folder / "person.safetensors"
    line = json.loads((folder / "line.json").read_text("utf-8"))
    if adapted.is_file():
        return Choice(adapted, LipLSTM.load(adapted, run.device), line)
    return Choice(path, base.network.to(run.device), line)


def describe_result(result: AdaptResult) -> str:
    """The figures of an adaptation, for a line of text."""
    lag = f", sound moved by {-result.lag_ms:+.0f} ms" if result.lag_ms else ""
    return (
        f"r_open {result.r_open_before:.2f} → {result.r_open:.2f} on held-out footage, "
        f"{result.speech_s:.0f} s of speech{lag}"
    )


def _adapted_folder(
    speech: VideoSpeech, lips: LipTrack, base: BaseModel, options: TuneOptions, run: RunContext
) -> Path:
    """The cache entry of an adaptation: `line.json` and, if it helped, `person.safetensors`."""

    def make(folder: Path) -> None:
        try:
            weights = folder / "person.safetensors"
            result = _adapt(speech, lips, base, options, weights, run)
            line = f"adapted to the target's own speech: {describe_result(result)}"
        except InputError as error:
            line = f"not adapted: {error}"
        (folder / "line.json").write_text(json.dumps(line), "utf-8")

    key = {
        "target": hash_file(speech.info.path),
        "lips": hash_array(lips.points),
        "base": hash_file(base.path),
        "options": asdict(options),
    }
    code = digest_code(collect_training_data.__module__, fine_tune.__module__, alone=(__name__,))
    return run.cache.folder("person", key, make, code=code)


def _adapt(
    speech: VideoSpeech,
    lips: LipTrack,
    base: BaseModel,
    options: TuneOptions,
    output: Path,
    run: RunContext,
) -> AdaptResult:
    """Write adapted weights, or raise AdaptError with what speaks against them."""
    model = copy.deepcopy(base.network)
    with run.timer.stage("sound"):
        data = collect_training_data(model, speech, lips, options)
    with run.timer.stage("tuning"):
        tuning = fine_tune(model, data, options, run.progress)
    before, after = tuning.before, tuning.after
    if not tuning.better:
        raise AdaptError(
            f"adapting did not help on held-out footage (r_open {before.r_open:.3f} "
            f"→ {after.r_open:.3f}, error {before.rmse:.4f} → {after.rmse:.4f}); nothing is kept"
        )
    _write_meta(model, speech, base, tuning, data)
    with atomic_write(output) as temporary, os_errors_as_output_errors(output):
        model.save(temporary)
    return AdaptResult(
        output=output,
        speech_s=round(data.speech_s, 2),
        lag_ms=round(data.lag_s * 1000, 1),
        r_open_before=before.r_open,
        r_open=after.r_open,
        rmse_before=before.rmse,
        rmse=after.rmse,
        steps=tuning.steps,
        seconds=run.seconds,
    )


def _write_meta(
    model: LipLSTM,
    speech: VideoSpeech,
    base: BaseModel,
    tuning: FineTuningResult,
    data: TrainingData,
) -> None:
    """Record in the weights what they are."""
    used = {"speech_s": round(data.speech_s, 2), "lag_s": round(data.lag_s, 4)}
    path = speech.info.path
    model.meta = {
        **model.meta,
        "name": f"{model.meta.get('name', base.path.stem)} adapted to {path.name}",
        "adapted_from": hash_file(base.path),
        "adapted_to": {"name": path.name, "sha256": hash_file(path)},
        "adaptation": {**asdict(tuning), **used},
    }


@contextmanager
def _name_video(video: Path) -> Iterator[None]:
    """Name the file that an AdaptError is about."""
    try:
        yield
    except AdaptError as error:
        raise AdaptError(f"{video}: {error}") from None
