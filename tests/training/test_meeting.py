"""Processes that are started again find one another, and nothing that the ones before them left in the store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from torch.distributed import HashStore, Store

from plusx.training.meeting import fresh_store


def meet(store: Store, size: int) -> list[Store]:
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(lambda rank: fresh_store(store, rank, size), range(size)))


@pytest.mark.parametrize("sizes", [(3, 3), (4, 2), (1, 3), (3, 1, 3)])
def test_each_start_has_a_part_of_its_own(sizes: tuple[int, ...]) -> None:
    store = HashStore()
    for number, size in enumerate(sizes):
        parts = meet(store, size)
        assert not any(part.check(["word"]) for part in parts)
        parts[0].set("word", str(number))
        assert [part.get("word") for part in parts] == [str(number).encode()] * size


def test_what_a_killed_process_asked_and_was_answered_is_passed_over() -> None:
    store = HashStore()
    store.set("question/1", "of-the-dead")
    store.set("question/2", "of-the-dead")
    store.set("answer/2", "of-the-dead old-word")
    parts = meet(store, 3)
    parts[1].set("word", "new")
    assert [part.get("word") for part in parts] == [b"new"] * 3
