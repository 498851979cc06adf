"""The command line: one module per command.

adapt          `lipsync adapt`
app            the commands together, --options files, messages and exit codes
batch          `lipsync batch`
cache          `lipsync cache info`, `prune` and `clear`
completion     `lipsync completion`
console        progress, warnings and results
demo           `lipsync demo`
doctor         `lipsync doctor`
dry_run        what `lipsync render --dry-run` prints
faces          `lipsync faces extract`
inspect        `lipsync inspect`
marks          `lipsync marks verify` and `lipsync marks certificate`
parameters     parameters that several commands share
render         `lipsync render`
serve          `lipsync serve`
shards         `lipsync plan`, `lipsync shard` and `lipsync join`
swap           `lipsync swap`
train_decoder  `lipsync train-mouth`
ui             `lipsync ui`
"""

from __future__ import annotations

from collections.abc import Sequence

from lipsync.runtime.interrupt import exit_on_signals


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    with exit_on_signals():  # the commands bring large libraries, which take seconds to load
        from lipsync.cli.app import main as run
    run(arguments)


__all__ = ["main"]
