"""What Ray costs and brings: one machine's own path beside a local Ray with one worker and two, on the same files.

    python benchmarks/ray_predict.py [--rounds 2] [--pictures 768] [--write]
    python benchmarks/ray_predict.py --memory [--rows 1000000 5000000] [--write]

The first needs as many cores as it is to have workers; each is measured alone, in turn. The second answers lists of
files that do not exist, whose rows are errors, and looks at the memory of the process that leads the run. `--write`
puts a section into RESULTS.md and the figures into results/ray_predict.json, from which cost_model.py computes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from results import setting, spread, write_section

HEADING = "Prediction on Ray beside one machine's own path"
MEMORY = "Prediction on Ray: the leading process's memory by the list's length"
NO_FILES = "No file of these lists exists: each row is an error, and what is measured is the flow of the list."
FIGURES = Path(__file__).with_name("results") / "ray_predict.json"
CASES: dict[str, dict[str, Any]] = {
    "ResNet-18, 224x224, torch": {"model": "large", "list": "large", "engine": "torch", "part_rows": 64},
    "ResNet-18, 224x224, onnx": {"model": "large", "list": "large", "engine": "onnx", "part_rows": 64},
    "ResNet-18, 224x224, openvino": {"model": "large", "list": "large", "engine": "openvino", "part_rows": 64},
    "8x8 digits, ResNet-8, onnx": {"model": "small", "list": "small", "engine": "onnx", "part_rows": 4096},
}
WAYS = {
    "alone, 1 core": ("alone", 1),
    "Ray, 1 worker": ("ray", 1),
    "alone, 2 cores": ("alone", 2),
    "Ray, 2 workers": ("ray", 2),
}
FAST = ("8x8 digits, ResNet-8, onnx", "ResNet-18, 224x224, openvino")
"""The cases that are also measured on two cores."""

Found = dict[tuple[str, str], list[dict[str, float]]]
"""By case and way, what `one` gave, a round each."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--pictures", type=int, default=768)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(json.loads(options.one))))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.memory:
            for body in memory(folder, options.rows):
                show(MEMORY, body, options.write)
            return
        for body, figures in speed(folder, options.rounds, options.pictures):
            show(HEADING, body, options.write)
            if options.write:
                FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def show(heading: str, body: str, write: bool) -> None:
    print(body, flush=True)
    if write:
        write_section(heading, body)


def speed(folder: Path, rounds: int, pictures: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is known after each round: words, and figures."""
    make_pictures(folder, pictures)
    cores = sorted(os.sched_getaffinity(0))
    found: Found = {}
    for done in range(1, rounds + 1):
        for case, about in CASES.items():
            for way, (how, count) in WAYS.items():
                if count > len(cores) or (count > 1 and case not in FAST):
                    continue
                task = {**about, "how": how, "cores": cores[-count:], "folder": str(folder)}
                found.setdefault((case, way), []).append(in_a_process(task))
                print(f"{case}; {way}: {found[case, way][-1]}", file=sys.stderr, flush=True)
        yield told(folder, found, done, pictures)


def told(folder: Path, found: Found, rounds: int, pictures: int) -> tuple[str, dict[str, Any]]:
    lines = ["| what | way | pictures a second | until the first part, s |", "|---|---|---|---|"]
    for (case, way), each in found.items():
        rates, starts = [one["rate"] for one in each], [one["startup_s"] for one in each]
        lines.append(f"| {case} | {way} | {spread(rates)} | {spread(starts)} |")
    figures: dict[str, Any] = {
        "setting": setting(),
        "picture_bytes": average_bytes(folder / "large", "*.jpg"),
        "answer_bytes": found_bytes(found),
    }
    for name, figure in (("rates", "rate"), ("startup_s", "startup_s")):
        figures[name] = {
            f"{case}; {way}": round(median(one[figure] for one in each), 2) for (case, way), each in found.items()
        }
    note = (
        f"Median of {rounds} rounds, lowest to highest; from when each worker has ended a part to the end of the last. "
        f"ResNet-18: {pictures} rows of JPEGs of 500x375, {figures['picture_bytes'] / 1000:.0f} kB each, from a local "
        "disk, parts of 64. Digits: 20,480 rows of PNGs, parts of 4,096."
    )
    body = "\n".join(lines)
    return f"{setting()}\n\n`python benchmarks/ray_predict.py --write`\n\n{body}\n\n{note}", figures


def found_bytes(found: Found) -> int:
    return round(next(each[-1]["answer_bytes"] for (case, _), each in found.items() if case.startswith("ResNet-18")))


def memory(folder: Path, lengths: list[int]) -> Iterator[str]:
    """What is known after each list."""
    make_models(folder)
    rows = ["| rows in the list | leading process before, MB | highest, MB | rows a second |", "|---|---|---|---|"]
    for length in lengths:
        path = folder / f"{length}.parquet"
        with pq.ParquetWriter(path, pa.schema([("path", pa.string())])) as writer:
            for first in range(0, length, 100_000):
                names = [
                    f"pictures/of/a/camera/{number:012d}.jpg" for number in range(first, min(first + 100_000, length))
                ]
                writer.write_table(pa.table({"path": names}))
        task = {
            "how": "ray",
            "model": "small",
            "engine": "onnx",
            "part_rows": 4096,
            "cores": sorted(os.sched_getaffinity(0)),
        }
        found = in_a_process({**task, "folder": str(folder), "manifest": str(path)})
        rows.append(f"| {length:,} | {found['before_mb']:.0f} | {found['highest_mb']:.0f} | {found['rate']:,.0f} |")
        table = "\n".join(rows)
        yield f"{setting()}\n\n`python benchmarks/ray_predict.py --memory --write`\n\n{table}\n\n{NO_FILES}"


def in_a_process(task: dict[str, Any]) -> dict[str, float]:
    threads = {"OMP_NUM_THREADS": str(len(task["cores"]))}
    command = [sys.executable, __file__, "--one", json.dumps(task)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **threads}, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def one(task: dict[str, Any]) -> dict[str, float]:
    """One run in this process: rows a second behind the first part, and the seconds until its answers came."""
    os.sched_setaffinity(0, task["cores"])
    import plusx
    from plusx.api.ray import predict_on_ray
    from plusx.api.volume import predict_into
    from plusx.predict.inputs import listed

    folder = Path(task["folder"])
    model = plusx.load(folder / f"{task['model']}.plusx", task["engine"])
    manifest = Path(task.get("manifest") or folder / f"{task['list']}.parquet")
    ends: list[tuple[float, int]] = []
    before = resident_mb("VmRSS")
    with tempfile.TemporaryDirectory(dir=folder) as out:
        begun = time.perf_counter()
        how: dict[str, Any] = {
            "part_rows": task["part_rows"],
            "on_part": lambda count: ends.append((time.perf_counter(), count)),
        }
        if task["how"] == "ray":
            predict_on_ray(model, manifest, Path(out, "answers"), **how)
        else:
            predict_into(model, listed(str(manifest)), Path(out, "answers"), **how)
        size = sum(path.stat().st_size for path in Path(out, "answers").glob("part-*")) / ends[-1][1]
    # From when each worker has ended a part.
    (first_s, first), (last_s, last) = ends[min(len(task["cores"]), len(ends) - 1) - 1], ends[-1]
    return {
        "rate": (last - first) / (last_s - first_s),
        "startup_s": ends[0][0] - begun,
        "answer_bytes": size,
        "before_mb": before,
        "highest_mb": resident_mb("VmHWM"),
    }


def resident_mb(name: str) -> float:
    """This process's memory as Linux counts it: `VmRSS` now, `VmHWM` at its highest."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def average_bytes(folder: Path, pattern: str) -> int:
    sizes = [path.stat().st_size for path in folder.glob(pattern)]
    return round(sum(sizes) / len(sizes))


def make_pictures(folder: Path, pictures: int) -> None:
    """Crops of scikit-learn's two photographs as JPEGs, its digits as PNGs, their lists, and a network for each."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits, load_sample_images

    make_models(folder)
    rng = np.random.default_rng(0)
    photos = [np.asarray(one) for one in load_sample_images().images]
    (folder / "large").mkdir()
    (folder / "small").mkdir()
    for number in range(256):
        top, left = rng.integers(0, 427 - 375), rng.integers(0, 640 - 500)
        crop = photos[number % 2][top : top + 375, left : left + 500]
        Image.fromarray(crop).save(folder / "large" / f"{number}.jpg", quality=90)
    digits = np.asarray(load_digits(return_X_y=True)[0]).reshape(-1, 8, 8)
    for number, picture in enumerate(digits[:1024]):
        Image.fromarray((picture * 255 / 16).astype(np.uint8)).save(folder / "small" / f"{number}.png")
    for name, files, rows in (("large", 256, pictures), ("small", 1024, 20_480)):
        ending = "jpg" if name == "large" else "png"
        paths = [f"{name}/{number % files}.{ending}" for number in range(rows)]
        pq.write_table(pa.table({"path": paths}), folder / f"{name}.parquet")


def make_models(folder: Path) -> None:
    from plusx.data.image import ImageSpec
    from plusx.model.zoo import ZOO
    from plusx.predict.worker import packed
    from plusx.tasks.classify import Classify
    from plusx.training.recipe import Recipe
    from plusx.training.store import build_archive

    kinds = {
        "large": ("resnet18", ImageSpec(height=224, width=224, channels=3), {}),
        "small": ("resnet8", ImageSpec(height=8, width=8, channels=1), {"in_channels": 1}),
    }
    for name, (network, spec, more) in kinds.items():
        classes = tuple(f"{number:04d}" for number in range(1000 if name == "large" else 10))
        net = ZOO[network](num_classes=len(classes), **more).eval()
        archive = build_archive(net, Recipe(model=network, preprocessing=spec), Classify(), classes, {})
        (folder / f"{name}.plusx").write_bytes(packed(archive, "onnx"))


if __name__ == "__main__":
    main()
