"""Draws docs/export.png: the page that `plusx export --to web` writes for a model of the digits, open in Chromium.

    python benchmarks/plot_export.py --runtime FOLDER

FOLDER is the npm package onnxruntime-web.
"""

from __future__ import annotations

import argparse
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright
from sklearn.datasets import load_digits

import plusx

PICTURE = Path(__file__).parents[1] / "docs" / "export.png"
SHOWN = 1700


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", type=Path, required=True)
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        run = plusx.train("digits", out=folder / "digits").model
        plusx.export(run, "web", folder / "page", runtime=options.runtime)
        pictures, _ = load_digits(return_X_y=True)
        pixels = (np.asarray(pictures)[SHOWN].reshape(8, 8) * 255 / 16).round().astype(np.uint8)
        Image.fromarray(pixels).save(folder / "digit.png")
        draw(folder / "page", folder / "digit.png")


def draw(page: Path, digit: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(page)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 900, "height": 940})
        tab.goto(f"http://127.0.0.1:{server.server_port}/")
        tab.wait_for_selector("body[data-ready=yes]")
        tab.set_input_files("#file", digit)
        tab.wait_for_selector("#result:not([hidden])")
        tab.click("#check")
        tab.wait_for_selector("#checked.good")
        tab.screenshot(path=PICTURE, full_page=True)
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main()
