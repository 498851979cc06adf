"""Convert the acoustic model of the pocketsphinx package → assets/phones.safetensors.

    python -m training.export.phones

Keeps the Gaussians and weights of the 42 context-independent phones; context-dependent states,
dictionary and language model are not needed to classify frames of sound.
"""

from __future__ import annotations

import struct
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

import lipsync
from lipsync.runtime import checkpoint
from lipsync.runtime.hashing import hash_file
from lipsync.types import F32

OUT = Path(__file__).resolve().parents[2] / "assets" / "phones.safetensors"
ENDIAN_MARK = 0x11223344
# Weights are bytes: negative logarithms to the base 1.0001, divided by 1024.
WEIGHT_STEP = 1024 * np.log(1.0001)
SMALLEST_VARIANCE = 1e-4


def main() -> None:
    """Write the asset."""
    import pocketsphinx

    folder = Path(pocketsphinx.get_model_path()) / "en-us" / "en-us"
    names = phone_names(folder / "mdef")
    means, variances = gaussians(folder / "means"), gaussians(folder / "variances")
    tensors = {
        "means": torch.from_numpy(means),
        "variances": torch.from_numpy(np.maximum(variances, SMALLEST_VARIANCE)),
        "weights": torch.from_numpy(state_weights(folder / "sendump", len(names))),
    }
    checkpoint.save(
        OUT,
        tensors,
        {
            "name": "phones",
            "description": "Gaussian mixtures of 42 phones: CMU Sphinx US English (en-us, ptm)",
            "version": lipsync.__version__,
            "licence": (folder / "README").read_text("utf-8"),
            "source": f"PyPI package pocketsphinx {version('pocketsphinx')}",
            "command": "python -m training.export.phones",
            "phones": names,
        },
    )
    print(f"{OUT}: {OUT.stat().st_size:,} bytes, sha256 {hash_file(OUT)}")


def gaussians(path: Path) -> F32:
    """Read the parameters of a Sphinx-3 file, (phones, 3 streams, 128 densities, 13)."""
    data = path.read_bytes()
    at = data.index(b"endhdr\n") + len(b"endhdr\n")
    mark, books, streams, densities = struct.unpack_from("<4i", data, at)
    if mark != ENDIAN_MARK:
        raise ValueError(f"{path}: wanted a little-endian Sphinx-3 file")
    lengths = struct.unpack_from(f"<{streams}i", data, at + 16)
    values = np.frombuffer(data, "<f4", offset=at + 16 + 4 * streams + 4)
    count = books * densities * sum(lengths)
    return values[:count].reshape(books, streams, densities, lengths[0]).copy()


def state_weights(path: Path, phones: int, streams: int = 3) -> F32:
    """Read the mixture weights of the phones' three states, (streams, phones, densities, 3)."""
    data, at = path.read_bytes(), 0
    while (length := struct.unpack_from("<i", data, at)[0]) != 0:  # the header's strings
        at += 4 + length
    densities, states = struct.unpack_from("<2i", data, at + 4)
    stored = np.frombuffer(data, np.uint8, streams * densities * states, at + 12)
    own = stored.reshape(streams, densities, states)[:, :, : 3 * phones]
    weights = np.exp(-WEIGHT_STEP * own).reshape(streams, densities, phones, 3)
    return np.ascontiguousarray(weights.swapaxes(1, 2), dtype=np.float32)


def phone_names(path: Path) -> list[str]:
    """Read the phones of a binary model definition, in the order of their states."""
    data = path.read_bytes()
    description = struct.unpack_from("<i", data, 8)[0]
    at = 12 + description
    count = struct.unpack_from("<i", data, at)[0]
    return [n.decode() for n in data[at + 40 :].split(b"\0", count)[:count]]


if __name__ == "__main__":
    main()
