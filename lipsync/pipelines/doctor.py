"""Look over an installation and its machine, and time every stage on one second of the sample."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.media import ffmpeg_binary
from lipsync.options import RenderOptions
from lipsync.pipelines.doctor_checks import INSTALL_AGAIN, run_checks
from lipsync.pipelines.render import render
from lipsync.report.health import Check, DoctorResult, StageSpeed
from lipsync.runtime.checkpoint import asset_path
from lipsync.runtime.locked_folder import temporary_folder
from lipsync.types import Progress

TARGET, SPEECH = "sample/target.mp4", "sample/speech.wav"
SECOND = 1.0
# What is timed, and which stages of a render it is made of.
STAGES = {
    "landmarks": ("landmarks",),
    "speech features": ("features",),
    "lips": ("lips",),
    "mouth bank": ("mouth bank", "teeth rows"),
    "texture and composite": ("texture", "teeth", "composite", "watermark"),
    "decode": ("decode",),
    "encode": ("encode", "marks"),
}


def diagnose(
    *, device: str = "cpu", timing: bool = True, progress: Progress | None = None
) -> DoctorResult:
    """Check all that a render needs, and say what to do about what is not right.

    Nothing is written but temporary files.

    Args:
        device: where networks are to run.
        timing: also render one second of the bundled sample, to time the stages.
        progress: called with (stage, done, total).
    """
    checks = run_checks(device)
    speeds: tuple[StageSpeed, ...] = ()
    if timing:
        try:
            speeds = time_stages(device, progress)
        except LipsyncError as error:
            checks.append(Check("sample", str(error), "see the lines above"))
        except Exception as error:
            checks.append(Check("sample", f"{type(error).__name__}: {error}", INSTALL_AGAIN))
    return DoctorResult(
        right=all(check.right for check in checks),
        checks=tuple(checks),
        speeds=speeds,
        real_time={speed.stage: round(speed.factor, 2) for speed in speeds},
    )


def time_stages(device: str, progress: Progress | None = None) -> tuple[StageSpeed, ...]:
    """Seconds per stage for one second of the sample, all made anew, libraries loaded before.

    Raises:
        LipsyncError: the sample is missing, or cannot be rendered.
    """
    with temporary_folder("lipsync-doctor-") as folder:
        target = _first_second(asset_path(TARGET), folder / "target.mp4")
        speech = _first_second(asset_path(SPEECH), folder / "speech.wav")
        options = RenderOptions.of(
            device=device, cache=False, adapt="never", timing="cut", content_credentials=False
        )
        seconds: dict[str, float] = {}
        for i in range(2):  # the first one loads libraries and weights
            output = folder / f"out{i}.mp4"
            seconds = render(speech, target, output, options=options, progress=progress).seconds
    return tuple(
        StageSpeed(stage, round(sum(seconds.get(one, 0.0) for one in parts) / SECOND, 4))
        for stage, parts in STAGES.items()
    )


def _first_second(source: Path, place: Path) -> Path:
    command = [ffmpeg_binary(), "-nostdin", "-v", "error", "-y", "-i", str(source)]
    command += ["-t", str(SECOND), "-c", "copy", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise LipsyncError(f"{source}: ffmpeg cannot cut it ({error})") from None
    return place
