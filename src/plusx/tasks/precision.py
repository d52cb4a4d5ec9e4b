"""COCO's average precision of boxes, by its own program (`pycocotools`)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from typing import Any

import numpy as np
from jaxtyping import Float

from plusx.tasks.found import MOST, Found

Rows = Float[np.ndarray, "longest 5"]
OF_ANY_SIZE = [0.0, 1e10]


def coco_scores(found: Sequence[Found], truth: Sequence[Rows], classes: Sequence[str]) -> dict[str, Any]:
    """`map` (the mean over overlaps from 0.5 to 0.95, and over classes), `ap50`, `ap75`, and `ar100`, the mean recall
    of at most 100 boxes a picture; `boxes`, how many there are; and each class's `count`, `ap` and `ap50`.

    Boxes of many are neither right nor wrong. A class without a box has no precision (None), and counts for no mean.
    """
    labelled = [_annotation(image, row) for image, rows in enumerate(truth) for row in rows if row[0] != -1]
    answered = [
        {**_box(box), "image_id": image, "category_id": int(label), "score": float(probability), "iscrowd": 0}
        for image, one in enumerate(found)
        for label, probability, box in zip(*one, strict=True)
    ]
    precision, recall = _evaluated(labelled, answered, len(truth), len(classes))
    counts = np.bincount(
        [one["category_id"] for one in labelled if not one["iscrowd"]], minlength=len(classes)
    ).tolist()
    present = np.array(counts) > 0
    each = [
        {"label": name, "count": count, "ap": _mean(own, count > 0), "ap50": _mean(own[0], count > 0)}
        for name, count, own in zip(classes, counts, np.moveaxis(precision, 2, 0), strict=True)
    ]
    means = {"map": precision, "ap50": precision[0], "ap75": precision[5], "ar100": recall}
    return {
        "boxes": sum(counts),
        **{name: _mean(values[..., present], present.any()) or 0.0 for name, values in means.items()},
        "per_class": each,
    }


def _evaluated(
    labelled: Sequence[dict[str, Any]], answered: Sequence[dict[str, Any]], images: int, classes: int
) -> tuple[Float[np.ndarray, "overlaps recalls classes"], Float[np.ndarray, "overlaps classes"]]:
    """(precision at each overlap, recall and class; recall at each overlap and class)."""
    coco, cocoeval = (import_module(f"pycocotools.{name}") for name in ("coco", "cocoeval"))
    sides: list[Any] = []
    # It prints how far it has come.
    with redirect_stdout(StringIO()):
        for annotations in (labelled, answered):
            side = coco.COCO()
            side.dataset = {
                "images": [{"id": image} for image in range(images)],
                "categories": [{"id": place} for place in range(classes)],
                "annotations": [{**one, "id": number} for number, one in enumerate(annotations, 1)],
            }
            side.createIndex()
            sides.append(side)
        run = cocoeval.COCOeval(*sides, "bbox")
        # Boxes are in shares of pictures: there is no small, medium and large.
        run.params.areaRng, run.params.areaRngLbl, run.params.maxDets = [OF_ANY_SIZE], ["all"], [MOST]
        run.evaluate()
        run.accumulate()
    return run.eval["precision"][..., 0, 0], run.eval["recall"][..., 0, 0]


def _annotation(image: int, row: Float[np.ndarray, " 5"]) -> dict[str, Any]:
    label = int(row[0])
    many = label < 0
    return {**_box(row[1:]), "image_id": image, "category_id": -2 - label if many else label, "iscrowd": int(many)}


def _box(corners: Float[np.ndarray, " 4"]) -> dict[str, Any]:
    x0, y0, x1, y1 = map(float, corners)
    return {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)}


def _mean(values: np.ndarray, known: bool | np.bool_) -> float | None:
    return float(values.mean()) if known else None
