"""Many pictures -> the boxes of what is in them, in each picture's own pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from plusx.archive import Archive
from plusx.data.boxes import to_own
from plusx.data.image import ImageSpec, peek_size, prepare
from plusx.data.modalities import spec_from_json
from plusx.engines import Engine
from plusx.errors import WrongUse
from plusx.predict.ahead import Input, answered_batches, shown
from plusx.tasks import task_from_json
from plusx.tasks.detect import Detect
from plusx.tasks.found import found_in


class Detected(NamedTuple):
    """A picture's row as `predict_stream` gives it, and its pixels where they were asked for and could be read."""

    row: dict[str, Any]
    pixels: UInt8[np.ndarray, "height width channels"] | None


class Sized(NamedTuple):
    """A picture for the network, its own (height, width), and its own pixels where they were asked for."""

    prepared: UInt8[np.ndarray, "rows columns channels"]
    size: tuple[int, int]
    own: UInt8[np.ndarray, "height width channels"] | None


@dataclass(frozen=True)
class WithSize:
    """Prepares pictures and keeps what their boxes need."""

    spec: ImageSpec
    with_pixels: bool

    def prepare(self, source: bytes | np.ndarray) -> Sized:
        """Raises BadSample as `plusx.data.image.prepare`."""
        height, width, _ = peek_size(source)
        natural = self.spec.model_copy(update={"height": height, "width": width, "fit": "stretch"})
        own = prepare(source, natural) if self.with_pixels else None
        return Sized(prepare(source, self.spec), (height, width), own)


def detect_stream(
    archive: Archive, engine: Engine, inputs: Iterable[Input], top: int = 5, *, with_pixels: bool = False
) -> Iterator[Detected]:
    """Each picture's boxes, in order; all that the task answers, whatever `top` is.

    Raises:
        WrongUse: the model's task is another.
    """
    spec, task = spec_from_json(archive.manifest.preprocessing), task_from_json(archive.manifest.task)
    if not isinstance(task, Detect) or not isinstance(spec, ImageSpec):
        raise WrongUse(f"the model's task is {task.name}: it gives no boxes")
    sized = WithSize(spec, with_pixels)
    for batch, outputs in answered_batches(sized, engine, inputs, task.AT_ONCE, lambda example: example.prepared):
        each = iter(() if outputs is None else outputs)
        for source, example in batch:
            if isinstance(example, str):
                yield Detected({"path": shown(source), **dict.fromkeys(task.ANSWER), "error": example}, None)
                continue
            answer = boxes_answer(next(each), example.size, spec, task, archive.manifest.classes)
            yield Detected({"path": shown(source), **answer, "error": None}, example.own)


def boxes_answer(
    outputs: Float[np.ndarray, "features anchors"],
    size: tuple[int, int],
    spec: ImageSpec,
    task: Detect,
    classes: Sequence[str],
) -> dict[str, Any]:
    """What the task answers of a picture's outputs, in the pixels of its own (height, width)."""
    found = found_in(outputs, task.threshold)
    return task.answer(found._replace(boxes=to_own(found.boxes, size, spec)), classes)
