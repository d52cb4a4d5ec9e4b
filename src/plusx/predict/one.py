"""One input -> its answer at once, in the thread of who asks: what a server does for each request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped, UInt8

from plusx.archive import Archive
from plusx.data.footprint import footprint_bytes
from plusx.data.image import BadSample, ImageSpec, peek_size
from plusx.data.modalities import Spec, spec_from_json
from plusx.engines import Engine
from plusx.predict.ahead import prepared_or_why
from plusx.predict.boxes import WithSize, boxes_answer
from plusx.predict.dense import OwnSize, likeliest, mask_of
from plusx.tasks import task_from_json
from plusx.tasks.detect import Detect
from plusx.tasks.segment import Segment
from plusx.tasks.transcribe import reading

BAND_BYTES = 12
"""Of each class and place in a band of rows: sums of probabilities, the next band's, and what is added."""


class Answered(NamedTuple):
    """What one input got.

    Args:
        row: as `predict_stream` gives it, without a path: what the task answers, and `error`.
        seen: what the network saw, `(*space, channels)`; None where it was not asked, or saw tiles.
        mask: of a task with masks: each pixel's class, as large as the picture.
        outputs: what the network gave; None where it was not asked, or for parts of the input.
    """

    row: dict[str, Any]
    seen: Shaped[np.ndarray, "*space channels"] | None = None
    mask: UInt8[np.ndarray, "height width"] | None = None
    outputs: Float[np.ndarray, "*features"] | None = None


class Answering:
    """Answers one input at a time; as many threads as like may ask.

    Args:
        archive: the model.
        engine: runs its network, called by the threads that ask.
        limit: makes of the archive's preprocessing one that refuses more.
    """

    def __init__(self, archive: Archive, engine: Engine, limit: Callable[[Spec], Spec] = lambda spec: spec):
        self.spec = limit(spec_from_json(archive.manifest.preprocessing))
        self.task: Any = reading(task_from_json(archive.manifest.task), self.spec, None)
        self._classes = archive.manifest.classes
        self._engine = engine

    def __call__(self, source: bytes | np.ndarray, top: int = 5) -> Answered:
        """The input's answer; of a bad one the reason as the row's `error`.

        Args:
            source: a file's bytes, or what `plusx.load(...).predict` takes as an array.
            top: how many of the likeliest labels to list.
        """
        if isinstance(self.spec, ImageSpec):
            if isinstance(self.task, Segment):
                return self._masked(source, self.spec, self.task, top)
            if isinstance(self.task, Detect):
                return self._boxed(source, self.spec, self.task)
        example = self.example(source)
        return (
            example if isinstance(example, Answered) else self.of_example(example, self._engine(batch_of(example)), top)
        )

    @property
    def is_simple(self) -> bool:
        """Whether an input is one example, of which one call's outputs are all that the answer needs."""
        return not (isinstance(self.spec, ImageSpec) and isinstance(self.task, Segment | Detect))

    def example(self, source: bytes | np.ndarray) -> Shaped[np.ndarray, "*space channels"] | Answered:
        """What the network is to see of an input, where that `is_simple`; of a bad one its answer."""
        example = prepared_or_why(self.spec, source)
        return self._bad(example) if isinstance(example, str) else example

    def of_example(
        self, example: Shaped[np.ndarray, "*space channels"], outputs: Float[np.ndarray, "1 ..."], top: int = 5
    ) -> Answered:
        """The answer to an `example`, from what the network gave for its `batch_of`."""
        return self.of_outputs(outputs, top)[0]._replace(seen=example)

    def footprint_bytes(self, source: bytes | np.ndarray) -> int:
        """About so much memory answering it takes at most, beside the network's own."""
        if not (isinstance(self.spec, ImageSpec) and isinstance(self.task, Segment)):
            return footprint_bytes(self.spec, source)
        # It is decoded at its own size, and each class has a value for each pixel of some of its rows.
        decoded = footprint_bytes(self.spec.model_copy(update={"fit": "native"}), source)
        try:
            _, width, _ = peek_size(source)
        except BadSample:
            return decoded
        band = len(self._classes) * self.spec.height * max(width, self.spec.width)
        return decoded + BAND_BYTES * band

    def of_outputs(self, outputs: Float[np.ndarray, "batch ..."], top: int = 5) -> list[Answered]:
        """The answers to what the network gave for examples that came as it takes them, which are of one size.

        Masks and boxes are in the pixels that it saw.
        """
        if isinstance(self.spec, ImageSpec) and isinstance(self.task, Segment | Detect):
            return [self._in_place(one, self.spec, self.task, top) for one in outputs]
        rows = self.task.answers(outputs, self._classes, top)
        return [Answered({**row, "error": None}, outputs=one) for row, one in zip(rows, outputs, strict=True)]

    def _in_place(
        self, outputs: Float[np.ndarray, "features ..."], spec: ImageSpec, task: Segment | Detect, top: int
    ) -> Answered:
        size = spec.height, spec.width
        if isinstance(task, Segment):
            mask = likeliest(outputs, size)
            return Answered({**task.answer(mask, self._classes, top), "error": None}, mask=mask, outputs=outputs)
        whole = spec.model_copy(update={"fit": "stretch"})
        row = boxes_answer(outputs, size, whole, task, self._classes)
        return Answered({**row, "error": None}, outputs=outputs)

    def _masked(self, source: bytes | np.ndarray, spec: ImageSpec, task: Segment, top: int) -> Answered:
        pixels = prepared_or_why(OwnSize(spec), source)
        if isinstance(pixels, str):
            return self._bad(pixels)
        mask = mask_of(pixels, spec, self._engine, task.AT_ONCE)
        return Answered({**task.answer(mask, self._classes, top), "error": None}, mask=mask)

    def _boxed(self, source: bytes | np.ndarray, spec: ImageSpec, task: Detect) -> Answered:
        example = prepared_or_why(WithSize(spec, with_pixels=False), source)
        if isinstance(example, str):
            return self._bad(example)
        outputs = self._engine(batch_of(example.prepared))
        answer = boxes_answer(outputs[0], example.size, spec, task, self._classes)
        return Answered({**answer, "error": None}, example.prepared, outputs=outputs[0])

    def _bad(self, reason: str) -> Answered:
        return Answered({**dict.fromkeys(self.task.parts), "error": reason})


def batch_of(example: Shaped[np.ndarray, "*space channels"]) -> Shaped[np.ndarray, "1 channels *space"]:
    """One example as engines take it."""
    return np.moveaxis(example[None], -1, 1)
