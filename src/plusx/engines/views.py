"""Test-time views: an engine that answers a picture by the mean over moved copies of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Shaped

from plusx.archive import Archive, Manifest
from plusx.engines import Engine
from plusx.errors import WrongUse, nearest
from plusx.tasks import Task, task_from_json

Pictures = Shaped[np.ndarray, "batch channels height width"]


def unmoved(inputs: Pictures) -> list[Pictures]:
    """The pictures alone."""
    return [inputs]


def mirror(inputs: Pictures) -> list[Pictures]:
    """The pictures and their left-right mirrors, as AlexNet (Krizhevsky et al. 2012, section 4.1), VGG (arXiv
    1409.1556, section 3.2) and ResNets (arXiv 1512.03385, section 3.4) were tested.

    >>> [view.ravel().tolist() for view in mirror(np.array([[[[1, 2, 3]]]]))]
    [[1, 2, 3], [3, 2, 1]]
    """
    # Copied, since torch takes no negative strides.
    return [inputs, np.copy(inputs[..., ::-1])]


def shift(inputs: Pictures) -> list[Pictures]:
    """The pictures, and those moved by one pixel to the right, left, bottom and top; the edge is repeated.

    >>> [view.ravel().tolist() for view in shift(np.array([[[[1, 2, 3]]]]))]
    [[1, 2, 3], [1, 1, 2], [2, 3, 3], [1, 2, 3], [1, 2, 3]]
    """
    height, width = inputs.shape[2:]
    wide = np.pad(inputs, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    corners = ((1, 0), (1, 2), (0, 1), (2, 1))
    return [inputs, *(wide[:, :, top : top + height, left : left + width] for top, left in corners)]


VIEWS: dict[str, Callable[[Pictures], list[Pictures]]] = {"none": unmoved, "mirror": mirror, "shift": shift}
"""`--tta`'s names. The first view of each is the picture itself."""


class Viewed:
    """An engine whose answers are another engine's mean over views, as the task takes it.

    Args:
        engine: runs the network, once a view.
        task: says what the mean of outputs is.
        views: gives the views of a batch.
    """

    def __init__(self, engine: Engine, task: Task, views: Callable[[Pictures], Sequence[Pictures]]):
        self.name = engine.name
        self._engine, self._task, self._views = engine, task, views

    def __call__(self, inputs: Pictures) -> Float[np.ndarray, "batch classes"]:
        outputs = [self._engine(view) for view in self._views(inputs)]
        if self._task.HEADS:
            # Only mirrored views come here: what they say of a place is mirrored, too.
            outputs = [outputs[0], *(one[..., ::-1] for one in outputs[1:])]
        return self._task.averaged(outputs).astype(np.float32)


def with_views(engine: Engine, archive: Archive, tta: str) -> Engine:
    """The archive's engine with test-time views; for `none`, the engine itself.

    Raises:
        WrongUse: there are no such views, the model's examples are no pictures, or its task has no mean over them.
    """
    check_views(archive.manifest, tta)
    return engine if tta == "none" else Viewed(engine, task_from_json(archive.manifest.task), VIEWS[tta])


def check_views(manifest: Manifest, tta: str) -> None:
    """Nothing, where `with_views` has such views for the model.

    Raises:
        WrongUse: as `with_views`.
    """
    if tta not in VIEWS:
        raise WrongUse(f"--tta {tta}: no such views{nearest(tta, list(VIEWS))}; there are {', '.join(VIEWS)}")
    if tta == "none":
        return
    modality, task = manifest.preprocessing["modality"], task_from_json(manifest.task)
    if modality == "image" and tta not in task.VIEWS:
        mend = f"give {' or '.join(task.VIEWS)}" if task.VIEWS else "leave it out"
        raise WrongUse(f"--tta {tta}: answers of the task {task.name} cannot be brought back from such views; {mend}")
    if modality != "image":
        raise WrongUse(f"--tta {tta}: it moves pictures, this model's examples are {modality}s; leave it out")
