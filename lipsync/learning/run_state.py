"""Checkpoints of a run (`state.pt`) to resume from, written atomically."""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from lipsync.errors import OptionsError, OutputError, WeightsError
from lipsync.runtime.atomic import atomic_write

# Options that may change when a run is resumed; any other change would make it a different run.
CHANGEABLE = frozenset(("description", "licence", "epochs", "precision", "report_every_epochs"))


def as_plain_values(options: Any) -> dict[str, Any]:
    """Convert an options dataclass to the plain values that a YAML file holds."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(options)))  # tuples → lists
    return values


def save_state(path: Path, state: dict[str, Any], options: Any) -> None:
    """Write a run's state, replacing the previous one.

    Args:
        options: of the run, a dataclass.

    Raises:
        OutputError: the file cannot be written.
    """
    with atomic_write(path) as temporary:
        try:
            torch.save({**state, "options": as_plain_values(options)}, temporary)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise OutputError(f"{path}: cannot be written ({reason}); free some space") from error


def load_state(
    path: Path, options: Any, changeable: frozenset[str] = CHANGEABLE
) -> dict[str, Any] | None:
    """Read a run's state, tensors on the CPU; None if there is none yet.

    Args:
        options: of the run, a dataclass.
        changeable: names of options that may differ from the saved ones.

    Raises:
        WeightsError: the file is damaged.
        OptionsError: the state was saved with other options.
    """
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError):
        raise WeightsError(f"{path}: damaged; delete it to train from the start") from None
    then, now = state.get("options", {}), as_plain_values(options)
    for key in sorted(then.keys() & now.keys() - changeable):
        if then[key] != now[key]:
            raise OptionsError(
                f"{path}: {key} was {then[key]}, is {now[key]}; resume with the options of the "
                "run, or train from the start without --resume"
            )
    return state


def get_rng_state(device: torch.device) -> list[torch.Tensor]:
    """Get torch's generator states (they drive dropout): the CPU's, then the GPU's if used."""
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return states


def set_rng_state(states: list[torch.Tensor], device: torch.device) -> None:
    """Restore what `get_rng_state` returned."""
    torch.set_rng_state(states[0])
    if device.type == "cuda" and len(states) > 1:
        torch.cuda.set_rng_state(states[1], device)
