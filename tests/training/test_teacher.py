"""A teacher in many processes: each has its own, and together they train as one does alone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from jobs import CLASSES, SPEC, recipe
from worlds import in_world, training

from plusx.archive import write_archive
from plusx.model.zoo import ZOO
from plusx.tasks.classify import Classify
from plusx.training.distill import Distill
from plusx.training.run import RunFolder
from plusx.training.store import build_archive
from plusx.training.teacher import write_teacher


def with_teacher(folder: Path) -> Path:
    """A run's folder in which a teacher that knows nothing is sure of it."""
    folder.mkdir()
    torch.manual_seed(0)
    net = ZOO["resnet8"](in_channels=1, num_filters=8, num_classes=10)
    built = build_archive(net, recipe(preprocessing=SPEC), Classify(), CLASSES, {})
    built.weights["head.linear.weight"] *= 10
    path = write_archive(built, folder.with_suffix(".plusx"))
    run = RunFolder(folder)
    run.write_about({"teacher": write_teacher(replace(built, path=path), run.teacher)})
    return folder


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    changes = {"epochs": 1, "distill": Distill(weight=0.9)}
    (alone,) = in_world(1, training, with_teacher(tmp_path / "one"), changes)
    two = in_world(2, training, with_teacher(tmp_path / "two"), changes)
    (plain,) = in_world(1, training, tmp_path / "plain", {"epochs": 1})
    for found in two:
        np.testing.assert_allclose(found["losses"], alone["losses"], rtol=1e-4)
    assert all(two[0]["weights"][name].tobytes() == tensor.tobytes() for name, tensor in two[1]["weights"].items())
    assert not np.allclose(plain["losses"], alone["losses"], rtol=0.1)


def test_the_copy_is_the_file_and_its_sum_is_kept(tmp_path: Path) -> None:
    run = RunFolder(with_teacher(tmp_path / "run"))
    assert run.teacher.read_bytes() == (tmp_path / "run.plusx").read_bytes()
    assert len(json.loads(run.about.read_text())["teacher"]) == 64
    run.clear_beginning()
    assert not run.teacher.exists()
