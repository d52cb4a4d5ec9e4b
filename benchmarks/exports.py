"""Exports one network to every format that can be written here, and measures how far each answers from the training.

    python benchmarks/exports.py [--runtime FOLDER] [--write]

A ResNet-18 for 224 x 224 pictures with torchvision's spec and fresh weights whose running means are drawn: what is
measured is arithmetic, which no training changes. With `--runtime` (the npm package onnxruntime-web) the page is
opened in Chromium, too, and scikit-learn's two photos are prepared there and by Pillow.
"""

from __future__ import annotations

import argparse
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

import plusx
from plusx.archive import write_archive
from plusx.data.image import ImageSpec
from plusx.engines.targets import TARGETS, find_target
from plusx.tasks.classify import Classify
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive
from results import setting, write_section

SPEC = ImageSpec(
    height=224, width=224, channels=3, crop_fraction=0.875, mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4)
)
PHOTOS = ("china.jpg", "flower.jpg")
SEE = """async ([bytes, spec]) => {
    const prepare = await import("./prepare.js");
    const file = new Blob([new Uint8Array(bytes)], { type: "image/jpeg" });
    return [...prepare.fitted(await prepare.opened(file, spec), spec).data];
}"""


def model(folder: Path) -> Path:
    torch.manual_seed(0)
    net = plusx.resnet18(num_classes=1000).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.normal_()
    classes = [f"class {number}" for number in range(1000)]
    archive = build_archive(net, Recipe(model="resnet18", preprocessing=SPEC), Classify(), classes, {})
    return write_archive(archive, folder / "model.plusx")


def row(path: Path, to: str, runtime: Path | None) -> tuple[str, ...]:
    """(format, megabytes, difference, seconds); what cannot be written here says why."""
    began = time.perf_counter()
    try:
        out = path.parent / f"out-{to}{find_target(to).ENDING}"
        exported = plusx.export(path, to, out, runtime=runtime if to == "web" else None)
    except plusx.PlusxError as error:
        return f"`{to}`", "", f"not written here: {error}", ""
    seconds = f"{time.perf_counter() - began:.0f}"
    return f"`{to}`", f"{exported.size_bytes / 1e6:.1f}", f"{exported.difference:.1e}", seconds


def in_browser(folder: Path) -> tuple[float, dict[str, np.ndarray]]:
    """(the golden examples' difference in Chromium, its pixels of each photo)."""
    from playwright.sync_api import sync_playwright

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seen: dict[str, np.ndarray] = {}
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        page = launched.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.wait_for_selector("body[data-ready=yes]")
        page.click("#check")
        page.wait_for_selector("#checked.good")
        difference = float(page.get_attribute("#checked", "data-difference") or "nan")
        for name in PHOTOS:
            pixels: Any = page.evaluate(SEE, [list(photo(name)), SPEC.model_dump(mode="json")])
            seen[name] = np.array(pixels).reshape(224, 224, 3)
        launched.close()
    server.shutdown()
    return difference, seen


def photo(name: str) -> bytes:
    return files("sklearn.datasets.images").joinpath(name).read_bytes()


def about_page(path: Path) -> list[str]:
    difference, seen = in_browser(path.parent / "out-web")
    lines = [f"In Chromium the page's golden examples differ by {difference:.1e} of the outputs' scale.", ""]
    answer = plusx.load(path, engine="torch")
    for name, pixels in seen.items():
        own = SPEC.prepare(photo(name))
        far = np.abs(pixels.astype(int) - own)
        both = [answer.predict([one])[0]["probability"] for one in (own, pixels.astype(np.uint8))]
        what = f"{far.mean():.2f} levels of 255 on average, {far.max()} at most"
        apart = f"{abs(both[0] - both[1]):.1e}"
        lines.append(f"- {name}: pixels in the browser and by Pillow differ by {what}; the probability by {apart}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runtime", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        path = model(Path(folder))
        rows = [row(path, to, given.runtime) for to in TARGETS]
        lines = ["| --to | MB | golden outputs differ by, of their scale | seconds |", "|---|---:|---|---:|"]
        lines += ["| " + " | ".join(one) + " |" for one in rows]
        if given.runtime is not None:
            lines += ["", *about_page(path)]
    body = "\n".join([setting(), "", *lines, "", "`python benchmarks/exports.py --runtime FOLDER --write`"])
    print(body)
    if given.write:
        write_section("Exports", body)


if __name__ == "__main__":
    main()
