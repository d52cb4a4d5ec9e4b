"""The page that answers in the browser: in a real one, from a plain static server."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browser import DESK, PHONE, browser, needs_chromium
from exported import web_runtime
from PIL import Image

import plusx
from plusx.archive import read_archive, write_archive
from plusx.data.image import ImageSpec
from plusx.engines.targets import Options, web
from plusx.errors import PlusxError, WrongUse
from plusx.model.resnet import ResNet
from plusx.tasks.classify import Classify
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive

CLASSES = ("cat", "dog <b>", "sea", "sky")
WAYS: dict[str, dict[str, Any]] = {
    "crop": {"height": 20, "width": 28, "channels": 3, "crop_fraction": 0.875},
    "bicubic": {"height": 24, "width": 24, "channels": 1, "resampling": "bicubic"},
    "lanczos": {"height": 40, "width": 17, "channels": 3, "fit": "letterbox", "resampling": "lanczos"},
    "nearest": {"height": 19, "width": 23, "channels": 3, "fit": "crop", "resampling": "nearest"},
    "stretch": {"height": 90, "width": 100, "channels": 1, "fit": "stretch"},
    "native": {"height": 64, "width": 30, "channels": 3, "fit": "native", "background": 9},
}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def runtime() -> Path:
    return web_runtime()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    net = ResNet([1, 1], 8, num_classes=4).eval()
    recipe = Recipe(model="resnet8", preprocessing=ImageSpec(**WAYS["crop"]))
    path = tmp_path_factory.mktemp("models") / "model.plusx"
    return write_archive(build_archive(net, recipe, Classify(temperature=0.2), CLASSES, {}), path)


@pytest.fixture(scope="module")
def page(model: Path, runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, list[str]]]:
    """(the page in a browser, what its console and its requests said), from a server that knows no headers."""
    folder = tmp_path_factory.mktemp("web") / "site"
    plusx.export(model, "web", folder, runtime=runtime)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    own = f"http://127.0.0.1:{server.server_port}/"
    said: list[str] = []
    with browser() as launched:
        opened = launched.new_page(viewport={"width": PHONE[0], "height": PHONE[1]}, color_scheme="dark")
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.on("request", lambda request: None if request.url.startswith(own) else said.append(request.url))
        opened.goto(own)
        opened.wait_for_selector("body[data-ready=yes]")
        yield opened, said
    server.shutdown()
    server.server_close()


def picture(width: int, height: int, mode: str = "RGB") -> bytes:
    """A PNG of patches and noise."""
    random = np.random.default_rng(width * height)
    patches = np.kron(random.integers(0, 200, (-(-height // 8), -(-width // 8), 3)), np.ones((8, 8, 1)))
    pixels = patches[:height, :width] + random.integers(0, 56, (height, width, 3))
    content = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).convert(mode).save(content, "PNG")
    return content.getvalue()


@needs_chromium
def test_its_golden_examples_answer_as_in_training(page: tuple[Any, list[str]]) -> None:
    opened, said = page
    opened.click("#check")
    opened.wait_for_selector("#checked.good")
    assert float(opened.get_attribute("#checked", "data-difference")) <= 1e-4
    assert "4 examples: the largest difference is" in opened.inner_text("#checked")
    assert said == []


@needs_chromium
@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_a_chosen_picture_answers_as_predict_does(page: tuple[Any, list[str]], model: Path, mode: str) -> None:
    opened, said = page
    content = picture(130, 90, mode)
    opened.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": content})
    (answer,) = plusx.load(model).predict([content])
    expected = [f"{100 * one['probability']:.1f} %" for one in answer["top"]]
    opened.wait_for_function(f"document.querySelector('.answer .value')?.textContent === '{expected[0]}'")
    labels, values = opened.locator(".answer .label"), opened.locator(".answer .value")
    assert labels.all_inner_texts() == [one["label"] for one in answer["top"]]
    assert values.all_inner_texts() == expected
    assert "28 x 20, colour" in opened.inner_text("#caption")
    assert opened.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert said == []


@needs_chromium
def test_a_dropped_file_that_is_no_picture_has_an_error(page: tuple[Any, list[str]]) -> None:
    opened, _ = page
    opened.evaluate(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(["words"], "words.png"));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
        }"""
    )
    opened.wait_for_selector("#error:not([hidden])")
    assert "words.png: this browser cannot read it as a picture" in opened.inner_text("#error")
    assert not opened.is_visible("#result")


@needs_chromium
@pytest.mark.parametrize("way", WAYS)
def test_it_prepares_pictures_as_the_spec_does(page: tuple[Any, list[str]], way: str) -> None:
    opened, _ = page
    spec = ImageSpec(**WAYS[way])
    for width, height in ((130, 90), (28, 20), (7, 5), (33, 61)):
        content = picture(width, height)
        seen = opened.evaluate(
            """async ([bytes, spec]) => {
                const prepare = await import("./prepare.js");
                const file = new Blob([new Uint8Array(bytes)], { type: "image/png" });
                return [...prepare.fitted(await prepare.opened(file, spec), spec).data];
            }""",
            [list(content), spec.model_dump(mode="json")],
        )
        far = np.abs(np.reshape(seen, (spec.height, spec.width, spec.channels)).astype(int) - spec.prepare(content))
        # Pillow 13 resizes some tall pictures along their height first; between the axes it rounds to bytes.
        assert far.max() <= (0 if width > height else 8)
        assert far.mean() <= 0.5


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_it_fits_any_window(page: tuple[Any, list[str]], scheme: str, size: tuple[int, int]) -> None:
    opened, said = page
    opened.set_viewport_size({"width": size[0], "height": size[1]})
    opened.emulate_media(color_scheme=scheme)
    assert opened.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert said == []


def test_without_the_runtime_it_says_how_to_get_it(model: Path, tmp_path: Path) -> None:
    with pytest.raises(
        WrongUse, match=r"--to web: the page needs ONNX Runtime Web's files; `npm pack onnxruntime-web`"
    ):
        plusx.export(model, "web", tmp_path / "page")
    with pytest.raises(WrongUse, match=r"--runtime .*: there is no ort\.wasm\.bundle\.min\.mjs, or no ort-wasm-simd"):
        plusx.export(model, "web", tmp_path / "page", runtime=tmp_path)


def test_other_models_are_refused(model: Path, tmp_path: Path) -> None:
    archive = read_archive(model)
    manifest = archive.manifest.model_copy(update={"task": {"name": "segment"}})
    for name in web.RUNTIME:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(
        PlusxError, match=r"model\.plusx answers images by segment, the page pictures by classify, multi"
    ):
        web.write(replace(archive, manifest=manifest), tmp_path / "page", Options(runtime=tmp_path))
