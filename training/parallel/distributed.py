"""Process group of a training run: a single process, or those started by torchrun.

Every process has a rank, 0 to count − 1, and a device. Rank 0, the main process, prints and writes.
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

# The others wait while the main process validates; torch's default is 10 minutes.
TIMEOUT = timedelta(hours=1)


@dataclass(frozen=True)
class ProcessGroup:
    """This process as a member of the group."""

    rank: int
    count: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this process prints and writes."""
        return self.rank == 0

    def mean(self, value: torch.Tensor) -> float:
        """Average a scalar over all processes."""
        if self.count > 1:
            value = value.detach().to(self.device)
            distributed.all_reduce(value)
        return value.item() / self.count

    def gather(self, thing: Any) -> list[Any]:
        """Collect an object of every process, by rank, in all processes."""
        if self.count == 1:
            return [thing]
        things: list[Any] = [None] * self.count
        distributed.all_gather_object(things, thing)
        return things

    def from_main(self, read: Callable[[], T]) -> T:
        """Call a function in the main process only; its result or LipsyncError reaches all."""
        if self.count == 1:
            return read()
        found: list[Any] = [None]
        if self.is_main:
            try:
                found = [read()]
            except LipsyncError as error:
                found = [error]
        distributed.broadcast_object_list(found)
        if isinstance(found[0], LipsyncError):
            raise found[0]
        thing: T = found[0]
        return thing


def is_local_main() -> bool:
    """Whether this process reports errors to the user: the first one of its machine."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


@contextmanager
def exit_with_message() -> Iterator[None]:
    """Run a training command; on an error or Ctrl-C print one line and exit with its code."""
    try:
        yield
    except LipsyncError as error:
        sys.exit(f"error: {error}" if is_local_main() else 1)
    except KeyboardInterrupt as stop:
        if is_local_main():
            print(str(stop) or "stopped", file=sys.stderr)
        sys.exit(130)


@contextmanager
def join_processes(device: str) -> Iterator[ProcessGroup]:
    """Join the other processes, over NCCL on GPUs and gloo otherwise; leave on exit.

    Raises:
        OptionsError: no such device, or fewer devices than processes.
    """
    if not distributed.is_torchelastic_launched():
        yield ProcessGroup(0, 1, parse_device(device))
        return
    own = _device_of_rank(device, int(os.environ["LOCAL_RANK"]))
    on_gpu = own.type == "cuda"
    distributed.init_process_group(
        "nccl" if on_gpu else "gloo", timeout=TIMEOUT, device_id=own if on_gpu else None
    )
    try:
        yield ProcessGroup(distributed.get_rank(), distributed.get_world_size(), own)
        # Wait for the main process to validate and write: torch aborts processes whose peers
        # have left.
        distributed.barrier()
    finally:
        distributed.destroy_process_group()


def parse_device(name: str) -> torch.device:
    """Parse and check the name of a device.

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
    """Pick the device of a process started by torchrun."""
    if name == "cpu":
        return torch.device("cpu")
    if name != "cuda":
        raise OptionsError(f"--device {name}: with torchrun use cpu or cuda (a GPU per process)")
    parse_device("cuda")
    wanted, have = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if wanted > have:
        raise OptionsError(f"--nproc-per-node {wanted}: this machine has {have} GPUs")
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)
