"""What several requests ask of one network at once, answered together."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from plusx.engines import Engine
from plusx.errors import PlusxError

NOTICES = logging.getLogger("plusx.serving")


class Late(PlusxError):
    """The time that a request may take is over."""

    def __init__(self) -> None:
        super().__init__("the answer was not ready in the time that a request may take")


class Closed(PlusxError):
    """The model answers no more: it is being put away."""

    def __init__(self) -> None:
        super().__init__("the model is being put away; ask again")


class _Caller(NamedTuple):
    until: float | None
    asks: Callable[[], None]


class _Asked(NamedTuple):
    inputs: np.ndarray
    outputs: Future[np.ndarray]
    until: float | None
    at: float

    @property
    def is_late(self) -> bool:
        return self.until is not None and self.until <= time.monotonic()


_NOBODY = _Caller(None, lambda: None)
_CALLER: ContextVar[_Caller] = ContextVar("caller", default=_NOBODY)


@contextmanager
def deadline(until: float | None, asks: Callable[[], None] = lambda: None) -> Iterator[None]:
    """What this thread asks of any `Batcher` in here is to be answered by then, or is `Late`.

    Args:
        until: of `time.monotonic`.
        asks: is called when it asks.
    """
    token = _CALLER.set(_Caller(until, asks))
    try:
        yield
    finally:
        _CALLER.reset(token)


class Coming:
    """How many are on their way to ask.

    >>> coming = Coming()
    >>> arrive = coming.one()
    >>> coming.count
    1
    >>> arrive(), arrive(), coming.count
    (None, None, 0)
    """

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def one(self) -> Callable[[], None]:
        """Counts one more, until what this gives is called, by whom and how often it may be."""
        with self._lock:
            self.count += 1
        there = [True]

        def arrive() -> None:
            with self._lock:
                if there:
                    there.clear()
                    self.count -= 1

        return arrive


class Batcher:
    """An engine for many threads: it gathers what they ask, and answers it by one call of another engine.

    A batch begins when the engine is free: what came meanwhile is in it. Only where others are known to be on their way
    (`coming`) does it wait for them, `wait_s` at most, so that a request on its own is answered at once.

    Args:
        engine: is called by one thread.
        most: examples in a batch; what a single call brings is never divided.
        wait_s: how long the first example waits for others.
        coming: how many are on their way who have not asked yet; None: nobody knows, and every batch waits.
        on_batch: gets each batch's size and the engine's seconds.

    >>> class Doubling:
    ...     name = "doubling"
    ...     def __call__(self, inputs): return inputs * np.float32(2)
    >>> batcher = Batcher(Doubling())
    >>> batcher(np.array([[1.5]], np.float32))
    array([[3.]], dtype=float32)
    >>> batcher.close()
    """

    def __init__(
        self,
        engine: Engine,
        most: int = 32,
        wait_s: float = 0.002,
        coming: Callable[[], int] | None = None,
        on_batch: Callable[[int, float], None] = lambda size, seconds: None,
    ):
        self.name = engine.name
        self._engine, self._most, self._wait_s = engine, most, wait_s
        self._coming, self._on_batch = coming, on_batch
        self._asked: deque[_Asked] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="plusx-batcher", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it answers: it has not been closed, nor has what runs the engine stopped."""
        return not self._closed and self._thread.is_alive()

    def __call__(self, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
        """The engine's outputs for these inputs, and nothing else's.

        Raises:
            Late: the thread's `deadline` passed.
            Closed: the batcher was closed before this was asked.
        """
        until = _CALLER.get().until
        outputs = self.ask(inputs)
        try:
            return outputs.result(None if until is None else max(0.0, until - time.monotonic()))
        except TimeoutError:
            outputs.cancel()
            raise Late from None
        except CancelledError:
            raise Late from None

    def ask(self, inputs: Shaped[np.ndarray, "batch ..."]) -> Future[np.ndarray]:
        """The engine's outputs for these inputs, once they are there.

        Who waits no more cancels it, as does a thread's `deadline` that passes before the engine begins.

        Raises:
            Closed: the batcher was closed before this was asked.
        """
        caller = _CALLER.get()
        asked = _Asked(inputs, Future(), caller.until, time.monotonic())
        with self._changed:
            if self._closed:
                raise Closed
            self._asked.append(asked)
            caller.asks()
            self._changed.notify()
        return asked.outputs

    def close(self, *, answering: bool = True) -> None:
        """Answers what was asked, or has it fail as `Closed`, but for what the engine is at; then nothing more."""
        with self._changed:
            self._closed = True
            left = [] if answering else list(self._asked)
            if left:
                self._asked.clear()
            self._changed.notify()
        for one in left:
            if one.outputs.set_running_or_notify_cancel():
                one.outputs.set_exception(Closed())
        self._thread.join()

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            if batch:
                self._answer(batch)

    def _next(self) -> list[_Asked] | None:
        """The next batch, without those that nobody waits for any more; None when all is done."""
        with self._changed:
            while not self._asked:
                if self._closed:
                    return None
                self._changed.wait()
            until = self._asked[0].at + self._wait_s
            while self._worth_waiting() and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            taken = self._take()
        for one in taken:
            if one.is_late:
                one.outputs.cancel()
        return [one for one in taken if one.outputs.set_running_or_notify_cancel()]

    def _worth_waiting(self) -> bool:
        waiting = sum(len(one.inputs) for one in self._asked)
        return not self._closed and 0 < waiting < self._most and (self._coming is None or self._coming() > 0)

    def _take(self) -> list[_Asked]:
        """From the first on, as many as fit into a batch with it."""
        if not self._asked:
            return []
        taken = [self._asked.popleft()]
        kind, size = _kind(taken[0]), len(taken[0].inputs)
        while self._asked and _kind(self._asked[0]) == kind and size + len(self._asked[0].inputs) <= self._most:
            taken.append(self._asked.popleft())
            size += len(taken[-1].inputs)
        return taken

    def _answer(self, batch: list[_Asked]) -> None:
        try:
            inputs = batch[0].inputs if len(batch) == 1 else np.concatenate([one.inputs for one in batch])
            began = time.perf_counter()
            outputs = self._engine(inputs)
            seconds = time.perf_counter() - began
            if len(outputs) != len(inputs):
                raise PlusxError(f"the engine {self.name} gave {len(outputs)} outputs for {len(inputs)} inputs")
        except Exception as error:
            self._fail(batch, error)
            return
        self._count(len(inputs), seconds)
        start = 0
        for one in batch:
            one.outputs.set_result(outputs[start : start + len(one.inputs)])
            start += len(one.inputs)

    def _count(self, size: int, seconds: float) -> None:
        try:
            self._on_batch(size, seconds)
        except Exception:
            # Who counts batches must not end what answers them.
            NOTICES.exception("a batch could not be counted")

    def _fail(self, batch: list[_Asked], error: Exception) -> None:
        # Whatever one of them did to the engine, the others are asked for again, each alone.
        if len(batch) == 1:
            batch[0].outputs.set_exception(error)
            return
        for one in batch:
            self._answer([one])


def _kind(asked: _Asked) -> tuple[tuple[int, ...], np.dtype]:
    return asked.inputs.shape[1:], asked.inputs.dtype
