"""Worlds of several processes without torchrun's start-up: forked from a server that has torch loaded already."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from jobs import digits, job, recipe
from torch import nn

from plusx.errors import PlusxError
from plusx.tasks.classify import Classify
from plusx.training import distributed
from plusx.training.criterion import Goal
from plusx.training.distributed import joined
from plusx.training.feed import build_loader
from plusx.training.gradient import find_gradient
from plusx.training.loop import fit
from plusx.training.recipe import Sgd
from plusx.training.state import State
from plusx.training.step import score
from plusx.training.sync_norm import synchronise_norms
from plusx.training.watch import Silent, Step


def in_world(size: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What the function gives in each process, by rank: its result, or the exception that it raised."""
    context = multiprocessing.get_context("forkserver")
    # Not this module: the server does not look in pytest's path.
    context.set_forkserver_preload(["plusx.training.loop", "sklearn.datasets"])
    results = context.Queue()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        context.Process(target=_member, args=(rank, size, port, function, arguments, results)) for rank in range(size)
    ]
    for process in processes:
        process.start()
    by_rank = dict(results.get(timeout=100) for _ in processes)
    for process in processes:
        process.join()
    return [by_rank[rank] for rank in range(size)]


def _member(rank: int, size: int, port: int, function: Callable[..., Any], arguments: Any, results: Any) -> None:
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    torch.set_num_threads(1)
    warnings.simplefilter("error")
    distributed.LINGER_S = 0.2
    try:
        result = function(*arguments)
    except BaseException as error:
        result = error
    # Errors by their words: not every exception can be sent.
    results.put((rank, (type(result).__name__, str(result)) if isinstance(result, BaseException) else result))


def conversation() -> list[Any]:
    """Each way to tell one another something, in two worlds one after the other."""
    said: list[Any] = []
    for round_ in range(2):
        with joined() as world:
            said.append(world.told(lambda rank=world.rank, number=round_: f"{number} from {rank}"))
            with world.in_turn():
                said.append(world.local_rank)
            world.meet()
            said.append(world.sum(0.5, torch.tensor(world.rank)))
    return said


def one_fails(failing: int) -> None:
    with joined() as world:
        if world.rank == failing:
            raise PlusxError(f"only {failing}")
        world.sum(1.0)


def all_fail() -> None:
    with joined():
        raise PlusxError("the same everywhere")


def one_dies(dying: int) -> None:
    with joined() as world:
        if world.rank == dying:
            raise SystemExit(9)
        world.sum(1.0)


class Losses(Silent):
    """Keeps each step's loss, and presses Ctrl-C in its own process after one of them."""

    def __init__(self, press_at: int = -1):
        self.values: list[float] = []
        self.notes: list[str] = []
        self._press_at = press_at

    def note(self, text: str) -> None:
        self.notes.append(text)

    def stepped(self, step: Step) -> None:
        self.values.append(step.loss)
        if step.step == self._press_at:
            os.kill(os.getpid(), signal.SIGINT)


def calm(**changes: Any) -> Any:
    """A recipe that does not amplify rounding: its rate is low, and nothing in it is random by process."""
    options = {"num_filters": 8, "norm": "group"}
    return recipe(**{"model_options": options, "optimizer": Sgd(lr=0.01), "batch_size": 30, "average": None, **changes})


def training(folder: Path, changes: dict[str, Any], press_at: int = -1, pressed_in: int = 0) -> dict[str, Any]:
    """Losses, rows and final weights of a training; a rank that is `pressed_in` hears Ctrl-C after step `press_at`."""
    with joined() as world:
        watcher = Losses(press_at if world.rank == pressed_in else -1)
        base = job(folder, calm(**changes), watcher, checkpoint_every_s=1e9)
        state = fit(type(base)(**{**vars(base), "world": world}))
        weights = {name: tensor.numpy() for name, tensor in state.network.state_dict().items()}
        return {"losses": watcher.values, "rows": base.run.read_metrics(), "weights": weights, "step": state.step}


def scores() -> tuple[float, float]:
    """Loss and accuracy of an untrained network over 700 examples."""
    with joined() as world:
        state = State(recipe(), {"num_classes": 10}, world.device, world)
        return score(state.evaluated(), Classify(), digits(700, 0), world.device, world)


def gradient(changes: dict[str, Any]) -> dict[str, Any]:
    """What `find_gradient` leaves in the weights in an untrained network for the first batch of 32 digits."""
    with joined() as world:
        made, prepared = recipe(**changes), digits(64, 0)
        state = State(made, {"num_classes": 10}, world.device, world)
        state.train()
        batch = build_loader(made, prepared, world.device, world.share(made.batch_size, unit=2)).batch(0)
        find_gradient(state, batch, Goal.of(made, Classify(), prepared))
        parameters = state.network.named_parameters()
        return {"gradients": {name: parameter.grad.numpy() for name, parameter in parameters}}


def normalised(dims: int, affine: bool) -> dict[str, Any]:
    """What synchronised normalisation gives and learns from this process's uneven part of 12 examples."""
    with joined() as world:
        part = world.share(12, unit=2)
        network, x, weight = normalisation_case(dims, affine)
        synchronise_norms(network)
        outputs = network(x[part])
        (outputs * weight[part]).sum().backward()
        gradients = {name: parameter.grad.numpy() for name, parameter in network.named_parameters()}
        state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
        still = network.eval()(x[part]).detach().numpy()
        return {"outputs": outputs.detach().numpy(), "gradients": gradients, "state": state, "still": still}


def normalisation_case(dims: int, affine: bool) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A network of one normalisation after a convolution, in double precision, its input, and its loss's weights."""
    torch.manual_seed(dims)
    conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1]
    norm = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[dims - 1]
    network = nn.Sequential(conv(2, 3, 1), norm(3, affine=affine), nn.ReLU(inplace=True)).double()
    for parameter in network[1].parameters():
        nn.init.normal_(parameter)
    shape = (12, 2, *(4,) * dims)
    return network, torch.randn(shape).double() + 5, torch.randn(12, 3, *(4,) * dims).double()


def torn_training(folder: Path) -> Any:
    """Each process has a folder of its own, of which only the first holds a checkpoint."""
    return training(folder / os.environ["RANK"], {"epochs": 1})
