"""One render that is killed within a stage, and the run after it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.robustness.comparison import describe_output, list_differences
from bench.robustness.forks import ForkedCommand, compute_apart, load_libraries
from bench.robustness.traced import JOIN
from bench.robustness.trials import Surroundings
from lipsync.media import ffmpeg_binary

PART_S, TARGET_S, SPEECH_S = 1, 8, 4
TARGET, SPEECH = "wild/one_take_60s.mp4", "speech/german.flac"
LEAST_SPEECH_S = 5  # of the target, to adapt to
ATTEMPTS = 4  # draws, where the render had ended before the moment came
SOONER = 0.8  # of the time that such a render took: within it the next moment is drawn
LOOK_S = 0.002  # between two looks at the trace
MOST_S = 600  # seconds of a render


@dataclass(frozen=True)
class Stage:
    """A span of a render in which it is killed."""

    name: str
    first: str | None  # the stage that opens it; None: the start of the process
    end: str | None  # the one that closes it; None: the end of the process
    absent: str | None = None  # the kind of entries that the cache does not hold yet


STAGES = (
    Stage("any moment", None, None),
    Stage("landmarks", "landmarks", "retime", "faces"),
    Stage("adaptation", "adapt", "features", "person"),
    Stage("mouth bank", "mouth bank", "teeth rows", "bank"),
    Stage("drawing and encoding", "composite", JOIN),
    Stage("joining and sealing", JOIN, None),
)
Way = tuple[signal.Signals, bool]
# What is sent, and whether to the whole group; a kill of the process alone is the most frequent.
WAYS = (
    (signal.SIGKILL, False), (signal.SIGKILL, False), (signal.SIGKILL, True),
    (signal.SIGKILL, False), (signal.SIGTERM, False), (signal.SIGINT, True),
)  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """One kill, and what the run after it made."""

    stage: str
    way: str
    differences: list[str]  # to the output of the reference
    faults: list[str]  # leftovers, processes, tracebacks
    taken_over: int  # parts of the killed run


class KilledRenders:
    """The inputs, the reference and the filled cache."""

    def __init__(self, data: Path, root: Path):
        """Render the reference, cold and then warm."""
        self._root, self._count = root, 0
        load_libraries()
        self._target, self._speech = root / "target.mp4", root / "speech.wav"
        _cut(data / TARGET, TARGET_S, self._target, "-c:v", "libx264", "-crf", "16", "-c:a", "aac")
        _cut(data / SPEECH, SPEECH_S, self._speech, "-ac", "1")
        self._times: dict[str, dict[str | None, float]] = {}
        places = [Surroundings.make(root / name) for name in ("cold", "warm")]
        for place in places:
            if place is places[1]:
                shutil.copytree(places[0].cache, place.cache)
            began = time.monotonic()
            self._finish(place)
            entered = {**_read_trace(place), None: time.monotonic()}
            times = {name: moment - began for name, moment in entered.items()}
            self._times[place.root.name] = times
        self._cache = places[1].cache
        self.reference = compute_apart(describe_output, places[1].out / "out.mp4")
        self.warm_s = self._times["warm"][None]
        self._check(
            list_differences(
                self.reference, compute_apart(describe_output, places[0].out / "out.mp4")
            )
        )

    @staticmethod
    def _check(differences: list[str]) -> None:
        if differences:
            raise SystemExit(f"two renders that nobody killed differ: {', '.join(differences)}")

    def run(self, stage: Stage, way: Way, chance: np.random.Generator) -> Trial:
        """Kill a render within a stage, run it again and look at what there is."""
        times = self._times["cold" if stage.absent else "warm"]
        length = times[stage.end] - (times[stage.first] if stage.first else 0.0)
        for _ in range(ATTEMPTS):
            place, began = self._prepare(stage), time.monotonic()
            if (found := self._kill(place, stage, way, length * chance.random())) is not None:
                break
            # The reference was made while the machine was busier.
            length = min(length, time.monotonic() - began) * SOONER
            shutil.rmtree(place.root)
        else:
            raise SystemExit(f"{stage.name}: the render ended before every moment that was drawn")
        result, more = self._finish(place)
        faults = [*found, *more, *place.list_leftovers(("out.mp4", "out.mp4.json"))]
        differences = list_differences(
            self.reference, compute_apart(describe_output, place.out / "out.mp4")
        )
        if not differences and not faults:
            shutil.rmtree(place.root)
        name = way[0].name + (" to the group" if way[1] else "")
        taken_over = [line for line in result["warnings"] if "finished by an earlier run" in line]
        count = int(taken_over[0].split()[0]) if taken_over else 0
        return Trial(stage.name, name, differences, faults, count)

    def _prepare(self, stage: Stage) -> Surroundings:
        self._count += 1
        place = Surroundings.make(self._root / f"trial-{self._count}")
        shutil.copytree(self._cache, place.cache)
        if stage.absent is not None:
            shutil.rmtree(place.cache / stage.absent)
        return place

    def _kill(
        self, place: Surroundings, stage: Stage, way: Way, seconds: float
    ) -> list[str] | None:
        """Start a render and kill it; what is wrong afterwards, None: it had ended before.

        Args:
            seconds: in the stage, after which it is killed.
        """
        process = self._start(place)
        while stage.first and stage.first not in _read_trace(place) and process.poll() is None:
            time.sleep(LOOK_S)
        if not process.wait(seconds):
            process.send(*way)
        if not process.wait(MOST_S):
            raise SystemExit(f"{place.root}: does not end after {way[0].name}")
        if process.returncode == 0:
            return None
        faults = ["traceback of the killed run"] if "Traceback" in process.errors else []
        if orphans := place.end_orphans():
            faults.append(f"{orphans} processes of the killed run")
        if way[0] != signal.SIGKILL:  # it could clean up; parts are kept
            left = place.list_leftovers(("out.mp4", "out.mp4.json"))
            faults += [f"after {way[0].name}: {one}" for one in left if "cache: parts/" not in one]
            if process.returncode != 128 + way[0]:
                faults.append(f"exit status {process.returncode} after {way[0].name}")
        return faults

    def _finish(self, place: Surroundings) -> tuple[dict[str, Any], list[str]]:
        """Render to the end: the result, and what is wrong."""
        process = self._start(place)
        if not process.wait(MOST_S) or process.returncode:
            raise SystemExit(f"{place.root}: exit status {process.returncode}\n{process.errors}")
        faults = ["traceback"] if "Traceback" in process.errors else []
        if orphans := place.end_orphans():
            faults.append(f"{orphans} processes")
        return json.loads(process.out), faults

    def _start(self, place: Surroundings) -> ForkedCommand:
        output = place.out / "out.mp4"
        command = [
            "render", "--json",
            "-a", str(self._speech), "-v", str(self._target), "-o", str(output),
            "--adapt-speech", str(LEAST_SPEECH_S),
        ]  # fmt: skip
        if output.exists():  # it was killed when the output had its name
            command.append("--overwrite")
        more = {"TRACE": str(place.root / "trace"), "PART_S": str(PART_S)}
        return place.start(command, more)


def _cut(source: Path, seconds: int, place: Path, *coding: str) -> None:
    command = [ffmpeg_binary(), "-nostdin", "-v", "error", "-i", str(source), "-t", str(seconds)]
    subprocess.run([*command, *coding, str(place)], check=True)


def _read_trace(place: Surroundings) -> dict[str | None, float]:
    """When a render first entered which stage."""
    found: dict[str | None, float] = {}
    trace = place.root / "trace"
    for line in trace.read_text().splitlines() if trace.exists() else ():
        moment, name = line.split(" ", 1)
        found.setdefault(name, float(moment))
    return found
