"""`lipsync doctor`."""

from __future__ import annotations

import sys

from lipsync.cli.console import print_out, show_progress
from lipsync.cli.parameters import AsJson
from lipsync.pipelines.doctor import diagnose
from lipsync.report.health import DoctorResult
from lipsync.report.results import as_text


def doctor_command(*, device: str = "cpu", timing: bool = True, as_json: AsJson = False) -> None:
    """Check the installation and the machine, and say what to do about what is not right.

    Exit codes: 0 all is right; 1 something is not.

    Parameters
    ----------
    device:
        Where networks are to run: cpu, cuda, …
    timing:
        Also time every stage, on one second of the bundled sample.
    """
    with show_progress() as progress:
        result = diagnose(device=device, timing=timing, progress=progress)
    print_out(as_text(result) if as_json else "\n".join(describe_health(result)))
    if not result.right:
        sys.exit(1)


def describe_health(result: DoctorResult) -> list[str]:
    """The findings in a line each, then what to do."""
    lines = [
        f"{'ok' if check.right else 'WRONG':>5}  {check.name:<23} {check.found}"
        for check in result.checks
    ]
    if result.speeds:
        lines.append("one second of the sample:")
        lines += [
            f"       {speed.stage:<23} {speed.seconds:.2f} s, {speed.factor:.3g} × real time"
            for speed in result.speeds
        ]
    wrong = [check for check in result.checks if not check.right]
    lines += [f"to do: {check.name}: {check.remedy}" for check in wrong]
    return [*lines, f"{len(wrong)} to do" if wrong else "all is right"]
