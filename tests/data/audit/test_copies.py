"""Copies are those that hashlib and every pair compared say; and no order of the examples changes what is told."""

import hashlib
from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plusx.data.audit.copies import Pair, Whereabouts, copies, groups
from plusx.data.audit.sketch import digest

EXAMPLES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=20)


def test_digests_are_blake2b() -> None:
    assert digest(b"abc") == int.from_bytes(hashlib.blake2b(b"abc", digest_size=8).digest(), "little")
    values = np.arange(6, dtype=np.int16).reshape(2, 3)
    assert digest(values) == digest(values.T.copy().T)
    assert len({digest(values), digest(values.reshape(3, 2)), digest(values.astype(np.int32))}) == 3


@given(EXAMPLES)
def test_groups_are_all_pairs_of_equal_digests(examples: list[tuple[int, int, int]]) -> None:
    digests = np.array([content for content, _, _ in examples], np.uint64)
    found = {
        pair for rows in groups(digests, np.ones(len(digests), bool)) for pair in combinations(sorted(rows.tolist()), 2)
    }
    brute = {(i, j) for i, j in combinations(range(len(digests)), 2) if digests[i] == digests[j]}
    assert found == brute


def told(examples: list[tuple[str, int, int, int]]) -> set[tuple[str, str, str]]:
    digests = np.array([content for _, content, _, _ in examples], np.uint64)
    split = np.array([one for _, _, one, _ in examples])
    label = np.array([one for *_, one in examples])
    where = Whereabouts(split, label, lambda row: examples[row][0])
    pairs = copies(digests, np.ones(len(digests), bool), where)
    return {(pair.kind, examples[pair.row][0], examples[pair.other][0]) for pair in pairs}


@given(EXAMPLES, st.randoms(use_true_random=False))
def test_the_order_of_examples_changes_nothing(examples: list[tuple[int, int, int]], random) -> None:
    named = [(f"{number:02d}", *one) for number, one in enumerate(examples)]
    shuffled = random.sample(named, len(named))
    assert told(named) == told(shuffled)


@given(EXAMPLES)
def test_every_leak_and_contradiction_is_told(examples: list[tuple[int, int, int]]) -> None:
    found = told([(f"{number:02d}", *one) for number, one in enumerate(examples)])
    for place, kind in ((1, "copy_in_two_splits"), (2, "copy_under_two_labels")):
        brute = {i[0] for i, j in combinations(examples, 2) if i[0] == j[0] and i[place] != j[place]}
        contents = {examples[int(name)][0] for what, name, _ in found if what == kind}
        assert contents == brute


def test_a_copy_may_be_a_leak_and_a_contradiction() -> None:
    where = Whereabouts(np.array([2, 0]), np.array([1, 0]), "ba".__getitem__)
    pairs = list(copies(np.array([9, 9], np.uint64), np.ones(2, bool), where))
    assert pairs == [Pair("copy_in_two_splits", 0, 1), Pair("copy_under_two_labels", 0, 1)]
