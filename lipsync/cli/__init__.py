"""The command line: one module per command.

adapt          `lipsync adapt`
app            the commands together, --options files, messages and exit codes
console        progress, warnings and results
faces          `lipsync faces extract`
inspect        `lipsync inspect`
marks          `lipsync marks verify` and `lipsync marks certificate`
parameters     parameters that several commands share
render         `lipsync render`
swap           `lipsync swap`
train_decoder  `lipsync train-mouth`
"""

from __future__ import annotations

from lipsync.cli.app import main

__all__ = ["main"]
