"""`lipsync marks verify` and `lipsync marks certificate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from lipsync.cli.console import print_line, print_out, show_progress
from lipsync.cli.parameters import AsJson
from lipsync.pipelines.verify_marks import local_root, verify_marks
from lipsync.report.results import MarksResult, as_text

marks = App(name="marks", help="Marks that say what was generated.")

# 2 is an error of the user, as everywhere.
EXIT_CODES = {"valid": 0, "stripped": 3, "absent": 3, "altered": 4}
VERDICTS = {
    "valid": "marks valid",
    "stripped": "marks stripped",
    "absent": "no marks",
    "altered": "marks altered",
}


@marks.command(name="verify")
def verify_command(
    video: Path,
    /,
    *,
    trust: Path | None = None,
    watermark: bool = True,
    face: str = "largest",
    device: str = "cpu",
    cache: bool = True,
    as_json: AsJson = False,
) -> None:
    """Read the marks of a video, or of a folder of PNG pictures, and say whether they hold.

    Exit codes: 0 marks valid (their signer may be untrusted); 3 no marks: stripped, or never there;
    4 marks altered or contradicting each other; 2 the file cannot be read.

    Parameters
    ----------
    video:
        The video or the folder.
    trust:
        Certificates (PEM) of issuers whose signers you trust.
    watermark:
        Look for the watermark too, which takes a while.
    face:
        The face that carries it, as in `lipsync render`.
    device:
        Where networks run: cpu, cuda, …
    cache:
        Keep face tracks on disk.
    """
    with show_progress() as report:
        result = verify_marks(
            video,
            trust=trust,
            watermark=watermark,
            face=face,
            device=device,
            cache=cache,
            progress=report,
        )
    print_out(as_text(result) if as_json else "\n".join(describe_marks(result)))
    if code := EXIT_CODES[result.verdict]:
        sys.exit(code)


@marks.command(name="certificate")
def certificate_command(*, output: Annotated[Path | None, Parameter(alias="-o")] = None) -> None:
    """Print the root of the local certificate (PEM): who trusts it trusts what this machine signs.

    Parameters
    ----------
    output:
        Write it to this file instead.
    """
    place, root = local_root(output)
    print_line(f"the local certificate and its key are in {place}")
    print_out(root.strip() if output is None else output)


def describe_marks(result: MarksResult) -> list[str]:
    """A verdict and a line per mark."""
    record = f", record {result.record}" if result.record else ""
    lines = [f"{result.video}: {VERDICTS[result.verdict]}{record}"]
    return lines + [f"{one.state:>10}  {one.name}: {one.words}" for one in result.marks]
