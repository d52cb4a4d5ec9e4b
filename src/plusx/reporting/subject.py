"""What a report is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from plusx.archive import Archive
from plusx.data.cache import Prepared
from plusx.data.modalities import MODALITIES, Spec, spec_from_json
from plusx.engines import Engine
from plusx.tasks import Task, task_from_json


@dataclass(frozen=True)
class Subject:
    """A model, examples that it was asked about, and what it said of them.

    Args:
        archive: the model.
        engine: what runs it.
        prepared: the examples of the split.
        split: its name.
        scores: of these, as `plusx.evaluate.scores.evaluate` gives them.
        outputs: the network's, one row an example; None where the task's are too large to be kept.
        data: what people call the set.
        course: a training's rows of metrics.jsonl; none where only the model is known.
        command: what was typed to train it; nothing where that is not known.
    """

    archive: Archive
    engine: Engine
    prepared: Prepared
    split: str
    scores: Mapping[str, Any]
    outputs: np.ndarray | None
    data: str
    course: Sequence[Mapping[str, Any]] = ()
    command: Sequence[str] = field(default=())

    @cached_property
    def task(self) -> Task:
        """What was asked."""
        return task_from_json(self.archive.manifest.task)

    @cached_property
    def spec(self) -> Spec:
        """How examples are prepared for the model."""
        return spec_from_json(self.archive.manifest.preprocessing)

    @property
    def classes(self) -> Sequence[str]:
        """The names of the examples' targets."""
        return self.prepared.classes

    @property
    def many(self) -> str:
        """What people call several of the examples."""
        return MODALITIES[self.spec.modality].many
