"""Turns: what several want is made once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lipsync.runtime.cache import Cache
from lipsync.runtime.turns import take_turn

MAKES = """
import sys, time
from pathlib import Path
from lipsync.runtime.cache import Cache
def make(folder):
    with open(sys.argv[2], "a") as log:
        log.write("made\\n")
    time.sleep(0.5)
    (folder / "x").write_text("x")
with Cache(Path(sys.argv[1])) as cache:
    print(cache.folder("kind", {"a": 1}, make, code="c"))
"""


def test_processes_that_want_the_same_entry_make_it_once(tmp_path: Path) -> None:
    root, log = tmp_path / "cache", tmp_path / "log"
    command = [sys.executable, "-c", MAKES, str(root), str(log)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    places = {one.communicate(timeout=60)[0] for one in started}
    assert all(one.returncode == 0 for one in started)
    assert len(places) == 1 and log.read_text() == "made\n"
    assert not (root / ".turns").exists()


def test_threads_take_turns_too(tmp_path: Path) -> None:
    made: list[int] = []

    def work(k: int) -> None:
        with Cache(tmp_path) as cache:

            def make(folder: Path) -> None:
                made.append(k)
                time.sleep(0.2)

            cache.folder("kind", {"a": 1}, make, code="c")

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_turn_whose_holder_died_is_free(tmp_path: Path) -> None:
    place = tmp_path / "turns" / "x"
    code = (
        "import os, sys; from pathlib import Path; from lipsync.runtime.turns import take_turn; "
        "turn = take_turn(Path(sys.argv[1])); turn.__enter__(); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code, str(place)], check=False, timeout=60)
    assert place.exists()
    with take_turn(place) as waited:
        assert not waited
    assert not place.exists()


def test_a_maker_that_fails_lets_the_next_try(tmp_path: Path) -> None:
    with Cache(tmp_path) as cache:

        def fail(folder: Path) -> None:
            raise RuntimeError("no")

        for _ in range(2):
            with pytest.raises(RuntimeError, match="no"):
                cache.folder("kind", {"a": 1}, fail, code="c")
        assert cache.folder("kind", {"a": 1}, lambda folder: None, code="c").is_dir()
