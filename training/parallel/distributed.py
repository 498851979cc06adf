"""The processes that train together: one by itself, or those that torchrun started.

Each has its rank, 0 to count − 1, and its device. Whatever only one may do (print, write) is
done by the first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import distributed

from lipsync.errors import LipsyncError, OptionsError

T = TypeVar("T")

# The others wait while the first validates; torch's own limit is 10 minutes.
PATIENCE = timedelta(hours=1)


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together."""

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that prints and writes."""
        return self.rank == 0

    def mean(self, value: torch.Tensor) -> float:
        """The mean of every process's number."""
        if self.count > 1:
            value = value.detach().to(self.device)
            distributed.all_reduce(value)
        return value.item() / self.count

    def gather(self, thing: Any) -> list[Any]:
        """Every process's thing, by rank, for everybody."""
        if self.count == 1:
            return [thing]
        things: list[Any] = [None] * self.count
        distributed.all_gather_object(things, thing)
        return things

    def from_first(self, read: Callable[[], T]) -> T:
        """What the first process reads, for everybody; so is a LipsyncError that it meets."""
        if self.count == 1:
            return read()
        found: list[Any] = [None]
        if self.first:
            try:
                found = [read()]
            except LipsyncError as error:
                found = [error]
        distributed.broadcast_object_list(found)
        if isinstance(found[0], LipsyncError):
            raise found[0]
        thing: T = found[0]
        return thing


def speaks() -> bool:
    """Whether this process tells the user what is wrong: the first one of its machine."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


@contextmanager
def command() -> Iterator[None]:
    """A training as a command: what stops it is told once, in one line, with its exit code."""
    try:
        yield
    except LipsyncError as error:
        sys.exit(f"error: {error}" if speaks() else 1)
    except KeyboardInterrupt as stop:
        if speaks():
            print(str(stop) or "stopped", file=sys.stderr)
        sys.exit(130)


@contextmanager
def together(device: str) -> Iterator[Ranks]:
    """Join the other processes, over NCCL on GPUs and over gloo otherwise; leave at the end.

    Raises:
        OptionsError: no such device, or not one for every process.
    """
    if not distributed.is_torchelastic_launched():
        yield Ranks(0, 1, device_of(device))
        return
    own = _device_of_rank(device, int(os.environ["LOCAL_RANK"]))
    on_gpu = own.type == "cuda"
    distributed.init_process_group(
        "nccl" if on_gpu else "gloo", timeout=PATIENCE, device_id=own if on_gpu else None
    )
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size(), own)
        # Nobody leaves before the first has judged and written: torch aborts a process whose
        # threads still wait for the others.
        distributed.barrier()
    finally:
        distributed.destroy_process_group()


def device_of(name: str) -> torch.device:
    """A device by its name.

    Raises:
        OptionsError: torch does not know it, or this machine does not have it.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise OptionsError(f"--device {name}: unknown; use cpu, cuda, cuda:1 …") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise OptionsError(f"--device {name}: torch {torch.__version__} finds no such GPU here")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise OptionsError(f"--device {name}: torch {torch.__version__} finds no such GPU here")
    if device.type not in ("cpu", "cuda", "mps"):
        raise OptionsError(f"--device {name}: cannot train there; use cpu, cuda, cuda:1 …")
    return device


def _device_of_rank(name: str, local_rank: int) -> torch.device:
    """The device of a process that torchrun started."""
    if name == "cpu":
        return torch.device("cpu")
    if name != "cuda":
        raise OptionsError(f"--device {name}: with torchrun use cpu or cuda (a GPU per process)")
    device_of("cuda")
    wanted, have = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if wanted > have:
        raise OptionsError(f"--nproc-per-node {wanted}: this machine has {have} GPUs")
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)
