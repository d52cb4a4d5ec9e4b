"""Batches: each caller gets its own outputs, as if it had asked alone, in time or not at all."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plusx.errors import PlusxError
from plusx.serving.batcher import Batcher, Closed, Coming, Late, deadline

PATIENCE_S = 30


class Squares:
    """An engine that computes; it notes its batches, fails where a 13 is in one, and waits while it is held."""

    name = "squares"

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.shapes: list[tuple[int, ...]] = []
        self.begun = threading.Semaphore(0)
        self.free = threading.Event()
        self.free.set()

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        self.sizes.append(len(inputs))
        self.shapes.append(inputs.shape)
        self.begun.release()
        assert self.free.wait(PATIENCE_S)
        if (inputs == 13).any():
            raise PlusxError("thirteen")
        return (inputs.reshape(len(inputs), -1).astype(np.float32) ** 2).sum(axis=1, keepdims=True)


def of(*values: float, shape: tuple[int, ...] = (1,)) -> np.ndarray:
    return np.stack([np.full(shape, value, np.float32) for value in values])


@contextmanager
def batching(engine: Squares, **options: object) -> Iterator[Batcher]:
    batcher = Batcher(engine, **options)  # type: ignore[arg-type]
    try:
        yield batcher
    finally:
        engine.free.set()
        batcher.close()


@contextmanager
def behind(engine: Squares, batcher: Batcher, pool: ThreadPoolExecutor) -> Iterator[Future[np.ndarray]]:
    """While this lasts the engine is at something; what is asked meanwhile waits."""
    engine.free.clear()
    first = pool.submit(batcher, of(1))
    assert engine.begun.acquire(timeout=PATIENCE_S)
    yield first
    engine.free.set()


def waits(batcher: Batcher, count: int) -> None:
    """Until so many calls wait."""
    end = time.monotonic() + PATIENCE_S
    while len(batcher._asked) < count:
        assert time.monotonic() < end
        time.sleep(0.001)


@given(
    st.lists(st.lists(st.integers(-9, 9), min_size=1, max_size=4), min_size=1, max_size=40),
    st.integers(1, 16),
    st.integers(1, 8),
)
@settings(max_examples=40)
def test_batched_answers_are_single_ones(calls: list[list[int]], threads: int, most: int) -> None:
    """However many ask at once, and whatever each brings."""
    engine = Squares()
    with batching(engine, most=most, wait_s=0.001) as batcher, ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda values: batcher(of(*values)), calls))
    for values, outputs in zip(calls, found, strict=True):
        np.testing.assert_array_equal(outputs, of(*values) ** 2)
    assert sum(engine.sizes) == sum(map(len, calls))
    assert max(engine.sizes) <= max(most, *map(len, calls))


def test_what_came_while_the_engine_was_busy_is_one_batch() -> None:
    engine = Squares()
    with batching(engine, most=8, coming=lambda: 0) as batcher, ThreadPoolExecutor(20) as pool:
        with behind(engine, batcher, pool):
            others = [pool.submit(batcher, of(value)) for value in range(10)]
            waits(batcher, 10)
        assert [int(other.result(PATIENCE_S)[0, 0]) for other in others] == [value**2 for value in range(10)]
    assert engine.sizes == [1, 8, 2]


def test_one_that_fails_fails_alone() -> None:
    engine = Squares()
    with batching(engine, coming=lambda: 0) as batcher, ThreadPoolExecutor(20) as pool:
        with behind(engine, batcher, pool):
            others = [pool.submit(batcher, of(value)) for value in (12, 13, 14)]
            waits(batcher, 3)
        assert others[0].result(PATIENCE_S) == 144
        with pytest.raises(PlusxError, match="thirteen"):
            others[1].result(PATIENCE_S)
        assert others[2].result(PATIENCE_S) == 196
    assert engine.sizes == [1, 3, 1, 1, 1]


def test_shapes_and_types_are_not_mixed() -> None:
    engine = Squares()
    asked = [of(1), of(2), of(3, shape=(2,)), of(4, shape=(2,)), of(5).astype(np.uint8), of(6)]
    with batching(engine, coming=lambda: 0) as batcher, ThreadPoolExecutor(20) as pool:
        with behind(engine, batcher, pool):
            others = []
            for count, inputs in enumerate(asked, 1):
                others.append(pool.submit(batcher, inputs))
                waits(batcher, count)
        assert [float(other.result(PATIENCE_S)[0, 0]) for other in others] == [1, 4, 18, 32, 25, 36]
    assert engine.shapes == [(1, 1), (2, 1), (2, 2), (1, 1), (1, 1)]


def test_a_larger_call_than_a_batch_is_answered_as_one() -> None:
    engine = Squares()
    with batching(engine, most=2) as batcher:
        assert batcher(of(1, 2, 3)).ravel().tolist() == [1, 4, 9]
    assert engine.sizes == [3]


def test_who_is_alone_does_not_wait() -> None:
    engine = Squares()
    coming = Coming()
    # Would it wait, this test would last a minute.
    with batching(engine, wait_s=60, coming=lambda: coming.count) as batcher:
        arrive = coming.one()
        with deadline(None, arrive):
            assert batcher(of(3)) == 9
        assert coming.count == 0


def test_who_is_on_the_way_is_waited_for() -> None:
    engine = Squares()
    coming = Coming()
    arrive = [coming.one(), coming.one()]

    def ask(value: float, arrived: Callable[[], None]) -> np.ndarray:
        with deadline(None, arrived):
            return batcher(of(value))

    with batching(engine, wait_s=60, coming=lambda: coming.count) as batcher, ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, 2, arrive[0])
        waits(batcher, 1)
        second = pool.submit(ask, 3, arrive[1])
        assert (first.result(PATIENCE_S), second.result(PATIENCE_S)) == (4, 9)
    assert engine.sizes == [2]


def test_who_does_not_come_is_waited_for_no_longer_than_that() -> None:
    engine = Squares()
    with batching(engine, wait_s=0.01, coming=lambda: 5) as batcher:
        assert batcher(of(3)) == 9


def test_who_is_late_is_told_so_and_not_computed() -> None:
    engine = Squares()
    with batching(engine) as batcher, ThreadPoolExecutor(20) as pool:
        with behind(engine, batcher, pool) as first, deadline(time.monotonic() + 0.05), pytest.raises(Late):
            batcher(of(2))
        assert first.result(PATIENCE_S) == 1
    assert engine.sizes == [1]


def test_who_asks_without_waiting_may_give_up() -> None:
    engine = Squares()
    with batching(engine) as batcher, ThreadPoolExecutor(20) as pool:
        with behind(engine, batcher, pool):
            others = [batcher.ask(of(value)) for value in (2, 3)]
            assert others[0].cancel()
        assert others[1].result(PATIENCE_S) == 9
    assert engine.sizes == [1, 1]
    with pytest.raises(Closed):
        batcher.ask(of(4))


def test_an_engine_that_is_done_too_late_gives_no_answer() -> None:
    engine = Squares()
    with batching(engine) as batcher:
        engine.free.clear()
        with deadline(time.monotonic() + 0.05), pytest.raises(Late):
            batcher(of(2))


def test_the_batcher_may_notice_first_who_is_late() -> None:
    """A deadline that passes between two looks at the clock; the caller is told the same."""
    engine = Squares()
    with batching(engine) as batcher:
        for _ in range(200):
            with deadline(time.monotonic()), pytest.raises(Late):
                batcher(of(2))
        assert batcher(of(3)) == 9


def test_closing_answers_what_was_asked() -> None:
    engine = Squares()
    batcher = Batcher(engine)
    with ThreadPoolExecutor(20) as pool:
        with behind(engine, batcher, pool) as first:
            others = [pool.submit(batcher, of(value)) for value in (2, 3)]
            waits(batcher, 2)
            closing = pool.submit(batcher.close)
            while not batcher._closed:
                time.sleep(0.001)
            with pytest.raises(Closed):
                batcher(of(4))
        closing.result(PATIENCE_S)
        assert [one.result(PATIENCE_S) for one in (first, *others)] == [1, 4, 9]
    assert not batcher.alive
    batcher.close()


def test_closing_at_once_answers_what_the_engine_is_at_alone() -> None:
    engine = Squares()
    batcher = Batcher(engine)
    with ThreadPoolExecutor(20) as pool:
        with behind(engine, batcher, pool) as first:
            other = pool.submit(batcher, of(2))
            waits(batcher, 1)
            closing = pool.submit(batcher.close, answering=False)
            with pytest.raises(Closed):
                other.result(PATIENCE_S)
        closing.result(PATIENCE_S)
        assert first.result(PATIENCE_S) == 1
    assert engine.sizes == [1]


def test_batches_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    told: list[int] = []

    def tell(size: int, seconds: float) -> None:
        assert seconds >= 0
        told.append(size)
        if size == 2:
            raise RuntimeError("a broken counter")

    with batching(Squares(), on_batch=tell) as batcher:
        assert batcher(of(1, 2)).ravel().tolist() == [1, 4]
        assert batcher(of(3)) == 9
        assert batcher.alive
    assert told == [2, 1]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_an_engine_that_gives_too_few_outputs_is_found_out() -> None:
    class Short(Squares):
        def __call__(self, inputs: np.ndarray) -> np.ndarray:
            return super().__call__(inputs)[:1]

    with batching(Short()) as batcher, pytest.raises(PlusxError, match="gave 1 outputs for 2 inputs"):
        batcher(of(1, 2))
