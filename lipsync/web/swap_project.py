"""A face swap step by step, each by the command that does it: it goes on where it was stopped.

Two sets of faces, a training, a swap. All of it lies in one folder, so that closing the page or
restarting the program loses no more than the step that was under way, and of a training nothing.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lipsync.errors import InputError, LipsyncError
from lipsync.pipelines.swap_setup import require_consent

SIDES = ("a", "b")  # whose face is shown; whose is replaced
CONFIG = "light"  # of the training: the one that is meant for CPUs
RESULT = "swapped.mp4"
TRAINING = "training.face_autoencoder.train"


@dataclass(frozen=True)
class SwapState:
    """How a project stands."""

    running: bool
    stage: str  # faces_a, faces_b, train or swap; empty: nothing was begun
    line: str  # what its command said last
    problem: str  # why it ended before its end
    pictures: tuple[Path, ...]  # of the training, so far
    result: Path | None


@dataclass(frozen=True)
class _Step:
    """A command, and the file that it leaves when it is done."""

    name: str
    command: list[str]
    done: Path


class SwapProject:
    """The project of a folder; for several threads."""

    def __init__(self, folder: Path, config: Path | None = None) -> None:
        """Use a folder, made if it is not there; `config`: of the training, None: the usual one."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._config = folder, config
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._stage, self._line, self._problem, self._stopping = "", "", "", False

    def give(self, side: str, files: Sequence[str | Path]) -> None:
        """Footage of a person, in place of what there was."""
        place = self.folder / side
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for file in files:
            shutil.copyfile(file, place / Path(file).name)
        for made in (self.folder / f"faces-{side}", self.folder / "runs"):
            shutil.rmtree(made, ignore_errors=True)
        self.result.unlink(missing_ok=True)

    @property
    def result(self) -> Path:
        """Where the swapped video is, or will be."""
        return self.folder / RESULT

    def start(self, consent: str | None) -> None:
        """Do what is not done yet, in a thread of its own.

        Raises:
            LipsyncError: no consent is stated, footage is missing, it is running already, or
                training is not installed.
        """
        stated = require_consent(consent)
        steps = list(self._steps(stated))
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                raise InputError("swap: is running already; stop it first")
            note = json.dumps({"consent": stated})
            (self.folder / "consent.json").write_text(note, encoding="utf-8")
            self._problem, self._stopping = "", False
            self._thread = threading.Thread(target=self._run, args=[steps], daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop; a training keeps its last state."""
        with self._lock:
            self._stopping = True
            process, thread = self._process, self._thread
        if process is not None and process.poll() is None:
            process.terminate() if sys.platform == "win32" else process.send_signal(signal.SIGINT)
        if thread is not None:
            thread.join(60)

    def look(self) -> SwapState:
        """How it stands."""
        run = self.folder / "runs" / CONFIG
        pictures = tuple(one for one in (run / "preview.png", run / "losses.png") if one.is_file())
        with self._lock:
            running = self._thread is not None and self._thread.is_alive()
            result = self.result if self.result.is_file() and not running else None
            return SwapState(running, self._stage, self._line, self._problem, pictures, result)

    @property
    def consent(self) -> str:
        """As it was stated last."""
        place = self.folder / "consent.json"
        return json.loads(place.read_text("utf-8"))["consent"] if place.is_file() else ""

    def _footage(self, side: str) -> list[str]:
        place = self.folder / side
        found = sorted(str(one) for one in place.iterdir()) if place.is_dir() else []
        if not found:
            raise InputError(f"swap: footage of person {side.upper()} is missing")
        return found

    def _steps(self, consent: str) -> Iterator[_Step]:
        program = [sys.executable, "-m"]
        sets = {side: self.folder / f"faces-{side}" for side in SIDES}
        for side in SIDES:
            extract = [*program, "lipsync", "faces", "extract", *self._footage(side), "-o",
                       str(sets[side]), "--overwrite"]  # fmt: skip
            yield _Step(f"faces_{side}", extract, sets[side] / "faces.zip")
        run = self.folder / "runs" / CONFIG
        train = [*program, TRAINING, str(self._config or _find_config()), "--a", str(sets["a"]),
                 "--b", str(sets["b"]), "--out", str(self.folder / "runs")]  # fmt: skip
        if (run / "state.pt").is_file():
            train.append("--resume")
        weights = run / f"{CONFIG}.safetensors"
        yield _Step("train", train, weights)
        swap = [*program, "lipsync", "swap", "--source-faces", str(sets["a"]), "--video",
                self._footage("b")[0], "--model", str(weights), "--consent", consent, "-o",
                str(self.result), "--overwrite"]  # fmt: skip
        yield _Step("swap", swap, self.result)

    def _run(self, steps: Sequence[_Step]) -> None:
        for step in steps:
            if step.done.is_file() and step.name != "swap":
                continue
            with self._lock:
                if self._stopping:
                    return
                self._stage, self._line = step.name, ""
                self._process = subprocess.Popen(  # noqa: S603 — our own interpreter
                    step.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                    cwd=_home_of_training(), encoding="utf-8", errors="replace",
                )  # fmt: skip
            code = self._follow(self._process)
            if code != 0 or not step.done.is_file():
                with self._lock:
                    self._problem = "" if self._stopping else self._line or f"exit code {code}"
                return

    def _follow(self, process: subprocess.Popen[str]) -> int:
        """Note what a command says until it ends; its exit code."""
        assert process.stdout is not None  # noqa: S101 — a pipe
        with process.stdout as lines:
            for line in lines:
                if line.strip():
                    with self._lock:
                        self._line = line.strip()
        return process.wait()


def can_train() -> bool:
    """Whether the programs that train are here: they are in a clone, not in the package."""
    try:
        return importlib.util.find_spec(TRAINING) is not None
    except ModuleNotFoundError:
        return False


def _home_of_training() -> Path | None:
    """The folder that the programs which train are started in."""
    found = importlib.util.find_spec("training")
    places = [] if found is None else list(found.submodule_search_locations or ())
    return Path(places[0]).parent if places else None


def _find_config() -> Path:
    home = _home_of_training()
    if home is None or not can_train():
        raise LipsyncError(
            "swap: training needs a clone of the project with what it needs (pip install "
            "'.[training,ui]'); start lipsync ui there"
        )
    return home / "configs" / "train" / f"{CONFIG}.yaml"
