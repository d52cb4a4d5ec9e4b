"""What docs/export.md shows of other libraries runs as it stands there, and answers as plusx does."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import plusx as plusx_command
from exported import CLASSES, archive_of, options_for

import plusx
from plusx.archive import write_archive
from plusx.engines.targets import TARGETS, find_target
from plusx.model.zoo import ZOO

PAGE = (Path(__file__).parents[1] / "docs" / "export.md").read_text(encoding="utf-8")
SHOWN = {name.split("\n")[0]: code for name, code in re.findall(r"### (.+?)\n\n```python\n(.*?)```", PAGE, re.DOTALL)}
FORMATS = {
    "ONNX Runtime": "onnx",
    "OpenVINO": "openvino",
    "torch.export": "torch-export",
    "torchvision": "torchvision",
    "LiteRT": "litert",
}


def test_every_format_has_a_line_and_every_library_a_piece() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)[-len(TARGETS) :] == [*TARGETS]
    assert SHOWN.keys() == FORMATS.keys()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    return write_archive(archive_of(ZOO["resnet18"](num_classes=3), "resnet18"), folder / "model.plusx")


ELSEWHERE = ("torch.export", "torchvision")
"""What loads torch for seconds, and is run by the slow tests."""


@pytest.mark.parametrize(
    "library", [pytest.param(one, marks=pytest.mark.slow) if one in ELSEWHERE else one for one in SHOWN]
)
def test_it_runs_as_it_stands_there(library: str, model: Path, tmp_path: Path) -> None:
    to = FORMATS[library]
    options_for(to)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3, 32, 32), dtype=np.uint8)
    np.save(tmp_path / "pixels.npy", pixels)
    plusx.export(model, to, tmp_path / f"model{find_target(to).ENDING}")
    given = "import numpy; pixels = numpy.load('pixels.npy')\n"
    done = subprocess.run(
        [sys.executable, "-c", given + SHOWN[library]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = plusx.load(model, engine="torch").predict(list(pixels.transpose(0, 2, 3, 1)))
    assert done.stdout.strip().replace("'", '"') == json.dumps([answer["label"] for answer in answers])
    assert "plusx" not in SHOWN[library].replace("plusx_labels", "").replace("plusx.json", "")
    assert set(CLASSES) >= {answer["label"] for answer in answers}


def test_its_flags_are_those_of_the_command() -> None:
    flags = set(re.findall(r"--[a-z-]+", plusx_command("export", "--help").stdout))
    assert set(re.findall(r"(?<=plusx export )[^#\n]*", PAGE))
    assert {
        flag for line in re.findall(r"plusx export [^#\n]*", PAGE) for flag in re.findall(r"--[a-z-]+", line)
    } <= flags
