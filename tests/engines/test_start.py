"""A command that answers by a runtime starts without torch: what it imports, in a fresh interpreter."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plusx.archive import Archive, write_archive
from plusx.data.image import ImageSpec
from plusx.engines.graph import graph_of
from plusx.engines.targets import Options, find_target
from plusx.model.resnet import ResNet
from plusx.tasks.classify import Classify
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive

CODE = """
import json, sys
from plusx.cli.main import app
app(json.loads(sys.argv[1]), standalone_mode=False)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
NOT_WANTED = {"torch", "torchvision", "sklearn", "scipy", "pandas", "matplotlib", "onnxscript"}


@pytest.fixture(scope="module")
def archive() -> Archive:
    net = ResNet([1], 4, num_classes=2, in_channels=1).eval()
    spec = ImageSpec(height=8, width=8, channels=1)
    return build_archive(net, Recipe(model="resnet8", preprocessing=spec), Classify(), ("a", "b"), {})


def loaded_by(*arguments: str | Path) -> set[str]:
    command = [sys.executable, "-c", CODE, json.dumps(list(map(str, arguments)))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_with_a_graph_that_was_kept(engine: str, archive: Archive, tmp_path: Path) -> None:
    model = write_archive(archive, tmp_path / "model.plusx")
    graph_of(archive)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "one.png")
    loaded = loaded_by("predict", model, tmp_path / "one.png", "--engine", engine)
    assert loaded & NOT_WANTED == set()
    assert ("onnxruntime" if engine == "onnx" else engine) in loaded


def test_with_a_graph_that_the_model_carries(archive: Archive, tmp_path: Path) -> None:
    find_target("plusx").write(archive, tmp_path / "model.plusx", Options())
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "one.png")
    loaded = loaded_by("predict", tmp_path / "model.plusx", tmp_path / "one.png")
    assert loaded & NOT_WANTED == set()
    assert "openvino" in loaded
