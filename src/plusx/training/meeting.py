"""How processes find one another when torchrun starts them again: it keeps one store for all restarts.

In such a store stand the addresses and words of processes that are gone. What a process reads there without care may be
theirs: connections are then refused, and answers are given to questions that nobody asked.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable

from torch.distributed.distributed_c10d import PrefixStore, Store

PAUSE_S = 0.02


def fresh_store(store: Store, rank: int, size: int) -> Store:
    """A part of the store that these `size` processes share, and that none before them has seen.

    Each process asks with a word that it makes up, and the first answers with one of its own. An old question is
    answered too, but whoever asked it is gone; an old answer repeats another word than was asked with.
    """
    word = secrets.token_hex(8)
    if rank > 0:
        word = _answer(store, rank, word)
        shared = PrefixStore(word, store)
        shared.add("here", 1)
        return shared
    shared = PrefixStore(word, store)
    while shared.add("here", 0) < size - 1:
        _answer_all(store, word, range(1, size))
        time.sleep(PAUSE_S)
    return shared


def _answer(store: Store, rank: int, question: str) -> str:
    store.set(f"question/{rank}", question)
    while True:
        if store.check([f"answer/{rank}"]):
            asked, answer = store.get(f"answer/{rank}").decode().split()
            if asked == question:
                return answer
        time.sleep(PAUSE_S)


def _answer_all(store: Store, word: str, ranks: Iterable[int]) -> None:
    for rank in ranks:
        if store.check([f"question/{rank}"]):
            store.set(f"answer/{rank}", f"{store.get(f'question/{rank}').decode()} {word}")
