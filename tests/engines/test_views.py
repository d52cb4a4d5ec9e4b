"""Test-time views: how pictures move, and that an answer is the mean over them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage, special

from plusx.api.model import Model
from plusx.archive import Archive
from plusx.data.array import ArraySpec
from plusx.data.image import ImageSpec
from plusx.data.modalities import Spec
from plusx.engines.torch import TorchEngine
from plusx.engines.views import VIEWS, Viewed, with_views
from plusx.errors import WrongUse
from plusx.model.resnet import ResNet
from plusx.tasks import TASKS, Task
from plusx.tasks.classify import Classify
from plusx.tasks.detect import Detect
from plusx.tasks.embed import Embed
from plusx.tasks.multilabel import Multilabel
from plusx.tasks.regress import Regress
from plusx.tasks.segment import Segment
from plusx.tasks.transcribe import Transcribe
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive

CLASSES = ("a", "b", "c")
PICTURES = np.random.default_rng(0).integers(0, 256, (5, 3, 6, 7), dtype=np.uint8)

MOVES: dict[str, list[Callable[[np.ndarray], np.ndarray]]] = {
    "none": [],
    "mirror": [np.fliplr],
    "shift": [
        lambda one, by=by: ndimage.shift(one, by, order=0, mode="nearest") for by in ((0, 1), (0, -1), (1, 0), (-1, 0))
    ],
}
MEANT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "classify": lambda outputs: special.softmax(outputs, axis=1),
    "multilabel": special.expit,
    "regress": lambda outputs: outputs,
    "embed": lambda outputs: outputs / np.linalg.norm(outputs, axis=1, keepdims=True),
    "segment": lambda outputs: special.softmax(outputs, axis=1),
    "transcribe": lambda outputs: special.softmax(outputs, axis=1),
    "detect": lambda outputs: outputs,
}
# Of frames of sounds there are no views.
WITH_AN_ANSWER_EACH = [name for name, task in TASKS.items() if "shift" in task.VIEWS and name != "transcribe"]
MADE: dict[str, Task] = {
    "classify": Classify(),
    "multilabel": Multilabel(),
    "regress": Regress(mean=(0.0, 1.0, 2.0), std=(1.0, 2.0, 3.0)),
    "embed": Embed(),
    "segment": Segment(),
    "transcribe": Transcribe(),
    "detect": Detect(),
}


def archive(task: str, spec: Spec | None = None) -> Archive:
    spec = spec or ImageSpec(height=6, width=7, channels=3)
    torch.manual_seed(0)
    options = MADE[task].network_options(CLASSES) | ({"head": MADE[task].HEADS[0]} if MADE[task].HEADS else {})
    net = ResNet([1, 1], 8, in_channels=spec.shape[0], dims=len(spec.shape) - 1, **options)
    return build_archive(net, Recipe(model="resnet8", preprocessing=spec), MADE[task], CLASSES, {})


def test_every_task_is_here() -> None:
    assert MADE.keys() == MEANT.keys() == TASKS.keys()


@pytest.mark.parametrize("name", VIEWS)
def test_the_picture_itself_comes_first_then_it_is_moved(name: str) -> None:
    first, *others = VIEWS[name](PICTURES)
    np.testing.assert_array_equal(first, PICTURES)
    assert len(others) == len(MOVES[name])
    for view, move in zip(others, MOVES[name], strict=True):
        assert view.dtype == np.uint8
        np.testing.assert_array_equal(view, [[move(channel) for channel in one] for one in PICTURES])


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("task", WITH_AN_ANSWER_EACH)
def test_what_is_meant_is_the_mean_over_views(name: str, task: str) -> None:
    built = archive(task)
    engine = TorchEngine(built)
    moved = [PICTURES, *(np.array([[move(c) for c in one] for one in PICTURES]) for move in MOVES[name])]
    wanted = np.mean([MEANT[task](engine(view)) for view in moved], axis=0)
    if task == "embed":
        wanted = MEANT[task](wanted)
    outputs = with_views(engine, built, name)(PICTURES)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(MEANT[task](outputs), wanted, atol=1e-6)


@pytest.mark.parametrize("task", ["classify", "multilabel", "segment"])
def test_the_mean_of_far_outputs_keeps_its_digits(task: str) -> None:
    outputs = [np.array([[-800.0, 900.0]]), np.array([[-802.0, 900.0]])]
    mean = MADE[task].averaged(outputs)
    middle = np.logaddexp(*(one[0, 0] for one in outputs)) - np.log(2)
    wanted = [middle - 900, 0] if task != "multilabel" else [middle, 900]
    np.testing.assert_allclose(mean, [wanted])


@pytest.mark.parametrize("task", WITH_AN_ANSWER_EACH)
def test_a_mirrored_picture_has_the_same_answer(task: str) -> None:
    engine = with_views(TorchEngine(archive(task)), archive(task), "mirror")
    np.testing.assert_allclose(engine(PICTURES), engine(PICTURES[..., ::-1].copy()), atol=1e-5)


def test_a_mirrored_picture_has_the_mirrored_mask() -> None:
    engine = with_views(TorchEngine(archive("segment")), archive("segment"), "mirror")
    outputs = engine(PICTURES)
    assert outputs.shape == (5, 3, 6, 7)
    np.testing.assert_allclose(outputs, engine(PICTURES[..., ::-1].copy())[..., ::-1], atol=1e-5)
    with pytest.raises(WrongUse, match=r"--tta shift: answers of the task segment cannot .*; give mirror"):
        with_views(TorchEngine(archive("segment")), archive("segment"), "shift")


def test_boxes_have_no_mean_over_views() -> None:
    for tta in ("mirror", "shift"):
        with pytest.raises(WrongUse, match=f"--tta {tta}: answers of the task detect cannot .*; leave it out"):
            with_views(TorchEngine(archive("detect")), archive("detect"), tta)


def test_without_views_the_engine_is_itself() -> None:
    built = archive("classify")
    engine = TorchEngine(built)
    assert with_views(engine, built, "none") is engine
    assert isinstance(with_views(engine, built, "shift"), Viewed)


@pytest.mark.parametrize("tta", VIEWS)
def test_a_model_answers_in_order_with_views(tta: str) -> None:
    built = archive("classify")
    model = Model(built, TorchEngine(built))
    pictures = list(np.moveaxis(PICTURES, 1, -1))
    answers = model.predict([*pictures, b"no picture"], tta=tta)
    alone = [model.predict(picture, tta=tta)[0] for picture in pictures]
    assert [answer["label"] for answer in answers[:-1]] == [answer["label"] for answer in alone]
    np.testing.assert_allclose([a["probability"] for a in answers[:-1]], [a["probability"] for a in alone], rtol=1e-5)
    assert answers[-1]["error"]


WRONG: dict[str, tuple[Any, str, str]] = {
    "misspelt": (ImageSpec(height=6, width=7, channels=3), "miror", r"--tta miror: .* did you mean mirror\?"),
    "a signal": (ArraySpec(sizes=(2, 32), mean=(0, 1), std=(1, 2)), "shift", "--tta shift: it moves pictures"),
}


@pytest.mark.parametrize(("spec", "tta", "says"), WRONG.values(), ids=WRONG.keys())
def test_wrong_views_are_one_line(spec: Spec, tta: str, says: str) -> None:
    built = archive("classify", spec)
    model = Model(built, TorchEngine(built))
    for asked in (lambda: model.predict([], tta=tta), lambda: model.evaluate("digits", tta=tta)):
        with pytest.raises(WrongUse, match=says) as caught:
            asked()
        assert "\n" not in str(caught.value)
