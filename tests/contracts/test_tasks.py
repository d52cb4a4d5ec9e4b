"""Every task keeps the promises that training, evaluation and prediction rely on."""

import json

import numpy as np
import pytest
import torch

from plusx.data.sources import ArraySource, Samples
from plusx.tasks import TASKS, Task, task_for, task_from_json

CLASSES = ["car", "sea", "sky", "dog"]
PERFECT = (
    *("accuracy", "top5", "f1_micro", "f1_macro", "mean_average_precision"),
    *("pixel_accuracy", "mean_iou", "mean_dice", "boundary_f"),
)
WRONG = ("hamming_loss", "loss", "calibration_error")

TARGETS: dict[str, np.ndarray] = {
    "classify": np.array([0, 3, 2, 1, 1, 0]),
    "multilabel": np.array(
        [[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 1, 0], [0, 1, 0, 0]], np.uint8
    ),
    "segment": np.random.default_rng(1).choice(np.array([0, 1, 2, 3, 255], np.uint8), (6, 3, 5)),
}


def test_every_task_has_targets_here() -> None:
    assert TARGETS.keys() == TASKS.keys()


DENSE = [name for name, kind in TASKS.items() if kind.HEADS]


def spread(targets: np.ndarray) -> np.ndarray:
    """0 or 1 for each class, as an example's second dimension."""
    if targets.ndim == 2:
        return targets
    return np.moveaxis((targets[..., None] == np.arange(len(CLASSES))).astype(np.uint8), -1, 1)


def drawn(targets: np.ndarray | None = None) -> np.ndarray:
    """Outputs for these targets."""
    space = () if targets is None or targets.ndim < 3 else targets.shape[1:]
    return np.random.default_rng(0).normal(size=(6, len(CLASSES), *space)).astype(np.float32)


def as_batch(targets: np.ndarray) -> torch.Tensor:
    """As the loader gives them."""
    if targets.ndim == 3:
        return torch.from_numpy(targets).long()
    return torch.from_numpy(targets if targets.ndim == 1 else targets.astype(np.float32))


@pytest.mark.parametrize("name", TASKS)
class TestTask:
    @pytest.fixture
    def task(self, name: str) -> Task:
        return TASKS[name]()

    @pytest.fixture
    def targets(self, name: str) -> np.ndarray:
        return TARGETS[name]

    def test_it_is_found_by_its_description_and_by_its_targets(self, name: str, task: Task, targets) -> None:
        assert task.name == name
        assert task_from_json(json.loads(task.model_dump_json())) == task
        samples = Samples(ArraySource(np.zeros((6, 1, 1), np.uint8), "made"), targets, tuple(CLASSES), task=name)
        assert task_for(samples) == task

    def test_made_up_targets_are_such_as_it_learns_from(self, task: Task, targets) -> None:
        made_up = task.made_up(6, CLASSES)
        # One for all places, where there is one for each.
        shape = (6, 1, 1) if task.HEADS else targets.shape
        assert (made_up.dtype, made_up.shape) == (targets.dtype, shape)
        assert task.losses(torch.from_numpy(drawn(made_up)), as_batch(made_up)).isfinite().all()

    def test_the_network_has_an_output_a_class(self, task: Task) -> None:
        assert task.network_options(CLASSES)["num_classes"] == len(CLASSES)

    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    def test_an_examples_loss_depends_on_no_batch_mate(self, task: Task, targets: np.ndarray, smoothing: float) -> None:
        outputs, batch = torch.from_numpy(drawn(targets)), as_batch(targets)
        losses = task.losses(outputs, batch, smoothing)
        assert losses.shape == (6,)
        alone = [task.losses(outputs[row : row + 1], batch[row : row + 1], smoothing) for row in range(6)]
        torch.testing.assert_close(losses, torch.cat(alone))

    def test_losses_lead_to_the_targets(self, task: Task, targets: np.ndarray) -> None:
        outputs = torch.from_numpy(np.zeros_like(drawn(targets))).requires_grad_()
        task.losses(outputs, as_batch(targets)).sum().backward()
        assert outputs.grad is not None
        assert ((outputs.grad < 0).numpy() == (spread(targets) == 1)).all()

    def test_shares_of_one_are_the_targets(self, name: str, task: Task, targets: np.ndarray) -> None:
        if name in DENSE:
            pytest.skip("a pixel has one class")
        outputs, shares = torch.from_numpy(drawn()), torch.from_numpy(spread(targets).astype(np.float32))
        torch.testing.assert_close(task.losses(outputs, shares, 0.1), task.losses(outputs, as_batch(targets), 0.1))
        assert task.hits(outputs, shares) == task.hits(outputs, as_batch(targets))

    def test_perfect_outputs_have_perfect_scores(self, task: Task, targets: np.ndarray) -> None:
        outputs = 200 * spread(targets).astype(np.float32) - 100
        scores = task.scores(outputs, targets, CLASSES)
        assert scores["count"] == 6
        assert {name: scores[name] for name in PERFECT if name in scores} == {
            name: 1.0 for name in PERFECT if name in scores
        }
        assert all(scores[name] == pytest.approx(0) for name in WRONG if name in scores)
        assert [row["count"] for row in scores["per_class"]] == spread(targets).sum(
            axis=(0, *range(2, spread(targets).ndim))
        ).tolist()
        assert all(row["precision"] == row["recall"] == row["f1"] == 1 for row in scores["per_class"])
        assert task.hits(torch.from_numpy(outputs), as_batch(targets)) == 6

    def test_training_and_evaluation_count_alike(self, task: Task, targets: np.ndarray) -> None:
        outputs = drawn(targets) + spread(targets) - 0.5
        scores = task.scores(outputs, targets, CLASSES)
        assert scores["accuracy"] == pytest.approx(
            float(task.hits(torch.from_numpy(outputs), as_batch(targets))) / 6, abs=1e-12
        )
        assert 0 < scores["accuracy"] < 1
        assert scores["loss"] == pytest.approx(float(task.losses(torch.from_numpy(outputs), as_batch(targets)).mean()))

    def test_scores_are_json(self, task: Task, targets: np.ndarray) -> None:
        scores = task.scores(drawn(targets), targets, CLASSES)
        assert json.loads(json.dumps(scores, allow_nan=False)) == scores

    def test_scores_in_batches_are_those_of_all(self, task: Task, targets: np.ndarray) -> None:
        outputs = drawn(targets)
        batches = [(outputs[rows], targets[rows]) for rows in (slice(4), slice(4, 6))]
        together, apart = task.scores(outputs, targets, CLASSES), task.scores_in_batches(batches, CLASSES)
        assert apart.keys() == together.keys()
        assert all(
            apart[name] == pytest.approx(value) for name, value in together.items() if isinstance(value, int | float)
        )
        assert apart["per_class"] == together["per_class"]

    @pytest.mark.parametrize("top", [1, 3, 9])
    def test_answers_are_well_formed(self, name: str, task: Task, top: int) -> None:
        if name in DENSE:
            pytest.skip("tests/tasks/test_segment.py looks at theirs")
        answers = task.answers(drawn(), CLASSES, top)
        assert json.loads(json.dumps(answers, allow_nan=False)) == answers
        assert len(answers) == 6
        for answer in answers:
            assert tuple(answer) == tuple(task.ANSWER)
            assert answer["label"] in task.words(answer)
            ranked = [other["probability"] for other in answer["top"]]
            assert len(ranked) == min(top, len(CLASSES))
            assert ranked == sorted(ranked, reverse=True)
            assert answer["probability"] == ranked[0]
            assert 0 <= ranked[-1] <= ranked[0] <= 1
            assert set(filter(None, answer["label"].split("|"))) <= set(CLASSES)

    def test_one_view_is_its_own_mean_and_equal_ones_too(self, task: Task, targets: np.ndarray) -> None:
        alone = task.scores(drawn(targets), targets, CLASSES)
        for views in (1, 3):
            averaged = task.averaged([drawn(targets)] * views)
            assert averaged.shape == drawn(targets).shape
            assert task.scores(averaged, targets, CLASSES)["accuracy"] == alone["accuracy"]
            assert task.scores(averaged, targets, CLASSES)["loss"] == pytest.approx(alone["loss"])

    def test_no_outputs_have_no_answers(self, task: Task) -> None:
        assert task.answers(np.empty((0, len(CLASSES))), CLASSES) == []
