"""Inputs decoded ahead of the network that answers them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np

from plusx.data.image import BadSample
from plusx.data.sources import FileSource

Input = str | bytes | np.ndarray
BATCH_SIZE = 32
DECODERS = 4

Example = TypeVar("Example", covariant=True)


class Preparing(Protocol[Example]):
    """What makes of an input what a network, or who asks it, needs; raises BadSample where it cannot."""

    def prepare(self, source: bytes | np.ndarray) -> Example: ...


def prepared_batches(
    spec: Preparing[Example], inputs: Iterable[Input], size: int = BATCH_SIZE
) -> Iterator[list[tuple[Input, Example | str]]]:
    """Batches of inputs with what they became, or why not; the next batch is decoded while one is answered."""
    inputs = iter(inputs)
    with ThreadPoolExecutor(DECODERS) as decoders:

        def begin() -> list[tuple[Input, Future[Example | str]]]:
            return [(source, decoders.submit(_prepare, spec, source)) for source in islice(inputs, size)]

        ahead = begin()
        while ahead:
            current, ahead = ahead, begin()
            yield [(source, future.result()) for source, future in current]


def _prepare(spec: Preparing[Example], source: Input) -> Example | str:
    try:
        return spec.prepare(FileSource([source]).read(0) if isinstance(source, str) else source)
    except BadSample as error:
        return error.reason
