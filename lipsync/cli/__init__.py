"""The command line.

app            The command line: parse → options → one call of the API → message and exit code
console        What is said to whoever runs a command: on stderr, stdout is for results
face_commands  The commands of the face swap: `lipsync swap` and `lipsync faces extract`
"""

from __future__ import annotations

from lipsync.cli.app import (
    main,
)

__all__ = [
    "main",
]
