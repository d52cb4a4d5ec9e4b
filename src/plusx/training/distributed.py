"""Many processes that train one network: which one this is, and what they tell one another.

torchrun starts them. Numbers are summed by torch's process group (gloo, or nccl on GPUs); words go through the group's
store, where waiting has no limit: to prepare a set may take hours, and nccl gives up after ten minutes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from plusx.errors import PlusxError
from plusx.training.meeting import fresh_store

LAUNCHED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
FAILED = "failed"
# The process that says what failed must not be ended by the launcher before it has, because another left sooner.
LINGER_S = 5.0


@dataclass(frozen=True)
class World:
    """This process, number `rank` of `size`, and number `local_rank` of its machine's. `World()` is alone.

    Every process of a world calls the same methods in the same order. Alone, each does what its name says of one.

    >>> World().sum(1.5, 2), World().told(lambda: "yes"), World(rank=1, size=3).share(10)
    ([1.5, 2.0], 'yes', slice(3, 6, None))
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    _store: Store | None = field(default=None, repr=False, compare=False)
    _calls: Iterator[int] = field(default_factory=count, repr=False, compare=False)

    @property
    def leads(self) -> bool:
        """Whether this is the one process that writes and speaks."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """Where this process computes: a GPU of its own where there are any."""
        return torch.device("cuda", self.local_rank) if torch.cuda.is_available() else torch.device("cpu")

    def share(self, count: int, unit: int = 1) -> slice:
        """This process's part of `count` places: the processes' parts follow one another, and are about equal.

        Each begins at a multiple of `unit`, and the last one ends with `count`.

        >>> [World(rank, 3).share(9, unit=2) for rank in range(3)]
        [slice(0, 2, None), slice(2, 6, None), slice(6, 9, None)]
        """
        units = -(-count // unit)
        first, last = (min(count, unit * (units * rank // self.size)) for rank in (self.rank, self.rank + 1))
        return slice(first, last)

    def sum(self, *values: Tensor | float) -> list[float]:
        """Each value, summed over the processes in double precision: the same bits in all of them."""
        total = torch.stack([torch.as_tensor(value, dtype=torch.float64, device=self.device) for value in values])
        if self.size > 1:
            dist.all_reduce(total)
        return total.tolist()

    def replicate(self, network: nn.Module) -> nn.Module:
        """What to train instead of `network`: the same weights, whose gradients are averaged over the processes."""
        if self.size == 1:
            return network
        replica = DistributedDataParallel(network, gradient_as_bucket_view=True)
        # Each process keeps its own running statistics; `follow` makes them the leader's where they are read. As an
        # attribute, since the argument of this name is deprecated and its successor is not in torch 2.10.
        replica.broadcast_buffers = False
        return replica

    def follow(self, network: nn.Module) -> None:
        """Takes over the leader's buffers, such as the running statistics of its part of the batches."""
        if self.size > 1:
            for buffer in network.buffers():
                dist.broadcast(buffer, src=0)

    def lead(self, tensor: Tensor) -> None:
        """Takes over the leader's values of a tensor, in place."""
        if self.size > 1:
            dist.broadcast(tensor, src=0)

    def told(self, decide: Callable[[], str]) -> str:
        """What the leader decides, in every process; the others wait for it as long as it takes."""
        if self._store is None:
            return decide()
        key = str(next(self._calls))
        if self.leads:
            self._store.set(key, decide())
        else:
            self._wait_until(lambda store: store.check([key]))
        return self._store.get(key).decode()

    def meet(self) -> None:
        """Waits for every process to be here, as long as it takes."""
        if self._store is not None:
            key = str(next(self._calls))
            self._store.add(key, 1)
            self._wait_until(lambda store: store.add(key, 0) == self.size)

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """A block that one process of each machine enters first, and the machine's others when that one is done."""
        if self._store is None:
            yield
            return
        key = f"{next(self._calls)}/{self.rank - self.local_rank}"
        if self.local_rank > 0:
            self._wait_until(lambda store: store.check([key]))
        yield
        if self.local_rank == 0:
            self._store.set(key, "")

    def _wait_until(self, true_of: Callable[[Store], bool]) -> None:
        assert self._store is not None
        pause_s = 0.01
        while not true_of(self._store):
            if self._store.check([FAILED]):
                _leave_silently()
            time.sleep(pause_s)
            pause_s = min(1.0, 1.2 * pause_s)

    def _fails_first(self) -> bool:
        assert self._store is not None
        try:
            return self._store.add(FAILED, 1) == 1
        except RuntimeError:  # the store's process is gone, which has then said why
            return False


@contextmanager
def joined() -> Iterator[World]:
    """The world that this process was started into, by torchrun or another that sets its variables; else alone.

    What fails in any process ends all of them, and only the first to fail says so: the others exit silently.

    Raises:
        PlusxError: another process is gone.
        SystemExit: another process says what failed, or that it was interrupted.
    """
    if not all(name in os.environ for name in LAUNCHED) or os.environ["WORLD_SIZE"] == "1":
        yield World()
        return
    world = _find()
    try:
        _connect(world)
        yield world
        # Nobody leaves while another may still read the store.
        world.meet()
    except KeyboardInterrupt:
        if world.leads:
            raise
        raise SystemExit(1) from None
    except Exception as error:
        if not world._fails_first():
            _leave_silently()
        if _is_lost_connection(error):
            raise PlusxError(
                f"process {world.rank} of {world.size}: another process is gone; the run goes on with --resume, or by "
                "itself where torchrun has --max-restarts"
            ) from error
        raise
    dist.destroy_process_group()


def _find() -> World:
    found, rank, size = next(rendezvous("env://"))
    store = fresh_store(PrefixStore("plusx", found), rank, size)
    return World(rank, size, int(os.environ.get("LOCAL_RANK", "0")), store)


def _connect(world: World) -> None:
    place: dict[str, Any] = {"store": world._store, "rank": world.rank, "world_size": world.size}
    if world.device.type == "cuda":
        torch.cuda.set_device(world.device)
        dist.init_process_group("nccl", device_id=world.device, **place)
    else:
        dist.init_process_group("gloo", **place)


def _leave_silently() -> None:
    time.sleep(LINGER_S)
    raise SystemExit(1)


def _is_lost_connection(error: Exception) -> bool:
    # gloo's errors have no class of their own; each names the source file in gloo that found it.
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))
