"""What is damaged for a render: its speech, target, options, spans, weights or cache."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench.robustness import mutations
from bench.robustness.trials import Surroundings
from lipsync.media import ffmpeg_binary
from lipsync.mouth.decoder.network import DecoderDims, MouthDecoder
from lipsync.runtime.cache_entries import KEY, seal_entry
from lipsync.runtime.checkpoint import asset_path

TARGET, SPEECH = "wild/one_take_60s.mp4", "speech/german.flac"
SECONDS = 1
NEVER = ("--adapt", "never")
WEIGHTS = ("lip_lstm.safetensors", "lip_lstm_paper.safetensors")
PARTS = "parts"  # of the cache: finished parts of outputs
MOUTH = "mouth.safetensors"
SMALL = DecoderDims(size=64, width=8)
OPTIONS = """crf: 18
preset: veryfast
adapt: never
timing: cut
candidates: 8
face: largest
label: false
audio_codec: auto
"""
SPANS = """1
00:00:00,100 --> 00:00:00,400
One.

2
00:00:00,600 --> 00:00:00,900
Two.
"""


@dataclass(frozen=True)
class Base:
    """What there is to be damaged."""

    inputs: Mapping[str, Path]
    place: Surroundings
    canary: Path  # appears where code was run


@dataclass(frozen=True)
class Damage:
    """A render with damaged files; None: the undamaged one."""

    what: str
    speech: Path | None = None
    target: Path | None = None
    options: tuple[str, ...] = NEVER


UNDAMAGED = Damage("nothing", options=())


def make_inputs(data: Path, root: Path) -> dict[str, Path]:
    """Small inputs, by name."""
    x264 = ("-c:v", "libx264", "-crf", "18", "-preset", "veryfast", "-c:a", "aac")
    coding = {
        "speech.wav": (SPEECH, ("-ac", "1", "-ar", "16000")),
        "speech.flac": (SPEECH, ("-ac", "1", "-ar", "16000")),
        "target.mp4": (TARGET, x264),
        "target.mkv": (TARGET, x264),
    }
    for name, (source, arguments) in coding.items():
        command = [ffmpeg_binary(), "-nostdin", "-v", "error", "-i", str(data / source)]
        subprocess.run([*command, "-t", str(SECONDS), *arguments, str(root / name)], check=True)
    (root / "options.yaml").write_text(OPTIONS)
    (root / "spans.srt").write_text(SPANS)
    for name in WEIGHTS:
        (root / name).write_bytes(asset_path(name).read_bytes())
    MouthDecoder(SMALL).save(root / MOUTH)
    return {name: root / name for name in (*coding, "options.yaml", "spans.srt", *WEIGHTS, MOUTH)}


def list_options(inputs: Mapping[str, Path]) -> list[tuple[str, ...]]:
    """Options of renders in which every kind of input is used, and nothing is damaged."""
    mouth = (*NEVER, "--texture", "decoder", "--mouth-model", str(inputs[MOUTH]))
    weights = [("--adapt", str(inputs[name])) for name in WEIGHTS]
    files = (
        ("--options", str(inputs["options.yaml"])),
        (*NEVER, "--spans", str(inputs["spans.srt"])),
    )
    return [mouth, *weights, *files]


def _mutate(
    data: bytes, place: Path, chance: np.random.Generator, ways: tuple[mutations.Mutation, ...]
) -> str:
    """Write a damaged copy; what was done to it."""
    way = ways[chance.integers(len(ways))]
    place.write_bytes(way(data, chance))
    return way.__name__.replace("_", " ")


def _copy(
    base: Base, name: str, chance: np.random.Generator,
    ways: tuple[mutations.Mutation, ...] = mutations.BINARY,
) -> tuple[str, Path]:  # fmt: skip
    copy = base.place.root / name
    return _mutate(base.inputs[name].read_bytes(), copy, chance, ways), copy


def damage_speech(name: str, base: Base, number: int, chance: np.random.Generator) -> Damage:
    """A file of sound."""
    what, copy = _copy(base, name, chance)
    return Damage(what, speech=copy)


def damage_target(name: str, base: Base, number: int, chance: np.random.Generator) -> Damage:
    """A video."""
    what, copy = _copy(base, name, chance)
    return Damage(what, target=copy)


def damage_options(base: Base, number: int, chance: np.random.Generator) -> Damage:
    """A file of options; the first ones want to run code, or grow without end."""
    bombs = mutations.write_yaml(base.canary)
    copy = base.place.root / "options.yaml"
    if number < len(bombs):
        copy.write_bytes(bombs[number])
        return Damage(f"bomb {number}", options=("--options", str(copy)))
    what, copy = _copy(base, "options.yaml", chance, mutations.TEXT)
    return Damage(what, options=("--options", str(copy)))


def damage_spans(base: Base, number: int, chance: np.random.Generator) -> Damage:
    """A file of subtitles."""
    what, copy = _copy(base, "spans.srt", chance, mutations.TEXT)
    return Damage(what, options=(*NEVER, "--spans", str(copy)))


def damage_weights(base: Base, number: int, chance: np.random.Generator) -> Damage:
    """Weights for --adapt, --speech-model or --mouth-model; the first ones want to run code."""
    ways = [("--adapt",), (*NEVER, "--speech-model"),
            (*NEVER, "--texture", "decoder", "--mouth-model")]  # fmt: skip
    way = ways[number % len(ways)]
    bombs = [mutations.write_pickle, mutations.write_torch]
    if number < len(bombs) * len(ways):
        copy = base.place.root / ("weights.pt" if number % 2 else "weights.safetensors")
        copy.write_bytes(bombs[number // len(ways)](base.canary))
        return Damage(f"pickle for {way[-1]}", options=(*way, str(copy)))
    name = MOUTH if way[-1] == "--mouth-model" else WEIGHTS[number // len(ways) % len(WEIGHTS)]
    what, copy = _copy(base, name, chance, mutations.WEIGHTS)
    return Damage(f"{what}, for {way[-1]}", options=(*way, str(copy)))


def damage_cache(base: Base, number: int, chance: np.random.Generator) -> Damage:
    """A file of an entry of the cache, or of a part that a killed render left."""
    files = sorted(path for path in base.place.cache.rglob("*") if path.is_file())
    file = files[number % len(files)]
    ways = mutations.TEXT if file.suffix == ".json" else mutations.BINARY
    what = _mutate(file.read_bytes(), file, chance, ways)
    if PARTS not in file.parts:
        shutil.rmtree(base.place.cache / PARTS)  # or nothing would be made of the entry
    return Damage(f"{what} in {_name(base, file)}", options=())


def damage_sealed_cache(base: Base, number: int, chance: np.random.Generator) -> Damage:
    """Arrays of an entry that want to run code, or are none, under a seal that is right."""
    arrays = sorted(path for path in base.place.cache.rglob("*.np[yz]"))
    file = arrays[number % len(arrays)]
    names = []
    if file.suffix == ".npz":
        with np.load(file) as data:
            names = list(data)
    objects = mutations.write_archive(base.canary, names) if names else None
    contents = {
        "objects": objects or mutations.write_array(base.canary),
        "a pickle": mutations.write_pickle(base.canary),
        "half": file.read_bytes()[: file.stat().st_size // 2],
        "a torch archive": mutations.write_torch(base.canary),
        "nothing": b"",
    }
    what = list(contents)[number // len(arrays) % len(contents)]
    file.write_bytes(contents[what])
    shutil.rmtree(base.place.cache / PARTS)
    seal_entry(file.parent, (file.parent / KEY).read_text())
    return Damage(f"{what} in {_name(base, file)}", options=())


def _name(base: Base, file: Path) -> str:
    """An entry's file without its hash."""
    kind, *_, name = file.relative_to(base.place.cache).parts
    return f"{kind}/{name}"


KINDS: Mapping[str, Callable[[Base, int, np.random.Generator], Damage]] = {
    "speech.wav": partial(damage_speech, "speech.wav"),
    "speech.flac": partial(damage_speech, "speech.flac"),
    "target.mp4": partial(damage_target, "target.mp4"),
    "target.mkv": partial(damage_target, "target.mkv"),
    "options.yaml": damage_options,
    "spans.srt": damage_spans,
    "weights": damage_weights,
    "cache": damage_cache,
    "cache, sealed again": damage_sealed_cache,
}
