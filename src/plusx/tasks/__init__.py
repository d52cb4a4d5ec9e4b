"""What is asked of a network. A new task is one file and one line here.

Answers and scores are NumPy: whoever predicts or serves needs no torch for them.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from plusx.errors import PlusxError, in_one_line
from plusx.tasks.classify import Classify
from plusx.tasks.multilabel import Multilabel

Task = Classify | Multilabel
TASKS: dict[str, type[Task]] = {"classify": Classify, "multilabel": Multilabel}


def task_for(multilabel: bool) -> Task:
    """The task of examples that have one class each, or several labels.

    >>> task_for(multilabel=True)
    Multilabel(name='multilabel')
    """
    return Multilabel() if multilabel else Classify()


def task_from_json(task: Mapping[str, Any]) -> Task:
    """The task that an archive's manifest describes.

    Raises:
        PlusxError: the task is not known to this plusx, or not described right.

    >>> task_from_json({"name": "classify"})
    Classify(name='classify')
    """
    kind = TASKS.get(str(task.get("name")))
    if kind is None:
        raise PlusxError(f"the task {task.get('name')!r} is not known; update plusx")
    try:
        return kind.model_validate(task)
    except ValidationError as error:
        raise PlusxError(in_one_line(error, "task", list(kind.model_fields))) from None
