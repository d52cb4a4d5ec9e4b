"""`plusx shrink` beside what people would do instead: pictures a second over the given model in PyTorch, and accuracy.

    python benchmarks/shrink.py --set mnist --given runs/mnist --shrunk runs/s_mnist [--write]

`--given` is a run of `plusx train`, `--shrunk` what `plusx shrink --out` made of it. Peers get the same training
examples, and torch-pruning trains for as long as all of the shrinking took, its measuring included. Every form is timed
in turn, and scored once on the test split; nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import json
import warnings
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from modules import TorchModule, graph_archive
from plusx.archive import Archive, read_archive
from plusx.archive.members import MODEL_FILE
from plusx.data.cache import Prepared, default_cache_dir, prepare_samples
from plusx.data.modalities import spec_from_json
from plusx.data.samples import hold_out_rows, read_dataset
from plusx.engines import ENGINES, Engine
from plusx.engines.torch import build_network
from plusx.evaluate.scores import all_outputs
from plusx.model.cost import cost
from plusx.model.resnet import ResNet
from plusx.reporting.interval import wilson
from plusx.shrinking.quantize import quantized
from plusx.shrinking.speed import speeds
from plusx.training.feed import build_loader
from plusx.training.recipe import Recipe
from pruned import fine_tuned, first_batches, pruned
from results import setting, write_section

ROUNDS = 3
CALIBRATED_ON = 300
EAGER = "given, PyTorch eager"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", required=True, choices=("mnist", "cifar10"))
    parser.add_argument("--given", type=Path, required=True, help="the run of the unshrunk model")
    parser.add_argument("--shrunk", type=Path, required=True, help="the folder of its shrinking")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where mnist/ and cifar10/ are")
    parser.add_argument(
        "--seconds", type=float, help="of torch-pruning's fine-tuning; by default what the shrinking took"
    )
    parser.add_argument("--title", help="of the table in RESULTS.md; by default the set's name")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    given, shrunk = read_archive(options.given), read_archive(options.shrunk / MODEL_FILE)
    done = json.loads((options.shrunk / "shrink.json").read_text(encoding="utf-8"))
    train, test = examples(options.set, options.data_dir, given)
    share, seconds = of_the_chosen(done, given)
    seconds = options.seconds or seconds
    forms = ours(given, shrunk) | peers(given, train, share, seconds)
    example = np.ascontiguousarray(np.moveaxis(test.gather(np.arange(1)), -1, 1))
    rounds = [speeds(forms, example) for _ in range(ROUNDS)]
    body = table(forms, rounds, test)
    note = (
        f"Accuracy on the {len(test):,} test pictures, with its 95 % interval (Wilson). One core: medians of its time, "
        f"in turn, batches of {rounds[0][EAGER].batch}. torch-pruning trained for {seconds:.0f} s. {setting()}."
    )
    body = f"{body}\n\n{note}"
    print(body)
    if options.write:
        command = f"python benchmarks/shrink.py --set {options.set} --given RUN --shrunk FOLDER --write"
        write_section(f"Shrinking: {options.title or options.set}", f"{body}\n\n`{command}`")


def examples(name: str, data_dir: Path, given: Archive) -> tuple[Prepared, Prepared]:
    """The training examples without those that were held out, and the test split."""
    dataset = read_dataset(name, data_dir=data_dir / name)
    whole = dataset.split("train")
    rest, _ = hold_out_rows(whole, 0.1, 0)
    spec = spec_from_json(given.manifest.preprocessing)
    train, test = (prepare_samples(one, spec, cache=default_cache_dir()) for one in (whole, dataset.split("test")))
    return train.among(rest), test


def of_the_chosen(done: dict[str, Any], given: Archive) -> tuple[float, float]:
    """The share of multiply-accumulates that the chosen point kept, and the seconds that the shrinking took."""
    features = tuple(spec_from_json(given.manifest.preprocessing).features)
    chosen = read_network(Path(done["model"]))
    whole = cost(build_network(given).get_submodule("net"), features).macs
    return cost(chosen, features).macs / whole, float(done["duration_s"])


def read_network(path: Path) -> nn.Module:
    network: dict[str, Any] = read_archive(path).manifest.network
    with torch.device("meta"):
        return ResNet(**network)


def ours(given: Archive, shrunk: Archive) -> dict[str, Engine]:
    float_engines: dict[str, Engine] = {
        EAGER: ENGINES["torch"](given),
        "given, OpenVINO": ENGINES["openvino"](given),
        "given, ONNX Runtime": ENGINES["onnx"](given),
    }
    return float_engines | {f"plusx shrink, {name}": ENGINES[name](shrunk) for name in ("openvino", "onnx")}


def peers(given: Archive, train: Prepared, share: float, seconds: float) -> dict[str, Engine]:
    batches = first_batches(train)
    pictures = np.concatenate([inputs.numpy() for inputs, _ in batches])[:CALIBRATED_ON]
    plain = quantized(given, pictures)
    features = tuple(spec_from_json(given.manifest.preprocessing).features)
    net = build_network(given)
    made: dict[str, Engine] = {
        "plain NNCF, OpenVINO": ENGINES["openvino"](plain),
        "plain NNCF, ONNX Runtime": ENGINES["onnx"](plain),
    }
    # FX cannot follow the paper's shortcut A, whose padding asks for the number of dimensions.
    if given.manifest.network.get("shortcut") != "A":
        made["torch.ao int8 (FX, x86), PyTorch"] = TorchModule(by_torch_ao(deepcopy(net), pictures))
    pruned(net, features, share, batches)
    recipe = Recipe.model_validate(given.manifest.provenance["recipe"])
    fine_tuned(net, build_loader(recipe, train, torch.device("cpu")), seconds)
    graph = graph_archive(net, pictures[:1])
    return made | {
        "torch-pruning, PyTorch eager": TorchModule(net),
        "torch-pruning, OpenVINO": ENGINES["openvino"](graph),
        "torch-pruning + plain NNCF, OpenVINO": ENGINES["openvino"](quantized(graph, pictures)),
    }


class Plain(nn.Module):
    """The network as FX can trace it."""

    def __init__(self, net: ResNet):
        super().__init__()
        self.stem, self.stages, self.head = net.stem, net.stages, net.head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.stages(self.stem(x)))


def by_torch_ao(net: nn.Sequential, pictures: np.ndarray) -> nn.Module:
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    inner, front = net.get_submodule("net"), net.get_submodule("front")
    assert isinstance(inner, ResNet)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        inputs = front(torch.from_numpy(pictures))
        observed = prepare_fx(Plain(inner).eval(), get_default_qconfig_mapping("x86"), inputs[:2])
        observed(inputs)
        return nn.Sequential(front, convert_fx(observed))


def table(forms: dict[str, Engine], rounds: list[dict[str, Any]], test: Prepared) -> str:
    lines = ["| form | right, % (95 % interval) | ms, one | pictures a second | times eager |", "|---|---|---|---|---|"]
    rates = {name: float(np.median([one[name].per_second for one in rounds])) for name in forms}
    for name, engine in forms.items():
        hits = int((all_outputs(engine, test).argmax(1) == test.targets).sum())
        low, high = wilson(hits, len(test))
        latency = float(np.median([one[name].latency_ms for one in rounds]))
        right = f"{100 * hits / len(test):.2f} ({100 * low:.2f} to {100 * high:.2f})"
        lines.append(f"| {name} | {right} | {latency:.3f} | {rates[name]:,.0f} | {rates[name] / rates[EAGER]:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
