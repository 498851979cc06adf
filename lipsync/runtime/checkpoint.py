"""Weights on disk: tensors and metadata in one safetensors file, no pickled code.

The header of the file holds one JSON object, `meta`: name, version, license, training data,
dimensions, feature spec. Networks are built from it when they are loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from lipsync.errors import WeightsError
from lipsync.runtime.atomic import atomic_write

META = "lipsync"  # key of our JSON object in the header


def asset_path(name: str) -> Path:
    """A file that ships with the package: in the wheel, or in a clone next to it.

    Raises:
        WeightsError: it is in neither place.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "assets", package.parent / "assets"):
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(f"{name} is missing from this installation of lipsync: install it again")


def load_kind(path: Path, kind: str, remedy: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """`load` weights whose meta names this kind; `remedy` tells the user how to get some.

    Raises:
        WeightsError: missing, damaged, or weights of something else.
    """
    tensors, meta = load(path)
    if meta.get("kind") != kind:
        what = meta.get("kind") or meta.get("description") or meta.get("name") or "something"
        raise WeightsError(f"{path}: these are weights of another kind ({what}), not of a {remedy}")
    return tensors, meta


def load_state(
    network: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path, named: str
) -> None:
    """Load tensors into a network built according to the same file's meta.

    Raises:
        WeightsError: they do not fit.
    """
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise WeightsError(
            f"{path}: its weights do not fit the architecture{named} that it names ({reason})"
        ) from None


def save(path: Path, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> None:
    """Write tensors and meta; the file appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_write(path) as temporary:
        save_file(contiguous, temporary, metadata={META: json.dumps(meta, sort_keys=True)})
        temporary.chmod(0o644)  # safetensors creates files that only their owner can read


def load(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read what `save` wrote.

    Raises:
        WeightsError: the file is missing, damaged, or not one of ours.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: damaged, or not a safetensors file ({error})") from None
    try:
        meta = json.loads(header[META])
    except (KeyError, ValueError, RecursionError):
        raise WeightsError(
            f"{path}: holds tensors, but not lipsync's description of them"
        ) from None
    return tensors, meta
