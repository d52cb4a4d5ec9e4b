"""What is asked of a network. A new task is one file and one line here.

Answers and scores are NumPy: whoever predicts or serves needs no torch for them.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from plusx.data.sources import Samples
from plusx.errors import PlusxError, WrongUse, in_one_line
from plusx.tasks.classify import Classify
from plusx.tasks.detect import Detect
from plusx.tasks.embed import Embed
from plusx.tasks.multilabel import Multilabel
from plusx.tasks.regress import Regress
from plusx.tasks.segment import Segment
from plusx.tasks.transcribe import Transcribe

Task = Classify | Multilabel | Regress | Embed | Segment | Transcribe | Detect
TASKS: dict[str, type[Task]] = {
    "classify": Classify,
    "multilabel": Multilabel,
    "regress": Regress,
    "embed": Embed,
    "segment": Segment,
    "transcribe": Transcribe,
    "detect": Detect,
}


def task_for(samples: Samples, settings: Mapping[str, Any] | None = None) -> Task:
    """The task of examples, as they say themselves; what it must know of them (such as their scale) it takes from them.

    Args:
        samples: the training's.
        settings: what a person wants of it, by the names in its `SETTABLE`.

    Raises:
        WrongUse: the task has no such setting, or not such a value of it.

    >>> import numpy as np
    >>> from plusx.data.sources import ArraySource
    >>> task_for(Samples(ArraySource(np.zeros((2, 1, 1), np.uint8), ""), np.array([[0, 1], [0, 0]]), ("a", "b")))
    Multilabel(name='multilabel', threshold=0.5)
    """
    kind = TASKS[samples.task]
    task = kind.of(samples)
    if not settings:
        return task
    for name in settings:
        if name not in kind.SETTABLE:
            there = f"it has {', '.join(kind.SETTABLE)}" if kind.SETTABLE else "leave it out"
            raise WrongUse(f"--set task.{name}: the task {samples.task} has no such setting; {there}")
    try:
        return kind.model_validate({**task.model_dump(), **settings})
    except ValidationError as error:
        raise WrongUse(in_one_line(error, "--set task", list(kind.model_fields))) from None


def task_from_json(task: Mapping[str, Any]) -> Task:
    """The task that an archive's manifest describes.

    Raises:
        PlusxError: the task is not known to this plusx, or not described right.

    >>> task_from_json({"name": "classify"})
    Classify(name='classify', temperature=1.0)
    """
    kind = TASKS.get(str(task.get("name")))
    if kind is None:
        raise PlusxError(f"the task {task.get('name')!r} is not known; update plusx")
    try:
        return kind.model_validate(task)
    except ValidationError as error:
        raise PlusxError(in_one_line(error, "task", list(kind.model_fields))) from None
