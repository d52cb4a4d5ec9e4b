"""Every task keeps the promises that training, evaluation and prediction rely on."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.models.detection._utils import Matcher
from torchvision.ops import box_iou

from plusx.data.box_rows import box_classes
from plusx.data.sources import ArraySource, Samples
from plusx.errors import WrongUse
from plusx.model.resnet import ResNet
from plusx.tasks import TASKS, Task, task_for, task_from_json

CLASSES = ["car", "sea", "sky", "dog"]
PERFECT = (
    "accuracy",
    "top5",
    "f1_micro",
    "f1_macro",
    "mean_average_precision",
    "r2",
    "skill",
    "coverage",
    "recall5",
    "recall10",
    "pixel_accuracy",
    "mean_iou",
    "mean_dice",
    "boundary_f",
    "map",
    "ap50",
    "ap75",
    "ar100",
    "found",
)
WRONG = ("hamming_loss", "loss", "calibration_error", "mae", "rmse", "width", "wer", "cer")
TYPES = {"text": str, "number": float, "texts": list, "numbers": list, "ranked": list, "shares": list, "boxes": list}


def drawn(width: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(6, width)).astype(np.float32)


@dataclass(frozen=True)
class Case:
    """Six examples of a task, and outputs for them.

    Args:
        targets: the examples'.
        near: outputs of a network in training that is partly right.
        perfect: those of one that is right.
        stored_near: of the stored network, where that is another one; so is `stored_perfect`.
        after: fields that the task gets after the training.
        space: of the examples of which a network makes such outputs.
    """

    targets: np.ndarray
    near: np.ndarray
    perfect: np.ndarray
    stored_near: np.ndarray | None = None
    stored_perfect: np.ndarray | None = None
    after: dict[str, Any] | None = None
    space: tuple[int, ...] = (8, 8)

    @property
    def counts(self) -> list[int]:
        """How many of each class there are."""
        if self.targets.ndim == 3 and self.targets.dtype == np.float32:
            return np.bincount(box_classes(self.targets), minlength=len(CLASSES)).tolist()
        spread = spread_over_classes(self.targets)
        return spread.sum(axis=(0, *range(2, spread.ndim))).tolist()

    @property
    def stored(self) -> np.ndarray:
        return self.near if self.stored_near is None else self.stored_near

    def task(self, name: str) -> Task:
        pictures = ArraySource(np.zeros((6, 1, 1), np.uint8), "made")
        return task_for(Samples(pictures, self.targets, tuple(CLASSES), task=name))


def of_classes(targets: np.ndarray) -> Case:
    spread = spread_over_classes(targets).astype(np.float32)
    return Case(targets, drawn(4) + spread - 0.5, 200 * spread - 100)


def of_numbers(targets: np.ndarray) -> Case:
    values = (targets - targets.mean(0)) / targets.std(0)
    near = np.concatenate([values + 0.3 * drawn(4), drawn(4)], axis=1)
    perfect = np.concatenate([values, np.full((6, 4), -50.0)], axis=1)
    return Case(targets, near.astype(np.float32), perfect.astype(np.float32), after={"scale": (1.5, 1.0, 0.5, 2.0)})


def of_directions(targets: np.ndarray) -> Case:
    sure = 2 * spread_over_classes(targets).astype(np.float32) - 1
    return Case(targets, np.tanh(drawn(4)), sure, drawn(8) + np.eye(8, dtype=np.float32)[targets], np.eye(8)[targets])


def of_places(targets: np.ndarray) -> Case:
    spread = spread_over_classes(targets).astype(np.float32)
    near = np.random.default_rng(0).normal(size=spread.shape).astype(np.float32)
    return Case(targets, near + spread - 0.5, 200 * spread - 100)


def of_characters(targets: np.ndarray) -> Case:
    """Each character for one frame, after each a blank."""
    places = np.full((6, 9), len(CLASSES))
    places[:, 1::2] = np.where(targets < 0, len(CLASSES), targets)
    path = np.moveaxis(np.eye(len(CLASSES) + 1, dtype=np.float32)[places], -1, 1)
    near = 4 * path + np.random.default_rng(0).normal(size=path.shape).astype(np.float32)
    near[:2] = -near[:2]
    return Case(targets, near, 200 * path - 100, space=(9,))


def of_boxes(targets: np.ndarray) -> Case:
    """Anchors around all boxes and elsewhere; those that are of a box say so."""
    random = np.random.default_rng(0)
    true = targets[targets[..., 0] >= 0][:, 1:]
    elsewhere = random.uniform([0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], (20, 4))
    around = np.concatenate([true + random.normal(0, 0.02, true.shape), elsewhere])
    anchors = torch.from_numpy(around.astype(np.float32))
    logits, offsets = -np.ones((6, len(CLASSES), len(anchors))), np.zeros((6, 4, len(anchors)))
    for logit, offset, rows in zip(logits, offsets, targets, strict=True):
        rows = torch.from_numpy(rows[rows[:, 0] >= 0])
        which = Matcher(0.5, 0.4, True)(box_iou(rows[:, 1:], anchors)) if len(rows) else -torch.ones(len(anchors))
        for anchor in torch.nonzero(which >= 0)[:, 0]:
            row, size = rows[int(which[anchor])], anchors[anchor, 2:] - anchors[anchor, :2]
            logit[int(row[0]), anchor] = 1
            wanted = row[3:] - row[1:3]
            offset[:2, anchor] = ((row[1:3] + wanted / 2) - (anchors[anchor, :2] + size / 2)) / size
            offset[2:, anchor] = (wanted / size).log()
    fixed = np.broadcast_to(anchors.T.numpy(), (6, 4, len(anchors)))
    near = 3 * logits + random.normal(size=logits.shape)
    near[:2] = -near[:2]
    near, perfect = (
        np.concatenate([one, moved, fixed], axis=1).astype(np.float32)
        for one, moved in ((near, offsets + random.normal(0, 0.05, offsets.shape)), (100 * logits, offsets))
    )
    return Case(targets, near, perfect)


def boxes(*examples: list[tuple[float, ...]]) -> np.ndarray:
    targets = np.full((len(examples), 4, 5), -1, np.float32)
    for rows, example in zip(targets, examples, strict=True):
        rows[: len(example)] = np.array(example, np.float32).reshape(-1, 5)
    return targets


def spread_over_classes(targets: np.ndarray) -> np.ndarray:
    """0 or 1 for each class, as an example's second dimension."""
    if targets.ndim == 2:
        return targets
    return np.moveaxis((targets[..., None] == np.arange(len(CLASSES))).astype(np.uint8), -1, 1)


CASES: dict[str, Case] = {
    "classify": of_classes(np.array([0, 3, 2, 1, 1, 0])),
    "multilabel": of_classes(
        np.array([[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 1, 0], [0, 1, 0, 0]], np.uint8)
    ),
    "regress": of_numbers((drawn(4) * [1, 10, 100, 0.1] + [0, 5, -300, 1]).astype(np.float32)),
    "embed": of_directions(np.array([0, 2, 1, 1, 2, 0])),
    "segment": of_places(np.random.default_rng(1).choice(np.array([0, 1, 2, 3, 255], np.uint8), (6, 3, 5))),
    "transcribe": of_characters(
        np.array([[0, 3, -1, -1], [2, 1, 1, -1], [3, -1, -1, -1], [1, 1, 1, 1], [0, 1, 2, 3], [2, 2, -1, -1]], np.int16)
    ),
    "detect": of_boxes(
        boxes(
            [(0, 0.1, 0.1, 0.4, 0.5), (2, 0.5, 0.5, 0.9, 0.8)],
            [(1, 0.2, 0.6, 0.5, 0.9)],
            [],
            # One of them a region of many.
            [(3, 0.0, 0.0, 0.2, 0.3), (0, 0.6, 0.1, 0.9, 0.4), (-2, 0.3, 0.6, 0.9, 1.0)],
            [(2, 0.1, 0.1, 0.3, 0.3), (2, 0.6, 0.6, 0.8, 0.8)],
            [(1, 0.3, 0.3, 0.7, 0.7)],
        )
    ),
}
WITH_AN_OUTPUT_A_CLASS = ["classify", "multilabel", "embed"]
DENSE = [name for name, kind in TASKS.items() if kind.HEADS]


def test_every_task_has_a_case_here() -> None:
    assert CASES.keys() == TASKS.keys()


def as_batch(targets: np.ndarray) -> torch.Tensor:
    """As the loader gives them."""
    if targets.ndim == 3 and targets.dtype == np.uint8:
        return torch.from_numpy(targets).long()
    return torch.from_numpy(targets if targets.ndim == 1 or targets.dtype == np.int16 else targets.astype(np.float32))


def numbers_of(scores: dict[str, Any]) -> dict[str, float]:
    return {name: value for name, value in scores.items() if isinstance(value, int | float)}


@pytest.mark.parametrize("name", WITH_AN_OUTPUT_A_CLASS)
class TestTaskWithAnOutputAClass:
    def test_losses_raise_the_right_classes(self, name: str) -> None:
        targets = CASES[name].targets
        outputs = torch.zeros(6, len(CLASSES), requires_grad=True)
        TASKS[name]().losses(outputs, as_batch(targets)).sum().backward()
        assert outputs.grad is not None
        assert ((outputs.grad < 0).numpy() == (spread_over_classes(targets) == 1)).all()

    def test_shares_of_one_are_the_targets(self, name: str) -> None:
        case, task = CASES[name], TASKS[name]()
        outputs = torch.from_numpy(case.near)
        shares, batch = torch.from_numpy(spread_over_classes(case.targets).astype(np.float32)), as_batch(case.targets)
        torch.testing.assert_close(task.losses(outputs, shares, 0.1), task.losses(outputs, batch, 0.1))
        assert task.hits(outputs, shares) == task.hits(outputs, batch)


@pytest.mark.parametrize("name", TASKS)
class TestTask:
    @pytest.fixture
    def case(self, name: str) -> Case:
        return CASES[name]

    @pytest.fixture
    def task(self, name: str, case: Case) -> Task:
        """As a training begins with it."""
        return case.task(name)

    @pytest.fixture
    def finished(self, task: Task, case: Case) -> Task:
        """As it is stored."""
        return task.model_copy(update=case.after)

    def test_it_is_found_by_its_description(self, name: str, task: Task, finished: Task) -> None:
        assert task.name == name
        for one in (task, finished):
            assert task_from_json(json.loads(one.model_dump_json())) == one

    def test_made_up_targets_are_such_as_it_learns_from(self, task: Task, case: Case) -> None:
        made_up = task.made_up(6, CLASSES)
        # One for all places, where there is one for each.
        shape = (6, 1, 1) if task.HEADS else case.targets.shape
        assert (made_up.dtype, made_up.shape) == (case.targets.dtype, shape)
        outputs = case.near[..., :1, :1] if task.HEADS else case.near
        assert task.losses(torch.from_numpy(outputs), as_batch(made_up)).isfinite().all()

    def test_its_networks_give_such_outputs(self, task: Task, case: Case) -> None:
        head = {"head": task.HEADS[0]} if task.HEADS else {}
        net = ResNet([1, 1], 4, dims=len(case.space), **head, **task.network_options(CLASSES)).eval()
        stored = ResNet(**{**net.spec, **task.stored_options(CLASSES)}).eval()
        stored.load_state_dict({key: net.state_dict()[key] for key in stored.state_dict()})
        examples = torch.randn(6, 3, *case.space)
        for made, outputs in ((net, case.near), (stored, case.stored)):
            assert made(examples).shape[:2] == outputs.shape[:2]
            assert made(examples).ndim == outputs.ndim
        exported = torch.export.export(stored, (examples,)).module()
        torch.testing.assert_close(exported(examples), stored(examples))

    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    def test_an_examples_loss_depends_on_no_batch_mate(self, task: Task, case: Case, smoothing: float) -> None:
        outputs, batch = torch.from_numpy(case.near), as_batch(case.targets)
        losses = task.losses(outputs, batch, smoothing)
        assert losses.shape == (6,)
        alone = [task.losses(outputs[row : row + 1], batch[row : row + 1], smoothing) for row in range(6)]
        torch.testing.assert_close(losses, torch.cat(alone))

    def test_losses_lead_to_the_targets(self, task: Task, case: Case) -> None:
        outputs, batch = torch.from_numpy(case.near.copy()).requires_grad_(), as_batch(case.targets)
        perfect = torch.from_numpy(case.perfect)
        assert (task.losses(perfect, batch) < task.losses(outputs, batch)).all()
        descent = torch.optim.Adam([outputs], lr=0.02)
        for _ in range(300):
            descent.zero_grad()
            task.losses(outputs, batch).sum().backward()
            descent.step()
        assert float(task.hits(outputs.detach(), batch)) == pytest.approx(6, abs=1e-3)

    def test_perfect_outputs_have_perfect_scores(self, finished: Task, case: Case) -> None:
        stored = case.perfect if case.stored_perfect is None else case.stored_perfect
        scores = finished.scores(stored, case.targets, CLASSES)
        assert scores["count"] == 6
        perfect = {name: scores[name] for name in PERFECT if name in scores}
        assert perfect
        assert perfect == pytest.approx(dict.fromkeys(perfect, 1.0))
        assert all(scores[name] == pytest.approx(0, abs=2e-3) for name in WRONG if name in scores)
        assert float(finished.hits(torch.from_numpy(case.perfect), as_batch(case.targets))) == pytest.approx(6)
        if "per_class" in scores:
            assert [row["count"] for row in scores["per_class"]] == case.counts
            there = [row for row in scores["per_class"] if row["count"]]
            figures = [row[name] for row in there for name in ("precision", "recall", "f1", "ap") if name in row]
            assert figures == pytest.approx([1] * len(figures))

    def test_training_and_evaluation_count_alike(self, task: Task, case: Case) -> None:
        """Where the stored network is another one, training counts what only its own outputs say."""
        outputs, batch = torch.from_numpy(case.near), as_batch(case.targets)
        counted = float(task.hits(outputs, batch)) / 6
        assert 0 < counted < 1
        if case.stored_near is not None:
            assert counted == np.mean(case.near.argmax(1) == case.targets)
            return
        scores = task.scores(case.near, case.targets, CLASSES)
        assert scores[task.MEASURE] == pytest.approx(counted)
        assert scores["loss"] == pytest.approx(float(task.losses(outputs, batch).mean()))

    def test_scores_are_json_and_name_what_it_is_judged_by(self, finished: Task, case: Case) -> None:
        scores = finished.scores(case.stored, case.targets, CLASSES)
        assert json.loads(json.dumps(scores, allow_nan=False)) == scores
        assert set(finished.JUDGED_BY) <= set(scores)
        assert f"{scores['count']:,}" in finished.verdict(scores)

    def test_scores_in_batches_are_those_of_all(self, finished: Task, case: Case) -> None:
        batches = [(case.stored[rows], case.targets[rows]) for rows in (slice(4), slice(4, 6))]
        together = finished.scores(case.stored, case.targets, CLASSES)
        apart = finished.scores_in_batches(batches, CLASSES)
        assert apart.keys() == together.keys()
        assert numbers_of(apart) == pytest.approx(numbers_of(together))
        assert apart.get("per_class") == together.get("per_class")

    @pytest.mark.parametrize("top", [1, 3, 9])
    def test_answers_are_well_formed(self, finished: Task, case: Case, top: int) -> None:
        answers = finished.answers(case.stored, CLASSES, top)
        assert json.loads(json.dumps(answers, allow_nan=False)) == answers
        assert len(answers) == 6
        for answer in answers:
            assert tuple(answer) == tuple(finished.parts)
            # A mask's file is known where it is written.
            said = {part: kind for part, kind in finished.parts.items() if part != "mask"}
            assert all(type(answer[part]) is TYPES[kind] for part, kind in said.items())
            assert answer.get("label", "").split("|")[0] in finished.words(answer)
            assert 0 <= answer.get("probability", 0) <= 1
            if "top" in answer:
                ranked = [other["probability"] for other in answer["top"]]
                assert len(ranked) == min(top, len(CLASSES))
                assert ranked == sorted(ranked, reverse=True)
                assert answer["probability"] == ranked[0]
                assert set(filter(None, answer["label"].split("|"))) <= set(CLASSES)

    def test_columns_of_a_table_have_a_row_an_example(self, finished: Task, case: Case) -> None:
        assert all(len(column) == 6 for column in finished.columns(case.stored, CLASSES).values())

    def test_one_view_is_its_own_mean_and_equal_ones_too(self, finished: Task, case: Case) -> None:
        alone = finished.scores(case.stored, case.targets, CLASSES)
        for views in (1, 3):
            averaged = finished.averaged([case.stored] * views)
            assert averaged.shape == case.stored.shape
            assert numbers_of(finished.scores(averaged, case.targets, CLASSES)) == pytest.approx(numbers_of(alone))

    def test_what_validation_examples_tell_it_can_be_stored(self, task: Task, case: Case) -> None:
        calibrated = task.calibrated([(case.stored, case.targets)] * 4)
        assert type(calibrated) is type(task)
        assert task_from_json(json.loads(calibrated.model_dump_json())) == calibrated
        assert (calibrated != task) == task.CALIBRATES

    def test_a_fold_of_its_own_kind_is_restated_as_it_is(self, finished: Task, case: Case) -> None:
        whole = finished.over([finished, finished])
        restated = whole.restated(case.stored, by=finished)
        scores = finished.scores(case.stored, case.targets, CLASSES)
        again = whole.scores(restated, case.targets, CLASSES)
        # A loss of widths changes when calibration has become a part of them.
        assert {**numbers_of(again), "loss": 0} == pytest.approx({**numbers_of(scores), "loss": 0}, rel=1e-4)

    def test_no_outputs_have_no_answers(self, finished: Task, case: Case) -> None:
        assert finished.answers(np.empty((0, *case.stored.shape[1:])), CLASSES) == []

    def test_what_is_explained_is_a_number_an_example(self, finished: Task, case: Case) -> None:
        asked = finished.asked(case.stored, CLASSES)
        answers = finished.answers(case.stored, CLASSES)
        assert len(asked) == 6
        for one, answer in zip(asked, answers, strict=True):
            if one.label is not None and one.error is None and answer.get("label") and finished.name != "regress":
                assert one.label == answer["label"] or one.label in answer["label"].split("|")
            assert one.probability is None or 0 <= one.probability <= 1
        outputs = torch.from_numpy(case.stored.astype(np.float32)).requires_grad_()
        numbers = finished.explained(outputs, outputs, torch.tensor([one.place for one in asked]))
        assert numbers.shape == (6,)
        (gradient,) = torch.autograd.grad(numbers.sum(), outputs)
        assert gradient.isfinite().all()
        assert all(own.any() for own, one in zip(gradient, asked, strict=True) if one.error is None)
        # Each example's number is its own alone.
        alone = finished.explained(outputs[2:3], outputs[2:3], torch.tensor([asked[2].place]))
        torch.testing.assert_close(alone[0], numbers[2])

    def test_a_label_is_asked_for_by_name(self, finished: Task, case: Case) -> None:
        if finished.name in ("embed", "transcribe"):
            with pytest.raises(WrongUse, match=r"--label sea: a .* is explained as a whole; leave it out"):
                finished.asked(case.stored, CLASSES, "sea")
            return
        assert {(one.place, one.label) for one in finished.asked(case.stored, CLASSES, "sea")} == {(1, "sea")}
        with pytest.raises(
            WrongUse, match=r"--label sae: no such label; did you mean sea\?; there are car, sea, sky, dog"
        ):
            finished.asked(case.stored, CLASSES, "sae")
