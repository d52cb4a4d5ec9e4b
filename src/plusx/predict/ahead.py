"""Inputs read, decoded and answered ahead of who asks: all cores work, order stays, and no more than a few are held."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any, Protocol, TypeVar

import numpy as np
from jaxtyping import Float, Shaped

from plusx.data.cache import available_cores
from plusx.data.content import file_bytes
from plusx.data.image import BadSample
from plusx.engines import Engine

Input = str | bytes | np.ndarray
BATCH_SIZE = 32
LEAST_DECODERS = 4
"""More than there are cores: some of them wait for files."""

Item = TypeVar("Item")
Result = TypeVar("Result")
Example = TypeVar("Example", covariant=True)


class Preparing(Protocol[Example]):
    """What makes of an input what a network, or who asks it, needs; raises BadSample where it cannot."""

    def prepare(self, source: bytes | np.ndarray) -> Example: ...


def mapped(
    function: Callable[[Item], Result], items: Iterable[Item], ahead: int, workers: int
) -> Generator[tuple[Item, Result]]:
    """Each item with what the function makes of it, in order, by `workers` threads.

    `ahead` items are begun before they are asked for: what is held does not grow with their number. Whoever stops early
    waits for those at work alone.

    >>> list(mapped(lambda number: number**2, range(4), ahead=2, workers=2))
    [(0, 0), (1, 1), (2, 4), (3, 9)]
    """
    begun: deque[tuple[Item, Future[Result]]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            begun.append((item, pool.submit(function, item)))
            if len(begun) > ahead:
                first, future = begun.popleft()
                yield first, future.result()
        while begun:
            first, future = begun.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def prepared_batches(
    spec: Preparing[Example], inputs: Iterable[Input], size: int = BATCH_SIZE
) -> Iterator[list[tuple[Input, Example | str]]]:
    """Batches of inputs with what they became, or why not; the next two are decoded while one is answered."""
    threads = decoders()
    examples = mapped(partial(prepare_or_why, spec), inputs, 2 * max(size, threads), threads)
    while batch := list(islice(examples, size)):
        yield batch


def decoders() -> int:
    """Threads that read and decode."""
    return max(LEAST_DECODERS, available_cores())


def prepare_or_why(spec: Preparing[Example], source: Input) -> Example | str:
    """What the input became, or why it is a bad one."""
    try:
        return prepared_or_why(spec, file_bytes(source) if isinstance(source, str) else source)
    except BadSample as error:
        return error.reason


def prepared_or_why(spec: Preparing[Example], source: bytes | np.ndarray) -> Example | str:
    """The same of what is in memory already: for whoever asks from elsewhere, and must not have files read."""
    if not isinstance(source, bytes | np.ndarray):
        raise TypeError(f"bytes or an array are needed, not {type(source).__name__}")
    try:
        return spec.prepare(source)
    except BadSample as error:
        return error.reason


def answered_batches(
    spec: Preparing[Any],
    engine: Engine,
    inputs: Iterable[Input],
    size: int = BATCH_SIZE,
    seen: Callable[[Any], Shaped[np.ndarray, "*space channels"]] = lambda example: example,
) -> Iterator[tuple[list[tuple[Input, Any]], Float[np.ndarray, "good ..."] | None]]:
    """As `prepared_batches`, each batch with the network's outputs for its good inputs; None where all are bad.

    The network answers in a thread of its own, so that neither decoding nor what is made of answers lets it wait.

    Args:
        seen: what of a prepared example the network sees.
    """

    def answer(batch: list[tuple[Input, Any]]) -> Float[np.ndarray, "good ..."] | None:
        good = [seen(example) for _, example in batch if not isinstance(example, str)]
        return engine(np.moveaxis(np.stack(good), -1, 1)) if good else None

    return mapped(answer, prepared_batches(spec, inputs, size), ahead=1, workers=1)


def shown(source: Input) -> str | None:
    """An input as its row names it: its path, whose bytes that are no UTF-8 are written out; None for anything else.

    >>> shown("a\\udcff.png"), shown(b"GIF89a")
    ('a\\\\xff.png', None)
    """
    if not isinstance(source, str):
        return None
    try:
        source.encode()
    except UnicodeEncodeError:
        return source.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return source
