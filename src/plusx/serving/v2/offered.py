"""What a model gives: its outputs by name, and how each is made of answers."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Shaped, UInt8
from PIL import Image
from pydantic_core import to_json as written

from plusx.errors import nearest
from plusx.predict.one import Answered
from plusx.serving.held import Version
from plusx.serving.refusals import Refused
from plusx.serving.v2.requests import InferRequest, Wanted
from plusx.serving.v2.tensors import BYTES, SHOWN
from plusx.tasks.segment import Segment

FP32 = "FP32"
SHOWN_PIXELS = 1 << 20
"""So many a mask is thought to have: pictures are of any size."""


@dataclass(frozen=True)
class Offered:
    """An output.

    Args:
        name: by which it is asked for.
        datatype: of it.
        shape: of it; -1 is the examples.
        made: of answers.
        of_rows: whether it is made of what the task answers, rather than of what the network gave.
        usual: whether it is given where none is asked for.
        is_text: of BYTES, whether they are text in UTF-8.
        of_files: whether it is there for files, not only for tensors.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    made: Callable[[Sequence[Answered]], Shaped[np.ndarray, "*shape"]]
    of_rows: bool = True
    usual: bool = True
    is_text: bool = True
    of_files: bool = True

    @property
    def elements(self) -> int:
        """About how many it has of an example."""
        return math.prod(self.shape[1:]) if self.is_text else SHOWN_PIXELS


class Chosen(NamedTuple):
    """An output that is given, and in which form."""

    offered: Offered
    wanted: Wanted


def offered_by(version: Version) -> dict[str, Offered]:
    """The outputs of a model, by their names, in their order.

    `answer` is each example's row as JSON, whatever the task. Each part of it that is one text or one number has an
    output of its own, such as `label` and `probability`. Of a bad input the answer is its error, texts are empty and
    numbers NaN. `probabilities` are those of all classes; `mask` is a picture's classes as a PNG. `outputs` are what
    the network gave: where that is much, it is for those who ask for it by name.
    """
    task, shape = version.answer.task, (-1, *version.archive.golden.outputs.shape[1:])
    there = [Offered("answer", BYTES, (-1,), _rows)]
    for part, kind in task.parts.items():
        if kind == "text" and not (part == "mask" and isinstance(task, Segment)):
            there.append(Offered(part, BYTES, (-1,), partial(_texts, part)))
        elif kind == "number":
            there.append(Offered(part, FP32, (-1,), partial(_numbers, part)))
    if isinstance(task, Segment):
        there.append(Offered("mask", BYTES, (-1,), _masks, is_text=False))
    if task.CLASSES:
        there.append(Offered("probabilities", FP32, shape, partial(_probabilities, task, shape), of_rows=False))
    usual, of_files = not task.BULKY, not isinstance(task, Segment)
    there.append(
        Offered("outputs", FP32, shape, partial(_outputs, shape), of_rows=False, usual=usual, of_files=of_files)
    )
    return {one.name: one for one in there}


def chosen(version: Version, asked: InferRequest) -> list[Chosen]:
    """The outputs that a request gets, in its order.

    Raises:
        Refused: it asks for one that is not there.
    """
    there = offered_by(version)
    if asked.outputs is None:
        return [Chosen(one, Wanted(one.name, asked.binary)) for one in there.values() if one.usual]
    return [Chosen(_found(there, wanted, version, asked), wanted) for wanted in asked.outputs]


def _found(there: dict[str, Offered], wanted: Wanted, version: Version, asked: InferRequest) -> Offered:
    name = wanted.name[:SHOWN]
    one = there.get(wanted.name)
    if one is None:
        raise Refused(400, f"outputs: there is no {name!r}{nearest(name, list(there))}; there are {', '.join(there)}")
    if not one.of_files and asked.values.dtype == object:
        raise Refused(400, f"outputs: {name} is there for tensors, not for files, which may be answered in parts")
    if wanted.classes and one.shape != (-1, len(version.archive.manifest.classes)):
        raise Refused(400, f"outputs: {name} has no value for each class; leave classification out")
    return one


def _rows(answered: Sequence[Answered]) -> np.ndarray:
    return _objects([written(one.row, inf_nan_mode="null") for one in answered])


def _texts(part: str, answered: Sequence[Answered]) -> np.ndarray:
    return _objects([(one.row[part] or "").encode() for one in answered])


def _numbers(part: str, answered: Sequence[Answered]) -> Float32[np.ndarray, " examples"]:
    # None becomes NaN.
    return np.array([one.row[part] for one in answered], np.float32)


def _masks(answered: Sequence[Answered]) -> np.ndarray:
    return _objects([b"" if one.mask is None else _png(one.mask) for one in answered])


def _png(mask: UInt8[np.ndarray, "height width"]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "png")
    return file.getvalue()


def _outputs(shape: tuple[int, ...], answered: Sequence[Answered]) -> Float32[np.ndarray, "*shape"]:
    none = np.full(shape[1:], np.nan, np.float32)
    return np.stack([none if one.outputs is None else one.outputs for one in answered]).astype(np.float32, copy=False)


def _probabilities(task: Any, shape: tuple[int, ...], answered: Sequence[Answered]) -> np.ndarray:
    return task.probabilities(_outputs(shape, answered)).astype(np.float32, copy=False)


def _objects(elements: list[bytes]) -> np.ndarray:
    array = np.empty(len(elements), object)
    array[:] = elements
    return array
