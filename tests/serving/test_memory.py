"""Memory that is shared: never more than there is, and who needs little does not wait for who needs much."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from plusx.serving.batcher import Closed, Late
from plusx.serving.memory import Memory

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
