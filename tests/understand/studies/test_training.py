"""Studies train as the house does."""

from pathlib import Path

import numpy as np
import pytest
import torch

from plusx.errors import WrongUse
from plusx.tasks.classify import Classify
from plusx.training.loop import Job, fit
from plusx.training.run import RunFolder
from plusx.training.watch import Silent
from plusx.understand.studies.pictures import Pictures, read_pictures
from plusx.understand.studies.study import Settings
from plusx.understand.studies.training import error, fit_net, recipe_of


def test_a_study_trains_what_plusx_train_would(settings: Settings, pictures: Pictures, tmp_path: Path) -> None:
    epochs: list[int] = []
    options = {"shortcut": "A"}
    fitted = fit_net(settings, pictures, 1, 5, options, after_epoch=lambda epoch, network: epochs.append(epoch))
    recipe = recipe_of(settings, pictures, 1, 5, options)
    run = RunFolder(tmp_path / "run")
    run.claim()
    classes = pictures.train.classes
    job = Job(recipe, Classify(), classes, pictures.train, pictures.test, run, torch.device("cpu"), Silent())
    whole = fit(job)
    assert all(torch.equal(a, b) for a, b in zip(whole.net.parameters(), fitted.net.parameters(), strict=True))
    assert epochs == [0, 1, 2]
    assert fitted.curve == [1 - row["train_accuracy"] for row in run.read_metrics()]
    assert error(fitted.network, pictures.test) == pytest.approx(1 - run.read_metrics()[-1]["val_accuracy"])


def test_a_training_that_diverges_ends_and_says_so(settings: Settings, pictures: Pictures) -> None:
    wild = settings.model_copy(update={"lr": 1e30})
    fitted = fit_net(wild, pictures, 1, 0, {"shortcut": "A", "norm": "none"})
    assert fitted.diverged
    assert 0 <= error(fitted.network, pictures.test) <= 1


def test_pictures_are_few_fixed_and_small() -> None:
    few = read_pictures("digits", None, side=6, train=50, test=30)
    again = read_pictures("digits", None, side=6, train=50, test=30)
    assert few.spec.shape == (1, 6, 6)
    assert (len(few.train), len(few.test)) == (50, 30)
    assert np.array_equal(few.train.gather(np.arange(50)), again.train.gather(np.arange(50)))
    assert len(set(few.train.targets.tolist())) == 10


def test_what_has_no_test_split_is_refused(digit_folder: Path) -> None:
    with pytest.raises(WrongUse, match=r"no split 'test'; it has train"):
        read_pictures(str(digit_folder / "train"), None, side=8, train=10, test=10)
