"""Models for tests of exports, and what each format needs on this machine to be tested."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plusx.archive import Archive
from plusx.data.image import ImageSpec
from plusx.engines.targets import Options
from plusx.model.resnet import ResNet
from plusx.tasks.classify import Classify
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive

CLASSES = ("a", "b c", "d")
SPEC = ImageSpec(height=32, width=32, channels=3, mean=(100, 110, 120), std=(50, 60, 70))
RUNTIME = "PLUSX_TEST_ONNXRUNTIME_WEB"
"""The folder of an unpacked npm package onnxruntime-web; `.ci/run` fetches it."""


def archive_of(net: ResNet, name: str = "resnet8") -> Archive:
    """A model of pictures of three classes."""
    return build_archive(net.eval(), Recipe(model=name, preprocessing=SPEC), Classify(), CLASSES, {})


def web_runtime() -> Path:
    """The folder of ONNX Runtime Web; without one the test skips."""
    folder = os.environ.get(RUNTIME)
    if not folder:
        pytest.skip(f"no ONNX Runtime Web: npm pack onnxruntime-web, unpack it, and name its folder by {RUNTIME}")
    return Path(folder)


def options_for(name: str) -> Options:
    """What the format cannot be written without; where this machine has not got it, the test skips."""
    if name == "litert":
        pytest.importorskip("litert_torch", reason="LiteRT: pip install 'plusx[litert]', in an environment of its own")
    return Options(runtime=web_runtime() if name == "web" else None)
