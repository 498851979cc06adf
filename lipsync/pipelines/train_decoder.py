"""A person's footage → a decoder of their mouth.

    footage ─ landmarks → mouth_bank ─ leave-one-out medians beside the truth → learn → weights

Beside the weights `x.safetensors` lie `x.losses.csv`, the curve, and while it has not come to its
end `x.state.pt`, what a stopped run goes on from.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lipsync import media
from lipsync._version import __version__
from lipsync.errors import MouthError, NoFaceError, OptionsError
from lipsync.face import landmarks
from lipsync.learning import metrics_log, run_state
from lipsync.learning.mouth_decoder.early_stopping import Course, fit, split
from lipsync.learning.mouth_decoder.options import LearnOptions
from lipsync.learning.mouth_decoder.pairs import Pairs, canvas_for, write
from lipsync.learning.mouth_decoder.trainer import Figures, MouthLearner, fresh
from lipsync.mouth.bank import mouth_bank
from lipsync.mouth.bank.footage import Footage
from lipsync.mouth.decoder.network import DecoderDims, MouthDecoder
from lipsync.mouth.texture import TextureOptions
from lipsync.options import MouthOptions
from lipsync.pipelines import outputs, person
from lipsync.report.results import MouthResult
from lipsync.runtime import atomic
from lipsync.runtime.cache import Cache
from lipsync.runtime.hashing import sha256
from lipsync.runtime.interrupt import stopping
from lipsync.runtime.timer import Clock
from lipsync.speech import lip_model
from lipsync.speech.features import PHONES
from lipsync.types import F32, MouthBank, Progress

VERSION = 1  # of the pairs
LEAST_S = 6.0  # of footage with the face in view
FREE = frozenset(("patience", "licence"))  # what a resumed run may be given anew

Tell = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Lesson:
    """All that one person's footage teaches."""

    pairs: Pairs
    seconds: float  # of footage in which the mouth is usable
    source: dict[str, Any]  # what weights say of the footage
    digest: str  # changes with the footage and with how pairs are made
    looks: list[F32]  # thumbnails of the person


def train_mouth(
    video: str | Path,
    output: str | Path | None = None,
    *,
    options: MouthOptions | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    tell: Tell | None = None,
) -> MouthResult:
    """Train a decoder of the mouth of the person in `video`, for `--texture decoder`.

    Args:
        video: footage of the person, usually the target itself; `options.footage.reference` adds
            more.
        output: a .safetensors file; default: the video's name with `.mouth.safetensors`.
        resume: go on from where an earlier run to the same output was stopped.
        tell: is told a line of text with every report.

    Raises:
        MouthError: the footage is a picture, or too short.
        LipsyncError: anything else that the caller can mend.
        KeyboardInterrupt: stopped; the text says how to go on.
    """
    options, video = options or MouthOptions(), Path(video)
    output = Path(output) if output else video.with_name(f"{video.stem}.mouth.safetensors")
    more = [Path(name).expanduser() for name in options.footage.reference]
    outputs.check_output(output, [video, *more], overwrite, ".safetensors")
    clock = Clock()
    with Cache(Cache.default_root() if options.run.cache else None) as cache:
        gathered, bank, looks = _footage(video, options, cache, clock, progress)
        with clock.stage("pairs"):
            lesson, folder = _lesson(gathered, bank, looks, options, cache, progress)
        with clock.stage("learn"):
            before, after, course, network = learned(
                lesson, options.learn, output, options.run.device, resume, progress, tell
            )
        network.meta = _meta(lesson, options.learn, before, after, course)
        with atomic.whole(output) as temporary, atomic.refusals(output):
            network.save(temporary)
        state_of(output).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)  # hundreds of megabytes, needed no more
    return MouthResult(
        output=output,
        curve=curve_of(output),
        footage_s=round(lesson.seconds, 2),
        pairs=len(lesson.pairs),
        steps=course.step,
        minutes=round(course.minutes, 2),
        psnr_before=round(before.psnr, 2),
        psnr=round(after.psnr, 2),
        ssim_before=round(before.ssim, 4),
        ssim=round(after.ssim, 4),
        sharpness_before=round(before.sharpness, 3),
        sharpness=round(after.sharpness, 3),
        warnings=tuple(_warnings(before, after)),
        seconds={name: round(value, 3) for name, value in clock.seconds.items()},
    )


def state_of(output: Path) -> Path:
    """Where a run that is to end in `output` keeps what it goes on from."""
    return output.with_suffix(".state.pt")


def curve_of(output: Path) -> Path:
    """Where it writes its reports."""
    return output.with_suffix(".losses.csv")


def learned(
    lesson: Lesson,
    options: LearnOptions,
    output: Path,
    device: str = "cpu",
    resume: bool = False,
    progress: Progress | None = None,
    tell: Tell | None = None,
) -> tuple[Figures, Figures, Course, MouthDecoder]:
    """Train: held-out figures of the input and of the result, how it went, the decoder.

    Raises:
        OptionsError: the state to go on from belongs to other options or other footage.
        KeyboardInterrupt: stopped; the state is kept.
    """
    pairs, state_file = lesson.pairs, state_of(output)
    learn, held = split(pairs)
    size = pairs.true.shape[2]
    dims = DecoderDims(size, options.mouth_width, PHONES, refines=options.mouth_input == "median")
    learner = MouthLearner(fresh(pairs, dims, learn, options.seed), options, device)
    course = Course()
    state = run_state.restore(state_file, options, FREE) if resume else None
    if state is not None:
        if state["lesson"] != lesson.digest:
            raise OptionsError(
                f"{state_file}: of a run on other footage; train from the start without --resume"
            )
        learner.load(state)
        course = Course(**state["course"])
    began = time.monotonic() - 60 * course.minutes

    def store() -> None:
        course.minutes = (time.monotonic() - began) / 60
        whole = {**learner.state(), "course": asdict(course), "lesson": lesson.digest}
        run_state.store(state_file, whole, options)

    def report(course: Course, means: dict[str, float], figures: Figures) -> None:
        course.minutes = (time.monotonic() - began) / 60
        held_out = {f"held_{name}": value for name, value in asdict(figures).items()}
        row = {"step": float(course.step), "minutes": round(course.minutes, 2), **means, **held_out}
        metrics_log.append(curve_of(output), row)
        if tell is not None:
            tell(
                f"step {course.step} of {options.steps}, {course.minutes:.1f} min: held out "
                f"{figures.psnr:.2f} dB, SSIM {figures.ssim:.4f}, sharpness {figures.sharpness:.2f}"
            )

    before = learner.judge_held(pairs, held, None)
    if tell is not None:
        tell(
            f"{len(learn)} mouths to learn from, {len(held)} held out; the median: "
            f"{before.psnr:.2f} dB, SSIM {before.ssim:.4f}, sharpness {before.sharpness:.2f}"
        )
    with stopping() as stopped:
        for step in fit(learner, pairs, course, report, stopped.is_set):
            if progress is not None:
                progress("learn", step, options.steps)
            if stopped.is_set() or step % options.report_every == 0:
                store()
        if stopped.is_set() and course.step < options.steps:
            raise KeyboardInterrupt(
                f"stopped after step {course.step} of {options.steps}; --resume goes on from there"
            )
    network = learner.result
    if learner.best is not None:
        network.load_state_dict(learner.best)
    network.eval().requires_grad_(False)
    if lesson.looks:
        network.known = torch.from_numpy(np.stack(lesson.looks)).half()
    return before, learner.judge_held(pairs, held, network), course, network


def _footage(
    video: Path, options: MouthOptions, cache: Cache, clock: Clock, progress: Progress | None
) -> tuple[Footage, MouthBank, list[F32]]:
    """The person's footage, the bank that a render would make of it, and how they look."""
    device = options.run.device
    with clock.stage("landmarks"):
        info = media.probe(video)
        if info.still:
            raise MouthError(f"{video}: a picture does not move; give footage of the person")
        several = options.landmarks.face != "largest"
        faces = landmarks.look_at_video(info, options.landmarks, cache, device, progress, several)
        if not len(faces):
            raise NoFaceError(f"{video}: no face was found in its {faces.count} frames")
        track = landmarks.choose(faces, options.landmarks.face, options.landmarks, device)
        gathered = person.gathered(info, track, faces, options, cache, progress)
    with clock.stage("mouth bank"):
        model = lip_model.LipLSTM.load(lip_model.LipOptions())
        bank = mouth_bank.build(
            gathered.frames(),
            gathered.track,
            gathered.alignment,
            options.bank,
            cache,
            gathered.digest,
            lambda: gathered.said(model),
        )
    seconds = float((bank.quality > 0).sum()) / float(gathered.track.fps)
    if seconds < LEAST_S:
        raise MouthError(
            f"{video}: {seconds:.1f} s of footage with the mouth in view; "
            f"{LEAST_S:g} s are needed, a minute or more is better (--reference adds some)"
        )
    return gathered, bank, landmarks.looks_of(faces, track)


def _lesson(
    gathered: Footage,
    bank: MouthBank,
    looks: list[F32],
    options: MouthOptions,
    cache: Cache,
    progress: Progress | None,
) -> tuple[Lesson, Path]:
    """What the footage teaches, and the folder where its pairs are."""
    canvas = canvas_for(bank, options.learn.mouth_size)

    def make(folder: Path) -> None:
        write(
            folder,
            bank,
            gathered.track,
            gathered.alignment,
            TextureOptions(),
            canvas,
            PHONES,
            options.learn.pairs,
            progress,
        )

    key = {
        "procedure": VERSION,
        "footage": gathered.digest,
        "track": hashlib.sha256(gathered.track.points.tobytes()).hexdigest(),
        "bank": asdict(options.bank),
        "heard": bank.said is not None,
        "size": canvas.size,
        "pairs": options.learn.pairs,
    }
    folder = cache.folder("pairs", key, make)
    source = {
        "files": [{"name": info.path.name, "sha256": sha256(info.path)} for info in gathered.infos],
        "landmarks": gathered.track.scheme.name,
    }
    lesson = Lesson(
        pairs=Pairs.load(folder),
        seconds=float((bank.quality > 0).sum()) / float(gathered.track.fps),
        source=source,
        digest=hashlib.sha256(repr(sorted(key.items())).encode()).hexdigest(),
        looks=looks,
    )
    return lesson, folder


def _meta(
    lesson: Lesson, options: LearnOptions, before: Figures, after: Figures, course: Course
) -> dict[str, Any]:
    """What the weights say of themselves."""
    first = lesson.source["files"][0]["name"]
    return {
        "name": f"mouth of {first}",
        "description": "decoder of one person's mouth, for lipsync render --texture decoder",
        "version": __version__,
        "licence": options.licence,
        "footage": lesson.source,
        "footage_s": round(lesson.seconds, 2),
        "steps": course.step,
        "training": run_state.plain(options),
        "held_out": {
            "median": {k: round(v, 4) for k, v in asdict(before).items()},
            "decoder": {k: round(v, 4) for k, v in asdict(after).items()},
        },
    }


def _warnings(before: Figures, after: Figures) -> list[str]:
    if after.psnr >= before.psnr and after.ssim >= before.ssim:
        return []
    return [
        f"on held-out footage the decoder is no better than the median ({before.psnr:.2f} → "
        f"{after.psnr:.2f} dB, SSIM {before.ssim:.4f} → {after.ssim:.4f}); more footage helps"
    ]
