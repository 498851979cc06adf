"""A render with one damaged input, and what came of it."""

from __future__ import annotations

import pickle
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from bench.robustness import mutations
from bench.robustness.comparison import describe_output, list_differences
from bench.robustness.damaged_inputs import (
    KINDS,
    UNDAMAGED,
    Base,
    Damage,
    list_options,
    make_inputs,
)
from bench.robustness.forks import ForkedCommand, compute_apart, load_libraries
from bench.robustness.traced import JOIN
from bench.robustness.trials import Surroundings

MOST_S, WAIT_S = 60, 900  # seconds of processor time and of any time that a process may take
PART_S = 0.5


@dataclass(frozen=True)
class Outcome:
    """What came of a render."""

    kind: str
    what: str  # the damage
    code: int
    cpu_s: float
    line: str  # the last of standard error
    faults: list[str]


class DamagedRenders:
    """Small inputs, a cache that knows the target, and what is damaged of them."""

    def __init__(self, data: Path, root: Path, keep: Path | None):
        """Make the inputs, fill the cache, render what undamaged files give."""
        self._root, self._keep = root, keep
        load_libraries()
        self.canary = root / "canary"
        self._inputs = compute_apart(make_inputs, data, root)
        self._check_canary()
        # Parts of outputs are known by the output's path: all trials lie in one place.
        self._place = Surroundings.make(root / "place")
        self._finish_reference()
        self._cache = root / "filled"
        self._leave_parts()

    def _check_canary(self) -> None:
        """See that files that want to run code do so where they may."""
        compute_apart(pickle.loads, mutations.write_pickle(self.canary))
        if not self.canary.exists():
            raise SystemExit("a pickle that was read made no file: the bombs are none")
        self.canary.unlink()

    def _finish_reference(self) -> None:
        place = self._place
        process = self._run(place, self._command(place))
        if process.returncode:
            raise SystemExit(f"a render of undamaged files failed:\n{process.errors}")
        self._reference = compute_apart(describe_output, place.out / "out.mp4")
        for options in list_options(self._inputs):
            process = self._run(place, self._command(place, Damage("nothing", options=options)))
            if process.returncode:
                raise SystemExit(f"undamaged files were refused: {options}\n{process.errors}")

    def _leave_parts(self) -> None:
        """Keep the cache of a render that is killed when all its parts are made."""
        place = self._place
        shutil.rmtree(place.out)
        place.out.mkdir()
        trace = place.root / "trace"
        trace.unlink()
        process = place.start(self._command(place), self._variables(place))
        while process.poll() is None and not (trace.exists() and JOIN in trace.read_text()):
            time.sleep(0.002)
        process.send(signal.SIGKILL)
        process.wait(WAIT_S)
        for left in place.cache.glob("job-*"):
            shutil.rmtree(left)
        place.cache.rename(self._cache)
        shutil.rmtree(place.root)

    def run(self, kind: str, number: int, chance: np.random.Generator) -> Outcome:
        """Damage an input of a kind and render with it."""
        place = Surroundings.make(self._root / "place")
        shutil.copytree(self._cache, place.cache)
        base = Base(self._inputs, place, self.canary)
        damage = KINDS[kind](base, number, chance)
        process = self._run(place, self._command(place, damage))
        code, errors = int(process.returncode or 0), process.errors
        faults = self._list_faults(place, kind, code, errors)
        if faults and self._keep is not None:
            shutil.copytree(place.root, self._keep / f"{kind}-{number}", dirs_exist_ok=True)
            (self._keep / f"{kind}-{number}" / "stderr").write_text(errors)
        shutil.rmtree(place.root)
        self.canary.unlink(missing_ok=True)
        lines = errors.strip().splitlines() or [""]
        return Outcome(kind, damage.what, code, process.cpu_s, lines[-1], faults)

    def _list_faults(self, place: Surroundings, kind: str, code: int, errors: str) -> list[str]:
        faults = []
        output, lines = place.out / "out.mp4", errors.strip().splitlines()
        if code not in (0, 2):
            slow = code in (-signal.SIGXCPU, -signal.SIGKILL)
            faults.append("it did not end in time" if slow else f"exit status {code}")
        if "Traceback" in errors:
            faults.append(f"traceback: {lines[-1]}")
        told = [line for line in lines if line.startswith("lipsync: error: ")]
        if code == 2 and (len(told) != 1 or lines[-1] != told[0]):
            faults.append("not one line of error")
        if self.canary.exists():
            faults.append("code was run")
        if count := place.end_orphans():
            faults.append(f"{count} processes")
        faults += compute_apart(_check_output, output) if code == 0 else []
        if code == 0 and kind == "cache":
            differences = list_differences(self._reference, compute_apart(describe_output, output))
            faults += [f"another {name}" for name in differences]
        left = place.list_leftovers(("out.mp4", "out.mp4.json") if code == 0 else ())
        # What an earlier, killed render left of its parts stays if this one fails.
        return faults + [one for one in left if code == 0 or "cache: parts/" not in one]

    def _run(self, place: Surroundings, command: list[str]) -> ForkedCommand:
        process = place.start(command, self._variables(place), MOST_S)
        if not process.wait(WAIT_S):
            process.send(signal.SIGKILL, to_group=True)
            process.wait(WAIT_S)
        return process

    @staticmethod
    def _variables(place: Surroundings) -> dict[str, str]:
        return {"TRACE": str(place.root / "trace"), "PART_S": str(PART_S)}

    def _command(self, place: Surroundings, damage: Damage = UNDAMAGED) -> list[str]:
        return [
            "render", "--json",
            "-a", str(damage.speech or self._inputs["speech.wav"]),
            "-v", str(damage.target or self._inputs["target.mp4"]),
            "-o", str(place.out / "out.mp4"), "--overwrite", *damage.options,
        ]  # fmt: skip


def _check_output(path: Path) -> list[str]:
    """What is wrong with a video."""
    if not path.is_file():
        return ["no output"]
    try:
        with av.open(str(path)) as container:
            count = sum(1 for _ in container.decode(video=0))
    except av.FFmpegError as error:
        return [f"the output cannot be decoded ({error})"]
    return [] if count else ["no frame in the output"]
