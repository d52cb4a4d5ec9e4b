"""Takes the picture of the page that `plusx serve` has for people: docs/serving.png.

    python benchmarks/plot_serving.py MODEL --data-dir data/mnist [--out docs/serving.png]

The model of the picture in docs/ was trained by `plusx train mnist --data-dir data/mnist --set epochs=0.5`. A seven is
drawn by the mouse in headless Chromium, and a digit of the test split is dropped beside it.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from plusx.data.samples import read_dataset
from plusx.errors import PlusxError

WIDTH, HEIGHT = 1200, 900
SEVEN = ((0.3, 0.27), (0.7, 0.25), (0.58, 0.5), (0.48, 0.8))
"""The stroke's corners, as shares of the canvas."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("docs/serving.png"))
    options = parser.parse_args()
    with served(options.model) as url:
        taken = photographed(url, first_eight(options.data_dir))
    Image.open(io.BytesIO(taken)).convert("RGB").save(options.out, optimize=True)
    print(options.out)


def first_eight(folder: Path) -> bytes:
    """The first eight of the test split, a PNG."""
    samples = read_dataset("mnist", data_dir=folder).split("test")
    file = io.BytesIO()
    pixels = np.asarray(samples.source.read(samples.targets.tolist().index(8)))
    Image.fromarray(pixels.squeeze()).save(file, "PNG")
    return file.getvalue()


@contextmanager
def served(model: Path) -> Iterator[str]:
    """The address of a server of the model, which ends with this."""
    command = [sys.executable, "-m", "plusx", "serve", str(model), "--port", "0", "--json", "--log", "off"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            if not said:
                raise PlusxError(f"plusx serve ended with {process.wait()}")
            yield json.loads(said)["url"]
        finally:
            process.terminate()


def photographed(url: str, digit: bytes) -> bytes:
    """The page once both digits are answered, a PNG."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = launched.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(url)
        page.wait_for_selector("body[data-ready=yes]")
        page.set_input_files("#file", {"name": "eight.png", "mimeType": "image/png", "buffer": digit})
        page.locator(".result[data-done]").first.wait_for()
        draw(page)
        page.locator(".result[data-done]").nth(1).wait_for()
        for look in page.locator(".look").all():
            look.click()
        page.locator(".heat").nth(1).wait_for(timeout=120_000)
        page.mouse.move(0, 0)
        taken = page.screenshot(animations="disabled")
        launched.close()
        return taken


def draw(page: Any) -> None:
    """A seven on the page's canvas."""
    place = page.locator("#draw").bounding_box()
    corners = [(place["x"] + x * place["width"], place["y"] + y * place["height"]) for x, y in SEVEN]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=8)
    page.mouse.up()


if __name__ == "__main__":
    main()
