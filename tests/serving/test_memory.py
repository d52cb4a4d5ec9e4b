"""Memory that is shared: never more than there is, and who needs little does not wait for who needs much."""

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from servers import resident_bytes

from plusx.serving.batcher import Closed, Late
from plusx.serving.memory import LARGE_BYTES, Memory, give_back

SOON = 30


def test_no_more_is_held_than_there_is() -> None:
    memory = Memory(100)
    most = [0]

    def use(size: int) -> None:
        with memory.of(size, time.monotonic() + SOON):
            most[0] = max(most[0], memory.held)

    sizes = [random.Random(0).randrange(150) for _ in range(500)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(use, sizes))
    assert memory.held == 0
    assert 0 < most[0] <= 100


def test_who_waits_in_vain_is_late() -> None:
    memory = Memory(100)
    with memory.of(60, 0):
        with pytest.raises(Late), memory.of(60, time.monotonic() + 0.02):
            pass
        # Who needs less passes, meanwhile.
        with memory.of(40, 0):
            assert memory.held == 100
    assert memory.held == 0


def test_nobody_waits_after_the_end() -> None:
    memory = Memory(100)
    waiting = threading.Event()

    def wait() -> None:
        waiting.set()
        with pytest.raises(Closed), memory.of(60, time.monotonic() + SOON):
            pass

    with memory.of(60, 0), ThreadPoolExecutor(1) as pool:
        done = pool.submit(wait)
        assert waiting.wait(SOON)
        memory.close()
        done.result(SOON)


def test_after_something_large_it_is_to_be_tidied() -> None:
    memory = Memory(10 * LARGE_BYTES)
    with memory.of(LARGE_BYTES - 1, until=0.0):
        pass
    assert not memory.untidy
    with memory.of(LARGE_BYTES, until=0.0):
        assert not memory.untidy
    assert memory.untidy


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what a process holds only Linux tells so")
def test_what_is_freed_goes_back_to_the_system() -> None:
    held = [b"x" * (2000 + n % 2) for n in range(50_000)]
    full = resident_bytes(os.getpid())
    # What is freed below something that is still held stays with the allocator until it is told to give it back.
    last = b"x" * len(held[0])
    del held
    give_back()
    assert full - resident_bytes(os.getpid()) > 80_000_000
    assert len(last) == 2000
