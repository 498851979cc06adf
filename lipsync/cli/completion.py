"""`lipsync completion`."""

from __future__ import annotations

import re
import sys
from typing import Literal

from lipsync.cli.app import app
from lipsync.cli.console import print_line, print_out

# Where each shell looks for the script of a command without being told.
PLACES = {
    "bash": "~/.local/share/bash-completion/completions/lipsync",
    "zsh": "~/.zfunc/_lipsync",
    "fish": "~/.config/fish/completions/lipsync.fish",
}
NOTES = {"zsh": ", with fpath+=~/.zfunc before compinit in ~/.zshrc"}


def completion_command(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the script by which a shell completes commands, options and what they take.

    Put it where the shell finds it, and open another shell:

        lipsync completion bash > ~/.local/share/bash-completion/completions/lipsync
        lipsync completion zsh > ~/.zfunc/_lipsync
        lipsync completion fish > ~/.config/fish/completions/lipsync.fish

    zsh needs the line fpath+=~/.zfunc before compinit in ~/.zshrc.

    Parameters
    ----------
    shell:
        The shell that is to read it.
    """
    print_out(write_script(shell).rstrip("\n"))
    if sys.stdout is not None and sys.stdout.isatty():
        place = f"{PLACES[shell]}{NOTES.get(shell, '')}"
        print_line(f"to use it: lipsync completion {shell} > {place}", "yellow")


def write_script(shell: Literal["bash", "zsh", "fish"]) -> str:
    """The script for a shell, of all commands as they are now."""
    text = app.generate_completion(prog_name="lipsync", shell=shell)
    # Many options take a file or a word (--output, --teeth): files are completed for them, too.
    if shell == "bash":
        # By the shell itself, which knows what to do about spaces in their names.
        text = text.replace('COMPREPLY=( $(compgen -f -- "${cur}") )', "COMPREPLY=()")
        text = text.replace("\ncomplete -F ", "\ncomplete -o bashdefault -o default -F ")
    if shell == "zsh":
        # zsh takes a function from the file of its name, and everybody names it _COMMAND.
        text = text.replace("_cyclopts_lipsync", "_lipsync")
        text = re.sub(r"(?m)(\]:[\w-]+)(['\"] \\)$", r"\1:_files\2", text)
    return text
