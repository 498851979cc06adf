"""The target's own speech → a speech model of its own.

    target ─ sound, lips → in sync? enough? → tune → better on held-out footage? → weights

Whatever speaks against it is said in one line: `adapt` raises it, a render goes on without.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import AdaptError, InputError, NoFaceError
from lipsync.face import landmarks, tracked_face
from lipsync.learning.fine_tuning import Lesson, TuneOptions, Tuning, blocks, tune
from lipsync.options import PersonOptions, RenderOptions
from lipsync.pipelines import outputs
from lipsync.report.results import AdaptResult
from lipsync.runtime import atomic
from lipsync.runtime.cache import Cache
from lipsync.runtime.hashing import sha256
from lipsync.runtime.timer import Clock
from lipsync.speech import audio, av_sync, features, lip_model, vad
from lipsync.speech.av_sync import LAG_LEAST_S, LAG_MOST_S, LEAST_R
from lipsync.speech.lip_model import LipLSTM
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import LipTrack, Progress, VideoInfo

VERSION = 1  # of the procedure; kept results of another one are not used
# A stretch of 2 s that fits this badly is not spoken by this mouth: none of 68 right ones is (the
# worst has 0.37), of another voice's a third to three quarters.
MISFIT_R, MISFITS_MOST = 0.2, 0.1
# Beside speech the mouth is learnt from too: how it rests between sentences, opens and closes.
AROUND_S = 1.0
MOST_S = 150.0  # of speech to learn from: more does not make the same steps better


@dataclass(frozen=True)
class Choice:
    """Which weights a render uses, and what was done about adaptation, in one line."""

    weights: Path
    line: str


def adapt(
    video: str | Path,
    output: str | Path | None = None,
    *,
    options: PersonOptions | None = None,
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
    options, video = options or PersonOptions(), Path(video)
    output = Path(output) if output else video.with_name(f"{video.stem}.person.safetensors")
    outputs.check_output(output, [video], overwrite, ".safetensors")
    clock = Clock()
    with Cache(Cache.default_root() if options.run.cache else None) as cache:
        with clock.stage("landmarks"), _about(video):
            info = media.probe(video)
            _own_sound(info)
            device = options.run.device
            track = landmarks.track_video(info, options.landmarks, cache, device, progress)
            if not track.found.any():
                raise NoFaceError(f"{video}: no face was found in its {len(track)} frames")
            lips = tracked_face.lips(track, tracked_face.align(track))
        base = lip_model.path_of(options.lips)
        with _about(video):
            return _adapt(info, lips, base, options.tuning, output, clock, progress)


def choose(
    info: VideoInfo,
    lips: LipTrack,
    options: RenderOptions,
    cache: Cache,
    progress: Progress | None = None,
) -> Choice:
    """The weights for a render of this target, adapted if it is wanted and can be done.

    Raises:
        WeightsError: weights that the options name cannot be used.
    """
    base = lip_model.path_of(options.lips)
    if options.adapt.adapt == "never":
        return Choice(base, "not adapted: never was asked for")
    if options.adapt.adapt != "auto":
        weights = Path(options.adapt.adapt).expanduser()
        return Choice(weights, f"adapted beforehand: {weights.name}")
    LipLSTM.load(base)  # weights that are missing or damaged are no reason to go on without

    def make(folder: Path) -> None:
        try:
            clock = Clock()
            weights = folder / "person.safetensors"
            result = _adapt(info, lips, base, options.tuning, weights, clock, progress)
            line = f"adapted to the target's own speech: {described(result)}"
        except InputError as error:
            line = f"not adapted: {error}"
        (folder / "line.json").write_text(json.dumps(line))

    key = {
        "procedure": VERSION,
        "target": sha256(info.path),
        "lips": hashlib.sha256(lips.points.tobytes()).hexdigest(),
        "base": sha256(base),
        "options": asdict(options.tuning),
    }
    folder = cache.folder("person", key, make)
    weights = folder / "person.safetensors"
    line = json.loads((folder / "line.json").read_text())
    return Choice(weights if weights.is_file() else base, line)


def described(result: AdaptResult) -> str:
    """The figures of an adaptation, for a line of text."""
    lag = f", sound moved by {-result.lag_ms:+.0f} ms" if result.lag_ms else ""
    return (
        f"r_open {result.r_open_before:.2f} → {result.r_open:.2f} on held-out footage, "
        f"{result.speech_s:.0f} s of speech{lag}"
    )


def _adapt(
    info: VideoInfo,
    lips: LipTrack,
    base: Path,
    options: TuneOptions,
    output: Path,
    clock: Clock,
    progress: Progress | None,
) -> AdaptResult:
    """Write adapted weights, or raise what speaks against them."""
    model = LipLSTM.load(base)
    with clock.stage("sound"):
        lesson = prepare(model, info, lips, options)
    with clock.stage("tuning"):
        tuning = tune(model, lesson, options, progress)
    before, after = tuning.before, tuning.after
    if not tuning.better:
        raise AdaptError(
            f"adapting did not help on held-out footage (r_open {before.r_open:.3f} "
            f"→ {after.r_open:.3f}, error {before.rmse:.4f} → {after.rmse:.4f}); nothing is kept"
        )
    _name(model, info, base, tuning, lesson)
    with _written(output) as temporary:
        model.save(temporary)
    return AdaptResult(
        output=output,
        speech_s=round(lesson.speech_s, 2),
        lag_ms=round(lesson.lag_s * 1000, 1),
        r_open_before=before.r_open,
        r_open=after.r_open,
        rmse_before=before.rmse,
        rmse=after.rmse,
        steps=tuning.steps,
        seconds=_rounded(clock),
    )


def prepare(model: LipLSTM, info: VideoInfo, lips: LipTrack, options: TuneOptions) -> Lesson:
    """What the target's own speech can teach, its sound in time with the picture.

    Raises:
        AdaptError: too little speech, somebody else's, or too far off.
        AudioError: no sound to speak of.
    """
    _own_sound(info)
    wave = audio.load(info.path, media.sound_skipped(info))
    speech = vad.listen(wave)
    n, rate = len(lips), float(lips.rate)
    times = np.arange(n) / rate
    known = np.isfinite(lips.points).all((1, 2))
    speaking = speech.at(times)
    speech_s = float((speaking & known).sum()) / rate
    if speech_s < options.adapt_speech:
        raise AdaptError(
            f"{speech_s:.1f} s of speech with the face in view; "
            f"{options.adapt_speech:g} s are needed to adapt"
        )
    heard = features.extract(wave, model.spec)
    profile = LipProfile.of(lips)
    predicted = lip_model.predict(model, heard, profile, lips.rate, n)
    lag_s = in_sync(av_sync.fit(lips.opening, predicted.opening, rate, speaking))
    around = vad.Speech(speech.spans + np.array([-AROUND_S, AROUND_S]))
    usable = around.at(times + lag_s) & known
    usable &= np.cumsum(usable) <= MOST_S * rate
    end = int(np.flatnonzero(usable)[-1]) + 1
    learn, held = blocks(usable[:end], rate)
    steps = int((end / rate + lag_s) * heard.rate) + 100
    heard = replace(heard, values=heard.values[:steps], start=heard.start - lag_s)
    seen = LipTrack(lips.points[:end], lips.rate)
    return Lesson(heard, seen, profile, learn, held, speech_s, lag_s)


def in_sync(fit: av_sync.Fit) -> float:
    """How late the sound is, in seconds, where that can be corrected; 0 where it is not worth it.

    Raises:
        AdaptError: sound and lips do not belong together, or are too far apart.
    """
    if not fit.r >= LEAST_R:
        raise AdaptError(
            f"the lips do not say what is heard (correlation {fit.r:.2f}, "
            f"{LEAST_R} is needed): another voice, music, or sound far off its picture"
        )
    if abs(fit.lag_s) > LAG_MOST_S:
        raise AdaptError(
            f"its sound is {abs(fit.lag_s) * 1000:.0f} ms "
            f"{'late' if fit.lag_s > 0 else 'early'}; up to 200 ms is corrected"
        )
    misfits = int((fit.stretches < MISFIT_R).sum())
    if misfits > MISFITS_MOST * len(fit.stretches):
        raise AdaptError(
            f"in {misfits} of {len(fit.stretches)} stretches of speech the lips do "
            "not say what is heard: more than one voice"
        )
    return fit.lag_s if abs(fit.lag_s) >= LAG_LEAST_S else 0.0


def _own_sound(info: VideoInfo) -> None:
    if info.still or not info.has_audio:
        raise AdaptError("the target has no sound of its own")


def _name(model: LipLSTM, info: VideoInfo, base: Path, tuning: Tuning, lesson: Lesson) -> None:
    """Say in the weights what they are."""
    used = {"speech_s": round(lesson.speech_s, 2), "lag_s": round(lesson.lag_s, 4)}
    model.meta = {
        **model.meta,
        "name": f"{model.meta.get('name', base.stem)} adapted to {info.path.name}",
        "adapted_from": sha256(base),
        "adapted_to": {"name": info.path.name, "sha256": sha256(info.path)},
        "adaptation": {**asdict(tuning), **used},
    }


@contextmanager
def _about(video: Path) -> Iterator[None]:
    """Name the file that an AdaptError is about."""
    try:
        yield
    except AdaptError as error:
        raise AdaptError(f"{video}: {error}") from None


@contextmanager
def _written(output: Path) -> Iterator[Path]:
    with atomic.whole(output) as temporary, atomic.refusals(output):
        yield temporary


def _rounded(clock: Clock) -> dict[str, float]:
    return {name: round(value, 3) for name, value in clock.seconds.items()}
