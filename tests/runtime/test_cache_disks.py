"""The cache on disks as they are: full, read-only. In a mount namespace of a child process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

FILL = """
import sys
from pathlib import Path
from lipsync.runtime.cache import Cache
from lipsync.runtime.disk_space import create_array

root, size = Path(sys.argv[1]), int(sys.argv[2])

def make(folder):
    (folder / "small").write_bytes(b"small")
    array = create_array(folder / "crops.npy", (size, 1000))
    array[:] = 3
    array.flush()

with Cache(root) as cache:
    with cache.room() as room:
        (room / "sound").write_bytes(bytes(1000))
    for turn in range(2):
        folder = cache.folder("bank", {"size": size}, make, code="1")
        assert (folder / "crops.npy").stat().st_size > 1000 * size
    print(*cache.take_warnings(), sep="\\n")
"""
RO = "mount --bind {0} {0} && mount -o remount,ro,bind {0}"
TMPFS = "mount -t tmpfs -o size={1} none {0}"


@cache
def can_mount() -> bool:
    """Whether a child may mount file systems of its own."""
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not can_mount(), reason="no mount namespaces here")


def run_on(mount: str, root: Path, kilobytes: int) -> tuple[int, list[str], str]:
    """Exit code, warnings, and what is left of parts, of a process whose cache is mounted so."""
    script = f"{mount} && {sys.executable} -c '{FILL}' {root} {kilobytes}; code=$?; " + (
        f"find {root} -name '*.part' -o -name 'job-*' -o -name 'trash-*' | wc -l; exit $code"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    *warnings, left = done.stdout.strip().splitlines()
    assert left == "0", done.stdout
    return done.returncode, [line for line in warnings if line], done.stderr


@pytest.mark.parametrize("size", ["2M", "40M"])
def test_a_full_disk_is_no_signal_but_a_warning(size: str, tmp_path: Path) -> None:
    """2 MB are full from the start; of 40 MB, the array of 60 MB notices."""
    code, warnings, said = run_on(TMPFS.format(tmp_path, size), tmp_path, 60_000)
    assert code == 0, said
    (warning,) = warnings
    assert f"the cache {tmp_path} cannot be written" in warning
    assert "full" in warning or "No space left" in warning


def test_a_disk_with_room_is_used_without_a_word(tmp_path: Path) -> None:
    code, warnings, said = run_on(TMPFS.format(tmp_path, "200M"), tmp_path, 60_000)
    assert (code, warnings) == (0, []), said


@pytest.mark.parametrize("filled", [False, True])
def test_a_read_only_disk_is_read_and_named(filled: bool, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    root.mkdir()
    if filled:
        subprocess.run([sys.executable, "-c", FILL, root, "100"], check=True, capture_output=True)
    code, warnings, said = run_on(RO.format(root), root, 100)
    assert code == 0, said
    (warning,) = warnings
    assert "Read-only file system" in warning
    assert len(list(root.rglob("crops.npy"))) == filled
