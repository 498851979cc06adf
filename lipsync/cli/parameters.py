"""Parameters that several commands share, with their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

# "-" must reach the commands: it means stdin or stdout, or is refused with a better message.
VideoFile = Annotated[Path, Parameter(alias="-v", allow_leading_hyphen=True)]
SoundFile = Annotated[Path | None, Parameter(alias="-a", allow_leading_hyphen=True)]
OutputName = Annotated[str | None, Parameter(alias="-o", allow_leading_hyphen=True)]
OutputFile = Annotated[Path | None, Parameter(alias="-o")]
OptionsFile = Annotated[
    Path | None,
    Parameter(help="A YAML file of options; the command line takes precedence."),
]
AsJson = Annotated[
    bool,
    Parameter(name="--json", negative="", help="Print the result as one JSON object on stdout."),
]
Flag = Annotated[bool, Parameter(negative="")]
Overwrite = Annotated[bool, Parameter(negative="", help="Replace the output if it exists.")]
