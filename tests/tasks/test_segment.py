"""A class for each pixel: losses and scores against hand-computed ones and scikit-learn's."""

import json

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, f1_score, jaccard_score

from plusx.tasks.regions import boundary_scores
from plusx.tasks.segment import Segment

CLASSES = ["sky", "road", "car"]
TASK = Segment()


def certain(masks: np.ndarray, sure: float = 50.0) -> np.ndarray:
    """Outputs whose likeliest class is the mask's."""
    return sure * np.moveaxis(np.eye(len(CLASSES), dtype=np.float32)[masks], -1, 1)


@pytest.fixture
def random_masks() -> tuple[np.ndarray, np.ndarray]:
    """(predicted, true) masks (4, 9, 7), some true pixels ignored."""
    random = np.random.default_rng(0)
    predicted, true = random.integers(0, 3, (2, 4, 9, 7)).astype(np.uint8)
    return predicted, np.where(random.random(true.shape) < 0.2, 255, true).astype(np.uint8)


class TestLosses:
    def test_a_pixel_counts_as_its_cross_entropy_and_an_ignored_one_as_nothing(self) -> None:
        outputs = torch.tensor([0.0, 0.0, float(np.log(2))]).view(1, 3, 1, 1).repeat(1, 1, 1, 3)
        targets = torch.tensor([[[2, 0, 255]]])
        # Probabilities 1/4, 1/4, 1/2.
        assert TASK.losses(outputs, targets).item() == pytest.approx((np.log(2) + np.log(4)) / 2)

    def test_with_every_pixel_ignored_there_is_no_loss_and_no_hit(self) -> None:
        outputs, targets = torch.randn(2, 3, 4, 4), torch.full((2, 4, 4), 255)
        assert TASK.losses(outputs, targets).tolist() == [0, 0]
        assert TASK.hits(outputs, targets) == 0
        assert TASK.losses_with_dice(outputs, targets).isfinite().all()

    def test_dice_by_hand(self) -> None:
        outputs, targets = torch.zeros(1, 2, 1, 4), torch.tensor([[[0, 0, 0, 1]]])
        # Every probability is 1/2: intersections 1.5 and 0.5, sums 2 + 3 and 2 + 1.
        dice = ((2 * 1.5 + 1) / (5 + 1) + (2 * 0.5 + 1) / (3 + 1)) / 2
        loss = TASK.losses_with_dice(outputs, targets) - TASK.losses(outputs, targets)
        assert loss.item() == pytest.approx(1 - dice)

    def test_dice_leads_to_the_masks(self) -> None:
        outputs, targets = torch.zeros(2, 3, 5, 5, requires_grad=True), torch.randint(0, 3, (2, 5, 5))
        (TASK.losses_with_dice(outputs, targets).sum()).backward()
        assert outputs.grad is not None
        assert (outputs.grad.argmin(1) == targets).all()


class TestScores:
    def test_by_hand(self) -> None:
        true = np.array([[[0, 0, 1, 1], [0, 0, 1, 255]]], np.uint8)
        predicted = np.array([[[0, 0, 0, 1], [0, 0, 1, 1]]], np.uint8)
        scores = TASK.scores(certain(predicted), true, CLASSES)
        assert scores["confusion"] == [[4, 0, 0], [1, 2, 0], [0, 0, 0]]
        assert scores["pixel_accuracy"] == pytest.approx(6 / 7)
        assert scores["accuracy"] == pytest.approx(6 / 7)
        assert [row["iou"] for row in scores["per_class"]] == pytest.approx([4 / 5, 2 / 3, 0])
        # A car is neither there nor named: it counts in no mean.
        assert scores["mean_iou"] == pytest.approx((4 / 5 + 2 / 3) / 2)
        assert scores["mean_dice"] == pytest.approx((8 / 9 + 4 / 5) / 2)

    def test_as_scikit_learn(self, random_masks) -> None:
        predicted, true = random_masks
        scores = TASK.scores(certain(predicted), true, CLASSES)
        asked = true != 255
        flat = true[asked], predicted[asked]
        assert scores["confusion"] == confusion_matrix(*flat).tolist()
        assert [row["iou"] for row in scores["per_class"]] == pytest.approx(jaccard_score(*flat, average=None))
        assert scores["mean_iou"] == pytest.approx(jaccard_score(*flat, average="macro"))
        assert scores["mean_dice"] == pytest.approx(f1_score(*flat, average="macro"))

    def test_the_loss_is_the_trainings(self, random_masks) -> None:
        _, true = random_masks
        outputs = np.random.default_rng(1).normal(size=(4, 3, 9, 7)).astype(np.float32)
        losses = TASK.losses(torch.from_numpy(outputs), torch.from_numpy(true).long())
        assert TASK.scores(outputs, true, CLASSES)["loss"] == pytest.approx(losses.mean().item())

    def test_a_boundary_may_be_off_by_two_pixels(self) -> None:
        true = np.zeros((12, 20), np.uint8)
        true[:, 10:] = 1
        for off, expected in ((0, 1.0), (1, 1.0), (2, 1.0), (3, 0.0)):
            moved = np.zeros_like(true)
            moved[:, 10 + off :] = 1
            assert boundary_scores(moved, true) == [expected, expected]

    def test_a_boundary_that_is_missed_or_made_up_counts_nothing(self) -> None:
        flat, square = np.zeros((12, 12), np.uint8), np.zeros((12, 12), np.uint8)
        square[4:8, 4:8] = 1
        assert boundary_scores(flat, flat) == []
        assert boundary_scores(square, flat) == boundary_scores(flat, square) == [0.0, 0.0]

    def test_what_is_beside_ignored_pixels_is_no_boundary(self) -> None:
        true = np.zeros((9, 9), np.uint8)
        true[:, 4], true[:, 5:] = 255, 1
        assert boundary_scores(np.zeros((9, 9), np.uint8), true) == []


class TestAnswers:
    def test_classes_come_with_their_shares_the_largest_first(self) -> None:
        mask = np.array([[2, 2, 2, 0]], np.uint8)
        [answer] = TASK.answers(certain(mask[None]), CLASSES)
        assert answer == {
            "label": "car|sky",
            "shares": [{"label": "car", "share": 0.75}, {"label": "sky", "share": 0.25}],
            "mask": None,
        }
        assert tuple(answer) == tuple(TASK.ANSWER)
        assert json.loads(json.dumps(answer)) == answer
        assert TASK.words(answer) == "car 75.00 %, sky 25.00 %"
        assert TASK.words({**answer, "mask": "m/a.png"}) == "car 75.00 %, sky 25.00 % -> m/a.png"

    def test_only_so_many_are_listed(self) -> None:
        mask = np.array([[2, 2, 2, 0, 0, 1]], np.uint8)
        assert [one["label"] for one in TASK.answer(mask, CLASSES, top=2)["shares"]] == ["car", "sky"]

    def test_the_mean_of_views_is_that_of_probabilities(self) -> None:
        two = [np.log(np.array(shares)).reshape(1, 2, 1, 1) for shares in ([0.2, 0.8], [0.4, 0.6])]
        assert TASK.probabilities(TASK.averaged(two)).ravel() == pytest.approx([0.3, 0.7])
