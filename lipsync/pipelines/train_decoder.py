"""Train a decoder of a person's mouth from their footage.

footage ─ landmarks → mouth bank ─ leave-one-out medians beside the truth → train → weights
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lipsync import media
from lipsync._version import __version__
from lipsync.errors import MouthError
from lipsync.learning import run_state
from lipsync.learning.mouth_decoder.options import LearnOptions
from lipsync.learning.mouth_decoder.pairs import Pairs, PairSource, choose_canvas, write_pairs
from lipsync.learning.mouth_decoder.run import (
    DecoderData,
    Log,
    TrainedDecoder,
    curve_path,
    state_path,
    train_decoder,
)
from lipsync.learning.mouth_decoder.trainer import HeldOutMetrics
from lipsync.mouth.bank.footage import Footage
from lipsync.mouth.texture import TextureOptions
from lipsync.options import MouthOptions
from lipsync.pipelines import outputs
from lipsync.pipelines.arguments import as_options, as_place
from lipsync.pipelines.person import Person, find_person, gather_footage
from lipsync.report.results import MouthResult
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors
from lipsync.runtime.code_digest import digest_code
from lipsync.runtime.context import RunContext
from lipsync.runtime.hashing import hash_array, hash_file
from lipsync.speech.features import PHONES
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import FootageAppearance, MouthBank, Progress, as_path

LEAST_S = 6.0  # of footage with the face in view


def train_mouth(
    video: str | Path,
    output: str | Path | None = None,
    *,
    options: MouthOptions | Mapping[str, Any] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    tell: Log | None = None,
) -> MouthResult:
    """Train a decoder of the mouth of the person in `video`, for `--texture decoder`.

    Args:
        video: footage of the person, usually the target itself; `options.footage.reference` adds
            more.
        output: a .safetensors file; default: the video's name with `.mouth.safetensors`.
        resume: continue an earlier run to the same output that was stopped.
        tell: called with a line of text for every report.

    Raises:
        MouthError: the footage is a picture, or too short.
        LipsyncError: anything else that the caller can mend.
        KeyboardInterrupt: stopped; the text says how to resume.
    """
    options, video = as_options(options, MouthOptions), as_path(video, "video")
    output = as_place(output, "output") or video.with_name(f"{video.stem}.mouth.safetensors")
    references = [Path(name).expanduser() for name in options.footage.reference]
    outputs.check_output(output, [video, *references], overwrite, ".safetensors")
    with options.run.open(progress) as run:
        material = collect_material(video, options, run)
        with run.timer.stage("pairs"):
            data, folder = make_pairs(material, options, run)
        with run.timer.stage("learn"):
            trained = train_decoder(data, options.learn, output, run.device, resume, progress, tell)
        trained.network.meta = _describe_weights(data, options.learn, trained)
        with atomic_write(output) as temporary, os_errors_as_output_errors(output):
            trained.network.save(temporary)
        state_path(output).unlink(missing_ok=True)
        run.cache.discard(folder)  # hundreds of megabytes, needed no more
        return _describe_result(output, data, trained, run)


@dataclass(frozen=True, eq=False)
class DecoderMaterial:
    """What a decoder is trained from."""

    person: Person
    footage: Footage
    bank: MouthBank  # as a render would collect it
    appearance: FootageAppearance

    @property
    def seconds(self) -> float:
        """Of footage in which the mouth is usable."""
        return float((self.bank.quality > 0).sum()) / float(self.footage.face.fps)


def collect_material(video: Path, options: MouthOptions, run: RunContext) -> DecoderMaterial:
    """The person's footage, and the bank that a render would make of it.

    Raises:
        MouthError: the footage is a picture, or too short.
        NoFaceError: it shows no face.
    """
    with run.timer.stage("landmarks"):
        info = media.probe(video)
        if info.still:
            raise MouthError(f"{video}: a picture does not move; give footage of the person")
        person = find_person(info, options.landmarks, run)
        references = options.footage.reference
        footage = gather_footage(person, VideoSpeech(info), references, options.landmarks, run)
    with run.timer.stage("mouth bank"):
        model = LipLSTM.load(LipOptions())
        bank, appearance = footage.collect_bank(options.bank, run.cache, model)
    material = DecoderMaterial(person, footage, bank, appearance)
    if material.seconds < LEAST_S:
        raise MouthError(
            f"{video}: {material.seconds:.1f} s of footage with the mouth in view; "
            f"{LEAST_S:g} s are needed, a minute or more is better (--reference adds some)"
        )
    return material


def make_pairs(
    material: DecoderMaterial, options: MouthOptions, run: RunContext
) -> tuple[DecoderData, Path]:
    """Draw leave-one-out medians beside the truth: the training data, and its cache folder."""
    footage, bank = material.footage, material.bank
    canvas = choose_canvas(bank, options.learn.mouth_size)

    def make(folder: Path) -> None:
        source = PairSource(
            bank, material.appearance, footage.face, TextureOptions(), canvas, PHONES
        )
        write_pairs(folder, source, options.learn.pairs, run.progress)

    key = {
        "footage": footage.digest,
        "track": hash_array(footage.face.track.points),
        "bank": asdict(options.bank),
        "heard": bank.phones is not None,
        "size": canvas.size,
        "pairs": options.learn.pairs,
    }
    folder = run.cache.folder("pairs", key, make, code=digest_code(write_pairs.__module__))
    files = [video.info.path for video in footage.videos]
    data = DecoderData(
        pairs=Pairs.load(folder),
        seconds=material.seconds,
        source={
            "files": [{"name": path.name, "sha256": hash_file(path)} for path in files],
            "landmarks": footage.face.scheme.name,
        },
        digest=hashlib.sha256(repr(sorted(key.items())).encode()).hexdigest(),
        thumbnails=material.person.thumbnails,
    )
    return data, folder


def _describe_weights(
    data: DecoderData, options: LearnOptions, trained: TrainedDecoder
) -> dict[str, Any]:
    """What the weights say of themselves."""
    metrics = {"median": trained.before, "decoder": trained.after}
    return {
        "name": f"mouth of {data.source['files'][0]['name']}",
        "description": "decoder of one person's mouth, for lipsync render --texture decoder",
        "version": __version__,
        "licence": options.licence,
        "footage": data.source,
        "footage_s": round(data.seconds, 2),
        "steps": trained.progress.step,
        "training": run_state.as_plain_values(options),
        "held_out": {
            name: {k: round(v, 4) for k, v in asdict(one).items()} for name, one in metrics.items()
        },
    }


def _describe_result(
    output: Path, data: DecoderData, trained: TrainedDecoder, run: RunContext
) -> MouthResult:
    before, after, progress = trained.before, trained.after, trained.progress
    return MouthResult(
        output=output,
        curve=curve_path(output),
        footage_s=round(data.seconds, 2),
        pairs=len(data.pairs),
        steps=progress.step,
        minutes=round(progress.minutes, 2),
        psnr_before=round(before.psnr, 2),
        psnr=round(after.psnr, 2),
        ssim_before=round(before.ssim, 4),
        ssim=round(after.ssim, 4),
        sharpness_before=round(before.sharpness, 3),
        sharpness=round(after.sharpness, 3),
        warnings=(*_warnings(before, after), *run.cache.take_warnings()),
        seconds=run.seconds,
    )


def _warnings(before: HeldOutMetrics, after: HeldOutMetrics) -> list[str]:
    if after.psnr >= before.psnr and after.ssim >= before.ssim:
        return []
    return [
        f"on held-out footage the decoder is no better than the median ({before.psnr:.2f} → "
        f"{after.psnr:.2f} dB, SSIM {before.ssim:.4f} → {after.ssim:.4f}); more footage helps"
    ]
