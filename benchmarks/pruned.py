"""torch-pruning on a plusx model: channels removed at once by first-order Taylor importance, then fine-tuned.

What its examples do with a residual network (`MetaPruner`, global ranking), to the same share of multiply-accumulates
that plusx's own search chose. Fine-tuning is SGD with a cosine, on the batches of the model's own recipe, for the same
seconds as all of plusx's search took.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from plusx.data.cache import Prepared
from plusx.data.loader import Loader, in_order
from plusx.model.cost import cost

RATE, MOMENTUM, DECAY = 0.05, 0.9, 5e-4
JUDGED_ON = 1024
STEPS = 20


def pruned(net: nn.Sequential, features: tuple[int, ...], share: float, batches: list[tuple[Tensor, Tensor]]) -> None:
    """Removes channels of `net.net` in place, until `share` of its multiply-accumulates is left."""
    # A peer, which not every environment has: its types are not asked for.
    tp: Any = import_module("torch_pruning")
    inner, front = net.get_submodule("net"), net.get_submodule("front")
    whole = cost(inner, features).macs
    inner.eval()
    for pictures, classes in batches:
        nn.functional.cross_entropy(inner(front(pictures)), classes).backward()
    linear = [layer for layer in inner.modules() if isinstance(layer, nn.Linear)]
    pruner = tp.pruner.MetaPruner(
        inner,
        torch.zeros(1, *features),
        importance=tp.importance.TaylorImportance(),
        global_pruning=True,
        iterative_steps=STEPS * 5,
        pruning_ratio=1.0,
        max_pruning_ratio=0.9,
        ignored_layers=[*linear],
        round_to=8,
    )
    for _ in range(STEPS * 5):
        pruner.step()
        if cost(inner, features).macs <= share * whole:
            break
    inner.zero_grad()


def fine_tuned(net: nn.Module, loader: Loader, seconds: float) -> int:
    """Trains in place for so long; gives the steps that were done."""
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), RATE, MOMENTUM, weight_decay=DECAY, nesterov=True)
    began = time.monotonic()
    steps = 0
    for batch in loader.stream(0, 10**9):
        done = (time.monotonic() - began) / seconds
        if done >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = RATE * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * done)).item())
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(batch.inputs), batch.targets).backward()
        optimizer.step()
        steps += 1
    net.eval()
    return steps


def first_batches(prepared: Prepared, count: int = JUDGED_ON) -> list[tuple[Tensor, Tensor]]:
    """Training examples as they were prepared."""
    return [
        (batch.inputs, batch.targets) for batch, _ in zip(in_order(prepared, 128), range(count // 128), strict=False)
    ]
