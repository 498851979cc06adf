"""Systems that are not POSIX: nothing of POSIX without an alternative, and the alternatives work.

They are tried here, with what this system lacks or has too much taken away or put in its place.
"""

from __future__ import annotations

import ast
import errno
import os
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

import pytest

from lipsync.errors import MediaError
from lipsync.face.landmarks.selector import FaceSelector
from lipsync.jobs.urls import stand_in, url_of
from lipsync.media import PipedInputs, pipe_reading, pipes
from lipsync.runtime import orphans, path_lock, portable
from lipsync.runtime.cache import Cache
from lipsync.runtime.turns import take_turn
from lipsync.types.paths import as_url

PACKAGE = Path(__file__).resolve().parents[1] / "lipsync"
# What Windows (or macOS: sched_*, posix_*) lacks, of the modules that it has.
POSIX = {
    "os": {
        "chown", "chroot", "confstr", "fchmod", "fchown", "fdatasync", "fork", "forkpty",
        "fstatvfs", "get_blocking", "getegid", "geteuid", "getgid", "getgroups", "getloadavg",
        "getpgid", "getpgrp", "getpriority", "getresuid", "getsid", "getuid", "kill", "killpg",
        "lchown", "lockf", "memfd_create", "mkfifo", "mknod", "nice", "openpty", "pipe2",
        "posix_fadvise", "posix_fallocate", "posix_spawn", "pread", "preadv", "pwrite", "pwritev",
        "readv", "register_at_fork", "sched_getaffinity", "sched_setaffinity", "sched_yield",
        "sendfile", "set_blocking", "setgid", "setpgid", "setpriority", "setsid", "setuid",
        "statvfs", "sync", "sysconf", "ttyname", "uname", "wait", "wait3", "wait4", "waitid",
        "writev", "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC",
        "WEXITSTATUS", "WIFEXITED", "WIFSIGNALED", "WNOHANG", "WTERMSIG",
    },
    "select": {"epoll", "kqueue", "poll", "select"},  # select: of sockets alone
    "signal": {
        "SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP",
        "SIGTSTP", "SIGUSR1", "SIGUSR2", "alarm", "pause", "pthread_kill", "pthread_sigmask",
        "setitimer", "siginterrupt", "sigwait",
    },
    "socket": {"AF_NETLINK", "AF_UNIX", "SO_REUSEPORT"},
    "time": {"clock_gettime", "tzset"},
    "ctypes": {"CDLL"},
}  # fmt: skip
MODULES = {
    "crypt", "curses", "fcntl", "grp", "nis", "posix", "pty", "pwd", "readline", "resource",
    "spwd", "syslog", "termios", "tty",
}  # fmt: skip
KEYWORDS = {"preexec_fn", "pass_fds", "process_group", "start_new_session", "umask"}  # of Popen
PLACES = ("/dev", "/proc", "/sys", "/tmp", "/etc", "/var", "/usr")  # noqa: S108
OWN_OPENERS = {"av.open", "read_text"}  # of containers; of text_file.py
# Where POSIX is used, each with its alternative or its guard.
GUARDED = {
    "media/ffmpeg_process.py": {"fcntl"},  # larger pipes; suppressed where there are none
    "media/pipe_reading.py": {"os.get_blocking", "select.select"},  # ThreadedPipe
    "media/pipes.py": {"/dev", "/dev/fd/0", "/dev/stdin", "/proc", "/proc/self/fd/0"},  # names
    "runtime/cache.py": {"/dev/shm"},  # noqa: S108 — if it is a folder
    "runtime/disk_space.py": {"os.posix_fallocate"},  # zeros are written
    "runtime/interrupt.py": {"signal.SIGHUP"},  # if there is one
    "runtime/memory.py": {"ctypes.CDLL"},  # on Linux alone
    "runtime/orphans.py": {"select.poll"},  # PeekNamedPipe
    "runtime/path_lock.py": {"fcntl", "os.O_NOFOLLOW", "os.O_NONBLOCK"},  # no locks
    "runtime/portable.py": {"os.sched_getaffinity", "start_new_session"},
}


def posix_in(tree: ast.AST) -> Iterator[str]:
    """What of POSIX a module names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in POSIX.get(node.value.id, ()):
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            if str(node.module).split(".")[0] in MODULES:
                yield str(node.module)
            for one in node.names:
                if one.name in POSIX.get(str(node.module), ()):
                    yield f"{node.module}.{one.name}"
        elif isinstance(node, ast.keyword) and node.arg in KEYWORDS:
            yield node.arg
        elif isinstance(node, ast.Dict):
            keys = (key.value for key in node.keys if isinstance(key, ast.Constant))
            yield from (str(key) for key in keys if key in KEYWORDS)
        elif isinstance(node, ast.Constant) and str(node.value).startswith(PLACES):
            yield str(node.value)


def text_without_encoding(tree: ast.AST) -> Iterator[int]:
    """Lines that read or write text in whatever encoding the system prefers."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        words = {word.arg for word in node.keywords}
        modes = [one.value for one in node.args if isinstance(one, ast.Constant)]
        if "encoding" in words or "utf-8" in modes or ast.unparse(node.func) in OWN_OPENERS:
            continue
        if name in ("read_text", "write_text") or (
            name in ("fdopen", "open") and {"r", "w", "a", "x"} & {*modes}
        ):
            yield node.lineno


def test_posix_is_named_only_where_there_is_an_alternative() -> None:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if names := set(posix_in(ast.parse(path.read_text("utf-8")))):
            found[path.relative_to(PACKAGE).as_posix()] = names
    assert found == GUARDED


def test_text_has_an_encoding() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line in text_without_encoding(ast.parse(path.read_text("utf-8")))
    ]
    assert not found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import os\nos.fork()", ["os.fork"]), ("from os import getuid", ["os.getuid"]),
        ("def f():\n    import fcntl", ["fcntl"]), ("Popen(a, pass_fds=(1,))", ["pass_fds"]),
        ("Popen(**{'preexec_fn': f})", ["preexec_fn"]), ("p = '/dev/null'", ["/dev/null"]),
        ("os.getpid(); signal.SIGINT; x = 'no /dev'", []),
    ],
)  # fmt: skip
def test_the_scan_sees(source: str, found: list[str]) -> None:
    assert list(posix_in(ast.parse(source))) == found


def test_the_scan_of_texts_sees() -> None:
    bad = "p.read_text()\np.open('w')\nos.fdopen(h, 'w')\nopen(p, 'a', newline='')"
    good = "p.read_text('utf-8')\np.open('wb')\np.write_text(t, encoding='utf-8')\nav.open(f)"
    assert list(text_without_encoding(ast.parse(bad))) == [1, 2, 3, 4]
    assert not list(text_without_encoding(ast.parse(good)))


def test_cores_are_counted_where_nobody_tells_whose_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert portable.count_cores() == os.cpu_count()
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert portable.count_cores() == 1


def test_a_process_apart_from_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os; print(os.getsid(0))"
    command = [sys.executable, "-c", code]
    told = subprocess.run(
        command, capture_output=True, check=True, **portable.apart_from_terminal()
    )
    assert int(told.stdout) != os.getsid(0)
    monkeypatch.setattr(portable.os, "name", "nt")
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200, raising=False)
    assert portable.apart_from_terminal() == {"creationflags": 0x200}


def test_a_broken_pipe_has_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    invalid, other = OSError(errno.EINVAL, "invalid"), OSError(errno.ENOSPC, "full")
    with portable.broken_pipes_ignored():
        raise BrokenPipeError
    with pytest.raises(OSError, match="invalid"), portable.broken_pipes_ignored():
        raise invalid
    monkeypatch.setattr(portable.os, "name", "nt")
    with portable.broken_pipes_ignored():
        raise invalid
    with pytest.raises(OSError, match="full"), portable.broken_pipes_ignored():
        raise other


def test_a_second_name_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT knows none."""

    def no_links(source: Path, place: Path) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    for fake in (os.link, no_links):
        monkeypatch.setattr(os, "link", fake)
        first, second, place = (tmp_path / name for name in ("first", "second", "place"))
        first.write_text("first")
        second.write_text("second")
        portable.name_if_free(first, place)
        portable.name_if_free(second, place)
        assert place.read_text() == "first"
        assert second.exists()
        place.unlink()


@pytest.fixture
def _no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_lock, "fcntl", None)
    monkeypatch.delattr(os, "O_NONBLOCK", raising=False)
    monkeypatch.delattr(os, "O_NOFOLLOW", raising=False)


@pytest.mark.usefixtures("_no_locks")
def test_without_locks_everything_goes_on_unlocked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        path_lock.PathLock(tmp_path / "none", exclusive=True)
    with pytest.raises(OSError) as raised:
        path_lock.PathLock(tmp_path, exclusive=True)
    assert raised.value.errno == errno.ENOSYS
    assert path_lock.try_lock(tmp_path, exclusive=True) is None
    with take_turn(tmp_path / "turns" / "a") as waited:
        assert not waited
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "x").write_text("kept")

    for _ in range(2):
        with Cache(tmp_path / "cache") as cache:
            folder = cache.folder("kind", {"a": 1}, make, code="1")
            assert (folder / "x").read_text() == "kept"
    assert len(made) == 1


def windows_pipes(
    monkeypatch: pytest.MonkeyPatch, states: list[object]
) -> tuple[list[int], list[int]]:
    """msvcrt and _winapi as far as they are used; what a pipe is asked, one state after another."""
    exits: list[int] = []
    asked: list[int] = []

    def peek(handle: int, size: int) -> None:
        asked.append(handle)
        if isinstance(state := states.pop(0), OSError):
            raise state

    monkeypatch.delattr(orphans.select, "poll", raising=False)
    monkeypatch.setattr(orphans, "POLL_S", 0.0)
    monkeypatch.setattr(orphans.os, "_exit", exits.append)
    monkeypatch.setitem(
        sys.modules, "msvcrt", types.SimpleNamespace(get_osfhandle=lambda fd: 100 + fd)
    )
    monkeypatch.setitem(sys.modules, "_winapi", types.SimpleNamespace(PeekNamedPipe=peek))
    return exits, asked


def test_orphans_end_where_pipes_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    exits, asked = windows_pipes(monkeypatch, [None, None, BrokenPipeError()])
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(fileno=lambda: 7))
    orphans._watch()
    assert exits == [0]
    assert asked == [107] * 3


@pytest.fixture
def piped_stdin() -> Iterator[int]:
    """Standard input of this process is a pipe; the handle that writes to it."""
    before = os.dup(0)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    yield writing
    os.dup2(before, 0)
    os.close(before)


def test_standard_input_is_read_where_it_has_no_name(
    piped_stdin: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where nothing tells that something is in it."""
    monkeypatch.setattr(pipes, "open_pipe", pipe_reading.ThreadedPipe)
    nowhere = tmp_path / "dev" / "stdin"
    monkeypatch.setattr(pipes, "_ON_STDIN", ("-", nowhere.as_posix()))
    data = os.urandom(300_000)

    def write() -> None:
        with os.fdopen(piped_stdin, "wb") as file:
            file.write(data)

    threading.Thread(target=write, daemon=True).start()
    with PipedInputs() as piped:
        assert piped.take(nowhere).read_bytes() == data


def test_a_pipe_that_a_thread_reads_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipes, "IDLE_S", 0.5)
    reading, writing = os.pipe()
    pipe = pipe_reading.ThreadedPipe(reading)
    with pytest.raises(MediaError, match="nothing came out of it"):
        pipes._next_piece(pipe, Path("p"), False)
    os.write(writing, b"late")
    assert pipes._next_piece(pipe, Path("p"), False) == b"late"
    os.close(writing)
    assert pipes._next_piece(pipe, Path("p"), True) == b""
    pipe.close()


def test_a_pipe_that_cannot_be_read_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(writing)

    def fail(source: int, size: int) -> bytes:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(pipe_reading.os, "read", fail)
    with pytest.raises(OSError, match="broken"):
        pipe_reading.ThreadedPipe(reading).next(5.0, False)


def test_urls_survive_backslashes() -> None:
    """Windows makes `s3:\\b\\a.wav` of one that was taken for a path."""
    for url in ("s3://bucket/film/a.wav", "https://example.org/a.mp4"):
        assert as_url(PureWindowsPath(url)) == url
        assert url_of(stand_in(PureWindowsPath(url))) == url
    assert as_url(PureWindowsPath("C:\\film\\a.wav")) is None
    assert stand_in(PureWindowsPath("C:\\film\\a.wav")) is None


def test_a_picture_of_a_face_may_be_named_as_windows_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sep", "\\")
    assert FaceSelector.parse("faces\\anna").kind == "picture"
