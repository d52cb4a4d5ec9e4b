"""Work ahead: order stays, little is held, whoever stops early waits for little."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plusx.data.decode import BadSample
from plusx.predict.ahead import answered_batches, mapped, prepared_batches, shown


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 9), st.integers(1, 5))
def test_order_stays(count: int, ahead: int, workers: int) -> None:
    def slower_first(number: int) -> int:
        time.sleep(0.0002 * (number % 3))
        return -number

    assert list(mapped(slower_first, range(count), ahead, workers)) == [(number, -number) for number in range(count)]


@pytest.mark.parametrize("ahead", [0, 3, 10])
def test_no_more_is_begun_than_was_asked_for(ahead: int) -> None:
    taken = 0

    def numbers() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    for done, _ in enumerate(mapped(lambda number: number, numbers(), ahead, 2)):
        assert taken <= done + 1 + ahead


def test_an_error_comes_where_its_item_would_and_stops_all() -> None:
    begun: list[int] = []

    def fails_at_3(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise RuntimeError("three")
        time.sleep(0.01)
        return number

    results = mapped(fails_at_3, range(1000), 50, 2)
    assert [next(results) for _ in range(3)] == [(0, 0), (1, 1), (2, 2)]
    with pytest.raises(RuntimeError, match="three"):
        next(results)
    assert len(begun) < 60


def test_whoever_stops_early_waits_for_those_at_work_alone() -> None:
    before = threading.active_count()
    results = mapped(lambda number: time.sleep(0.02), range(1000), 500, 2)
    next(results)
    began = time.monotonic()
    results.close()
    assert time.monotonic() - began < 2
    assert threading.active_count() == before


class Doubling:
    """An input is its own bytes' first value, twice; zero is bad."""

    def prepare(self, source: bytes | np.ndarray) -> np.ndarray:
        if source[0] == 0:
            raise BadSample("nothing in it")
        return np.full((2, 2, 1), 2 * source[0], np.uint8)


class Summing:
    name = "summing"

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        self.shapes.append(inputs.shape)
        return inputs.sum(axis=(1, 2, 3), dtype=np.float32)[:, None]


def test_batches_are_answered_in_order_and_bad_inputs_are_no_part_of_them() -> None:
    engine = Summing()
    inputs = [bytes([number % 5]) for number in range(23)]
    sums = []
    for batch, outputs in answered_batches(Doubling(), engine, inputs, size=4):
        good = iter(() if outputs is None else outputs[:, 0].tolist())
        sums += [example if isinstance(example, str) else next(good) for _, example in batch]
    assert sums == ["nothing in it" if not number % 5 else 8.0 * (number % 5) for number in range(23)]
    assert all(shape[1:] == (1, 2, 2) for shape in engine.shapes)


def test_a_batch_of_bad_inputs_alone_asks_no_network() -> None:
    engine = Summing()
    ((batch, outputs),) = answered_batches(Doubling(), engine, [b"\0", b"\0"], size=4)
    assert (len(batch), outputs, engine.shapes) == (2, None, [])


def test_the_last_batch_may_be_smaller() -> None:
    assert [len(batch) for batch in prepared_batches(Doubling(), [b"\1"] * 10, 4)] == [4, 4, 2]


def test_names_that_are_no_text_are_written_out() -> None:
    assert shown("a\udcff\udce4.png") == r"a\xff\xe4.png"
    assert shown("ä.png") == "ä.png"
    assert shown(np.zeros((2, 2), np.uint8)) is None
