"""Parts of a list answered by many machines: Ray Data brings them to workers that keep their engine.

Only paths travel, a part's to its worker. There `fetch.py`, the modality and the network do what they do on one
machine: a picture is downloaded once, by the process that answers it.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from plusx.data.cache import available_cores
from plusx.errors import PlusxError, WrongUse
from plusx.predict.manifest import Manifest
from plusx.predict.worker import Order, Outcome, Worker

if TYPE_CHECKING:
    from ray.data import ActorPoolStrategy

LOCAL, AUTO = "local", "auto"
"""The addresses of a Ray that is started here and ended with the run, and of the one that this machine is of."""
CONNECT_S = 5.0
STORE_BYTES = 256 << 20
READING = 4
"""Tasks that read lists at once: each gives parts faster than dozens of workers answer them."""
RUN_PARTS = 16
PART = pa.schema([("part", pa.int64()), ("paths", pa.list_(pa.large_string())), ("failure", pa.string())])
OUTCOME = pa.schema([("part", pa.int64()), ("rows", pa.int64()), ("errors", pa.int64()), ("failure", pa.string())])


@contextmanager
def joined(address: str, cpus: int | None = None) -> Iterator[dict[str, float]]:
    """Ray's resources by name (`CPU`, `GPU`), with this process joined to it; one that the process had joined is kept.

    Args:
        address: `local`, `auto` for the cluster that this machine is of, or `host:port` of its head.
        cpus: so many has a Ray that is started here; None: the machine's.

    Raises:
        WrongUse: it is no such address.
        PlusxError: Ray is not installed, or there is none at the address.
    """
    # Ray would report to its makers what it is used for.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Its core warns of each pool of actors, in words for those who wrote it.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    ray = _ray()
    if ray.is_initialized():
        yield ray.cluster_resources()
        return
    if address not in (LOCAL, AUTO):
        _check_reached(address)
    own = {"num_cpus": cpus or available_cores(), "object_store_memory": STORE_BYTES, "include_dashboard": False}
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        ray.init(address=address, **quiet, **(own if address == LOCAL else {}))
    except (ConnectionError, RuntimeError, ValueError) as error:
        words = " ".join(str(error).split())
        raise PlusxError(f"--ray {address}: no cluster can be joined there ({words[:120]})") from error
    try:
        yield ray.cluster_resources()
    finally:
        ray.shutdown()


def _check_reached(address: str) -> None:
    # Ray itself would try for minutes.
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "://" in address:
        raise WrongUse(f"--ray {address}: give host:port of a cluster's head, or auto on one of its machines")
    try:
        socket.create_connection((host, int(port)), CONNECT_S).close()
    except OSError as error:
        words = error.strerror or error
        raise PlusxError(f"--ray {address}: nothing answers there ({words}); check the address") from None


def _ray() -> Any:
    try:
        import ray
        import ray.data
        import ray.exceptions
    except ModuleNotFoundError as error:
        raise PlusxError(f"--ray: {error.name} is not installed: pip install 'plusx[scale]'") from None
    return ray


def answer_parts(order: Order, done: np.ndarray, part_rows: int, resources: dict[str, float]) -> Iterator[Outcome]:
    """Has all parts written that are not `done`, and gives what became of each, in the order in which they end.

    Args:
        done: for each part whether it is there, bool.
        resources: of the Ray that this process has joined, as `joined` gives them.

    Raises:
        PlusxError: a worker says what failed, or Ray gives up.
    """
    ray = _ray()
    cpus, gpus, count = workers_for(order.engine, resources)
    left = int(np.count_nonzero(~done))
    runs = runs_of(order.manifest, done, part_rows)
    told = _Told(order.manifest, done, part_rows)
    with _one_part_a_block():
        parts = ray.data.from_items(runs, override_num_blocks=len(runs)).map_batches(
            _parts_of,
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.TaskPoolStrategy(size=min(READING, len(runs))),
            fn_kwargs={"told": ray.put(told)},
            num_cpus=0,
        )
        outcomes = parts.map_batches(
            _Actor,
            batch_size=1,
            batch_format="pyarrow",
            compute=_pool(min(count, left), left),
            fn_constructor_args=(ray.put(replace(order, threads=cpus)),),
            num_cpus=cpus,
            num_gpus=gpus or None,
        )
        try:
            for batch in outcomes.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                yield from (_said(Outcome(**row)) for row in batch.to_pylist())
        except ray.exceptions.RayError as error:
            words = str(error).strip().splitlines() or [type(error).__name__]
            raise PlusxError(f"--ray: the run was given up: {words[-1][:300]}; --resume goes on with it") from error


def workers_for(engine: str, resources: dict[str, float]) -> tuple[int, int, int]:
    """(CPUs a worker, GPUs a worker, workers to begin with).

    >>> workers_for("openvino", {"CPU": 64.0, "GPU": 8.0}), workers_for("torch", {"CPU": 64.0, "GPU": 8.0})
    ((1, 0, 64), (8, 1, 8))
    """
    cpus, gpus = int(resources.get("CPU", 1)), int(resources.get("GPU", 0))
    if engine == "torch" and gpus:
        # The processors of its machine decode for a GPU.
        return max(cpus // gpus, 1), 1, gpus
    return 1, 0, max(cpus, 1)


def runs_of(manifest: Manifest, done: np.ndarray, part_rows: int) -> list[dict[str, int]]:
    """Neighbouring parts that are read by one task, so that a large row group is not read anew for each of its parts;
    only those with anything left to do."""
    step = max(RUN_PARTS, -(-manifest.largest_group // part_rows))
    firsts = range(0, len(done), step)
    return [{"first": at, "end": min(at + step, len(done))} for at in firsts if not done[at : at + step].all()]


class _Told(NamedTuple):
    """What a task that reads lists is told."""

    manifest: Manifest
    done: np.ndarray
    part_rows: int


def _parts_of(run: pa.Table, told: Any) -> Iterator[pa.Table]:
    """A table of one row a part: its number and paths; or what failed while the list was read."""
    about: _Told = _ray().get(told)
    (first,), (end,) = run["first"].to_pylist(), run["end"].to_pylist()
    try:
        for number, paths in about.manifest.parts(first, end, about.part_rows):
            if not about.done[number]:
                yield _row(number, paths.combine_chunks(), None)
    except PlusxError as error:
        yield _row(-1, pa.array([], pa.large_string()), str(error))


def _row(number: int, paths: pa.Array, failure: str | None) -> pa.Table:
    listed = pa.ListArray.from_arrays(pa.array([0, len(paths)], pa.int32()), paths)
    return pa.table([pa.array([number]), listed, pa.array([failure], pa.string())], schema=PART)


class _Actor:
    """A worker as Ray Data wants it. What fails is an outcome: as an exception it would be buried in Ray's own."""

    def __init__(self, order: Any):
        self._worker: Worker | None = None
        self._failure = ""
        try:
            self._worker = Worker(_ray().get(order))
        except PlusxError as error:
            self._failure = str(error)

    def __call__(self, parts: pa.Table) -> pa.Table:
        return pa.Table.from_pylist([self._outcome(**row)._asdict() for row in parts.to_pylist()], OUTCOME)

    def _outcome(self, part: int, paths: Sequence[str | None], failure: str | None) -> Outcome:
        failure = failure or self._failure
        if failure or self._worker is None:
            return Outcome(part, 0, 0, failure)
        try:
            return self._worker.answer(part, paths)
        except PlusxError as error:
            return Outcome(part, 0, 0, str(error))


def _said(outcome: Outcome) -> Outcome:
    if outcome.failure is not None:
        raise PlusxError(f"{outcome.failure}; --resume goes on with the run")
    return outcome


def _pool(count: int, most: int) -> ActorPoolStrategy:
    from ray.data import ActorPoolStrategy

    # One at a time, so that the last parts do not wait behind others; as many workers as parts, for clusters that grow.
    return ActorPoolStrategy(min_size=1, initial_size=count, max_size=most, max_tasks_in_flight_per_actor=1)


@contextmanager
def _one_part_a_block() -> Iterator[None]:
    """Ray Data's settings while it answers: a task has one part, and nothing is drawn on the terminal."""
    from ray.data import DataContext

    context = DataContext.get_current()
    wanted = {"target_max_block_size": 1, "enable_progress_bars": False, "print_on_execution_start": False}
    before = {name: getattr(context, name) for name in wanted}
    logger = logging.getLogger("ray.data")
    level = logger.level
    try:
        for name, value in wanted.items():
            setattr(context, name, value)
        logger.setLevel(logging.ERROR)
        yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            setattr(context, name, value)
