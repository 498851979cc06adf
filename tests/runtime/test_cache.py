from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import NoFaceError, OutputError
from lipsync.runtime import cache as cache_module
from lipsync.runtime import cache_store, leftovers, locked_folder
from lipsync.runtime.cache import Cache
from lipsync.runtime.disk_space import create_array
from lipsync.runtime.hashing import hash_file
from lipsync.runtime.path_lock import lock_new

MANY = 10 << 20  # bytes of a large entry file: more blocks than are hashed whole


def filler(calls: list[str], text: str = "x"):  # type: ignore[no-untyped-def]
    def make(folder: Path) -> None:
        calls.append(text)
        (folder / "entry").write_text(text)

    return make


def test_an_entry_is_made_once_per_key(tmp_path: Path) -> None:
    calls: list[str] = []
    with Cache(tmp_path) as cache:
        for key in ({"a": 1}, {"a": 1}, {"a": 2}):
            folder = cache.folder("track", key, filler(calls, str(key["a"])), code="1")
            assert (folder / "entry").read_text() == str(key["a"])
    assert calls == ["1", "2"]


def test_an_entry_made_by_other_code_is_made_again(tmp_path: Path) -> None:
    calls: list[str] = []
    with Cache(tmp_path) as cache:
        for code in ("before", "after", "after"):
            cache.folder("track", {"a": 1}, filler(calls, code), code=code)
    assert calls == ["before", "after"]


def test_a_failed_entry_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError("stopped")

    with Cache(tmp_path) as cache:
        with pytest.raises(RuntimeError):
            cache.folder("bank", {"a": 1}, fail, code="1")
        assert not list((tmp_path / "bank").iterdir())
        calls: list[str] = []
        cache.folder("bank", {"a": 1}, filler(calls), code="1")
        assert calls == ["x"]


def test_a_temporary_cache_goes_with_its_owner(tmp_path: Path) -> None:
    with Cache(None) as cache:
        folder = cache.folder("track", {}, filler([]), code="1")
        assert folder.is_dir()
        root = cache.root
    assert not root.exists()


def fill_with_files(folder: Path) -> None:
    """An entry with a small file, a large one, and one in a folder of its own."""
    (folder / "line.json").write_text('{"a": 1}')
    (folder / "inner").mkdir()
    (folder / "inner" / "part.txt").write_text("text")
    array = create_array(folder / "crops.npy", (64, MANY // 16))
    array[:] = np.arange(64, dtype=np.uint8)[:, None]
    array.flush()


def read_all(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "manifest.json"
    }


def flip_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.write_bytes(data)


def cut_off(file: Path) -> None:
    with file.open("r+b") as handle:
        handle.truncate(file.stat().st_size // 2)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def swap_content(file: Path) -> None:
    file.write_bytes(os.urandom(file.stat().st_size))


@pytest.fixture(scope="module")
def sound_entry(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    with Cache(tmp_path_factory.mktemp("sound")) as cache:
        return read_all(cache.folder("bank", {"a": 1}, fill_with_files, code="1"))


@pytest.mark.parametrize("damage", [flip_bit, cut_off, empty, swap_content, Path.unlink])
@pytest.mark.parametrize(
    "name", ["line.json", "inner/part.txt", "crops.npy", "key.json", "manifest.json"]
)
def test_a_damaged_entry_is_made_again_with_one_warning(
    name: str, damage: object, tmp_path: Path, sound_entry: dict[str, bytes]
) -> None:
    with Cache(tmp_path) as cache:
        damaged = cache.folder("bank", {"a": 1}, fill_with_files, code="1") / name
        assert not cache.take_warnings()
    damage(damaged)  # type: ignore[operator]
    with Cache(tmp_path) as cache:
        again = cache.folder("bank", {"a": 1}, fill_with_files, code="1")
        assert read_all(again) == sound_entry
        (warning,) = cache.take_warnings()
        assert warning.startswith("damaged in the cache, and made anew: bank/")
        assert not cache.take_warnings()
    assert [path.name for path in tmp_path.iterdir()] == ["bank"]


def test_a_sealed_entry_that_cannot_be_read_is_made_again(tmp_path: Path) -> None:
    """Its checksums are right: somebody made them, or a program that had a fault."""
    canary = tmp_path / "canary"

    class Bomb:
        def __reduce__(self) -> object:
            return os.mkdir, (str(canary),)

    def make(folder: Path) -> None:
        np.save(folder / "entry.npy", np.arange(3))

    def make_bomb(folder: Path) -> None:
        np.save(folder / "entry.npy", np.array([Bomb()], object), allow_pickle=True)

    def read(folder: Path) -> int:
        return int(np.load(folder / "entry.npy").sum())

    with Cache(tmp_path / "cache") as cache:
        cache.folder("bank", {}, make_bomb, code="1")
    with Cache(tmp_path / "cache") as cache:
        assert cache.load("bank", {}, make, read, code="1") == 3
        (warning,) = cache.take_warnings()
    assert "cannot be read" in warning
    assert not canary.exists()
    with Cache(tmp_path / "cache") as cache:
        assert cache.load("bank", {}, make_bomb, read, code="1") == 3
        assert not cache.take_warnings()


def test_files_that_were_never_written_are_not_believed(tmp_path: Path) -> None:
    """As `valid.npy` of a mouth bank, which only some banks have."""
    calls: list[str] = []
    with Cache(tmp_path) as cache:
        folder = cache.folder("bank", {}, filler(calls), code="1")
        (folder / "valid.npy").write_bytes(b"foreign")
    with Cache(tmp_path) as cache:
        assert not (cache.folder("bank", {}, filler(calls), code="1") / "valid.npy").exists()
    assert len(calls) == 2


def test_an_entry_under_the_name_of_another_is_not_believed(tmp_path: Path) -> None:
    with Cache(tmp_path) as cache:
        one = cache.folder("faces", {"a": 1}, filler([], "one"), code="1")
        two = cache.folder("faces", {"a": 2}, filler([], "two"), code="1")
    two.rename(tmp_path / "gone")
    one.rename(two)
    with Cache(tmp_path) as cache:
        assert (
            cache.folder("faces", {"a": 2}, filler([], "new"), code="1") / "entry"
        ).read_text() == "new"


def test_a_large_file_that_is_unchanged_is_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lipsync.runtime import cache_entries

    def fill(folder: Path) -> None:
        (folder / "large").write_bytes(bytes(1 << 20) * 40)

    with Cache(tmp_path) as cache:
        large = cache.folder("bank", {}, fill, code="1") / "large"
    read = 0
    digest = cache_entries._digest

    def count(data: bytes) -> str:
        nonlocal read
        read += len(data)
        return digest(data)

    monkeypatch.setattr(cache_entries, "_digest", count)
    with Cache(tmp_path) as cache:
        assert cache.find("bank", {}, code="1") is not None
        assert 0 < read < 20 << 20
        read = 0
        os.utime(large)  # copied, or written to: every block counts
        assert cache.find("bank", {}, code="1") is not None
    assert read > 40 << 20


def test_a_peek_changes_nothing(tmp_path: Path) -> None:
    with Cache(tmp_path) as cache:
        folder = cache.folder("faces", {}, filler([]), code="1")
        os.utime(folder, (1000, 1000))
        assert cache.find("faces", {}, code="1") == folder
        assert cache.find("faces", {"other": 1}, code="1") is None
        assert folder.stat().st_mtime == 1000
        flip_bit(folder / "entry")
        assert cache.find("faces", {}, code="1") is None
        assert (folder / "entry").is_file()
    with Cache(tmp_path / "nowhere") as cache:
        assert cache.find("faces", {}, code="1") is None
    assert not (tmp_path / "nowhere").exists()


def test_a_fault_of_the_footage_is_no_fault_of_the_cache(tmp_path: Path) -> None:
    calls: list[str] = []

    def make(folder: Path) -> None:
        calls.append("x")
        raise NoFaceError("no face")

    with Cache(tmp_path) as cache:
        with pytest.raises(NoFaceError):
            cache.folder("bank", {}, make, code="1")
        assert not cache.take_warnings()
    assert len(calls) == 1


def full_disk(folder: Path) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EFBIG, "File too large"),
        OSError("8192 requested and 24 written"),  # numpy
    ],
)
def test_a_disk_that_fills_meanwhile_costs_the_cache_not_the_job(
    error: OSError, tmp_path: Path
) -> None:
    root = tmp_path / "cache"

    def make(folder: Path) -> None:
        (folder / "entry").write_text("whole")
        if folder.is_relative_to(root):
            raise error

    with Cache(root) as cache:
        for key in ({"a": 1}, {"a": 1}, {"a": 2}):
            folder = cache.folder("bank", key, make, code="1")
            assert (folder / "entry").read_text() == "whole"
            assert not folder.is_relative_to(root)
        (warning,) = cache.take_warnings()
        assert str(root) in warning
        assert "XDG_CACHE_HOME" in warning
    assert not folder.exists()
    assert not list((root / "bank").iterdir())


def test_what_wraps_the_disks_error_does_not_hide_it(tmp_path: Path) -> None:
    root = tmp_path / "cache"

    def make(folder: Path) -> None:
        (folder / "entry").write_text("whole")
        if folder.is_relative_to(root):
            try:
                full_disk(folder)
            except OSError as error:
                raise RuntimeError("inline_container.cc: unexpected pos") from error

    with Cache(root) as cache:
        assert (cache.folder("bank", {}, make, code="1") / "entry").read_text() == "whole"


def test_without_room_anywhere_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "IN_MEMORY", tmp_path / "no memory")
    with Cache(tmp_path) as cache, pytest.raises(OutputError, match="TMPDIR") as failed:
        cache.folder("bank", {}, full_disk, code="1")
    assert len(str(failed.value).splitlines()) == 1
    with Cache(tmp_path) as cache:
        monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "nowhere"))
        monkeypatch.setattr(Cache, "_own_store", lambda self: [])
        with pytest.raises(OutputError, match="no room"), cache.room():
            pass


@pytest.fixture(params=["not a folder", "below a device", "read-only"])
def unwritable(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A place for a cache in which nothing can be written, and which holds one entry if it can."""
    root = tmp_path / "cache"
    if request.param == "not a folder":
        root.write_text("")
    elif request.param == "below a device":
        root = Path("/dev/null/.cache/lipsync")
    else:
        with Cache(root) as cache:
            cache.folder("faces", {"held": 1}, filler([], "held"), code="1")
        if os.geteuid() == 0:  # whom modes do not stop
            real = cache_store.try_to_write
            monkeypatch.setattr(
                cache_store,
                "try_to_write",
                lambda folder: "Read-only file system" if folder == root else real(folder),
            )
        root.chmod(0o500)
    yield root
    if root.is_dir():
        root.chmod(0o700)


def test_a_cache_that_cannot_be_written_is_read_and_replaced(unwritable: Path) -> None:
    calls: list[str] = []
    with Cache(unwritable) as cache:
        with cache.room() as folder:
            (folder / "sound").write_text("x")
        for _ in range(2):
            cache.folder("faces", {"new": 1}, filler(calls, "new"), code="1")
        held = cache.folder("faces", {"held": 1}, filler(calls, "held"), code="1")
        assert (held / "entry").read_text() == "held"
        (warning,) = cache.take_warnings()
        assert str(unwritable) in warning
    there = unwritable.is_dir()
    assert calls == (["new"] if there else ["new", "held"])
    if there:
        assert [path.name for path in unwritable.iterdir()] == ["faces"]


def test_leftovers_of_a_killed_process_are_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process is killed while it fills an entry, in its job's folder, in a temporary cache."""
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from lipsync.runtime.cache import Cache\n"
        "def make(folder):\n"
        "    (folder / 'half').write_bytes(bytes(1000)); os.kill(os.getpid(), signal.SIGKILL)\n"
        "cache = Cache(Path(sys.argv[1]) if sys.argv[1] else None)\n"
        "with cache.room() as room: cache.folder('bank', {}, make, code='1')"
    )
    root, temporary = tmp_path / "cache", tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(temporary))
    for place in (str(root), ""):
        done = subprocess.run(
            [sys.executable, "-c", script, place], env={**os.environ, "TMPDIR": str(temporary)}
        )
        assert done.returncode == -9
    (part,) = (root / "bank").iterdir()
    assert part.name.endswith(".part")
    left = [part, *root.glob("job-*"), *temporary.glob("*")]
    assert len(left) == 4
    calls: list[str] = []
    with Cache(root) as cache, Cache(None) as other:
        cache.folder("bank", {}, filler(calls), code="1")
        other.folder("bank", {}, filler(calls), code="1")
    assert not any(path.exists() for path in left)
    assert len(calls) == 2


def test_what_was_just_made_is_not_lost_to_a_sweep(tmp_path: Path) -> None:
    """A sweep comes between making a folder and locking it."""
    made: list[Path] = []

    def make() -> Path:
        made.append(locked_folder.new_folder(tmp_path, "job-"))
        if len(made) == 1:
            cache_store.sweep_store(tmp_path)
        return made[-1]

    path, lock = lock_new(make)
    assert lock is not None
    cache_store.sweep_store(tmp_path)
    assert [path] == made[1:] == list(tmp_path.iterdir())


def test_what_a_living_process_writes_is_not_swept(tmp_path: Path) -> None:
    def age(folder: Path) -> None:
        for path in (folder, *folder.rglob("*")):
            os.utime(path, (1000, 1000))

    def make(folder: Path) -> None:
        (folder / "entry").write_text("x")
        age(folder)
        cache_store.sweep_store(tmp_path)
        assert folder.exists()

    with Cache(tmp_path) as cache, cache.room() as room:
        age(room)
        folder = cache.folder("bank", {}, make, code="1")
        assert folder.exists()
        assert room.exists()


def test_what_earlier_versions_left_is_swept(tmp_path: Path) -> None:
    """They locked nothing: only age tells."""
    kept, gone = tmp_path / "bank" / "0123ab.part", tmp_path / "bank" / "4567cdxyz.part"
    for folder in (kept, gone):
        folder.mkdir(parents=True)
        (folder / "crops.npy").write_bytes(bytes(100))
    for path in (gone, gone / "crops.npy"):
        os.utime(path, (1000, 1000))
    assert cache_store.sweep_store(tmp_path) > 0
    assert kept.exists()
    assert not gone.exists()


def test_size_counts_every_file_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(10))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").write_bytes(bytes(5))
    assert leftovers.size_of(tmp_path) == 15


def test_the_users_cache_follows_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Cache.default_root() == tmp_path / "lipsync"


def test_file_hashes_are_sha256(tmp_path: Path) -> None:
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2
    assert hash_file(file) == known
