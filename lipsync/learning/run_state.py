"""`state.pt`: all that a stopped run needs to go on, written whole or not at all."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from lipsync.errors import OptionsError, OutputError, WeightsError

# What a resumed run may be given anew; everything else would make another run of it.
FREE = frozenset(("description", "licence", "epochs", "precision", "report_every_epochs"))


def plain(options: Any) -> dict[str, Any]:
    """The options as a YAML file would hold them."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(options)))  # tuples → lists
    return values


def store(path: Path, state: dict[str, Any], options: Any) -> None:
    """Write a run's state in place of the one before."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        torch.save({**state, "options": plain(options)}, partial)
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch's own writer reports a full disk so
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise OutputError(f"{path}: cannot be written ({reason}); free some space") from error
    finally:
        partial.unlink(missing_ok=True)


def restore(path: Path, options: Any, free: frozenset[str] = FREE) -> dict[str, Any] | None:
    """A run's state, its tensors on the CPU; None: there is none yet.

    Args:
        options: of the run, a dataclass.
        free: those that may differ from the state's.

    Raises:
        WeightsError: the file is damaged.
        OptionsError: it belongs to a run with other options.
    """
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError):
        raise WeightsError(f"{path}: damaged; delete it to train from the start") from None
    then, now = state.get("options", {}), plain(options)
    for key in sorted(then.keys() & now.keys() - free):
        if then[key] != now[key]:
            raise OptionsError(
                f"{path}: {key} was {then[key]}, is {now[key]}; resume with the options of the "
                "run, or train from the start without --resume"
            )
    return state


def random_state(device: torch.device) -> list[torch.Tensor]:
    """Where torch's random numbers (of dropout) stand: on the CPU, and on the GPU if used."""
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return states


def set_random_state(states: list[torch.Tensor], device: torch.device) -> None:
    """Put torch's random numbers where `random_state` found them."""
    torch.set_rng_state(states[0])
    if device.type == "cuda" and len(states) > 1:
        torch.cuda.set_rng_state(states[1], device)
