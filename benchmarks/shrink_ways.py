"""Ways to make a network smaller, by what they gain in time here: narrower, of low rank, sparse, in int8.

    python benchmarks/shrink_ways.py [--write]

resnet8 of 64 filters for pictures of 32 x 32, weights as they begin: no accuracy is asked for, only how fast each form
is on each engine. Low rank: each 3x3 becomes a 3x3 to fewer channels and a 1x1, the rank such that multiplications are
halved, as they are by narrowing. Sparse: the smallest 90 % of all weights, or two of each four neighbours, are zero.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from modules import TorchModule, graph_archive
from plusx.engines import ENGINES, Engine
from plusx.model.cost import cost
from plusx.model.resnet import ResNet
from plusx.shrinking.importance import by_scale
from plusx.shrinking.narrow import narrowed
from plusx.shrinking.quantize import quantized
from plusx.shrinking.speed import Speed, speeds
from plusx.shrinking.widths import narrower
from results import setting, write_section

HEADING = "Shrinking: what each way gains in time"
SHAPE = (3, 32, 32)
SPARSE = 0.9
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    torch.manual_seed(0)
    net = ResNet([1, 1, 1], 64, stem="small").eval()
    example = np.random.default_rng(0).random((1, *SHAPE), dtype=np.float32)
    forms = {"as it is": net, **{name: make(net) for name, make in WAYS.items()}}
    running: dict[str, Engine] = {}
    for name, form in forms.items():
        archive = graph_archive(form, example)
        running |= {f"{name}|torch": TorchModule(form), f"{name}|onnx": ENGINES["onnx"](archive)}
        running |= {f"{name}|openvino": ENGINES["openvino"](archive)}
    small = quantized(graph_archive(net, example), np.random.default_rng(0).random((32, *SHAPE), dtype=np.float32))
    running |= {f"int8|{engine}": ENGINES[engine](small) for engine in ("onnx", "openvino")}
    found = [speeds(running, example) for _ in range(ROUNDS)]
    body = table({name: median_of([one[name] for one in found]) for name in running}, forms, net)
    print(body)
    if options.write:
        write_section(HEADING, f"{body}\n\n`python benchmarks/shrink_ways.py --write`")


def median_of(many: list[Speed]) -> Speed:
    rates = sorted(one.per_second for one in many)
    return Speed(sorted(one.latency_ms for one in many)[len(many) // 2], rates[len(rates) // 2], many[0].batch)


def halved_by_width(net: ResNet) -> nn.Module:
    scores = by_scale(net)
    return narrowed(net, narrower(net, scores, 0.5, SHAPE), scores)


def halved_by_rank(net: ResNet) -> nn.Module:
    """Each 3x3 of the stages as a 3x3 and a 1x1 by its SVD (Tai et al., arXiv 1511.06067, the first scheme)."""
    small = deepcopy(net)
    for block in list(small.stages.modules()):
        for name, layer in list(block.named_children()):
            if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
                setattr(block, name, factored(layer))
    return small


def factored(layer: nn.Conv2d) -> nn.Module:
    out, into = layer.weight.shape[:2]
    rank = max(1, round(out * into * 9 / 2 / (into * 9 + out)))
    left, values, right = torch.linalg.svd(layer.weight.detach().reshape(out, -1), full_matrices=False)
    first = nn.Conv2d(into, rank, 3, layer.stride[0], 1, bias=False)
    second = nn.Conv2d(rank, out, 1, bias=False)
    with torch.no_grad():
        first.weight.copy_((values[:rank, None] * right[:rank]).reshape(first.weight.shape))
        second.weight.copy_(left[:, :rank].reshape(second.weight.shape))
    return nn.Sequential(first, second)


def without_the_smallest(net: ResNet) -> nn.Module:
    return masked(net, lambda weight: weight.abs() >= weight.abs().flatten().quantile(SPARSE))


def two_of_four(net: ResNet) -> nn.Module:
    """The largest two of each four neighbours (Mishra et al., arXiv 2104.08378)."""

    def mask(weight: Tensor) -> Tensor:
        fours = weight.flatten(1).abs().reshape(len(weight), -1, 4)
        return (fours.argsort(dim=2).argsort(dim=2) >= 2).reshape(weight.shape)

    return masked(net, mask)


def masked(net: ResNet, mask: Callable[[Tensor], Tensor]) -> nn.Module:
    small = deepcopy(net)
    with torch.no_grad():
        for layer in small.stages.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight *= mask(layer.weight)
    return small


WAYS: dict[str, Callable[[ResNet], nn.Module]] = {
    "half the multiplications by fewer channels": halved_by_width,
    "half the multiplications by low rank": halved_by_rank,
    "90 % of the weights zero": without_the_smallest,
    "two of four weights zero": two_of_four,
}


def table(found: dict[str, Speed], forms: dict[str, nn.Module], net: ResNet) -> str:
    engines = ("torch", "onnx", "openvino")
    heads = [f"{engine}: {what}" for engine in engines for what in ("ms, one", "a second")]
    lines = [f"| form | MMACs | {' | '.join(heads)} |", "|---|" + "---|" * (1 + len(heads))]
    for name in (*forms, "int8"):
        cells = []
        for engine in engines:
            own = found.get(f"{name}|{engine}")
            cells += ["–", "–"] if own is None else [f"{own.latency_ms:.3f}", f"{own.per_second:,.0f}"]
        macs = cost(forms.get(name, net), SHAPE).macs / 1e6
        lines.append(f"| {name} | {macs:.1f} | {' | '.join(cells)} |")
    batch = next(iter(found.values())).batch
    note = f"One picture, and batches of {batch}; in turn, medians of {ROUNDS}, one core's processor time. {setting()}."
    return "\n".join([*lines, "", note])


if __name__ == "__main__":
    main()
