"""Boxes: losses, matches, answers and scores are those of torchvision and of COCO's own program."""

from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchvision.models.detection._utils import BoxCoder, Matcher
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.ops import batched_nms, box_iou

from plusx.model.boxes import pyramid_anchors
from plusx.tasks import anchors as learning
from plusx.tasks.detect import Detect
from plusx.tasks.found import Found, decoded, found_in, share_found
from plusx.tasks.overlap import overlaps
from plusx.tasks.precision import coco_scores

CLASSES = 5
ANCHORS = pyramid_anchors([(8, 8), (4, 4), (2, 2)], (64, 64))


def random_boxes(count: int, random: np.random.Generator) -> np.ndarray:
    corners = random.uniform(0, 0.7, (count, 2))
    return np.concatenate([corners, corners + random.uniform(0.1, 0.3, (count, 2))], 1).astype(np.float32)


@pytest.fixture
def outputs() -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    heads = torch.randn(3, CLASSES + 4, len(ANCHORS), generator=random) * 0.5
    return torch.cat([heads, ANCHORS.T.expand(3, 4, -1)], 1)


@pytest.fixture
def targets() -> torch.Tensor:
    random = np.random.default_rng(0)
    rows = np.full((3, 6, 5), -1, np.float32)
    for row, count in zip(rows, (6, 0, 2), strict=True):
        row[:count, 0] = random.integers(0, CLASSES, count)
        row[:count, 1:] = random_boxes(count, random)
    return torch.from_numpy(rows)


@pytest.mark.parametrize("count", [1, 2, 20])
def test_matches_are_torchvisions(count: int) -> None:
    boxes = torch.from_numpy(random_boxes(count, np.random.default_rng(1)))
    boxes[:, 2:] += 0.2
    expected = Matcher(0.5, 0.4, allow_low_quality_matches=True)(box_iou(boxes, ANCHORS))
    torch.testing.assert_close(learning.matched(ANCHORS, boxes), expected)
    assert {-2, -1} < set(expected.tolist())


def test_losses_are_torchvisions(outputs: torch.Tensor, targets: torch.Tensor) -> None:
    head = RetinaNetHead(8, 9, CLASSES)
    head.regression_head._loss_type = "giou"
    for one, rows in zip(outputs[[0, 2]], targets[[0, 2]], strict=True):
        rows = rows[rows[:, 0] >= 0]
        truth = [{"labels": rows[:, 0].long(), "boxes": rows[:, 1:]}]
        which = [Matcher(0.5, 0.4, allow_low_quality_matches=True)(box_iou(rows[:, 1:], ANCHORS))]
        said = {"cls_logits": one[None, :CLASSES].transpose(1, 2), "bbox_regression": one[None, -8:-4].transpose(1, 2)}
        expected = sum(head.compute_loss(truth, said, [ANCHORS], which).values())
        torch.testing.assert_close(Detect().losses(one[None], rows[None])[0], expected)


def test_a_region_of_many_and_no_box_teach_the_background(outputs: torch.Tensor, targets: torch.Tensor) -> None:
    many = targets[:1].clone()
    many[..., 0] = -2 - many[..., 0]
    torch.testing.assert_close(Detect().losses(outputs[:1], many), Detect().losses(outputs[:1], targets[1:2]))
    assert Detect().losses(outputs, targets).isfinite().all()


def test_boxes_are_decoded_as_torchvision_does(outputs: torch.Tensor) -> None:
    one = outputs[0] * torch.tensor([9.0] * (CLASSES + 4) + [1.0] * 4)[:, None]
    expected = BoxCoder((1.0, 1.0, 1.0, 1.0)).decode_single(one[-8:-4].T, ANCHORS)
    np.testing.assert_allclose(decoded(one.numpy()), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(learning.decoded(one[-8:-4].T, ANCHORS), expected)


def test_overlaps_are_torchvisions() -> None:
    random = np.random.default_rng(0)
    ours, theirs = random_boxes(20, random), random_boxes(30, random)
    np.testing.assert_allclose(
        overlaps(ours, theirs), box_iou(torch.from_numpy(ours), torch.from_numpy(theirs)), atol=1e-6
    )
    assert overlaps(np.zeros((1, 4)), np.zeros((1, 4))).tolist() == [[0]]


@pytest.mark.parametrize("least", [0.05, 0.5])
def test_what_is_kept_is_what_torchvision_keeps(outputs: torch.Tensor, least: float) -> None:
    for one in outputs:
        probabilities = one[:CLASSES].sigmoid()
        classes, anchors = (probabilities >= least).nonzero().unbind(1)
        values, order = probabilities[classes, anchors].sort(descending=True, stable=True)
        classes, anchors, values = classes[order[:1000]], anchors[order[:1000]], values[:1000]
        boxes = torch.from_numpy(decoded(one.numpy()).clip(0, 1))[anchors]
        kept = batched_nms(boxes, values.double(), classes, 0.5)[:100]
        found = found_in(one.numpy(), least)
        assert found.classes.tolist() == classes[kept].tolist()
        np.testing.assert_allclose(found.probabilities, values[kept], rtol=1e-6)
        np.testing.assert_allclose(found.boxes, boxes[kept], rtol=1e-6)


def test_a_box_is_found_by_one_of_its_class_that_is_likely_and_near() -> None:
    anchors = np.array([[0, 0, 0.4, 0.4], [0.5, 0.5, 1, 1]])
    said = np.concatenate([[[3.0, -3.0], [-3.0, -3.0]], np.zeros((4, 2)), anchors.T])
    rows = np.array([[0, 0, 0, 0.4, 0.3], [1, 0, 0, 0.4, 0.4], [0, 0, 0, 0.4, 0.15], [0, 0.5, 0.5, 1, 1], [-1] * 5])
    assert share_found(said, rows, 0.5) == 1 / 4
    assert share_found(said, rows[4:], 0.5) == 1


def test_scores_are_those_that_coco_prints() -> None:
    random = np.random.default_rng(0)
    truth, found = [], []
    for _ in range(30):
        count = int(random.integers(0, 6))
        rows = np.full((6, 5), -1.0)
        rows[:count, 0], rows[:count, 1:] = random.integers(0, CLASSES - 1, count), random_boxes(count, random)
        answers = np.concatenate([rows[:count, 1:] + random.normal(0, 0.02, (count, 4)), random_boxes(3, random)])
        labels = np.concatenate([rows[:count, 0], random.integers(0, CLASSES, 3)]).astype(int)
        if count > 3:
            rows[0, 0] = -2 - rows[0, 0]
        truth.append(rows)
        found.append(Found(labels, random.uniform(0.05, 1, len(labels)), answers))
    scores = coco_scores(found, truth, list("abcde"))
    with redirect_stdout(StringIO()):
        run = COCOeval(as_coco(of_truth(truth)), as_coco(of_answers(found)), "bbox")
        run.params.imgIds = list(range(len(truth)))
        run.evaluate()
        run.accumulate()
        run.summarize()
    expected = dict(zip(("map", "ap50", "ap75", "ar100"), run.stats[[0, 1, 2, 8]], strict=True))
    assert {name: scores[name] for name in expected} == pytest.approx(expected)
    assert 0 < scores["map"] < scores["ap50"] < 1
    assert scores["per_class"][-1] == {"label": "e", "count": 0, "ap": None, "ap50": None}
    assert scores["boxes"] == sum(int((rows[:, 0] >= 0).sum()) for rows in truth)


def of_truth(truth: list[np.ndarray]) -> list[dict]:
    return [
        {"image_id": image, "category_id": int(max(row[0], -2 - row[0])), "iscrowd": int(row[0] < 0), **box(row[1:])}
        for image, rows in enumerate(truth)
        for row in rows
        if row[0] != -1
    ]


def of_answers(found: list[Found]) -> list[dict]:
    return [
        {"image_id": image, "category_id": int(label), "score": float(score), "iscrowd": 0, **box(corners)}
        for image, one in enumerate(found)
        for label, score, corners in zip(*one, strict=True)
    ]


def box(corners: np.ndarray) -> dict:
    """In a picture of 1,000 pixels, and where none is small or large."""
    x0, y0, x1, y1 = (1000 * corners).tolist()
    return {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)}


def as_coco(annotations: list[dict]) -> COCO:
    coco: Any = COCO()
    coco.dataset = {
        "images": [{"id": image} for image in range(30)],
        "categories": [{"id": place} for place in range(CLASSES)],
        "annotations": [{"id": number, **one} for number, one in enumerate(annotations, 1)],
    }
    coco.createIndex()
    return coco


def test_a_set_without_a_box_scores_nothing() -> None:
    nothing = Found(np.zeros(0, int), np.zeros(0), np.zeros((0, 4)))
    scores = coco_scores([nothing], [np.full((1, 5), -1.0)], ["a", "b"])
    assert (scores["map"], scores["boxes"]) == (0.0, 0)
    with pytest.raises(ValueError, match="no example to score"):
        Detect().scores_in_batches([], ["a", "b"])
