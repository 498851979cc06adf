"""The checks of `doctor`: programs, packages, weights, folders, devices, signing."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lipsync import media
from lipsync.errors import LipsyncError
from lipsync.marks.certificate import load_identity, local_place
from lipsync.marks.content_credentials import check_identity
from lipsync.media import ffmpeg_binary
from lipsync.report.health import Check
from lipsync.runtime.cache import DEFAULT_SIZE, Cache
from lipsync.runtime.cache_pruning import describe_cache
from lipsync.runtime.checkpoint import asset_path
from lipsync.runtime.commit import describe_version
from lipsync.runtime.disk_space import format_size, free_bytes, try_to_write
from lipsync.runtime.hashing import hash_file
from lipsync.runtime.portable import count_cores

# Encoders that outputs need, and for what.
NEEDED = {
    "libx264": "mp4, mov and mkv",
    "libx265": "HDR and 10-bit targets",
    "libvpx-vp9": "webm",
    "aac": "sound in mp4 and mov",
    "libopus": "sound in webm",
}
# Encoders that no output needs, but that tell what the machine can do: those of --encoder, and AV1.
OPTIONAL = (
    *(name for name in media.ENCODERS if name not in NEEDED),
    *("libsvtav1", "libaom-av1", "av1_nvenc"),
)
ANSWER_S = 20.0  # for ffmpeg to say its version
PACKAGES = ("torch", "numpy", "opencv-python-headless", "mediapipe", "av", "c2pa-python")
OTHER_OPENCV = ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")
LEAST_DISK = 5 * 10**9  # bytes: an hour of output, its sound and a mouth bank
INSTALL_AGAIN = "install lipsync again: pip install --force-reinstall lipsync-render"


def run_checks(device: str) -> list[Check]:
    """All checks; none raises.

    Args:
        device: that renders are to use.
    """
    groups: tuple[Callable[[], Iterator[Check]], ...] = (
        check_ffmpeg,
        check_packages,
        check_weights,
        check_threads,
        lambda: check_devices(device),
        check_cache,
        check_disks,
        check_signing,
    )
    found = []
    for group in groups:
        found += _safely(group)
    return found


def _safely(group: Callable[[], Iterator[Check]]) -> list[Check]:
    """The checks of a group; what fails in a way that nobody foresaw is one as well."""
    found: list[Check] = []
    try:
        found.extend(group())
    except Exception as error:
        name = getattr(group, "__name__", "check").removeprefix("check_")
        found.append(Check(name, f"{type(error).__name__}: {error}", INSTALL_AGAIN))
    return found


def check_ffmpeg() -> Iterator[Check]:
    """The ffmpeg that is run, and which encoders of it work, each tried on a few pictures."""
    remedy = "set LIPSYNC_FFMPEG to an ffmpeg with libx264, or pip install imageio-ffmpeg"
    try:
        binary = ffmpeg_binary()
        said = _run([binary, "-version"])
        names = media.list_encoders()
    except (LipsyncError, OSError, subprocess.SubprocessError) as error:
        yield Check("ffmpeg", str(error), remedy)
        return
    number = re.search(r"ffmpeg version (\S+)", said)
    yield Check("ffmpeg", f"{number[1] if number else 'unknown version'}, {binary}")
    tried = {
        name: name in names and media.try_encoder(name) is None
        for name in (*NEEDED, *(one for one in OPTIONAL if one in names))
    }
    missing = [f"{name} ({use})" for name, use in NEEDED.items() if not tried[name]]
    working = [name for name, works in tried.items() if works]
    yield Check(
        "encoders",
        ", ".join(working) or "none that works",
        f"{remedy}; missing: {', '.join(missing)}" if missing else None,
    )


def check_packages() -> Iterator[Check]:
    """Versions of lipsync and of the packages that its results depend on."""
    yield Check("lipsync", describe_version())
    for name in PACKAGES:
        found = _version(name)
        yield Check(name, found or "not installed", None if found else INSTALL_AGAIN)
    for name in OTHER_OPENCV:
        if (found := _version(name)) is not None:
            remedy = f"pip uninstall {name}: it overwrites files of opencv-python-headless"
            yield Check(name, found, remedy)


def check_weights() -> Iterator[Check]:
    """Whether all weights that ship are there, byte for byte."""
    rows = re.findall(
        r"^\| `([^`]+)` \| [\d,]+ \| `([0-9a-f]{64})` \|",
        asset_path("README.md").read_text("utf-8"),
        re.MULTILINE,
    )
    faults = [_weight_fault(name, digest) for name, digest in rows]
    wrong = [fault for fault in faults if fault is not None]
    place = asset_path("README.md").parent
    found = ", ".join(wrong) or f"{len(rows)} files as shipped, in {place}"
    yield Check("weights", found, INSTALL_AGAIN if wrong or not rows else None)


def check_threads() -> Iterator[Check]:
    """How many cores there are, and how many threads the libraries use."""
    import cv2
    import torch

    usable = count_cores()
    threads = torch.get_num_threads()
    found = f"{usable} cores for this process; torch uses {threads}, OpenCV {cv2.getNumThreads()}"
    many = threads > usable
    yield Check("threads", found, f"set OMP_NUM_THREADS={usable}" if many else None)


def check_devices(device: str) -> Iterator[Check]:
    """The GPUs that torch sees, and whether the wanted device is one of them."""
    import torch

    names = [
        f"cuda:{i} {torch.cuda.get_device_name(i)}, "
        f"{format_size(torch.cuda.get_device_properties(i).total_memory)}"
        for i in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        names.append("mps")
    remedy = None
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        remedy = f"--device {device} does not work ({reason}); leave it out, or install its driver"
    yield Check("GPU devices", "; ".join(names) or "none; networks run on the CPU", remedy)


def check_cache() -> Iterator[Check]:
    """Where the cache is, what it holds, whether it can be written."""
    info = describe_cache(Cache.default_root())
    found = f"{info.root}, {format_size(info.size)} of {DEFAULT_SIZE} in {info.entries} entries"
    remedy = None
    if not info.writable:
        found += f", cannot be written ({info.fault})"
        remedy = "make it writable, or set XDG_CACHE_HOME to a folder that is"
    yield Check("cache", found, remedy)


def check_disks() -> Iterator[Check]:
    """Room for temporary files, for the cache, and in the folder we are in."""
    root = Cache.default_root()
    try:
        temporary = Path(tempfile.gettempdir())
    except OSError:
        yield Check("temporary files", "no folder for them", "set TMPDIR to one with room")
        return
    here = Path.cwd()
    for name, folder, variable in (
        ("temporary files", temporary, "set TMPDIR to a folder with room"),
        ("disk of the cache", root, "lipsync cache prune --cache-size 1G, or set XDG_CACHE_HOME"),
        ("disk of this folder", here, "make room, or write outputs elsewhere"),
    ):
        free = free_bytes(folder)
        fault = try_to_write(folder) if folder == temporary else None
        found = f"{format_size(free)} free in {folder}{f' ({fault})' if fault else ''}"
        yield Check(name, found, variable if fault or free < LEAST_DISK else None)


def check_signing() -> Iterator[Check]:
    """Whether outputs can be signed (C2PA); no certificate is made for that."""
    place = local_place()
    try:
        if place.exists():
            identity = load_identity(None, None)
            check_identity(identity)
            yield Check("C2PA signing", f"{identity.name}, {identity.algorithm}, {place}")
            return
    except LipsyncError as error:
        remedy = f"delete {place}, and another certificate is made; or --certificate and --key"
        yield Check("C2PA signing", str(error), remedy)
        return
    folder = next(one for one in place.parents if one.exists())
    fault = try_to_write(folder)
    if fault is None:
        yield Check("C2PA signing", f"the first render makes a certificate, {place}")
        return
    remedy = "set XDG_CONFIG_HOME to a folder that can be written, or give --certificate and --key"
    yield Check("C2PA signing", f"{place} cannot be made ({fault})", remedy)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _weight_fault(name: str, digest: str) -> str | None:
    """What is wrong with a file that ships; None: nothing."""
    try:
        return None if hash_file(asset_path(name)) == digest else f"{name} is damaged"
    except LipsyncError:
        return f"{name} is missing"


def _run(command: list[str]) -> str:
    done = subprocess.run(  # noqa: S603  (a list, no shell)
        command, capture_output=True, check=True, timeout=ANSWER_S, stdin=subprocess.DEVNULL
    )
    return done.stdout.decode("utf-8", "replace")
