"""What the cache holds, and making it smaller, beside other processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from lipsync.runtime.cache import Cache
from lipsync.runtime.cache_pruning import clear, describe_cache, list_entries, prune


def fill(folder: Path) -> None:
    (folder / "data").write_bytes(bytes(1000))


def make_entries(root: Path, count: int, kind: str = "faces") -> list[Path]:
    """Entries of 1 kB and a little, the first one used longest ago."""
    with Cache(root) as cache:
        made = [cache.folder(kind, {"n": n}, fill, code="1") for n in range(count)]
    for n, folder in enumerate(made):
        os.utime(folder, (1000 + n, 1000 + n))
    return made


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    made = make_entries(tmp_path, 4)
    with Cache(tmp_path) as cache:
        cache.folder("faces", {"n": 0}, fill, code="1")  # a use
    size = list_entries(tmp_path)[0].size
    result = prune(tmp_path, 2 * size)
    assert [folder.exists() for folder in made] == [True, False, False, True]
    assert (result.removed, result.entries, result.in_use) == (2, 2, 0)
    assert result.freed == 2 * size
    assert result.size == 2 * size


def test_a_run_prunes_to_its_limit_at_its_end(tmp_path: Path) -> None:
    made = make_entries(tmp_path, 3)
    size = list_entries(tmp_path)[0].size
    with Cache(tmp_path, 2 * size + 50) as cache:
        newest = cache.folder("bank", {}, fill, code="1")
        assert len(list_entries(tmp_path)) == 4
    assert [folder.exists() for folder in [*made, newest]] == [False, False, True, True]


def test_an_entry_in_use_stays(tmp_path: Path) -> None:
    made = make_entries(tmp_path, 2)
    with Cache(tmp_path) as cache:
        cache.folder("faces", {"n": 0}, fill, code="1")
        result = clear(tmp_path)
        assert (result.removed, result.in_use, result.entries) == (1, 1, 1)
        assert made[0].exists()
    assert clear(tmp_path).entries == 0


def test_an_entry_in_use_by_another_process_stays(tmp_path: Path) -> None:
    (entry,) = make_entries(tmp_path, 1)
    script = (
        "import sys; from pathlib import Path; from lipsync.runtime.cache import Cache\n"
        "with Cache(Path(sys.argv[1])) as cache:\n"
        "    cache.folder('faces', {'n': 0}, None, code='1')\n"
        "    print('using', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == b"using\n"
        assert clear(tmp_path).in_use == 1
        assert entry.exists()
        user.kill()  # its lock ends with it
    assert clear(tmp_path).removed == 1
    assert not list(tmp_path.rglob("data"))


def test_an_entry_that_is_not_needed_again_goes(tmp_path: Path) -> None:
    with Cache(tmp_path) as cache:
        folder = cache.folder("pairs", {}, fill, code="1")
        cache.discard(folder)
        assert not folder.exists()


def test_the_description_has_sizes_counts_and_ages(tmp_path: Path) -> None:
    make_entries(tmp_path, 2)
    with Cache(tmp_path) as cache:
        cache.folder("bank", {}, lambda folder: fill(folder), code="1")
    info = describe_cache(tmp_path)
    assert info.writable
    assert info.entries == 3
    by_kind = {kind.kind: kind for kind in info.kinds}
    assert by_kind["faces"].entries == 2
    assert by_kind["faces"].size > 2000
    assert by_kind["faces"].oldest_use_s > 1e8
    assert by_kind["bank"].newest_use_s < 60
    assert info.size == sum(kind.size for kind in info.kinds)
    empty = describe_cache(tmp_path / "nowhere")
    assert (empty.entries, empty.size, empty.kinds) == (0, 0, ())
    assert not describe_cache(Path("/dev/null/cache")).writable


WORK = """
import os, sys, time
from pathlib import Path
from lipsync.runtime.cache import Cache
from lipsync.runtime.cache_pruning import prune

root, me = Path(sys.argv[1]), int(sys.argv[2])
for turn in range(60):
    with Cache(root, 30_000) as cache:
        for n in range(6):
            key = (turn // 3 + n) % 8
            def make(folder):
                for part in range(3):
                    (folder / f"{part}").write_bytes(bytes([key]) * 1000)
            folder = cache.folder("faces", {"n": key}, make, code="1")
            if me == 0:
                prune(root, 5_000)
            for part in range(3):
                assert (folder / f"{part}").read_bytes() == bytes([key]) * 1000
        assert not cache.take_warnings(), "damaged"
"""


def test_two_processes_use_one_cache_while_one_prunes(tmp_path: Path) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORK, tmp_path, str(me)], stderr=subprocess.PIPE, text=True
        )
        for me in range(3)
    ]
    said = [worker.communicate(timeout=300)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0], said
    time.sleep(0.01)
    assert not list(tmp_path.glob("*/*.part"))
    assert not list(tmp_path.glob("trash-*"))
