"""ResNet-50's pictures a second by engine, beside the engines' own tools; and how soon a command answers.

    python benchmarks/engines.py rates [--rounds 7] [--batch 8] [--write]
    python benchmarks/engines.py starts [--rounds 7] [--write]

Contestants take turns within a round, so that what the machine does meanwhile meets all of them alike. The network has
fresh weights, and batch statistics of random pictures: how fast it is, its form decides. `bare` is a loop over the
engine's own Python call with the graph that plusx exported; `benchmark_app` is OpenVINO's own tool. int8 is made by
what `plusx shrink` quantises with (NNCF, after training).
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

from mnist import UNSET
from plusx.archive import Archive, write_archive
from plusx.data.image import ImageSpec
from plusx.engines import ENGINES
from plusx.engines.graph import graph_of
from plusx.engines.openvino import SETTINGS
from plusx.model.resnet import ResNet
from plusx.model.zoo import ZOO
from plusx.shrinking.quantize import quantized
from plusx.tasks.classify import Classify
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive
from results import setting, spread, write_section

HEADING = {"rates": "Engines", "starts": "Engines: from a command to its first answer"}
SPEC = ImageSpec(height=224, width=224, channels=3, crop_fraction=0.875)
SECONDS = 2.0
CALIBRATING = 64
# pip compiles modules when it installs them: where Python is kept from it, each start would compile them again.
UNSET_FOR_STARTS = {*UNSET, "PYTHONDONTWRITEBYTECODE"}
Run = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=list(HEADING))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    options = parser.parse_args()
    if options.write and options.rounds < 5:
        parser.error("--write: only of five rounds or more")

    float32 = resnet50()
    int8 = quantized(float32, pictures(CALIBRATING, seed=1))
    command = f"python benchmarks/engines.py {options.what} --rounds {options.rounds}"
    with tempfile.TemporaryDirectory() as folder:
        if options.what == "rates":
            command += f" --batch {options.batch}"
            rates = measured(float32, int8, pictures(options.batch, seed=2), options.rounds, Path(folder))
            found = f"{table(rates, options)}\n\n{verdict(rates)}"
        else:
            found = startups(answered(float32, int8, options.rounds, Path(folder)))
    packages = ", ".join(f"{name} {version(name)}" for name in ("openvino", "onnxruntime", "nncf"))
    body = f"{setting()}, {packages}\n\n`{command} --write`\n\n{found}\n"
    print(body)
    if options.write:
        write_section(HEADING[options.what], body)


def resnet50() -> Archive:
    """ResNet-50 as an archive, its batch statistics those of random pictures."""
    torch.manual_seed(0)
    net = ZOO["resnet50"]().train()
    pixels = torch.from_numpy(pictures(16, seed=0)).float()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None
        net((pixels - 127.5) / 63.75)
        assert isinstance(net, ResNet)
        # As in a trained network branches change x a little: a fresh one at full strength is chaotic, and rounding to
        # int8 would change its answers by a fifth.
        for _, block in net.residuals():
            block.get_parameter("branch.norm3.weight").fill_(0.2)
    labels = [f"class {number}" for number in range(1000)]
    return build_archive(net.eval(), Recipe(model="resnet50", preprocessing=SPEC), Classify(), labels, {})


def pictures(count: int, seed: int) -> np.ndarray:
    """Random pictures with coarse and fine structure, `(count, 3, 224, 224)` uint8."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 3, 14, 14)).repeat(16, 2).repeat(16, 3)
    return np.clip(coarse + random.normal(0, 20, (count, 3, 224, 224)), 0, 255).astype(np.uint8)


def measured(
    float32: Archive, int8: Archive, batch: np.ndarray, rounds: int, folder: Path
) -> Mapping[str, list[float]]:
    """Pictures a second of each contestant, a figure a round."""
    runs = contestants(float32, int8, batch)
    for run in runs.values():
        run()
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for precision, archive in (("float32", float32), ("int8", int8)):
        (folder / f"{precision}.onnx").write_bytes(graph_of(archive))
        rates[f"OpenVINO benchmark_app, {precision}"] = []
    for number in range(rounds):
        for name, run in runs.items():
            rates[name].append(len(batch) / seconds_of(run))
        for precision in ("float32", "int8"):
            rates[f"OpenVINO benchmark_app, {precision}"].append(
                benchmark_app(folder / f"{precision}.onnx", len(batch))
            )
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return rates


def contestants(float32: Archive, int8: Archive, batch: np.ndarray) -> dict[str, Run]:
    import onnxruntime
    import openvino
    from torchvision.models import resnet50 as theirs

    eager = theirs().eval()
    floats = (torch.from_numpy(batch).float() - 127.5) / 63.75
    runs: dict[str, Run] = {"torchvision eager, float32": lambda: _forward(eager, floats)}
    for precision, archive in (("float32", float32), ("int8", int8)):
        session = onnxruntime.InferenceSession(graph_of(archive), providers=["CPUExecutionProvider"])
        runs[f"ONNX Runtime bare, {precision}"] = lambda session=session: session.run(["outputs"], {"input": batch})
        core = openvino.Core()
        model = core.read_model(graph_of(archive))
        model.reshape(batch.shape)
        request = core.compile_model(model, "CPU", SETTINGS).create_infer_request()
        runs[f"OpenVINO bare, {precision}"] = lambda request=request: request.infer({"input": batch}, share_inputs=True)
        for engine in ("onnx", "openvino", *(["torch"] if precision == "float32" else [])):
            running = ENGINES[engine](archive)
            runs[f"plusx {engine}, {precision}"] = lambda running=running: running(batch)
    return runs


def _forward(net: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return net(inputs)


def seconds_of(run: Run) -> float:
    """The mean time of a call, over two seconds of them."""
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        run()
        calls += 1
    return (time.perf_counter() - began) / calls


def benchmark_app(graph: Path, batch: int) -> float:
    """OpenVINO's own figure for the graph."""
    tool = Path(sys.executable).with_name("benchmark_app")
    command = [tool, "-m", graph, "-d", "CPU", "-hint", "latency", "-t", str(int(SECONDS) + 1)]
    command += ["-shape", f"input[{batch},3,224,224]", "-infer_precision", "f32"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"Throughput:\s+([\d.]+) FPS", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


def answered(float32: Archive, int8: Archive, rounds: int, folder: Path) -> Mapping[str, list[float]]:
    """Seconds from a command to its first answer, whole processes, by engine; graphs are kept already."""
    picture = folder / "one.jpg"
    Image.fromarray(np.moveaxis(pictures(1, seed=3)[0], 0, -1)).save(picture)
    models = {"float32": write_archive(float32, folder / "a.plusx"), "int8": write_archive(int8, folder / "b.plusx")}
    asked = [(p, e) for p in models for e in ENGINES if (p, e) != ("int8", "torch")]
    times: dict[str, list[float]] = {f"{engine}, {precision}": [] for precision, engine in asked}
    environment = {name: value for name, value in os.environ.items() if name not in UNSET_FOR_STARTS}
    for shot in range(rounds + 1):
        for precision, engine in asked:
            command = [sys.executable, "-m", "plusx", "predict", models[precision], picture, "--engine", engine]
            began = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True, env=environment)
            if shot:
                times[f"{engine}, {precision}"].append(time.perf_counter() - began)
    return times


def table(rates: Mapping[str, Sequence[float]], options: argparse.Namespace) -> str:
    eager = median(rates["torchvision eager, float32"])
    rows = sorted(rates, key=lambda name: (name.split(", ")[1], median(rates[name])))
    lines = [f"| ResNet-50, 224 pixels, batch {options.batch} | pictures a second | times eager |", "|---|---|---|"]
    lines += [f"| {name} | {spread(rates[name])} | {median(rates[name]) / eager:.2f} |" for name in rows]
    return "\n".join(lines)


def verdict(rates: Mapping[str, Sequence[float]]) -> str:
    """The goals, each as the median of the rounds' own ratios."""
    tools = ["OpenVINO benchmark_app, float32", "OpenVINO bare, float32", "ONNX Runtime bare, float32"]
    best = max(tools, key=lambda name: median(rates[name]))
    pairs = [
        ("plusx openvino, float32", best, 0.95),
        ("plusx openvino, int8", "torchvision eager, float32", 6),
        ("plusx openvino, int8", "ONNX Runtime bare, float32", 3.5),
    ]
    lines = ["| goal | measured (median of the rounds' ratios) |", "|---|---|"]
    for ours, theirs, goal in pairs:
        ratios = [a / b for a, b in zip(rates[ours], rates[theirs], strict=True)]
        lines.append(f"| {ours}: at least {goal:g} times {theirs} | {spread(ratios, '.2f')} |")
    return "\n".join(lines)


def startups(times: Mapping[str, Sequence[float]]) -> str:
    lines = ["| `plusx predict MODEL one.jpg --engine ...` | seconds to the answer |", "|---|---|"]
    return "\n".join(lines + [f"| {name} | {spread(own, '.2f')} |" for name, own in times.items()])


if __name__ == "__main__":
    main()
