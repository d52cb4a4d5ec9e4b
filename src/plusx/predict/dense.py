"""Many pictures -> the class of each of their pixels, at their own size, one picture at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from plusx.archive import Archive
from plusx.data.image import ImageSpec, peek_size, prepare
from plusx.data.masks import IGNORED
from plusx.data.modalities import spec_from_json
from plusx.engines import Engine
from plusx.errors import WrongUse
from plusx.predict.ahead import Input, decoders, mapped, prepare_or_why, shown
from plusx.predict.tiles import tiled
from plusx.tasks import task_from_json
from plusx.tasks.segment import Segment
from plusx.tasks.softmax import softmax

ROWS_AT_ONCE = 64


class Segmented(NamedTuple):
    """A picture's row as `predict_stream` gives it, its pixels, and its mask; both None where it could not be read."""

    row: dict[str, Any]
    pixels: UInt8[np.ndarray, "height width channels"] | None
    mask: UInt8[np.ndarray, "height width"] | None


@dataclass(frozen=True)
class OwnSize:
    """Decodes pictures at their own size."""

    spec: ImageSpec

    def prepare(self, source: bytes | np.ndarray) -> UInt8[np.ndarray, "height width channels"]:
        """Raises BadSample as `plusx.data.image.prepare`."""
        height, width, _ = peek_size(source)
        own = {"height": height, "width": width, "fit": "stretch"}
        return prepare(source, self.spec.model_copy(update=own))


def segment_stream(archive: Archive, engine: Engine, inputs: Iterable[Input], top: int = 5) -> Iterator[Segmented]:
    """Each picture's mask, in order, as large as the picture.

    Where the preprocessing resizes, a picture is answered as a whole, and its answer brought back to its size; what
    the preprocessing crops is 255, ignored. Where it is `native`, larger pictures are answered in tiles.

    Raises:
        WrongUse: the model's task is another.
    """
    spec, task = spec_from_json(archive.manifest.preprocessing), task_from_json(archive.manifest.task)
    if not isinstance(task, Segment) or not isinstance(spec, ImageSpec):
        raise WrongUse(f"the model's task is {task.name}: it gives no masks")
    threads = decoders()
    for source, pixels in mapped(partial(prepare_or_why, OwnSize(spec)), inputs, threads, threads):
        if isinstance(pixels, str):
            yield Segmented({"path": shown(source), **dict.fromkeys(task.ANSWER), "error": pixels}, None, None)
            continue
        mask = mask_of(pixels, spec, engine, task.AT_ONCE)
        row = {"path": shown(source), **task.answer(mask, archive.manifest.classes, top), "error": None}
        yield Segmented(row, pixels, mask)


def mask_of(
    pixels: UInt8[np.ndarray, "height width channels"], spec: ImageSpec, engine: Engine, at_once: int
) -> UInt8[np.ndarray, "height width"]:
    """The likeliest class of every pixel."""
    if spec.fit == "native":
        return _natively(pixels, spec, engine, at_once)
    outputs = engine(np.moveaxis(prepare(pixels, spec)[None], -1, 1))[0]
    mask = np.full(pixels.shape[:2], IGNORED, np.uint8)
    there, here = _regions(pixels.shape[:2], spec)
    mask[here] = likeliest(outputs[:, *there], mask[here].shape)
    return mask


def likeliest(
    outputs: Float[np.ndarray, "classes height width"], size: tuple[int, int]
) -> UInt8[np.ndarray, "rows columns"]:
    """The likeliest class at each of `size` places over the outputs, which are interpolated between.

    >>> likeliest(np.array([[[1.0, 0.0]], [[0.0, 4.0]]]), (1, 4)).tolist()
    [[0, 1, 1, 1]]
    """
    mask = np.empty(size, np.uint8)
    left, right, across = _between(outputs.shape[2], size[1])
    wide = outputs[:, :, left] * (1 - across) + outputs[:, :, right] * across
    upper, lower, down = _between(outputs.shape[1], size[0])
    for first in range(0, size[0], ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        share = down[rows, None]
        mask[rows] = (wide[:, upper[rows]] * (1 - share) + wide[:, lower[rows]] * share).argmax(0)
    return mask


def _between(given: int, wanted: int) -> tuple[np.ndarray, np.ndarray, Float[np.ndarray, " wanted"]]:
    """For each wanted place the given ones on both sides, and how far it is from the first to the second."""
    place = np.clip((np.arange(wanted) + 0.5) * given / wanted - 0.5, 0, given - 1)
    first = np.floor(place).astype(int)
    return first, np.minimum(first + 1, given - 1), (place - first).astype(np.float32)


def _regions(size: tuple[int, int], spec: ImageSpec) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """(which part of the outputs shows the picture, which part of the picture it shows)."""
    whole = slice(None), slice(None)
    height, width = size
    if spec.fit == "letterbox":
        scale = min(spec.width / width, spec.height / height)
        inner = max(1, round(height * scale)), max(1, round(width * scale))
        return _middle((spec.height, spec.width), inner), whole
    if spec.fit == "crop":
        scale = min(width / spec.width, height / spec.height) * spec.crop_fraction
        return whole, _middle(size, (round(min(spec.height * scale, height)), round(min(spec.width * scale, width))))
    return whole, whole


def _middle(size: tuple[int, int], inner: tuple[int, int]) -> tuple[slice, slice]:
    starts = [(outer - own) // 2 for outer, own in zip(size, inner, strict=True)]
    down, across = (slice(start, start + own) for start, own in zip(starts, inner, strict=True))
    return down, across


def _natively(
    pixels: UInt8[np.ndarray, "height width channels"], spec: ImageSpec, engine: Engine, at_once: int
) -> UInt8[np.ndarray, "height width"]:
    height, width = pixels.shape[:2]
    canvas = max(height, spec.height), max(width, spec.width)
    padded = prepare(pixels, spec.model_copy(update={"height": canvas[0], "width": canvas[1]}))

    def answer(tiles: UInt8[np.ndarray, "batch height width channels"]) -> np.ndarray:
        return softmax(engine(np.ascontiguousarray(np.moveaxis(tiles, -1, 1))))

    mask = tiled(padded, answer, (spec.height, spec.width), at_once)
    return mask[_middle(canvas, (height, width))]
