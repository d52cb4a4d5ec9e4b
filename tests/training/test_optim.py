import os
import signal
from pathlib import Path

import pytest
import torch
from jobs import job, recipe
from torch import nn

from plusx.model.resnet import ResNet
from plusx.training.checkpoint import load_latest, save_checkpoint
from plusx.training.groups import freeze
from plusx.training.loop import fit
from plusx.training.optim import AdamW, Lamb, Muon, Optimizer, Sgd, build_optimizer
from plusx.training.state import State
from plusx.training.watch import Silent, Step

ALL: list[Optimizer] = [Sgd(), Sgd(nesterov=False, decay_all=True), AdamW(lr=0.003), Lamb(lr=0.02), Muon(lr=0.05)]
NAMES = ["sgd", "sgd of 2015", "adamw", "lamb", "muon"]


@pytest.mark.parametrize("optimizer", ALL, ids=NAMES)
def test_norms_and_biases_do_not_decay_unless_all_do(optimizer: Optimizer) -> None:
    net = ResNet([1], 4, in_channels=1)
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    groups = build_optimizer(net, optimizer).param_groups
    decay = {names[id(weight)]: group["weight_decay"] for group in groups for weight in group["params"]}
    assert decay.keys() == set(names.values())
    everything = isinstance(optimizer, Sgd) and optimizer.decay_all
    for name, value in decay.items():
        # Muon's banks keep their norm, so that there is nothing to decay.
        bank = isinstance(optimizer, Muon) and name.startswith("stages") and "conv" in name
        weight = "conv" in name or name == "head.linear.weight"
        assert value == (optimizer.weight_decay if (weight or everything) and not bank else 0.0)


@pytest.mark.parametrize(
    "optimizer",
    [
        Sgd(lr=0.1, momentum=0.9, weight_decay=0.01),
        Sgd(lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=False),
        Sgd(lr=0.1, momentum=0.0),
        AdamW(lr=0.1, weight_decay=0.01),
        Muon(other_lr=0.1, other_momentum=0.9, weight_decay=0.01),
    ],
)
def test_steps_as_the_papers_say(optimizer: Optimizer) -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    built = build_optimizer(layer, optimizer)
    for _ in range(2):
        built.zero_grad()
        layer(torch.ones(1, 1)).backward()
        built.step()
    assert layer.weight.item() == pytest.approx(_by_hand(optimizer), rel=1e-5)


def _by_hand(optimizer: Optimizer) -> float:
    if isinstance(optimizer, Muon):
        optimizer = Sgd(lr=optimizer.other_lr, momentum=optimizer.other_momentum, weight_decay=optimizer.weight_decay)
    weight, velocity, mean, square = 2.0, 0.0, 0.0, 0.0
    for step in (1, 2):
        if isinstance(optimizer, Sgd):
            gradient = 1 + optimizer.weight_decay * weight
            velocity = optimizer.momentum * velocity + gradient
            weight -= optimizer.lr * (gradient + optimizer.momentum * velocity if optimizer.nesterov else velocity)
        else:
            weight *= 1 - optimizer.lr * optimizer.weight_decay
            first, second = optimizer.betas
            mean, square = first * mean + (1 - first), second * square + (1 - second)
            weight -= optimizer.lr * (mean / (1 - first**step)) / ((square / (1 - second**step)) ** 0.5 + 1e-8)
    return weight


@pytest.mark.parametrize("optimizer", ALL, ids=NAMES)
def test_every_group_has_its_peak_and_begins_there(optimizer: Optimizer) -> None:
    groups = build_optimizer(ResNet([1, 1], 4), optimizer, rate_decay=0.5).param_groups
    expected = {round(optimizer.lr * 0.5**below, 9) for below in range(4)}
    if isinstance(optimizer, Muon):
        # Its banks are in the stages; the rest is everywhere.
        expected.remove(round(optimizer.lr / 8, 9))
        expected |= {round(optimizer.other_lr * 0.5**below, 9) for below in range(4)}
    assert {round(group["peak"], 9) for group in groups} == expected
    assert all(group["lr"] == group["peak"] for group in groups)


def test_frozen_weights_are_not_the_optimisers() -> None:
    net = ResNet([1, 1], 4)
    freeze(net, 1)
    held = {id(weight) for group in build_optimizer(net, Muon()).param_groups for weight in group["params"]}
    assert held == {id(weight) for part in (net.stages[1], net.head) for weight in part.parameters()}


class Interrupted(Silent):
    """Presses Ctrl-C after step 7."""

    def stepped(self, step: Step) -> None:
        if step.step == 7:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    ("optimizer", "last"),
    [*((optimizer, True) for optimizer in ALL), (Muon(lr=0.05), False)],
    ids=[*NAMES, "muon, channels first"],
)
def test_a_checkpoint_restores_it_bit_equal(tmp_path: Path, optimizer: Optimizer, last: bool) -> None:
    told = recipe(optimizer=optimizer, channels_last=last, epochs=1.5)
    whole = fit(job(tmp_path / "whole", told))
    with pytest.raises(KeyboardInterrupt):
        fit(job(tmp_path / "stopped", told, Interrupted()))
    resumed = fit(job(tmp_path / "stopped", told))
    ours, theirs = whole.checkpoint().tensors, resumed.checkpoint().tensors
    assert ours.keys() == theirs.keys()
    assert any(name.startswith("optimizer/") for name in ours)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("optimizer", ALL, ids=NAMES)
def test_peaks_are_the_new_optimisers_own_after_a_restore(tmp_path: Path, optimizer: Optimizer) -> None:
    told = recipe(optimizer=optimizer, epochs=0.2)
    state = fit(job(tmp_path / "run", told))
    save_checkpoint(tmp_path, state.checkpoint())
    checkpoint, _ = load_latest(tmp_path)
    assert checkpoint is not None
    fresh = State(told, {"num_classes": 10}, torch.device("cpu"))
    before = [group["peak"] for group in fresh.optimizer.param_groups]
    fresh.restore(checkpoint)
    assert [group["peak"] for group in fresh.optimizer.param_groups] == before
